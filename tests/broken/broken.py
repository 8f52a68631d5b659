#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One test on one broken variant: it must fail, and for the reason that the variant is broken.

usage: broken.py PROGRAM CASE REASON

PROGRAM is a test program linked with the variant, and runs CASE alone when that is its argument.
REASON is a regular expression, of what the failure says. A crash, a wait that does not end, or a
failure that says something else is none.
"""
import re
import subprocess
import sys

import tap

SECONDS = 100


def output_of(program, case):
    try:
        done = subprocess.run(
            [program, case],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise tap.Failed(f'{case} has not ended after {SECONDS} s') from error
    return done.returncode, done.stdout


def fails(program, case, reason):
    status, output = output_of(program, case)
    skipped = re.search(r'^1\.\.0 # SKIP (.*)', output, re.MULTILINE)
    if skipped:
        raise tap.Skip(skipped.group(1))
    tap.check(status >= 0, f'signal {-status}, and not a failure of {case}:\n{output}')
    failed = re.search(rf'^not ok \d+ - {re.escape(case)}$', output, re.MULTILINE)
    tap.check(failed and status > 0, f'{case} does not fail:\n{output}')
    said = [line for line in output.split('\n') if re.search(reason, line)]
    tap.check(said, f'{case} fails, but not because of /{reason}/:\n{output}')
    tap.explain(said[0])


def main(program, case, reason):
    tap.main([(f'{case} fails: {reason}', lambda: fails(program, case, reason))])


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
