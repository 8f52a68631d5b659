# SPDX-License-Identifier: MIT
"""What kind of shared object libquire is: what it offers, what it needs, how it may be loaded."""
import argparse
import re

import tap


class Library:
    def __init__(self, path, header, include):
        self.path = path
        self.header = header
        self.include = include

    def dynamic(self, tag):
        """Values of a tag of the dynamic section."""
        text = tap.run('readelf', '-W', '-d', self.path)
        return re.findall(r'\(' + tag + r'\)\s+(.*)', text)

    def exported(self):
        text = tap.run('nm', '-D', '--defined-only', '--with-symbol-versions', self.path)
        return {line.split()[-1] for line in text.split('\n') if line and line.split()[-2] != 'A'}

    def declared(self):
        """Functions of the header as the compiler sees them."""
        text = tap.run(
            'gcc',
            '-std=c11',
            '-I',
            self.include,
            '-x',
            'c',
            '-fsyntax-only',
            '-aux-info',
            '/dev/stdout',
            self.header,
        )
        lines = [line for line in text.split('\n') if self.include in line and ' extern ' in line]
        return {re.search(r'\b(quire_\w+) \(', line).group(1) for line in lines}

    def check_exports(self):
        tap.need('gcc')
        declared = self.declared()
        exported = {name.split('@')[0] for name in self.exported()}
        tap.check(declared, f'no function found in {self.header}')
        lacking, extra = sorted(declared - exported), sorted(exported - declared)
        tap.check(
            not lacking,
            f'declared in {self.header}, but not exported: {", ".join(lacking)}; '
            'define them, and add them to src/libquire.map',
        )
        tap.check(
            not extra,
            f'exported, but not declared: {", ".join(extra)}; take them out of src/libquire.map',
        )

    def check_versions(self):
        bad = sorted(name for name in self.exported() if not re.search(r'@@QUIRE_\d+\.\d+$', name))
        tap.check(not bad, f'exported without a version node: {", ".join(bad)}')

    def check_soname(self):
        soname = self.dynamic('SONAME')
        tap.check(
            len(soname) == 1 and soname[0].endswith('[libquire.so.0]'),
            f'soname is {soname}, not libquire.so.0',
        )

    def check_needed(self):
        needed = set(re.findall(r'\[(.*?)\]', ' '.join(self.dynamic('NEEDED'))))
        # The dynamic linker is part of the C library; thread-local storage may name it.
        other = sorted(
            name for name in needed if not re.match(r'libc\.so|ld-linux|ld64|ld\.so', name)
        )
        tap.check(not other, f'needs {", ".join(other)}; only the C library is allowed')

    def check_stack(self):
        text = tap.run('readelf', '-W', '-l', self.path)
        flags = re.search(r'GNU_STACK\s+(?:0x\w+\s+){5}(\S+)', text)
        tap.check(flags, 'no GNU_STACK segment: the stack would be executable')
        tap.check('E' not in flags.group(1), f'the stack is executable ({flags.group(1)})')

    def check_hardening(self):
        flags = ' '.join(self.dynamic('FLAGS') + self.dynamic('FLAGS_1'))
        tap.check(
            'NODELETE' in flags,
            f'not marked nodelete ({flags}); see src/meson.build for why it must be',
        )
        tap.check('NOW' in flags, f'symbols are not bound at once ({flags})')
        tap.check('GNU_RELRO' in tap.run('readelf', '-W', '-l', self.path), 'no GNU_RELRO segment')
        tap.check(not self.dynamic('TEXTREL') and 'TEXTREL' not in flags, 'relocations in code')


def check_objects(archive):
    """An object without the note gives the program that it is linked into an executable stack."""
    text = tap.run('readelf', '-W', '-S', archive)
    parts = re.split(r'^File: ', text, flags=re.MULTILINE)[1:]
    tap.check(parts, f'{archive} holds no object')
    bad = [part.split('\n')[0] for part in parts if '.note.GNU-stack' not in part]
    tap.check(not bad, f'no .note.GNU-stack in {", ".join(bad)}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--shared', required=True)
    parser.add_argument('--static', required=True)
    parser.add_argument('--include', required=True)
    args = parser.parse_args()
    library = Library(args.shared, args.include + '/quire/quire.h', args.include)
    tap.main(
        [
            ('exports are the functions of the header', library.check_exports),
            ('every export has a version', library.check_versions),
            ('soname', library.check_soname),
            ('needs the C library alone', library.check_needed),
            ('no executable stack', library.check_stack),
            ('nodelete, relro, now, no text relocations', library.check_hardening),
            ('objects of the static library mark their stack', lambda: check_objects(args.static)),
        ]
    )


main()
