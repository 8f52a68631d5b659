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
    (PAGEALLOC + ["--nothing"], ["'--nothing'", "quire bench pagealloc", "--batch", "--help"]),
    (PAGEALLOC + ["--nothing=3"], ["'--nothing'", "--batch"]),
    (PAGEALLOC + ["--s", "1"], ["'--s'", "several", "--size, --seed"]),
    (PAGEALLOC + ["--="], ["'--'", "--batch"]),
    (PAGEALLOC + ["-x"], ["'-x'", "--batch"]),
    (PAGEALLOC + ["--whole", "-xh"], ["'-x'", "--batch"]),
    (["bench", "frag", "--runs", "3"], ["'--runs'", "quire bench frag", "--rounds"]),
    (["info", "--cp=2", "-x"], ["'-x'", "quire info", "--cpus"]),
    (["info", "--help=2"], ["'--help=2'", "--help takes no value"]),
    (["demo", "--se", "1"], ["'--se'", "several", "--seconds, --seed"]),
    (PAGEALLOC + ["word"], ["'word'"]),
    (PAGEALLOC + ["--whole=3"], ["'--whole=3'", "--whole takes no value"]),
    (PAGEALLOC + ["--batch"], ["'--batch'", "value"]),
    (PAGEALLOC + ["--batch", "0"], ["--batch", "'0'", "from 1 to 1048576"]),
    (PAGEALLOC + ["--batch", "1048577"], ["--batch", "'1048577'", "1048576"]),
    (PAGEALLOC + ["--batch", ""], ["--batch"]),
    (PAGEALLOC + ["--batch", "1,2,1"], ["--batch", "'1'", "twice"]),
    (PAGEALLOC + ["--batch", "1-1000"], ["--batch", "32"]),
    (PAGEALLOC + ["--batch", "-1"], ["--batch", "'-1'", "from 1 to 1048576"]),
    (PAGEALLOC + ["--batch", "1,-1"], ["--batch", "'-1'"]),
    (PAGEALLOC + ["--batch", "1-"], ["--batch", "'1-'", "from 1 to 1048576"]),
    (PAGEALLOC + ["--order", "-1"], ["--order", "'-1'", "from 0 to 18"]),
    (["bench", "fill", "--level", "-1"], ["--level", "'-1'", "from 0 to 99"]),
    (PAGEALLOC + ["--batch", "1,,2"], ["--batch", "'1,,2'", "comma"]),
    (PAGEALLOC + ["--batch", "1,"], ["--batch", "'1,'", "comma"]),
    (PAGEALLOC + ["--batch", ",1"], ["--batch", "',1'", "comma"]),
    (PAGEALLOC + ["--calls", "single,"], ["--calls", "'single,'", "comma"]),
    (PAGEALLOC + ["--batch", "0-2"], ["--batch", "'0-2'", "from 1 to 1048576"]),
    (PAGEALLOC + ["--size", "1G", "--pages", "512"], ["--size", "--pages", "one of them"]),
    (["bench", "frag", "--pages", "512", "--size", "1G"], ["--size", "--pages", "one of them"]),
    (["info", "--bytes", "1G", "--max-pages", "512"], ["--bytes", "--max-pages", "one of them"]),
    (["info", "--max-pages", "512", "--bytes", "1G"], ["--bytes", "--max-pages", "one of them"]),
    (["info", "--bytes", "16T"], ["--bytes", "'16T'", "to 16776960 MiB"]),
    (["info", "--json="], ["--json", "empty"]),
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
    (["bench", "fill", "--level", "100"], ["--level", "'100'", "99"]),
    (["bench", "fill", "--size", "2M", "--batch", "512"], ["--level", "512", "--size"]),
    (["bench", "frag", "--batch", "1,2"], ["--batch"]),
    (["bench", "full"], ["'full'", "fill"]),
    (PAGEALLOC + ["--allocator", "rte_mempool", "--order", "1"], ["--order", "quire"]),
    (PAGEALLOC + ["--form", "pfn", "--allocator", "rte_mempool"], ["--form", "quire"]),
    (["bench", "cross", "--allocator", "rte_mempool", "--check", "strict"], ["--check", "quire"]),
    (["bench", "reach", "--allocator", "rte_mempool", "--cache", "none"], ["--cache", "quire"]),
    (["bench", "repeat", "--threads", "0"], ["--threads", "'0'", "1 to 1024"]),
    (["bench", "repeat", "--threads", "4-1"], ["--threads", "4-1", "smaller number first"]),
    (["bench", "repeat", "--batch", "1"], ["'--batch'"]),
    (["bench", "repeat", "--size", "2M", "--threads", "1024"], ["1024 threads", "--size"]),
    (["bench", "contend", "--threads", "1,2000"], ["--threads", "'2000'", "1024"]),
    (["bench", "contend", "--threads", "1-16", "--batch", "1-16"], ["512", "256", "split"]),
    (["bench", "cross", "--pairs", "513"], ["--pairs", "'513'", "512"]),
    (["bench", "cross", "--threads", "2"], ["'--threads'"]),
    (["bench", "cross", "--size", "2M", "--batch", "128"], ["--batch 128", "2 MiB", "--size"]),
    (["bench", "drain", "--rate", "1000001"], ["--rate", "'1000001'", "1000000"]),
    (["bench", "drain", "--rate", "-1"], ["--rate", "'-1'", "from 0"]),
    (["bench", "drain", "--rate", "0", "--victim", "idle"], ["--rate 0", "idle", "give a rate"]),
    (["bench", "drain", "--victim", "dead"], ["--victim", "'dead'", "busy, paced, idle"]),
    (["bench", "drain", "--rate", "fast"], ["--rate", "'fast'", "from 0 to 1000000", "nor max"]),
    (["bench", "drain", "--rate", "max,1,max"], ["--rate", "'max'", "twice"]),
    (["bench", "drain", "--rate", ""], ["--rate", "numbers from 0", "or max"]),
    (["bench", "drain", "--target", "two"], ["--target", "'two'", "one, all"]),
    (["bench", "drain", "--mode", "fast"], ["--mode", "'fast'", "biased, shared"]),
    (["bench", "drain", "--mode", "shared", "--cache", "locked"], ["--mode", "pcp", "--cache"]),
    (["bench", "drain", "--drains", "0"], ["--drains", "'0'", "from 1 to 1000000000"]),
    (["bench", "drain", "--drains", "9", "--seconds", "1"], ["--drains", "--seconds", "one of"]),
    (["bench", "drain", "--drains", "9", "--rate", "0"], ["--drains 9", "--rate 0", "max"]),
    (["bench", "drain", "--rate", "1-32", "--check", "on,off", "--target", "one,all", "--victim",
      "busy,paced,idle"], ["390", "256", "split"]),
    (["bench", "drain", "--seconds", "0"], ["--seconds", "'0'", "0.001 to 3600"]),
    (["bench", "drain", "--seconds", "3600.001"], ["--seconds", "'3600.001'", "3600"]),
    (["bench", "drain", "--seconds", "0.0001"], ["--seconds", "'0.0001'", "three digits"]),
    (["bench", "drain", "--seconds", "1."], ["--seconds", "'1.'", "0.25"]),
    (["bench", "drain", "--seconds", "1s"], ["--seconds", "'1s'", "0.25"]),
    (["bench", "drain", "--size", "2M", "--batch", "513"], ["--batch 513", "512", "--size"]),
    (["bench", "reach", "--batch", "1"], ["'--batch'"]),
    (["bench", "frag", "--mode", "shared"], ["'--mode'"]),
    (PAGEALLOC + ["--mode", "biased,biased"], ["--mode", "'biased'", "twice"]),
    (PAGEALLOC + ["--mode", "shared", "--cache", "none,locked"], ["--mode", "pcp", "leave"]),
    (PAGEALLOC + ["--mode", "shared", "--allocator", "rte_mempool"], ["--mode", "quire"]),
    (["bench", "reach", "--size", "1M"], ["--size", "'1M'", "2 MiB"]),
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

# More than half of what is available; a machine that has it would fill it.
with open("/proc/meminfo") as file:
    available = [int(line.split()[1]) for line in file if line.startswith("MemAvailable:")]
if available and available[0] < 2 << 30:
    REFUSED.append((["demo", "--size", "1T"], ["--size", "1 TiB", "half", "smaller"]))

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

# A file that cannot be written is found before the work: this one would take hours.
LONG = ["--runs", "10000", "--work", "64M"]
with tempfile.TemporaryDirectory() as folder:
    for words in (PAGEALLOC + LONG + ["--json"], ["bench", "fill"] + LONG + ["--json"],
                  ["bench", "frag", "--rounds", "1000000", "--json"], ["info", "--json"],
                  ["bench", "cross"] + LONG + ["--json"],
                  ["bench", "drain", "--seconds", "3600", "--json"],
                  ["bench", "reach", "--runs", "10000", "--json"]):
        result = tap.run(*words, folder + "/no/such/file", timeout=30)
        tap.check(result.returncode == 1 and "/no/such/file" in result.stderr and
                  result.stdout == "", " ".join(words) + ": refused before the work",
                  result.stderr)

    # One spelling for all; what an earlier run left in the file goes.
    path = folder + "/result.json"
    with open(path, "w") as file:
        file.write("x" * 100000)
    for words in (["info"], PAGEALLOC + ["--batch", "1", "--runs", "1", "--work", "64"]):
        for spelling in (["--json", path], ["--json=" + path]):
            result = tap.run(*words, *spelling)
            tap.check(result.returncode == 0 and result.stdout, "%s: exit status 0" % spelling,
                      result.stderr)
            with open(path) as file:
                tap.check(json.load(file)["schema"] == 1, "%s: a whole report" % spelling)
        for spelling in (["--json"], ["--json", "-"], ["--json=-"]):
            result = tap.run(*words, *spelling)
            tap.check(result.returncode == 0 and json.loads(result.stdout)["schema"] == 1,
                      "%s: instead of the text" % spelling, result.stderr)

with open("/dev/full", "w") as full:
    result = tap.run("info", stdout=full)
    tap.check(result.returncode == 1 and "standard output" in result.stderr,
              "lost output is an error", result.returncode, result.stderr)

tap.done()
