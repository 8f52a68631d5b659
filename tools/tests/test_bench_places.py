# SPDX-License-Identifier: MIT
"""The benches of where pages are: fill and reach."""
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
