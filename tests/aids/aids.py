# SPDX-License-Identifier: MIT
"""Checking tools over a library built without them: what they must find, and what they must not."""
import argparse
import os
import subprocess

import tap

RIGHT = ['held', 'reserved', 'over-held', 'after-destroy']
WRONG = [
    'read-freed',
    'write-freed',
    'read-freed-block',
    'read-freed-in-bulk',
    'read-behind-a-page',
    'read-never-allocated',
    'read-unreserved',
    'over-read-freed',
    'over-read-never-allocated',
]
CACHES = ['none', 'locked']
OPTIONS = {
    'ASAN_OPTIONS': 'exitcode=23:detect_leaks=0:abort_on_error=0',
    'TSAN_OPTIONS': 'exitcode=66:halt_on_error=0:abort_on_error=0',
}


def run(*command):
    return subprocess.run(
        command,
        env=dict(os.environ, **OPTIONS),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors='replace',
        timeout=120,
        check=False,
    )


def survives(tool, *command):
    done = run(*command)
    tap.check(
        done.returncode == 0 and 'survived' in done.stdout,
        f'{tool} found something where nothing is wrong (exit status {done.returncode}):\n'
        + done.stdout[:4000],
    )


def is_caught(tool, words, *command):
    done = run(*command)
    tap.check(done.returncode != 0, f'{tool} did not notice:\n{done.stdout[:4000]}')
    for word in words:
        tap.check(word in done.stdout, f'{tool} did not say "{word}":\n{done.stdout[:4000]}')


def memory_tests(tool, words, *command):
    """A tool that knows which memory may be touched."""
    return [
        (f'{tool}: {case} [{cache}] is fine', lambda c=cache, k=case: survives(tool, *command, c, k))
        for cache in CACHES
        for case in RIGHT
    ] + [
        (f'{tool}: {case} [{cache}] is reported', lambda c=cache, k=case: is_caught(tool, words, *command, c, k))
        for cache in CACHES
        for case in WRONG
    ]


def race_tests(tool, words, *command):
    return [
        (
            f'{tool}: a page handed over by the allocator [{cache}] is no race',
            lambda c=cache: survives(tool, *command, c, 'hand-over'),
        )
        for cache in CACHES
    ] + [
        (
            f'{tool}: a page handed over past the allocator [{cache}] is one',
            lambda c=cache: is_caught(tool, words, *command, c, 'race'),
        )
        for cache in CACHES
    ]


def plain_tests(tool, *command):
    """Without a tool nothing is checked, and nothing is touched either."""
    return [
        (f'{tool}: {case} [{cache}] goes unnoticed', lambda c=cache, k=case: survives(tool, *command, c, k))
        for cache in CACHES
        for case in RIGHT + WRONG
    ]


def skipped(why):
    raise tap.Skip(why)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--plain', required=True)
    parser.add_argument('--asan', action='append', default=[])
    parser.add_argument('--tsan', action='append', default=[])
    parser.add_argument('--memcheck', action='append', default=[])
    parser.add_argument('--valgrind', help='the program valgrind, if it is installed')
    args = parser.parse_args()

    tests = plain_tests('no tool', args.plain)
    for user in args.asan:
        tests += memory_tests('AddressSanitizer', ['use-after-poison'], user)
    for user in args.tsan:
        # ThreadSanitizer of these compilers cannot start where mappings are scattered too far.
        tests += race_tests('ThreadSanitizer', ['data race'], 'setarch', '-R', user)
    for user in args.memcheck:
        if args.valgrind:
            memcheck = [args.valgrind, '-q', '--error-exitcode=9', user]
            tests += memory_tests('Valgrind', ['Invalid'], *memcheck)
        else:
            tests.append(('Valgrind', lambda: skipped('valgrind is not installed; `make deps` installs it')))
    tap.main(tests)


main()
