# SPDX-License-Identifier: MIT
"""The uses as text and object: at most 15 lines each, and a kernel that needs nothing but Quire."""
import argparse
import os

import tap

LIMIT = 15
MEM = {'memcpy', 'memmove', 'memset', 'memcmp'}


def marked_lines(path):
    inside, lines, marks = False, 0, 0
    with open(path, encoding='utf-8') as source:
        for line in source:
            if 'use begins' in line or 'use ends' in line:
                inside = 'begins' in line
                marks += 1
            elif inside and line.strip():
                lines += 1
    tap.check(marks == 2, f'{path}: {marks} marks of "use begins" and "use ends", not 2')
    return lines


def check_lines(path):
    lines = marked_lines(path)
    tap.check(0 < lines <= LIMIT, f'{path}: {lines} lines; a use has 1 to {LIMIT}')


def check_kernel(nm, archive):
    output = tap.run(nm, '--undefined-only', '--format=posix', archive)
    needed = {line.split()[0] for line in output.split('\n') if len(line.split()) > 1}
    tap.check(needed, f'{archive} needs nothing: there is nothing to check')
    foreign = sorted(name for name in needed - MEM if not name.startswith('quire_'))
    tap.check(not foreign, f'needs {", ".join(foreign)}: only quire_* and mem* are allowed')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--nm', required=True)
    parser.add_argument('--kernel', help='the freestanding kernel, as a static library')
    parser.add_argument('sources', nargs='+')
    args = parser.parse_args()
    tests = [
        (f'{os.path.basename(path)} has at most {LIMIT} lines', lambda path=path: check_lines(path))
        for path in args.sources
    ]
    if args.kernel:
        tests.append(
            ('the kernel needs quire_* and mem* alone', lambda: check_kernel(args.nm, args.kernel))
        )
    tap.main(tests)


main()
