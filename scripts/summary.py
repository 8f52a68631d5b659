#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count tests: one line for each run, and 'N passed, N failed[, N skipped]' as the last line.

usage: summary.py RESULTS...

A results file has a line for each run: label, kind, where, exit status, separated by tabs. Kinds:
    meson    where is the JSON log of `meson test`: a line for each test program
    tap      where is a file in the Test Anything Protocol
    broken   there is no log; where says what went wrong
What counts is a test inside a program, where the program reports them one by one, or the program
itself. A program that fails, crashes or runs out of time is one failure at least, whatever
it printed before; so is a run that ended badly, or without a log. Exit status 0: none failed.
"""
import json
import re
import sys

TEST_LINE = re.compile(r'^(not )?ok\b([^#]*)(?:#\s*(skip|todo)\S*\s*(.*))?', re.IGNORECASE)
MAX_QUOTED = 40
MAX_SHOWN = 5  # failures of one program
PLAN_LINE = re.compile(r'^1\.\.(\d+)\s*(?:#\s*(skip)\S*\s*(.*))?', re.IGNORECASE)


class Count:
    """How many tests did what, and what is to be said of those that did not pass."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.failures = []  # lines
        self.skips = {}  # program and reason: tests

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        for key, tests in other.skips.items():
            self.skips[key] = self.skips.get(key, 0) + tests

    def fail(self, what):
        self.failed += 1
        if self.failed <= MAX_SHOWN:
            self.failures.append('FAILED  ' + what)
        elif self.failed == MAX_SHOWN + 1:
            self.failures.append(f'        and more, of {what.split(": ")[0]}; the log has them')

    def quote(self, lines):
        """What a program said about a failure."""
        if self.failed <= MAX_SHOWN:
            self.failures += ['        ' + line for line in lines[:MAX_QUOTED]]
            if len(lines) > MAX_QUOTED:
                self.failures.append(f'        ... {len(lines) - MAX_QUOTED} more lines in the log')

    def skip(self, program, reason):
        self.skipped += 1
        key = (program, reason or 'no reason given')
        self.skips[key] = self.skips.get(key, 0) + 1

    def notes(self):
        skips = [
            f'skipped {tests} of {program}: {reason}'
            for (program, reason), tests in self.skips.items()
        ]
        return self.failures + skips

    def text(self):
        skipped = f', {self.skipped} skipped' if self.skipped else ''
        return f'{self.passed} passed, {self.failed} failed{skipped}'


class Tap:
    """What a program said of its tests. total is None without a plan."""

    def __init__(self, name, text):
        self.count = Count()
        self.seen = 0
        self.total = None
        self.bail = None
        self.said = []  # since the last result
        self.failing = False  # whether that was a failure
        for line in text.splitlines():
            self.read_line(name, line)
        if self.failing:
            self.count.quote(self.said)

    def read_line(self, name, line):
        plan = PLAN_LINE.match(line)
        test = TEST_LINE.match(line)
        if plan:
            self.total = int(plan.group(1))
            if self.total == 0 and plan.group(2):
                self.count.skip(name, plan.group(3))
            elif self.total == 0:
                self.count.fail(f'{name}: holds no test')
        elif test:
            # Said between two results, it may belong to either: shown if one of them failed.
            failed_before = self.count.failed
            bad = test.group(1) is not None
            if self.failing or bad:
                self.count.quote(self.said)
            self.seen += 1
            self.read_test(name, test)
            self.said, self.failing = [], self.count.failed > failed_before
        elif line.startswith('Bail out!'):
            self.bail = line
        else:
            self.said.append(line)

    def read_test(self, name, test):
        bad, directive, why = test.group(1), (test.group(3) or '').lower(), test.group(4)
        if directive == 'skip' and not bad:
            self.count.skip(name, why)
        elif directive == 'todo' and bad:
            self.count.skip(name, f'known not to work: {why}')
        elif bad or directive == 'todo':
            self.count.fail(f'{name}: {test.group(2).strip(" -")}')
        else:
            self.count.passed += 1

    def speaks(self):
        return self.seen > 0 or self.total is not None

    def complaint(self):
        """What is wrong with the report itself, or None."""
        if self.bail:
            return self.bail
        if self.total is None:
            return 'gave no number of tests'
        if self.total != self.seen:
            return f'{self.total} tests announced, {self.seen} reported'
        return None


def count_program(entry):
    """One line of meson's log."""
    name, result = entry['name'], entry['result']
    tap = Tap(name, entry.get('stdout') or '')
    good = result in ('OK', 'SKIP', 'EXPECTEDFAIL')
    if tap.speaks():
        # A program with failed tests exits non-zero: that is no further failure, but a crash is.
        killed = result in ('TIMEOUT', 'INTERRUPT') or (entry.get('returncode') or 0) < 0
        if killed or not good and tap.count.failed == 0:
            tap.count.fail(f'{name}: {result}, exit status {entry.get("returncode")}')
        elif tap.complaint():
            tap.count.fail(f'{name}: {tap.complaint()}')
        return tap.count
    count = Count()
    if result == 'SKIP' and entry.get('returncode') == 77:
        count.skip(name, 'exit status 77')
    elif result == 'SKIP':
        count.fail(f'{name}: reported no test at all')
    elif good:
        count.passed += 1
    else:
        count.fail(f'{name}: {result}, exit status {entry.get("returncode")}')
    return count


def count_meson(path):
    count = Count()
    with open(path, encoding='utf-8', errors='replace') as log:
        for line in log:
            if line.strip():
                count.add(count_program(json.loads(line)))
    return count


def count_tap(path):
    with open(path, encoding='utf-8', errors='replace') as log:
        tap = Tap(path, log.read())
    wrong = tap.complaint()
    if wrong:
        tap.count.fail(f'{path}: {wrong}')
    return tap.count


def count_run(kind, where, status):
    count = Count()
    try:
        if kind == 'meson':
            count = count_meson(where)
        elif kind == 'tap':
            count = count_tap(where)
        else:
            count.fail(where)
    except (OSError, ValueError, KeyError) as error:
        count.fail(f'no usable log: {error}')
    if status != '0' and count.failed == 0:
        count.fail(f'ended with exit status {status}, though no test failed')
    if count.passed + count.failed + count.skipped == 0:
        count.fail('no test ran')
    return count


def main(paths):
    total = Count()
    for path in paths:
        try:
            with open(path, encoding='utf-8') as results:
                lines = results.read().splitlines()
        except OSError as error:
            total.fail(str(error))
            print(f'{path}: {error}')
            continue
        for line in lines:
            label, kind, where, status = line.split('\t')
            count = count_run(kind, where, status)
            for note in count.notes():
                print(f'{label}: {note}')
            print(f'{label}: {count.text()}')
            total.add(count)
    if total.passed + total.failed == 0:
        total.fail('nothing ran')
        print('no test ran at all')
    print(total.text())
    return 1 if total.failed else 0


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
