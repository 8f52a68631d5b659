# SPDX-License-Identifier: MIT
"""The benches by several threads: repeat, cross and contend, and what they count of zone locks."""
import os

from reports import IDENTITY, TIMES, caches, check_table, report_of
from tap import Tap

tap = Tap()
CACHES = caches(tap)
ALL = ["--cache", ",".join(CACHES)]
# An odd number: medians then are those of one run, and keep the order that each run has.
QUICK = ["--runs", "3", "--work", "4096"]
LOCKS = ["zone_locks_per_million", "zone_contended_per_million"]


def check_row(row, extra, teams):
    name = " ".join(str(row[field]) for field in IDENTITY[1:5] + ["batch", "threads"])
    tap.check(list(row) == IDENTITY + TIMES + extra + LOCKS, name + ": exactly its fields",
              list(row))
    tap.check(row["allocator"] == "quire" and row["order"] == 0, name + ": allocator and order")
    tap.check(0 < row["total_ns"] < 1e7 and row["alloc_ns"] >= 0 and row["free_ns"] >= 0 and
              row["spread_pct"] >= 0, name + ": times are times", row)
    tap.check(row["work"] == 4096, name + ": its work", row)
    # A thread's own time is a part of that from the first start to the last end.
    most = 1000 * teams / row["total_ns"]
    tap.check(0 < row["mpages_per_s"] <= most * (1 + 1e-4),
              name + ": throughput is by the time of all threads together", row)
    if row["threads"] == 1:
        tap.check(row["mpages_per_s"] >= most * (1 - 1e-4), name + ": of one it is its own", row)
    tap.check(0 <= row["zone_contended_per_million"] <= row["zone_locks_per_million"],
              name + ": contended ones are a part of all", row)


def locks(rows, cache, **like):
    return [row["zone_locks_per_million"] for row in rows
            if row["cache"] == cache and all(row[name] == like[name] for name in like)]


report = report_of(tap, "repeat", *ALL, "--check", "on,off", "--calls", "bulk,single",
                   "--threads", "1,2", *QUICK)
rows = report["rows"]
for row in rows:
    check_row(row, ["form", "work", "mpages_per_s"], row["threads"])
    tap.check(row["batch"] == 1, "repeat: one page at a time", row)
tap.check([(row["cache"], row["check"], row["threads"], row["calls"]) for row in rows] ==
          [(cache, check, threads, calls) for cache in CACHES for check in ("on", "off")
           for threads in (1, 2) for calls in ("single", "bulk")],
          "repeat: every combination, single calls before bulk")
tap.check(report["options"]["threads"] == [1, 2] and report["options"]["work"] == 4096,
          "repeat: options", report["options"])
# Two a page: one for the allocation, one for the free. Lists save nearly all of them.
tap.check(all(abs(number - 2e6) < 1e4 for number in locks(rows, "none", threads=1)),
          "repeat, none: each call takes the zone's lock", locks(rows, "none", threads=1))
for cache in CACHES[1:]:
    tap.check(all(number < 1e5 for number in locks(rows, cache, threads=1)),
              "repeat, %s: next to none does" % cache, locks(rows, cache, threads=1))

report = report_of(tap, "contend", *ALL, "--threads", "1-4", *QUICK)
rows = report["rows"]
for row in rows:
    check_row(row, ["form", "work", "mpages_per_s"], row["threads"])
tap.check(sorted((row["cache"], row["threads"], row["batch"], row["calls"]) for row in rows) ==
          sorted((cache, threads, batch, calls) for cache in CACHES
                 for threads in (1, 2, 3, 4) for batch in (1, 64) for calls in ("single", "bulk")),
          "contend: a range of threads, batches of 1 and 64, both calls")
found = locks(rows, "none", threads=1, batch=64, calls="bulk")
tap.check(len(found) == 1 and abs(found[0] - 2e6 / 64) < 1e3,
          "contend, none: a bulk call takes the zone's lock once", found)

report = report_of(tap, "cross", *ALL, "--form", "page,pfn,offset", "--batch", "1,64",
                   *QUICK)
rows = report["rows"]
for row in rows:
    check_row(row, ["form", "work", "pairs", "mpages_per_s"], row["pairs"])
    tap.check(row["pairs"] == 1 and row["threads"] == 2, "cross: a pair is two threads", row)
tap.check(sorted((row["cache"], row["form"], row["batch"], row["calls"]) for row in rows) ==
          sorted((cache, form, batch, calls) for cache in CACHES
                 for form in ("page", "pfn", "offset") for batch in (1, 64)
                 for calls in ("single", "bulk")), "cross: every combination")
report = report_of(tap, "cross", "--check", "off,strict", "--pairs", "1-3", "--calls", "bulk",
                   "--batch", "300", *QUICK)
tap.check([(row["check"], row["pairs"]) for row in report["rows"]] ==
          [(check, pairs) for check in ("off", "strict") for pairs in (1, 2, 3)],
          "cross: pairs", report["rows"])
tap.check(report["options"]["pairs"] == [1, 2, 3], "cross: options", report["options"])

# Batches that want more than the usual region get a larger one; a size that is given is kept.
report = report_of(tap, "cross", "--batch", "64K", "--calls", "bulk", "--cache", "none", "--runs",
                   "1", "--work", "1")
tap.check(report["options"]["pages"] >= 6 * 65536, "cross: a region for large batches",
          report["options"])

# Work that nobody chose takes a while, and the rows say how much it was.
report = report_of(tap, "repeat", "--threads", "1", "--runs", "1", "--calls", "single")
tap.check(report["options"]["work"] == 0 and report["rows"][0]["work"] >= 4096,
          "repeat: work is chosen", report)

columns = ["cache", "calls", "alloc", "free", "total", "single", "together", "locks", "waits"]
check_table(tap, "repeat", columns + ["threads"], "--threads", "1,2", *QUICK)
check_table(tap, "contend", columns + ["threads", "batch"], "--threads", "2", *QUICK)
columns.remove("single")
lines = check_table(tap, "cross", columns + ["pairs", "form"], "--form", "page,pfn", *QUICK)
tap.check(lines[1].endswith("times per page and pair of threads"), "cross: what times are per",
          lines[1])

# Threads that have to share one CPU do no more together than one alone; sections so short run one
# after the other, and each thread's own time says nothing of that.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
report = report_of(tap, "contend", "--cache", "locked", "--threads", "1,32", "--batch", "1",
                   "--calls", "single", "--runs", "9", "--work", "4096")
one, many = (row["mpages_per_s"] for row in report["rows"])
tap.check(many < 8 * one, "contend: 32 threads on one CPU are not 32 times as fast", one, many)
tap.done()
