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
ORDERED = {
    'hand-over': 'a page handed over by the allocator',
    'split-over': 'a block handed over page by page',
    'merge-over': 'pages handed over as one block',
}
RACING = {
    'race': 'a page handed over past the allocator',
    'race-beside': 'a page handed over past the allocator, beside one through it',
}
CACHES = ['none', 'locked', 'pcp']
NOT_OFFERED = 77  # exit status of the user's program
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


def is_offered(cache, *command):
    """Whether the cache can be had, and what the library says if not."""
    done = run(*command, cache, 'held')
    return done.returncode != NOT_OFFERED, done.stdout.strip()


def caches_of(tool, plain, *command):
    """
    The caches to test with a tool, and a test for one that cannot be had. That is right where no
    tool gets it, and under Valgrind: there programs that ask for nothing get another.
    """
    caches, tests = [], []
    for cache in CACHES:
        offered, why = is_offered(cache, *command)
        if offered:
            caches.append(cache)
            continue
        caches.append('default')
        excused = tool == 'Valgrind' or not is_offered(cache, plain)[0]
        tests.append((f'{tool}: [{cache}]', lambda e=excused, w=why: skipped_or_failed(e, w)))
    return caches, tests


def skipped_or_failed(excused, why):
    tap.check(excused, f'not offered here, but to programs without the tool: {why}')
    raise tap.Skip(why.replace('\n', ' '))


def tests_of(tool, caches, cases, says, check):
    return [
        (f'{tool}: {cases[case]} [{cache}] {says}', lambda c=cache, k=case: check(c, k))
        for cache in caches
        for case in cases
    ]


def memory_tests(tool, plain, words, *command):
    """A tool that knows which memory may be touched."""
    caches, tests = caches_of(tool, plain, *command)
    tests += tests_of(tool, caches, named(RIGHT), 'is fine', lambda c, k: survives(tool, *command, c, k))
    return tests + tests_of(
        tool, caches, named(WRONG), 'is reported', lambda c, k: is_caught(tool, words, *command, c, k)
    )


def race_tests(tool, plain, words, *command):
    caches, tests = caches_of(tool, plain, *command)
    tests += tests_of(tool, caches, ORDERED, 'is no race', lambda c, k: survives(tool, *command, c, k))
    return tests + tests_of(
        tool, caches, RACING, 'is one', lambda c, k: is_caught(tool, words, *command, c, k)
    )


def plain_tests(tool, *command):
    """Without a tool nothing is checked, and nothing is touched either."""
    caches, tests = caches_of(tool, *command, *command)
    cases = named(RIGHT + WRONG) | ORDERED
    return tests + tests_of(
        tool, caches, cases, 'goes unnoticed', lambda c, k: survives(tool, *command, c, k)
    )


def named(cases):
    return {case: case for case in cases}


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
        tests += memory_tests('AddressSanitizer', args.plain, ['use-after-poison'], user)
    for user in args.tsan:
        # ThreadSanitizer of these compilers cannot start where mappings are scattered too far.
        tests += race_tests('ThreadSanitizer', args.plain, ['data race'], 'setarch', '-R', user)
    for user in args.memcheck:
        if args.valgrind:
            memcheck = [args.valgrind, '-q', '--error-exitcode=9', user]
            tests += memory_tests('Valgrind', args.plain, ['Invalid'], *memcheck)
        else:
            tests.append(('Valgrind', lambda: skipped('valgrind is not installed; `make deps` installs it')))
    tap.main(tests)


main()
