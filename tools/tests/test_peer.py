# SPDX-License-Identifier: MIT
"""Other allocators beside Quire: what is asked for and missing, peers that fail, and real ones."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from tap import Tap

tap = Tap()
# What the build did about peers, and what the command has to say where one is missing.
BUILD = os.environ["PEER_BUILD"]
WHY = {
    "PEER_BUILT": ["'peers'", "QUIRE_PEERS"],
    "PEER_NO_LIBRARY": ["libdpdk", "libdpdk-dev", "make bench-deps"],
    "PEER_SANITIZED": ["sanitizers"],
}
PAGEALLOC = ["bench", "pagealloc", "--cache", "none", "--runs", "2", "--work", "4096"]
ONE = PAGEALLOC + ["--calls", "bulk", "--batch", "8"]
TIMES = ["alloc_ns", "free_ns", "total_ns"]
ROW = ["allocator", "cache", "mode", "check", "calls", "order", "batch", "threads", *TIMES, "spread_pct"]
WORKLOADS = {"pairs": 0, "whole": 1, "churn": 2, "cross": 3, "reach": 4}


def run(*args, command=tap.command, **variables):
    env = {**os.environ, **variables}
    return subprocess.run([command, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True, timeout=150, env=env)


def check_refused(name, result, status, *needles):
    tap.check(result.returncode == status, "%s: exit status %d" % (name, status),
              result.returncode, result.stderr)
    tap.check(result.stdout == "", name + ": no result", result.stdout)
    missing = [needle for needle in needles if needle not in result.stderr]
    tap.check(not missing, name + ": the diagnostic is complete", "missing: %s" % missing,
              result.stderr)


# ---- The option

for value, needles in (("", ["--allocator"]), ("word", ["'word'", "rte_mempool", "all"]),
                       ("quire,quire", ["'quire'", "twice"]), ("quire,", ["comma"])):
    check_refused("--allocator '%s'" % value, run(*ONE, "--allocator", value), 2, *needles)

result = run(*ONE, "--allocator", "quire", "--json", "-")
rows = json.loads(result.stdout)["rows"]
tap.check([list(row) for row in rows] == [ROW], "Quire alone: its row as ever", rows)

# ---- A peer that is not there

with tempfile.TemporaryDirectory() as folder:
    check_refused("a folder without the peer",
                  run(*ONE, "--allocator", "quire,rte_mempool", QUIRE_PEERS=folder), 1, folder,
                  "No such file", "QUIRE_PEERS")
    alone = shutil.copy(tap.command, folder)
    missing = run(*ONE, "--allocator", "quire,rte_mempool", command=alone, QUIRE_PEERS="")
    if missing.returncode == 0:
        print("# a peer is installed where this command looks for it: nothing is missing")
    else:
        check_refused("a peer that is not there", missing, 1, "quire-peer-rte_mempool",
                      *WHY[BUILD])
        result = run(*ONE, "--allocator", "all", "--json", "-", command=alone, QUIRE_PEERS="")
        tap.check(result.returncode == 0 and "rte_mempool is left out" in result.stderr and
                  [row["allocator"] for row in json.loads(result.stdout)["rows"]] == ["quire"],
                  "--allocator all: what was not built is left out, with a note", result.stderr)

# ---- Peers that are played: a script instead of the program

GREETING = "print('quire-peer 2 rte_mempool Played 1.0', flush=True)\n"
ANSWER = "print('times 1 2 3 0 250', flush=True)\n"
LOOP = "import sys\nfor line in sys.stdin:\n\t"


def play(script, *args, **variables):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "quire-peer-rte_mempool")
        with open(path, "w") as file:
            file.write("#!%s\n%s" % (sys.executable, script))
        os.chmod(path, 0o755)
        return run(*ONE, *args, QUIRE_PEERS=folder, **variables)


BOTH = ["--allocator", "quire,rte_mempool"]
result = play(GREETING + LOOP + ANSWER, *BOTH, "--json", "-")
report = json.loads(result.stdout)
quire, peer = report["rows"]
tap.check([peer[name] for name in TIMES] == [1, 2, 3], "a peer's answer is its row", peer)
tap.check(abs(quire["ratio_rte_mempool"] - quire["total_ns"] / 3) < 1e-3 * quire["total_ns"],
          "the ratio is Quire's total by the peer's", quire)
tap.check(report["options"]["libraries"] == {"rte_mempool": "Played 1.0"}, "the library is named",
          report["options"])
tap.check(report["options"]["allocator"] == ["quire", "rte_mempool"], "the options name both")

result = play(GREETING + LOOP + ANSWER, *BOTH, "--batch", "1,64")
tap.check("  vs" in result.stdout and "rte_mempool" in result.stdout.splitlines()[4] and
          "geometric mean" in result.stdout and "over 2 batches" in result.stdout,
          "the table compares", result.stdout)

BROKEN = [
    ("ends at once", "", ["'rte_mempool'", "ended with status 0"]),
    ("fails", "import sys\nsys.exit(3)", ["ended with status 3"]),
    ("is of another version", "print('quire-peer 99 rte_mempool x', flush=True)\ninput()",
     ["quire-peer 99", "anew"]),
    ("ends in a run", GREETING + "input()", ["ended with status 0"]),
    ("is killed", GREETING + "import os\ninput()\nos.kill(os.getpid(), 9)", ["signal 9"]),
    ("says nonsense", GREETING + "input()\nprint('tim', flush=True)\ninput()", ["'tim'"]),
    ("says too much", GREETING + "input()\nprint('x' * 5000, flush=True)\ninput()", ["'xxx"]),
    ("says nothing", "import time\ntime.sleep(100)", ["within 1 second ", "--work"]),
    ("hangs in a run", GREETING + "import time\ninput()\ntime.sleep(100)", ["within 1 second "]),
]
for name, script, needles in BROKEN:
    begin = time.monotonic()
    result = play(script, *BOTH, QUIRE_PEER_SECONDS="1" if "within" in needles[0] else "60")
    check_refused("a peer that " + name, result, 1, *needles)
    tap.check(time.monotonic() - begin < 30, "a peer that %s: no long wait" % name)

# One that is long in starting is waited for, and not in silence.
result = play("import time\ntime.sleep(6)\n" + GREETING + LOOP + ANSWER, *BOTH, "--json", "-")
tap.check(result.returncode == 0 and "waiting for the peer 'rte_mempool'" in result.stderr,
          "a peer that starts slowly: says that it waits", result.stderr)

# An installation that was moved as a whole.
with tempfile.TemporaryDirectory() as folder:
    os.makedirs(folder + "/bin")
    os.makedirs(folder + "/libexec/quire")
    alone = shutil.copy(tap.command, folder + "/bin")
    path = folder + "/libexec/quire/quire-peer-rte_mempool"
    with open(path, "w") as file:
        file.write("#!%s\n%s" % (sys.executable, GREETING + LOOP + ANSWER))
    os.chmod(path, 0o755)
    result = run(*ONE, *BOTH, "--json", "-", command=alone, QUIRE_PEERS="")
    tap.check(result.returncode == 0 and "Played 1.0" in result.stdout,
              "a peer is found beside a command that was moved with it", result.stderr)

# One that does not end with its input is ended.
result = play(GREETING + LOOP + ANSWER + "import time\ntime.sleep(100)", *BOTH)
tap.check(result.returncode == 0, "a peer that does not end: the result is there", result.stderr)


# ---- The real ones

def ticks_of(pid):
    """Time that a process has used, in clock ticks."""
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def ask(process, workload, calls=0, pattern=0, batch=8, threads=1, work=4096, held=0):
    process.stdin.write("run %d %d %d %d %d %d 1 %d\n" % (WORKLOADS[workload], calls, pattern,
                                                       batch, threads, work, held))
    process.stdin.flush()
    words = process.stdout.readline().split()
    name = "%s, %s calls, %d threads, %d held" % (workload, ("single", "bulk")[calls], threads,
                                                  held)
    if not tap.check(len(words) == 6 and words[0] == "times", name + ": answers", words):
        return [0.0] * 5
    return [float(word) for word in words[1:]]


def check_program(path):
    """What a peer's program answers to each workload, spoken to directly."""
    pages = 8192
    process = subprocess.Popen([path, str(pages), "test"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, universal_newlines=True)
    greeting = process.stdout.readline().split()
    tap.check(greeting[:3] == ["quire-peer", "2", "rte_mempool"] and len(greeting) > 3,
              "greets", greeting)
    got = ask(process, "reach", calls=1, batch=64)[3]
    tap.check(got == pages, "one thread alone reaches all", got)
    for calls in (0, 1):
        for workload, threads, held in (("pairs", 1, 0), ("pairs", 2, 0), ("pairs", 1, 4096),
                                        ("churn", 2, 4096), ("whole", 1, 0), ("cross", 2, 0)):
            times = ask(process, workload, calls, threads=threads, held=held)
            tap.check(all(0 <= t < 1e6 for t in times) and times[2] > 0, "times are times", times)
            tap.check((times[4] > 0) == (workload in ("pairs", "cross")), "and a throughput", times)
        got = ask(process, "reach", calls, batch=64, threads=2)[3]
        tap.check(pages - 2048 < got <= pages, "beside another's cache it reaches most", got)
    before = ticks_of(process.pid)
    time.sleep(1)
    tap.check(ticks_of(process.pid) - before <= 1, "sleeps between requests")
    process.stdin.close()
    tap.check(process.wait(20) == 0, "ends with its input")
    result = subprocess.run([path, str(pages), "test"], input="nonsense\n", text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    tap.check(result.returncode == 1 and "test: rte_mempool: 'nonsense" in result.stderr,
              "refuses what is no request", result.stderr)
    result = subprocess.run([path, "1", "test"], stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    tap.check(result.returncode == 1 and "--size" in result.stderr, "refuses one page",
              result.stderr)


def check_bench():
    size = ["--size", "64M"]
    result = run(*PAGEALLOC, *size, *BOTH, "--check", "on,off", "--batch", "1,8,512", "--threads",
                 "2", "--json", "-")
    tap.check(result.returncode == 0 and result.stderr == "", "beside Quire: exit status 0",
              result.stderr)
    rows = json.loads(result.stdout)["rows"]
    tap.check(len(rows) == 18, "a row for each combination", len(rows))
    for row in rows:
        ours = row["allocator"] == "quire"
        tap.check(list(row) == ROW + ["ratio_rte_mempool"] * ours, "a row has its fields", row)
        tap.check(0 < row["total_ns"] < 1e6 and row["alloc_ns"] >= 0 and row["free_ns"] >= 0,
                  "times are times", row)
        if not ours:
            tap.check(row["cache"] is None and row["check"] == "off" and row["order"] == 0,
                      "a peer's row says what it is", row)
            continue
        like = [peer for peer in rows if peer["allocator"] != "quire" and
                all(peer[name] == row[name] for name in ("calls", "batch", "threads"))]
        ratio = row["total_ns"] / like[0]["total_ns"]
        tap.check(len(like) == 1 and abs(row["ratio_rte_mempool"] - ratio) < 1e-3 * ratio,
                  "the ratio is to the row alike", row, like)
    result = run(*PAGEALLOC, *size, "--allocator", "all", "--order", "0,4", "--pattern", "random",
                 "--whole")
    lines = [line.split() for line in result.stdout.splitlines()]
    tap.check(result.returncode == 0 and
              [line[4] for line in lines if line and line[0] == "rte_mempool"] == ["0", "0"],
              "with orders, random frees, the whole region: rows of order 0", result.stdout,
              result.stderr)


if len(tap.helpers) == 0:
    tap.count += 1
    print("ok %d - rte_mempool # SKIP its program was not built: %s"
          % (tap.count, "sanitizers" if BUILD == "PEER_SANITIZED" else "libdpdk was not there"))
for helper in tap.helpers:
    check_program(helper)
    check_bench()
tap.check(not [name for name in os.listdir("/tmp") if name.startswith("quire-peer-")],
          "no folder is left behind")
tap.done()
