# SPDX-License-Identifier: MIT
"""Every public header compiles alone, without libc, in C11 and C++17, without a warning."""
import argparse
import os

import tap

COMPILERS = (
    ('gcc', 'c', tap.STRICT_C + ['-ffreestanding']),
    ('clang', 'c', tap.STRICT_C + ['-ffreestanding']),
    ('g++', 'c++', tap.STRICT_CXX + ['-ffreestanding']),
    ('clang++', 'c++', tap.STRICT_CXX + ['-ffreestanding']),
    ('g++', 'c++', tap.STRICT_CXX),
    ('clang++', 'c++', tap.STRICT_CXX),
)


def compile_alone(include, header, compiler, language, flags):
    tap.need(compiler)
    # Twice, as a header without a working guard compiles once.
    source = f'#include <{header}>\n' * 2
    tap.run(compiler, *flags, '-I', include, '-x', language, '-fsyntax-only', '-', stdin=source)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('include', help='the folder that users give to -I')
    include = parser.parse_args().include
    headers = sorted(
        os.path.relpath(os.path.join(folder, name), include)
        for folder, _, names in os.walk(include)
        for name in names
        if name.endswith('.h')
    )
    tests = [
        (
            f'{header} alone, {compiler} {flags[flags.index("-pedantic") - 1]}'
            f'{" freestanding" if "-ffreestanding" in flags else ""}',
            lambda a=(include, header, compiler, language, flags): compile_alone(*a),
        )
        for header in headers
        for compiler, language, flags in COMPILERS
    ]
    tests.insert(0, ('there are public headers', lambda: tap.check(headers, f'none in {include}')))
    tap.main(tests)


main()
