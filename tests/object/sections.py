# SPDX-License-Identifier: MIT
"""The restartable sections as they were built (rseq.py and walk.py have the rules), and whether the
checker that says so refuses what it should (bad.py, bad_shared.py)."""
import argparse
import os
import platform
import re
import tempfile

import bad
import bad_shared
import elf
import rseq
import tap

KINDS = {
    'pop one', 'pop one shared', 'pop batch', 'pop shared',
    'push one', 'push one shared', 'push batch', 'push shared',
}  # fmt: skip
# Where registers of eight pages may be chosen at run time.
WIDE = {'pop wide', 'pop wide shared', 'push wide', 'push wide shared'}
ARM_PREFIX = 'aarch64-linux-gnu-'


def layout_of(lists):
    """Of a list, as the header that the assembly was written by has it."""
    with open(lists, encoding='utf-8') as file:
        text = file.read()
    slots = re.search(r'offsetof\(struct qp_list, slots\) == (\d+)', text)
    closed = re.search(r'#define QP_CLOSED \(UINT64_C\(1\) << (\d+)\)', text)
    tap.check(slots, f'{lists} does not say where the slots begin')
    tap.check(closed, f'{lists} does not say which bit closes a list')
    return rseq.Layout(int(slots.group(1)), int(closed.group(1)))


def check_library(path, lists, prefix=''):
    linked = elf.Elf(path, prefix)
    sections = rseq.check(linked, layout_of(lists))
    found = {section.kind for section in sections}
    wanted = KINDS | WIDE if linked.x86 else KINDS
    tap.check(found == wanted, f'{path} has sections of these kinds: {sorted(found)}')


def check_archive(path, lists, scratch, prefix=''):
    """The objects of a static library, linked so that their addresses are known."""
    tap.need(prefix + 'ld')
    linked = os.path.join(scratch, 'linked')
    tap.run(
        prefix + 'ld', '--unresolved-symbols=ignore-all', '--entry=0', '--whole-archive', path,
        '-o', linked,
    )  # fmt: skip
    check_library(linked, lists, prefix)


def check_stays(path):
    """A thread may be inside a section, or have one announced, for as long as it lives."""
    flags = tap.run('readelf', '-W', '-d', path)
    tap.check('NODELETE' in flags, f'{path} could be unloaded: it is not linked with -z nodelete')


def build(text, scratch, prefix):
    tap.need(prefix + 'as', prefix + 'ld')
    source, linked = os.path.join(scratch, 'bad.s'), os.path.join(scratch, 'bad')
    with open(source, 'w', encoding='utf-8') as file:
        file.write(text)
    tap.run(prefix + 'as', source, '-o', linked + '.o')
    tap.run(prefix + 'ld', '--entry=0', linked + '.o', '-o', linked)
    return elf.Elf(linked, prefix)


def check_good(text, kind, scratch, prefix):
    sections = rseq.check(build(text, scratch, prefix), bad.LAYOUT)
    kinds = [section.kind for section in sections]
    tap.check(kinds == [kind], f'the good section is taken for {kinds}')


def check_refused(good, change, scratch, prefix):
    _, old, new, wanted = change
    tap.check(good.count(old) == 1, f'{old!r} is {good.count(old)} times in the good section')
    built = build(good.replace(old, new), scratch, prefix)
    try:
        rseq.check(built, bad.LAYOUT)
    except tap.Failed as failure:
        tap.check(wanted in str(failure), f'refused, but not for what is wrong:\n{failure}')
    else:
        raise tap.Failed('the checker finds nothing wrong with it')


def checker_tests(scratch, machine, kind, good, changes, prefix):
    machine = f'{machine}, {kind}'
    tests = [(f'{machine}: a good section passes', lambda: check_good(good, kind, scratch, prefix))]
    for change in changes:
        tests.append(
            (
                f'{machine}: refused: {change[0]}',
                lambda change=change: check_refused(good, change, scratch, prefix),
            )
        )
    return tests


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--shared', required=True)
    parser.add_argument('--static', required=True)
    parser.add_argument('--lists', required=True)
    args = parser.parse_args()
    native = platform.machine()
    with tempfile.TemporaryDirectory(prefix='quire-sections-') as scratch:
        tests = [('the shared object stays once it is loaded', lambda: check_stays(args.shared))]
        if native in ('x86_64', 'aarch64'):
            tests += [
                (
                    'sections of the shared object',
                    lambda: check_library(args.shared, args.lists),
                ),
                (
                    'sections of the static library',
                    lambda: check_archive(args.static, args.lists, scratch),
                ),
            ]
        x86 = '' if native == 'x86_64' else 'x86_64-linux-gnu-'
        arm = '' if native == 'aarch64' else ARM_PREFIX
        for texts in (bad, bad_shared):
            for machine, kind, good, changes in texts.GOOD_AND_BAD:
                prefix = x86 if machine == 'x86-64' else arm
                tests += checker_tests(scratch, machine, kind, good, changes, prefix)
        tap.main(tests)


if __name__ == '__main__':
    main()
