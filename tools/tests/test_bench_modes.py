# SPDX-License-Identifier: MIT
"""Both modes of a cache that has them, and one row of a cache that has none."""
from reports import caches, check_table, modes, report_of
from tap import Tap

tap = Tap()
CACHES = caches(tap)
ALL = ["--cache", ",".join(CACHES), "--mode", "shared,biased"]
if "pcp" not in CACHES:
    tap.check(True, "no cache here has modes")
    tap.done()

QUICK = ["--runs", "1", "--work", "2048"]
BENCHES = [
    ("pagealloc", ["--batch", "1", "--calls", "single", *QUICK]),
    ("repeat", ["--threads", "2", "--calls", "single", *QUICK]),
    ("contend", ["--threads", "2", "--batch", "64", "--calls", "bulk", *QUICK]),
    ("cross", ["--calls", "bulk", *QUICK]),
    ("reach", ["--calls", "single", "--runs", "1"]),
    ("fill", ["--size", "64M", "--level", "50", "--pattern", "random", "--calls", "bulk", *QUICK]),
]
for name, args in BENCHES:
    report = report_of(tap, name, *ALL, *args)
    tap.check([(row["cache"], row["mode"]) for row in report["rows"]] ==
              [(cache, mode) for cache in CACHES for mode in modes(cache)],
              name + ": a row for each mode, biased first", report["rows"])
    tap.check(report["options"]["mode"] == ["biased", "shared"], name + ": options")
    report = report_of(tap, name, "--cache", "pcp", "--mode", "shared", *args)
    tap.check([row["mode"] for row in report["rows"]] == ["shared"], name + ": shared alone")
    # The default is that cache where it can be had.
    report = report_of(tap, name, "--mode", "biased,shared", *args)
    tap.check([row["mode"] for row in report["rows"]] == ["biased", "shared"],
              name + ": the default cache has both")

# An allocator may not lose a page because the CPU that has it must not be interrupted.
report = report_of(tap, "reach", "--cache", "pcp", "--mode", "shared", "--runs", "2")
tap.check(all(row["got_pct"] == 100 for row in report["rows"]), "reach, shared: every page",
          report["rows"])

lines = check_table(tap, "pagealloc", ["cache", "mode", "total"], *ALL, "--batch", "1", *QUICK)
tap.check(lines[5].split()[:2] == ["none", "-"], "table: no mode is a dash", lines)
lines = check_table(tap, "repeat", ["cache", "check"], "--cache", "pcp", "--threads", "1", *QUICK)
tap.check("mode" not in lines[3], "table: no column that was not asked for", lines)
tap.done()
