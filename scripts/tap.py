# SPDX-License-Identifier: MIT
"""Tests written in Python: functions that raise, reported in the Test Anything Protocol."""
import os
import subprocess
import sys
import traceback

STRICT = ['-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-Wundef', '-Werror']
STRICT_C = STRICT + ['-std=c11', '-pedantic', '-Wmissing-prototypes', '-Wstrict-prototypes']
STRICT_CXX = STRICT + ['-std=c++17', '-pedantic']


class Failed(Exception):
    """The thing under test does not do what it should."""


class Skip(Exception):
    """The test cannot be made here; the text says why."""


def check(condition, message):
    if not condition:
        raise Failed(message)


def run(*command, env=None, cwd=None, stdin=None):
    """Standard output of a command that must succeed."""
    environment = dict(os.environ, **(env or {}))
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=cwd,
            input=stdin,
            text=True,
            errors='replace',
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=None if stdin is not None else subprocess.DEVNULL,
        )
    except OSError as error:
        raise Failed(f'{command[0]} cannot be started: {error}') from error
    if done.returncode != 0:
        raise Failed(
            f'exit status {done.returncode} from: {" ".join(command)}\n{done.stdout}{done.stderr}'
        )
    return done.stdout


def need(*commands):
    """The names of commands that are all there; otherwise the test is skipped."""
    for command in commands:
        found = any(
            os.access(os.path.join(folder, command), os.X_OK)
            for folder in os.environ.get('PATH', '').split(os.pathsep)
        )
        if not found:
            raise Skip(f'{command} is not installed; `make deps` installs it')
    return commands


def explain(text):
    for line in str(text).rstrip().split('\n'):
        print(f'# {line}')


def main(tests):
    """Run (name, function) pairs and end the program."""
    failures = 0
    print(f'1..{len(tests)}', flush=True)
    for number, (name, function) in enumerate(tests, 1):
        try:
            function()
            print(f'ok {number} - {name}')
        except Skip as reason:
            print(f'ok {number} - {name} # SKIP {reason}')
        except Failed as failure:
            failures += 1
            print(f'not ok {number} - {name}')
            explain(failure)
        except (
            Exception
        ):  # a bug of the test is a failure too, and must not hide the tests after it
            failures += 1
            print(f'not ok {number} - {name}')
            explain(traceback.format_exc())
        sys.stdout.flush()
    sys.exit(1 if failures else 0)
