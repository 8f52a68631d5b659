# SPDX-License-Identifier: MIT
"""The benches: JSON that a program can rely on, tables beside it, figures that fit each other."""
import json
import os
import tempfile

import reports
from tap import Tap

tap = Tap()
ROW = reports.IDENTITY + reports.TIMES
QUICK = ["--runs", "2", "--work", "4096"]


def report_of(name, *args):
    return reports.report_of(tap, name, *args)


def check_times(row):
    name = " ".join(str(row[field]) for field in ROW[1:7])
    tap.check(row["allocator"] == "quire", name + ": allocator")
    tap.check(0 < row["total_ns"] < 1e6 and row["alloc_ns"] >= 0 and row["free_ns"] >= 0,
              name + ": times are times", row)
    # Medians are taken each for itself, so two runs that differ may leave a gap between them.
    tap.check(abs(row["alloc_ns"] + row["free_ns"] - row["total_ns"]) <= 0.5 * row["total_ns"],
              name + ": alloc and free make up the total", row)
    tap.check(row["spread_pct"] >= 0, name + ": spread")


report = report_of("pagealloc", "--cache", "none,locked", "--check", "on,off,strict",
                   "--calls", "bulk,single", "--batch", "1,64", *QUICK)
for row in report["rows"]:
    tap.check(list(row) == ROW, "a row has exactly its fields", list(row))
    check_times(row)
found = [(row["cache"], row["check"], row["calls"], row["batch"]) for row in report["rows"]]
tap.check(sorted(found) ==
          sorted((cache, check, calls, batch) for cache in ("none", "locked")
                 for check in ("on", "off", "strict") for calls in ("single", "bulk")
                 for batch in (1, 64)), "every combination is a row, once")
tap.check(report["options"]["runs"] == 2 and report["options"]["work"] == 4096, "options are kept")

report = report_of("pagealloc", "--order", "0-4", "--batch", "16", "--threads", "2", "--calls",
                   "bulk", *QUICK)
tap.check([row["order"] for row in report["rows"]] == [0, 1, 2, 3, 4], "orders 0 to 4")
tap.check(all(row["threads"] == 2 for row in report["rows"]), "two threads")

report = report_of("pagealloc", "--form", "page,pfn,offset", "--pattern", "inorder,random",
                   "--batch", "128", "--calls", "single", *QUICK)
tap.check(sorted((row["form"], row["pattern"]) for row in report["rows"]) ==
          sorted((form, pattern) for form in ("page", "pfn", "offset")
                 for pattern in ("inorder", "random")), "forms and patterns are told apart")

report = report_of("pagealloc", "--whole", "--size", "64M", "--cache", "none", "--calls",
                   "single,bulk", "--pattern", "random", "--runs", "2")
for row in report["rows"]:
    tap.check(list(row) == ROW and row["batch"] == 512, "--whole: rows, batches of 512", row)
    check_times(row)
tap.check(report["options"]["whole"] is True and report["options"]["pages"] == 16384,
          "--whole: options")

report = report_of("frag", "--size", "4G", "--rounds", "100", "--cache", "locked", "--threads", "2")
rows = report["rows"]
tap.check([(row["round"], row["drained"]) for row in rows] ==
          [(r, False) for r in range(101)] + [(100, True)], "frag: every round, then drained",
          [(row["round"], row["drained"]) for row in rows])
for row in rows:
    tap.check({"allocator", "cache", "threads", "round", "free_huge", "possible_huge", "drained"} <=
              set(row), "frag: fields of a row", list(row))
    tap.check(0 <= row["free_huge"] <= row["possible_huge"] <= 2048, "frag: possible",
              row)
tap.check(all(row["possible_huge"] >= 1024 for row in rows), "frag: more than half is free", rows[0])
tap.check(rows[0]["free_huge"] < 0.5 * rows[0]["possible_huge"], "frag: scattered at first",
          rows[0])
for row in rows[-2:]:
    tap.check(row["free_huge"] >= 0.98 * row["possible_huge"],
              "frag: 98 % of the blocks are whole again in the end", row)

for calls, batches in (("single", [1]), ("bulk", [16]), ("single,bulk", [1, 16])):
    report = report_of("frag", "--size", "64M", "--rounds", "1", "--calls", calls, "--batch", "16")
    tap.check(report["options"]["batch"] == batches, calls + ": the options name what ran",
              report["options"])
    tap.check({row["batch"] for row in report["rows"]} == set(batches),
              calls + ": so do the rows")

text = tap.run("bench", "pagealloc", "--batch", "1", "--work", "1", "--runs", "1").stdout
tap.check("1 thread," in text and "1 run " in text and "1 block each" in text, "one is no plural",
          text)

# Progress into a terminal: with escapes where it knows them, else none.
for term, wanted in (("xterm", True), ("dumb", False), ("", False), (None, False)):
    text = tap.run_terminal(term, "bench", "pagealloc", "--batch", "1", "--work", "1", "--runs",
                            "1")
    tap.check("ns/page" in text and ("\033" in text) == wanted, "TERM %s: escapes" % term,
              repr(text))

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "result.json")
    args = ["bench", "pagealloc", "--batch", "1,8", "--calls", "single,bulk", *QUICK]
    result = tap.run(*args, "--json", path)
    tap.check(result.returncode == 0, "--json FILE: exit status 0", result.stderr)
    with open(path) as file:
        rows = json.load(file)["rows"]
    tap.check(len(rows) == 4, "--json FILE: the file has the rows")
    lines = result.stdout.splitlines()
    tap.check("ns/page" in result.stdout and "/bulk" in result.stdout,
              "the table has units and a ratio", result.stdout)
    tap.check(len({len(line) for line in lines[3:]}) == 1, "the table is aligned", result.stdout)
    for row in rows:
        tap.check("%.2f" % row["total_ns"] in result.stdout, "the table shows the same figures",
                  row, result.stdout)
    tap.check("\033" not in result.stdout + result.stderr, "no escapes into pipes")
tap.done()
