# SPDX-License-Identifier: MIT
"""Help texts come out on standard output, name their usage, have an example and fit a screen."""
from tap import Tap

tap = Tap()
BENCHES = ["pagealloc", "repeat", "cross", "contend", "fill", "drain", "reach", "frag"]

for words in (["--help"], ["info", "--help"], ["bench", "--help"], ["demo", "--help"],
              *(["bench", name, "--help"] for name in BENCHES)):
    name = " ".join(words)
    result = tap.run(*words)
    if "no benchmarks" in result.stderr:
        tap.check(result.returncode == 1, name + ": says that the build has none")
        continue
    tap.check(result.returncode == 0, name + ": exit status 0", result.stderr)
    tap.check(result.stdout.startswith("Usage: quire "), name + ": begins with its usage")
    tap.check("Examples:" in result.stdout, name + ": has examples")
    tap.check(result.stderr == "", name + ": nothing on standard error", result.stderr)
    wide = [line for line in result.stdout.splitlines() if len(line) > 80]
    tap.check(not wide, name + ": no line of more than 80 columns", *wide)

version = tap.run("--version")
tap.check(version.returncode == 0 and version.stdout.startswith("quire "), "--version")
tap.done()
