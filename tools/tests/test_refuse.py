# SPDX-License-Identifier: MIT
"""Bad command lines end with status 2 and a line that names what was found and what is allowed."""
import json
import subprocess
import tempfile

from tap import Tap

tap = Tap()
PAGEALLOC = ["bench", "pagealloc"]

# Arguments, and words that the diagnostic must have.
REFUSED = [
    ([], ["info", "bench", "demo"]),
    (["nothing"], ["'nothing'", "info"]),
    (["bench"], ["pagealloc", "frag"]),
    (["bench", "nothing"], ["'nothing'", "pagealloc"]),
    (PAGEALLOC + ["--nothing"], ["'--nothing'"]),
    (PAGEALLOC + ["word"], ["'word'"]),
    (PAGEALLOC + ["--whole=3"], ["'--whole=3'"]),
    (PAGEALLOC + ["--batch"], ["'--batch'", "value"]),
    (PAGEALLOC + ["--batch", "0"], ["--batch", "'0'", "from 1 to 1048576"]),
    (PAGEALLOC + ["--batch", "1048577"], ["--batch", "'1048577'", "1048576"]),
    (PAGEALLOC + ["--batch", ""], ["--batch"]),
    (PAGEALLOC + ["--batch", "1,2,1"], ["--batch", "'1'", "twice"]),
    (PAGEALLOC + ["--batch", "1-1000"], ["--batch", "32"]),
    (PAGEALLOC + ["--batch", "-1"], ["--batch"]),
    (PAGEALLOC + ["--batch", "1x"], ["--batch", "'1x'"]),
    (PAGEALLOC + ["--order", "19"], ["--order", "'19'", "0 to 18"]),
    (PAGEALLOC + ["--order", "4-1"], ["--order", "4-1"]),
    (PAGEALLOC + ["--cache", "fast"], ["--cache", "'fast'", "locked"]),
    (PAGEALLOC + ["--check", "yes"], ["--check", "'yes'", "strict"]),
    (PAGEALLOC + ["--calls", "one"], ["--calls", "'one'", "single"]),
    (PAGEALLOC + ["--form", "name"], ["--form", "'name'", "offset"]),
    (PAGEALLOC + ["--pattern", "none"], ["--pattern", "'none'", "inorder"]),
    (PAGEALLOC + ["--threads", "0"], ["--threads", "'0'"]),
    (PAGEALLOC + ["--threads", "100000"], ["--threads", "1024"]),
    (PAGEALLOC + ["--runs", "0"], ["--runs", "'0'"]),
    (PAGEALLOC + ["--size", "3"], ["--size", "'3'", "2 MiB"]),
    (PAGEALLOC + ["--size", "4097K"], ["--size", "'4097K'", "multiple"]),
    (PAGEALLOC + ["--size", "99999999999999999999"], ["--size"]),
    (PAGEALLOC + ["--size", "1Q"], ["--size", "'1Q'"]),
    (PAGEALLOC + ["--pages", "1"], ["--pages", "'1'", "512"]),
    (PAGEALLOC + ["--json", ""], ["--json"]),
    (PAGEALLOC + ["--rounds", "1"], ["'--rounds'"]),
    (PAGEALLOC + ["--batch", "16384", "--order", "9", "--size", "1G"],
     ["16384", "1 GiB", "--size"]),
    (PAGEALLOC + ["--batch", "1048576", "--order", "18"], ["1048576", "--batch"]),
    (["bench", "full", "--level", "100"], ["--level", "'100'", "99"]),
    (["bench", "full", "--size", "2M", "--batch", "512"], ["--level", "512", "--size"]),
    (["bench", "frag", "--batch", "1,2"], ["--batch"]),
    (["bench", "frag", "--order", "1"], ["'--order'"]),
    (PAGEALLOC + ["--whole", "--order", "18", "--threads", "2", "--size", "1G"], ["1 GiB"]),
    (["bench", "frag", "--size", "2M", "--threads", "9"], ["--threads", "512"]),
    (["info", "--max-pages", "0"], ["--max-pages", "'0'"]),
    (["info", "--max-pages", "4294967295"], ["--max-pages", "4294901760"]),
    (["info", "--bytes", "5000"], ["--bytes", "'5000'", "8192"]),
    (["info", "--cpus", "0"], ["--cpus", "65536"]),
    (["info", "--cache", "none,locked"], ["--cache", "one"]),
    (["info", "word"], ["'word'"]),
    (["demo", "--size", "1M"], ["--size", "'1M'", "16 MiB"]),
    (["demo", "--seconds", "0"], ["--seconds", "'0'"]),
]

for words, needles in REFUSED:
    name = "quire " + " ".join(words)
    result = tap.run(*words)
    tap.check(result.returncode == 2, name + ": exit status 2", result.returncode, result.stderr)
    tap.check(result.stdout == "", name + ": no result", result.stdout)
    missing = [needle for needle in needles if needle not in result.stderr]
    tap.check(not missing, name + ": the diagnostic is complete", "missing: %s" % missing,
              result.stderr)

# A cache that is not to be had is an error and never another cache.
for cache in ("none", "locked", "pcp", "magazine"):
    result = tap.run(*PAGEALLOC, "--cache", cache, "--batch", "1", "--runs", "1", "--json", "-")
    if result.returncode == 0:
        rows = json.loads(result.stdout)["rows"]
        tap.check(rows and all(row["cache"] == cache for row in rows), cache + ": is what ran",
                  result.stdout)
    else:
        refused = result.returncode == 1 and "'%s'" % cache in result.stderr
        tap.check(refused and result.stdout == "", cache + ": refused, nothing ran",
                  result.stderr, result.stdout)

with tempfile.TemporaryDirectory() as folder:
    result = tap.run(*PAGEALLOC, "--batch", "1", "--runs", "1", "--json", folder + "/no/such/file")
    tap.check(result.returncode == 1 and "/no/such/file" in result.stderr,
              "a result that cannot be written is an error", result.stderr)

with open("/dev/full", "w") as full:
    result = tap.run("info", stdout=full)
    tap.check(result.returncode == 1 and "standard output" in result.stderr,
              "lost output is an error", result.returncode, result.stderr)

tap.done()
