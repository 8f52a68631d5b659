# SPDX-License-Identifier: MIT
"""The benches of where pages are: fill, drain and reach."""
from reports import IDENTITY, TIMES, caches, check_table, report_of
from tap import Tap

tap = Tap()
CACHES = caches(tap)
ALL = ["--cache", ",".join(CACHES)]

# ---- fill
report = report_of(tap, "fill", "--size", "64M", *ALL, "--runs", "2", "--work", "2048")
for row in report["rows"]:
    tap.check(list(row) == IDENTITY + TIMES + ["full_pct", "pattern"], "fill: fields of a row",
              list(row))
    tap.check(0 < row["total_ns"] < 1e7, "fill: times are times", row)
LEVELS = [10, 25, 50, 75, 90, 95, 99]
tap.check([(row["cache"], row["full_pct"], row["pattern"], row["calls"])
           for row in report["rows"]] ==
          [(cache, level, pattern, calls) for cache in CACHES for level in LEVELS
           for pattern in ("inorder", "random") for calls in ("single", "bulk")],
          "fill: every level from 10 to 99 %")
tap.check(report["options"]["level"] == LEVELS, "fill: options", report["options"])

# ---- drain
FIELDS = IDENTITY + ["batch", "victim", "rate", "victim_cpu", "drainer_cpu", "drains",
                     "drains_per_s", "latency_p50_us", "latency_p99_us", "latency_max_us",
                     "pages_moved", "pages_per_drain", "pair_ns", "spread_pct", "lost_ns",
                     "lost_quartiles_ns"]
LATENCY = ["latency_p50_us", "latency_p99_us", "latency_max_us"]


def near(a, b):
    return abs(a - b) <= 1e-4 * abs(b)


def check_drain(row, seconds):
    name = "drain: %s %s, rate %s" % (row["cache"], row["victim"], row["rate"])
    tap.check(list(row) == FIELDS, name + ": exactly its fields", list(row))
    tap.check(near(row["drains_per_s"], row["drains"] / seconds), name + ": drains a second", row)
    tap.check(row["drains"] <= row["rate"] * seconds + 2, name + ": no more than asked for", row)
    if row["rate"] == 0:
        tap.check(row["drains"] == 0 and row["pages_moved"] == 0, name + ": no drains", row)
        tap.check(all(row[field] is None for field in LATENCY + ["pages_per_drain", "lost_ns"]),
                  name + ": nothing known of drains", row)
    else:
        tap.check(row["drains"] > 0, name + ": drains", row)
        tap.check(0 <= row[LATENCY[0]] <= row[LATENCY[1]] <= row[LATENCY[2]],
                  name + ": latencies rise", row)
        tap.check(near(row["pages_per_drain"], row["pages_moved"] / row["drains"]),
                  name + ": pages a drain", row)
        moved = row["pages_moved"] == 0 if row["cache"] == "none" else row["pages_moved"] > 0
        tap.check(moved, name + ": what is moved is what lists have", row)
    busy = row["victim"] == "busy"
    tap.check((row["pair_ns"] is not None and row["pair_ns"] > 0) == busy,
              name + ": a busy victim has times", row)
    tap.check((row["lost_ns"] is not None) == (busy and row["rate"] > 0) and
              (row["lost_quartiles_ns"] is None) == (row["lost_ns"] is None),
              name + ": a loss where there is something to lose", row)


report = report_of(tap, "drain", *ALL, "--seconds", "0.15", "--runs", "2", "--rate",
                   "1000,0,50")
for row in report["rows"]:
    check_drain(row, 0.3)
ROWS = [("busy", 0), ("busy", 50), ("busy", 1000), ("idle", 50), ("idle", 1000)]
tap.check([(row["cache"], row["victim"], row["rate"]) for row in report["rows"]] ==
          [(cache, *row) for cache in CACHES for row in ROWS],
          "drain: the control first, then rising rates; busy, then idle")
tap.check(report["options"]["seconds"] == 0.15 and report["options"]["rate"] == [0, 50, 1000] and
          report["options"]["victim"] == ["busy", "idle"], "drain: options", report["options"])
if report["machine"]["cpus_allowed"] > 1:
    tap.check(all(row["victim_cpu"] != row["drainer_cpu"] for row in report["rows"]),
              "drain: two CPUs")

report = report_of(tap, "drain", "--check", "off", "--batch", "64", "--calls", "bulk", "--victim",
                   "busy", "--rate", "500", "--seconds", "0.1", "--runs", "1")
tap.check([(row["rate"], row["batch"], row["calls"]) for row in report["rows"]] ==
          [(0, 64, "bulk"), (500, 64, "bulk")], "drain: a control that was not asked for",
          report["rows"])
check_table(tap, "drain", ["victim", "asked", "done", "p50", "p99", "max", "moved", "pair", "lost"],
            "--seconds", "0.02", "--runs", "2", "--rate", "200")

# ---- reach
report = report_of(tap, "reach", *ALL, "--check", "on,off", "--runs", "2")
FIELDS = IDENTITY + ["batch", "threads", "pages", "got", "got_pct", "alloc_ns", "free_lists",
                     "free_depot", "free_stash", "free_zone", "deferred"]
for row in report["rows"]:
    name = "reach: %s, check %s, %s" % (row["cache"], row["check"], row["calls"])
    tap.check(list(row) == FIELDS, name + ": exactly its fields", list(row))
    tap.check(row["got"] == row["pages"] == 4096 and row["got_pct"] == 100, name + ": every page",
              row)
    tap.check(sum(row[field] for field in FIELDS[-5:]) == row["pages"],
              name + ": the pages were somewhere", row)
    in_lists = row["free_lists"] + row["free_depot"]
    tap.check(in_lists == 0 if row["cache"] == "none" else in_lists > 0,
              name + ": lists and depot had some of them", row)
tap.check([(row["cache"], row["check"], row["calls"]) for row in report["rows"]] ==
          [(cache, check, calls) for cache in CACHES for check in ("on", "off")
           for calls in ("single", "bulk")], "reach: every combination")

# Whatever is the default, and other sizes: a list may never hide a page.
for size in ("2M", "16M", "256M"):
    report = report_of(tap, "reach", "--size", size, "--runs", "1")
    tap.check(all(row["got_pct"] == 100 for row in report["rows"]), "reach, %s: 100 %%" % size,
              report["rows"])
check_table(tap, "reach", ["allocator", "pages", "in lists", "depot", "zone", "got", "of all"],
            "--runs", "1")
tap.done()
