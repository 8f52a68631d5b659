# SPDX-License-Identifier: MIT
"""The shared object against that of the last tag: what ran with the old one must go on working."""
import argparse
import os
import re
import subprocess
import tarfile
import tempfile

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
OPTIONS = ('-Ddebug=true', '-Dtools=false', '-Dtests=false', '-Dbenches=false', '-Dexamples=false')
# Constants that say which version a header is of; every other one keeps its value.
OF_THE_VERSION = re.compile(r'QUIRE_(VERSION_|BUILD_|API$|\w+_H$)')


def last_tag(source):
    """The newest release tag (v1.2.3 or 1.2.3) before the tree as it is."""
    tap.need('git')
    done = subprocess.run(
        ['git', '-C', source, 'describe', '--tags', '--abbrev=0', '--match', '[v0-9]*[0-9]*'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        raise tap.Skip('no earlier release to compare with: git finds no tag')
    return done.stdout.strip()


def text_of(include):
    """The public headers as one text without comments."""
    folder = os.path.join(include, 'quire')
    text = ''
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding='utf-8') as file:
            text += file.read()
    return re.sub(r'/\*.*?\*/', '', text, flags=re.DOTALL)


def constants(text):
    """Names of the numbers that a header defines."""
    names = set(re.findall(r'^#define (QUIRE_\w+)[ \t]+[^\s"]', text, re.MULTILINE))
    for body in re.findall(r'^enum \w+ \{(.*?)\};', text, re.DOTALL | re.MULTILINE):
        names |= set(re.findall(r'\b(QUIRE_\w+)\b(?=\s*[=,}])', body))
    return sorted(name for name in names if not OF_THE_VERSION.match(name))


def members(text):
    """(struct, member) for every member of the structures that a header defines."""
    found = []
    for struct, body in re.findall(r'^struct (\w+) \{(.*?)^\};', text, re.DOTALL | re.MULTILINE):
        found += [(struct, name) for name in re.findall(r'(\w+)(?:\[\w+\])*;', body)]
    return found


def facts(include, numbers, fields, scratch):
    """What a compiler makes of these constants and members with the headers in include."""
    lines = ['#include <quire/quire.h>', '#include <stdio.h>', 'int main(void)', '{']
    for name in numbers:
        lines.append(f'printf("{name} = %lld\\n", (long long)({name}));')
    for struct, name in fields:
        lines.append(
            f'printf("struct {struct}, {name}: offset %zu, %zu bytes\\n", '
            f'offsetof(struct {struct}, {name}), sizeof(((struct {struct} *)0)->{name}));'
        )
    program = os.path.join(scratch, 'facts')
    tap.run(
        'gcc',
        '-std=c11',
        '-I',
        include,
        '-x',
        'c',
        '-',
        '-o',
        program,
        stdin='\n'.join(lines + ['return 0;', '}', '']),
    )
    return tap.run(program).split('\n')


class Release:
    """The tree of the last tag, beside the tree as it is."""

    def __init__(self, source, scratch):
        self.source = source
        self.scratch = scratch
        self.tag = last_tag(source)
        self.old = os.path.join(scratch, 'old')
        archive = os.path.join(scratch, 'old.tar')
        tap.run('git', '-C', source, 'archive', '--output', archive, self.tag)
        with tarfile.open(archive) as tar:
            tar.extractall(self.old)

    def headers(self):
        return os.path.join(self.old, 'include'), os.path.join(self.source, 'include')

    def build(self, source, name):
        folder = os.path.join(self.scratch, name)
        tap.run('meson', 'setup', folder, source, *OPTIONS)
        tap.run('ninja', '-C', folder)
        return os.path.join(folder, 'src', 'libquire.so')

    def compare_objects(self):
        tap.need('abidiff')
        before, after = self.build(self.old, 'build-old'), self.build(self.source, 'build-new')
        old_headers, new_headers = self.headers()
        tap.run(
            'abidiff',
            '--no-added-syms',
            '--suppressions',
            os.path.join(HERE, 'abi.suppr'),
            '--headers-dir1',
            old_headers,
            '--headers-dir2',
            new_headers,
            before,
            after,
        )

    def compare_headers(self):
        tap.need('gcc')
        old_headers, new_headers = self.headers()
        text = text_of(old_headers)
        numbers, fields = constants(text), members(text)
        tap.check(
            numbers and fields, f'no constants or structures found in the headers of {self.tag}'
        )
        before = facts(old_headers, numbers, fields, self.scratch)
        after = facts(new_headers, numbers, fields, self.scratch)
        changed = [f'{old}; now {new}' for old, new in zip(before, after) if old != new]
        tap.check(
            not changed,
            f'changed since {self.tag}, and programs rely on it:\n' + '\n'.join(changed),
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', required=True)
    source = parser.parse_args().source
    with tempfile.TemporaryDirectory(prefix='quire-abi-') as scratch:
        releases = []

        def release():
            if not releases:
                releases.append(Release(source, scratch))
            return releases[0]

        tap.main(
            [
                (
                    'functions are those of the last tag, or more',
                    lambda: release().compare_objects(),
                ),
                (
                    'constants and members are those of the last tag, or more',
                    lambda: release().compare_headers(),
                ),
            ]
        )


main()
