# SPDX-License-Identifier: MIT
"""The bench of drains: its rows, and that their figures fit each other."""
from reports import IDENTITY, caches, check_table, modes, report_of, titles
from tap import Tap

tap = Tap()
CACHES = caches(tap)
ALL = ["--cache", ",".join(CACHES)]
QUANTILES = ["p50", "p99", "p99_9", "p99_99", "max"]
DUE = ["due_%s_ns" % name for name in QUANTILES]
BEGIN = ["begin_%s_ns" % name for name in QUANTILES]
LATENCY = ["latency_p50_us", "latency_p99_us", "latency_max_us"]
FIELDS = IDENTITY + ["batch", "victim", "target", "rate", "victim_cpu", "drainer_cpu", "elapsed_s",
                     "drains", "drains_with_pages", "drains_per_s", *LATENCY, "pages_moved",
                     "pages_per_drain", "pair_ns", "spread_pct", "lost_ns", "lost_quartiles_ns",
                     "interrupts", "control_interrupts", "more_interrupts_per_drain",
                     "victim_pages", *DUE, *BEGIN]


def near(a, b):
    return abs(a - b) <= 1e-4 * abs(b)


def rises(row, fields):
    return all(row[a] <= row[b] for a, b in zip(fields, fields[1:]))


def name_of(row):
    return "drain: %s %s %s, rate %s" % (row["cache"], row["mode"], row["victim"], row["rate"])


def check_control(row):
    name = name_of(row)
    tap.check(row["drains"] == row["drains_with_pages"] == row["pages_moved"] == 0,
              name + ": no drains", row)
    tap.check(row["target"] is None and all(row[field] is None for field in LATENCY + [
        "pages_per_drain", "lost_ns", "control_interrupts", "more_interrupts_per_drain"]),
              name + ": nothing known of drains", row)


def check_drained(row, runs):
    name = name_of(row)
    tap.check(0 < row["drains"] and row["drains_with_pages"] <= row["drains"], name + ": drains",
              row)
    if row["rate"] != "max":
        tap.check(row["drains"] <= row["rate"] * row["elapsed_s"] + runs,
                  name + ": no more than asked for", row)
    tap.check(near(row["drains_per_s"], row["drains"] / row["elapsed_s"]),
              name + ": drains a second", row)
    tap.check(0 <= row[LATENCY[0]] and rises(row, LATENCY), name + ": latencies rise", row)
    tap.check(near(row["pages_per_drain"], row["pages_moved"] / row["drains"]),
              name + ": pages a drain", row)
    has_pages = (row["pages_moved"] > 0, row["drains_with_pages"] > 0)
    tap.check(has_pages == (row["cache"] != "none", row["cache"] != "none"),
              name + ": what is moved is what lists have", row)
    more = row["more_interrupts_per_drain"]
    if more is not None:
        tap.check(abs(more * row["drains_with_pages"] + row["control_interrupts"] -
                      row["interrupts"]) < 0.01 + 1e-4 * row["interrupts"],
                  name + ": interrupts beside the control's", row)


def check_victim(row, runs):
    name = name_of(row)
    works = row["victim"] != "idle"
    tap.check((row["pair_ns"] is not None and row["pair_ns"] > 0) == works and
              (row["victim_pages"] > 0) == works, name + ": who works has times", row)
    tap.check((row["lost_ns"] is not None) == (works and row["rate"] != 0) and
              (row["lost_quartiles_ns"] is None) == (row["lost_ns"] is None or runs == 1),
              name + ": a loss where there is something to lose", row)
    if row["victim"] == "paced":
        tap.check(row[BEGIN[0]] > 0 and rises(row, BEGIN) and rises(row, DUE),
                  name + ": quantiles rise", row)
        tap.check(all(row[due] >= row[begin] for due, begin in zip(DUE, BEGIN)),
                  name + ": lateness is not hidden", row)
    else:
        tap.check(all(row[field] is None for field in DUE + BEGIN),
                  name + ": only a paced victim has operations", row)


def check_rows(report, runs):
    for row in report["rows"]:
        tap.check(list(row) == FIELDS, name_of(row) + ": exactly its fields", list(row))
        tap.check((row["mode"] is None) == (row["cache"] != "pcp"), name_of(row) + ": its mode")
        tap.check(row["interrupts"] is None or row["interrupts"] >= 0,
                  name_of(row) + ": interrupts", row)
        if row["rate"] == 0:
            check_control(row)
        else:
            check_drained(row, runs)
        check_victim(row, runs)


report = report_of(tap, "drain", *ALL, "--seconds", "0.15", "--runs", "2", "--rate",
                   "1000,0,50", "--victim", "idle,paced,busy")
check_rows(report, 2)
ROWS = [(victim, rate) for victim in ("busy", "paced", "idle") for rate in (0, 50, 1000)
        if rate or victim != "idle"]
tap.check([(row["cache"], row["victim"], row["rate"]) for row in report["rows"]] ==
          [(cache, *row) for cache in CACHES for row in ROWS],
          "drain: the control first, then rising rates; busy, paced, idle", report["rows"])
tap.check(report["options"]["seconds"] == 0.15 and report["options"]["rate"] == [0, 50, 1000] and
          report["options"]["victim"] == ["busy", "paced", "idle"], "drain: options",
          report["options"])
tap.check(all(row["mode"] in ("biased", None) for row in report["rows"]),
          "drain: biased unless asked for")
if report["machine"]["cpus_allowed"] > 1:
    tap.check(all(row["victim_cpu"] != row["drainer_cpu"] for row in report["rows"]),
              "drain: two CPUs")

report = report_of(tap, "drain", "--check", "off", "--batch", "64", "--calls", "bulk", "--victim",
                   "busy", "--rate", "500", "--seconds", "0.1", "--runs", "1")
tap.check([(row["rate"], row["batch"], row["calls"]) for row in report["rows"]] ==
          [(0, 64, "bulk"), (500, 64, "bulk")], "drain: a control that was not asked for",
          report["rows"])

# Both modes, one CPU and all of them: each mode has its control, and the targets share it.
report = report_of(tap, "drain", *ALL, "--mode", "biased,shared", "--target", "one,all", "--victim",
                   "busy", "--rate", "2000", "--seconds", "0.05", "--runs", "1")
check_rows(report, 1)
tap.check([(row["cache"], row["mode"], row["target"], row["rate"]) for row in report["rows"]] ==
          [(cache, mode, target, 2000 if target else 0) for cache in CACHES
           for mode in modes(cache) for target in (None, "one", "all")],
          "drain: every mode and target", report["rows"])

# So many drains, however long that takes, and a control for as long after them.
report = report_of(tap, "drain", *ALL, "--mode", "biased,shared", "--victim", "busy,paced,idle",
                   "--drains", "40", "--runs", "2")
check_rows(report, 2)
rows = report["rows"]
tap.check([(row["cache"], row["mode"], row["victim"], row["rate"]) for row in rows] ==
          [(cache, victim_mode, victim, rate) for cache in CACHES
           for victim in ("busy", "paced", "idle") for victim_mode in modes(cache)
           for rate in ("max", 0) if rate or victim != "idle"],
          "--drains: each row has a control of its own after it", rows)
for row, control in zip(rows, rows[1:] + [None]):
    if not row["rate"]:
        continue
    tap.check(row["drains"] == 80, name_of(row) + ", --drains: exactly so many", row)
    if row["cache"] != "none":
        tap.check(row["drains_with_pages"] == 80, name_of(row) + ": the victim has gone on", row)
    if row["victim"] == "idle":
        tap.check(row["control_interrupts"] is None, name_of(row) + ": no control", row)
        continue
    tap.check(control["elapsed_s"] >= row["elapsed_s"] * (1 - 1e-4),
              name_of(row) + ": a control of that length", row, control)
    tap.check(row["control_interrupts"] == control["interrupts"],
              name_of(row) + ": its interrupts are the control's", row, control)
tap.check(report["options"]["drains"] == 40 and report["options"]["rate"] == ["max"] and
          "seconds" not in report["options"], "--drains: options", report["options"])
report = report_of(tap, "drain", "--victim", "busy", "--drains", "5", "--rate", "1000")
tap.check([(row["rate"], row["drains"]) for row in report["rows"]] == [(1000, 5), (0, 0)],
          "--drains: at a rate that is given", report["rows"])
tap.check(report["options"]["runs"] == 1, "--drains: one run unless more are asked for",
          report["options"])


def heading(lines):
    return lines[:lines.index("")]


def check_heading(lines, says):
    tap.check(says in heading(lines)[0], "drain, table: its heading says " + says, lines)
    tap.check(max(len(line) for line in heading(lines)) <= 100, "drain, table: its heading fits",
              lines)


def has_more(lines):
    """Whether the table of interrupts has a figure in its only row's last cell, 'more'."""
    units = [i for i, line in enumerate(lines) if line.endswith("/drain")]
    return len(lines[units[0] + 1]) == len(lines[units[0]])


# Few drains say nothing about interrupts. Whether the system counts them, the report knows.
counted = report["rows"][0]["interrupts"] is not None
for drains in (999, 1000):
    result = tap.run("bench", "drain", "--cache", "locked", "--victim", "busy", "--drains",
                     str(drains))
    tap.check(result.returncode == 0 and has_more(result.stdout.splitlines()) ==
              (counted and drains == 1000), "drain, table: 'more' of %d drains" % drains,
              result.stdout, result.stderr)

COLUMNS = ["victim", "asked", "done", "p50", "p99", "max", "moved", "pair", "lost"]
lines = check_table(tap, "drain", COLUMNS, "--seconds", "0.02", "--runs", "2", "--rate", "200")
check_heading(lines, "; CPU %d is busy or idle" % report["rows"][0]["victim_cpu"])
check_heading(lines, "empties the list of CPU %d;" % report["rows"][0]["victim_cpu"])
tap.check(any("with pages" in line and "control" in line for line in lines),
          "drain, table: interrupts", lines)
tap.check("target" not in titles(lines) and not any("p99.99" in line for line in lines),
          "drain, table: no columns that were not asked for", lines)
lines = check_table(tap, "drain", COLUMNS + ["target"], *ALL, "--seconds", "0.02", "--runs", "1",
                    "--rate", "0,200,max", "--target", "one,all", "--victim", "paced")
check_heading(lines, ", or those of all CPUs; ")
check_heading(lines, " is paced")
tap.check(any("p99.9 " in line and "p99.99 " in line for line in lines), "drain, table: operations",
          lines)
tap.check(any(" due " in line for line in lines) and any(" begin " in line for line in lines),
          "drain, table: both ways to count", lines)
tap.check(any(" max " in line and " one " in line for line in lines), "drain, table: rate max",
          lines)
tap.check(max(len(line) for line in lines) <= 115, "drain, table: fits", lines)
lines = check_table(tap, "drain", COLUMNS + ["target"], "--seconds", "0.02", "--runs", "1",
                    "--rate", "200", "--target", "all", "--victim", "busy,paced,idle", "--check",
                    "strict", "--batch", "64")
check_heading(lines, " empties the lists of all CPUs; ")
check_heading(lines, " is busy, paced or idle")
tap.done()
