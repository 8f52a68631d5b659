# SPDX-License-Identifier: MIT
"""Reports of benches, as all of them have to be."""
import json

# Fields that a row with times begins with.
IDENTITY = ["allocator", "cache", "mode", "check", "calls", "order"]
TIMES = ["batch", "threads", "alloc_ns", "free_ns", "total_ns", "spread_pct"]


def caches(tap):
    """The caches that every machine has, and this one's default."""
    default = json.loads(tap.run("info", "--json").stdout)["cache"]["name"]
    return ["none", "locked"] + ([default] if default not in ("none", "locked") else [])


def modes(cache):
    """What rows of a cache have for the mode; None: it has no modes."""
    return ["biased", "shared"] if cache == "pcp" else [None]


def report_of(tap, name, *args):
    """Run a bench; its report, once it is known to be whole. Else the test ends here."""
    result = tap.run("bench", name, *args, "--json", "-")
    label = "%s %s" % (name, " ".join(args))
    if not tap.check(result.returncode == 0, label + ": exit status 0", result.stderr):
        tap.done()
    tap.check(result.stderr == "", label + ": nothing on standard error", result.stderr)
    report = json.loads(result.stdout)
    tap.check(list(report) == ["schema", "benchmark", "machine", "options", "rows"],
              label + ": the fields of a report", list(report))
    tap.check(report["schema"] == 1 and report["benchmark"] == name, label + ": names itself")
    tap.check(report["rows"], label + ": has rows")
    return report


def titles(lines):
    """The titles of the first table, which an empty line parts from the heading."""
    return lines[lines.index("") + 1] if "" in lines[:-1] else ""


def check_table(tap, name, columns, *args):
    """Run a bench; its table has a title, units, aligned lines and the columns."""
    result = tap.run("bench", name, *args)
    tap.check(result.returncode == 0, name + ", table: exit status 0", result.stderr)
    lines = result.stdout.splitlines()
    tap.check(lines and lines[0].startswith(name + ": "), name + ", table: its first line",
              result.stdout)
    tap.check(len(lines) > 5 and all(column in titles(lines) for column in columns),
              name + ", table: its columns", result.stdout)
    tap.check("ns/page" in result.stdout, name + ", table: units", result.stdout)
    tap.check("\033" not in result.stdout + result.stderr, name + ", table: no escapes")
    return lines
