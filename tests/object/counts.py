# SPDX-License-Identifier: MIT
"""scripts/summary.py counts truly: a program that fails, or never ran, cannot look like success."""
import json
import os
import subprocess
import sys
import tempfile

import tap

SUMMARY = os.path.join(os.path.dirname(tap.__file__), 'summary.py')


def program(result='OK', returncode=0, stdout=''):
    return {'name': 'program', 'result': result, 'returncode': returncode, 'stdout': stdout}


# (what, log entries or None for no log, exit status of meson, last line)
CASES = (
    (
        'passes are counted one by one',
        [program(stdout='1..2\nok 1 - a\nok 2 - b\n')],
        0,
        '2 passed, 0 failed',
    ),
    (
        'programs without subtests count once',
        [program(), program('SKIP', 77)],
        0,
        '1 passed, 0 failed, 1 skipped',
    ),
    (
        'failed subtests',
        [program('ERROR', 2, '1..3\nok 1 - a\nnot ok 2 - b\nnot ok 3 - c\n')],
        1,
        '1 passed, 2 failed',
    ),
    (
        'skipped subtests',
        [program(stdout='1..2\nok 1 # SKIP no such CPU\nok 2 - b\n')],
        0,
        '1 passed, 0 failed, 1 skipped',
    ),
    (
        'skipped program',
        [program(), program('SKIP', 0, '1..0 # SKIP no hugetlb\n')],
        0,
        '1 passed, 0 failed, 1 skipped',
    ),
    (
        'a known failure is no success',
        [program(stdout='1..2\nnot ok 1 # TODO later\nok 2\n')],
        0,
        '1 passed, 0 failed, 1 skipped',
    ),
    ('crash after passes', [program('ERROR', -11, '1..3\nok 1 - a\n')], 1, '1 passed, 1 failed'),
    ('crash after all passes', [program('ERROR', -6, '1..1\nok 1 - a\n')], 1, '1 passed, 1 failed'),
    (
        'crash after a failure',
        [program('ERROR', -6, '1..3\nnot ok 1 - a\n')],
        1,
        '0 passed, 2 failed',
    ),
    (
        'exit status after all passes',
        [program('ERROR', 1, '1..1\nok 1 - a\n')],
        1,
        '1 passed, 1 failed',
    ),
    ('too few subtests', [program('ERROR', 0, '1..5\nok 1 - a\n')], 1, '1 passed, 1 failed'),
    (
        'too few subtests after a failure',
        [program('ERROR', 1, '1..5\nnot ok 1 - a\n')],
        1,
        '0 passed, 2 failed',
    ),
    ('no plan', [program(stdout='ok 1 - a\n')], 0, '1 passed, 1 failed'),
    (
        'bail out',
        [program('ERROR', 0, '1..2\nok 1 - a\nBail out! no memory\n')],
        1,
        '1 passed, 1 failed',
    ),
    ('timeout', [program('TIMEOUT', -9, '1..2\nok 1 - a\n')], 1, '1 passed, 1 failed'),
    ('timeout in silence', [program('TIMEOUT', -9)], 1, '0 passed, 1 failed'),
    ('silent program that meson takes for skipped', [program('SKIP', 0)], 0, '0 passed, 1 failed'),
    ('failing program without subtests', [program('FAIL', 1)], 1, '0 passed, 1 failed'),
    ('program without tests', [program('SKIP', 0, '1..0\n')], 0, '0 passed, 1 failed'),
    ('no program ran', [], 0, '0 passed, 1 failed'),
    ('no log', None, 0, '0 passed, 1 failed'),
    ('interrupted run', [program()], 130, '1 passed, 1 failed'),
    ('all skipped', [program('SKIP', 77)], 0, '0 passed, 1 failed, 1 skipped'),
)


def count(entries, status, wanted):
    with tempfile.TemporaryDirectory(prefix='quire-counts-') as scratch:
        log = os.path.join(scratch, 'log.json')
        if entries is not None:
            with open(log, 'w', encoding='utf-8') as file:
                file.writelines(json.dumps(entry) + '\n' for entry in entries)
        results = os.path.join(scratch, 'results.txt')
        with open(results, 'w', encoding='utf-8') as file:
            file.write(f'label\tmeson\t{log}\t{status}\n')
        done = subprocess.run([sys.executable, SUMMARY, results], stdout=subprocess.PIPE, text=True)
    last = done.stdout.rstrip('\n').split('\n')[-1]
    tap.check(last == wanted, f'the last line is "{last}", not "{wanted}"')
    good = ' 0 failed' in wanted
    tap.check((done.returncode == 0) == good, f'exit status {done.returncode} with "{last}"')


tap.main(
    [
        (what, lambda a=(entries, status, wanted): count(*a))
        for what, entries, status, wanted in CASES
    ]
)
