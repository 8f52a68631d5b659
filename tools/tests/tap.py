# SPDX-License-Identifier: MIT
"""Run the command and print what is found as TAP."""
import os
import pty
import subprocess
import sys


class Tap:
    def __init__(self):
        if len(sys.argv) < 2:
            sys.exit("usage: %s PATH-OF-QUIRE [PATH-OF-HELPER]" % sys.argv[0])
        self.command = sys.argv[1]
        self.helpers = sys.argv[2:]
        self.count = 0
        self.failed = 0

    def run(self, *args, stdout=subprocess.PIPE, timeout=150):
        return subprocess.run([self.command, *args], stdin=subprocess.DEVNULL, stdout=stdout,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=timeout)

    def run_terminal(self, term, *args):
        """What the command shows on a terminal of a kind; None: TERM is not set."""
        env = {name: value for name, value in os.environ.items()
               if name not in ("TERM", "NO_COLOR")}
        if term is not None:
            env["TERM"] = term
        ours, theirs = pty.openpty()
        child = subprocess.Popen([self.command, *args], stdin=subprocess.DEVNULL, stdout=theirs,
                                 stderr=theirs, env=env)
        os.close(theirs)
        text = b""
        try:
            while True:
                part = os.read(ours, 65536)
                if not part:
                    break
                text += part
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(ours)
        child.wait()
        return text.decode()

    def check(self, condition, name, *notes):
        """One result; notes are printed when it is bad."""
        self.count += 1
        print("%s %d - %s" % ("ok" if condition else "not ok", self.count, name.replace("#", "")))
        if not condition:
            self.failed += 1
            for note in notes:
                for line in str(note).splitlines() or [""]:
                    print("# " + line)
        return bool(condition)

    def done(self):
        print("1..%d" % self.count)
        sys.exit(1 if self.failed else 0)
