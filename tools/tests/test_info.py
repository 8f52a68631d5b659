# SPDX-License-Identifier: MIT
"""`quire info`: the table of metadata, in text and JSON, the bound it is held to; the cache that is
used here and what it needs; and what is said of old kernels."""
import json
import os
import subprocess

from tap import Tap

tap = Tap()
SIZES = [64, 4096, 1 << 20, 1 << 28]
BOUND = 1.3
FROM_PAGES = (64 << 20) // 4096


def rows_of(*args):
    result = tap.run("info", *args, "--json")
    tap.check(result.returncode == 0, "info %s: exit status 0" % " ".join(args), result.stderr)
    return json.loads(result.stdout)


whole = rows_of()
tap.check(whole["schema"] == 1 and whole["benchmark"] == "info", "the report has its schema")
for field in ("kernel", "cpu", "cpus_possible", "cpus_online", "page_bytes", "rseq_bytes",
              "membarrier", "huge_pages", "quire", "linked"):
    tap.check(field in whole["machine"], "machine has " + field)
tap.check(whole["cache"]["name"] in ("none", "locked", "pcp", "magazine"), "a cache is named")
tap.check(len(whole["cache"]["reason"]) > 10, "and the reason is given")

cpus = sorted({2, 256, whole["machine"]["cpus_possible"]})
tap.check(sorted((row["pages"], row["cpus"]) for row in whole["rows"]) ==
          sorted((pages, nr) for pages in SIZES for nr in cpus),
          "a row for each size and number of CPUs", whole["rows"])
for row in whole["rows"]:
    name = "%d pages, %d CPUs" % (row["pages"], row["cpus"])
    a_page = row["bytes"] / row["pages"]
    tap.check(abs(row["bytes_per_page"] - a_page) <= 1e-5 * a_page,
              name + ": bytes a page follow from bytes")
    tap.check(0 <= row["list_bytes"] < row["bytes"], name + ": lists are a part")
    if row["pages"] >= FROM_PAGES:
        tap.check(row["bytes"] - row["list_bytes"] <= BOUND * row["pages"],
                  name + ": at most %.1f bytes a page without lists" % BOUND, row)
by_size = {(row["pages"], row["cpus"]): row for row in whole["rows"]}
for pages in SIZES[2:]:
    tap.check(by_size[pages, 256]["list_bytes"] >= by_size[pages, 2]["list_bytes"],
              "%d pages: lists do not shrink with more CPUs" % pages)

# The same sizes, asked of the library by another program.
if tap.check(len(tap.helpers) == 2, "the helpers are given"):
    pairs = [str(number) for row in whole["rows"] for number in (row["pages"], row["cpus"])]
    asked = subprocess.run(tap.helpers[:1] + pairs, stdout=subprocess.PIPE, universal_newlines=True)
    tap.check(asked.returncode == 0, "the helper works")
    for line in asked.stdout.splitlines():
        pages, nr, size, list_size = (int(word) for word in line.split())
        row = by_size.pop((pages, nr))
        tap.check(row["bytes"] == size and row["list_bytes"] == list_size,
                  "%d pages, %d CPUs: as the library says" % (pages, nr), line, row)
    tap.check(not by_size, "and all of them")

# Two lists for each CPU where drains swap them.
if whole["cache"]["name"] == "pcp":
    one_list, two_lists = (rows_of("--cache", name, "--bytes", "4G", "--cpus", "2")["rows"][0]
                           for name in ("locked", "pcp"))
    # Records and depot, which both have, are in the number too.
    tap.check(1.5 * one_list["list_bytes"] < two_lists["list_bytes"],
              "pcp has two lists where locked has one", one_list, two_lists)

# What pcp needs, and which cache that leaves.
pcp = whole["cache"]["pcp"]
tap.check(sorted(pcp) == ["fence", "rseq", "sections", "warning"], "what pcp needs is told", pcp)
needed = pcp["fence"] and pcp["rseq"] and pcp["sections"]
refused = "refuses membarrier" in whole["cache"]["reason"]  # though it says that it has it
tap.check(whole["cache"]["name"] == ("pcp" if needed and not refused else "locked"),
          "the default is pcp where it has what it needs, else locked", whole["cache"])
tap.check(pcp["rseq"] == (whole["machine"]["rseq_bytes"] > 0), "rseq is a size too")
tap.check(pcp["fence"] == ("PRIVATE_EXPEDITED_RSEQ" in whole["machine"]["membarrier"]),
          "the fence is among the membarriers")
without = subprocess.run([tap.command, "info", "--json"], stdout=subprocess.PIPE,
                         universal_newlines=True,
                         env=dict(os.environ, GLIBC_TUNABLES="glibc.pthread.rseq=0"))
turned_off = json.loads(without.stdout)["cache"]
tap.check(turned_off["name"] == "locked" and not turned_off["pcp"]["rseq"]
          and "rseq" in turned_off["reason"], "with rseq turned off it is locked", turned_off)

# Releases of the kernel, their numbers, and whether pcp is in danger there: (release, numbers or
# None, of every processor, of aarch64).
RELEASES = (
    ("6.12.54", (6, 12, 54), False, False),
    ("6.12.53", (6, 12, 53), True, True),
    ("6.12", (6, 12, 0), True, True),
    ("6.12-rc7", (6, 12, 0), True, True),
    ("6.12.", (6, 12, 0), True, True),
    ("6.12.100", (6, 12, 100), False, False),
    ("6.12.60+deb13-amd64", (6, 12, 60), False, False),
    ("6.1.0-18-amd64", (6, 1, 0), True, True),
    ("6.9.12-200.fc40.x86_64", (6, 9, 12), True, True),
    ("4.18.0-553.el8_10.x86_64", (4, 18, 0), True, True),
    ("5.15.167.4-microsoft-standard-WSL2", (5, 15, 167), True, True),
    ("6.13-rc1", (6, 13, 0), True, True),
    ("6.16.12", (6, 16, 12), True, True),
    ("6.17.3-arch1-1", (6, 17, 3), True, True),
    ("6.17.4", (6, 17, 4), False, False),
    ("6.18.0-rc1", (6, 18, 0), False, False),
    ("6.18.44-fc-v657", (6, 18, 44), False, False),
    ("6.19.0", (6, 19, 0), False, True),
    ("7.0.5", (7, 0, 5), False, True),
    ("7.1.0", (7, 1, 0), False, False),
    ("10.0", (10, 0, 0), False, False),
    ("", None, False, False),
    ("6", None, False, False),
    ("6-rc1", None, False, False),
    ("6..1", None, False, False),
    (".6.1", None, False, False),
    (" 6.1.0", None, False, False),
    ("-6.1.0", None, False, False),
    ("linux", None, False, False),
    ("99999999999999999999.1", None, False, False),
    ("6.4294967308.0", None, False, False),
    ("6.1.18446744073709551615", None, False, False),
)
for arch, column in (("x86_64", 2), ("aarch64", 3)):
    words = [word for row in RELEASES for word in (row[0], arch)]
    asked = subprocess.run(tap.helpers[1:] + words, stdout=subprocess.PIPE, universal_newlines=True)
    lines = asked.stdout.splitlines()
    tap.check(len(lines) == len(RELEASES), "a line for each release", asked.stdout)
    for row, line in zip(RELEASES, lines):
        numbers, warning = line.split(": ", 1) if ": " in line else (line.rstrip(":"), "")
        tap.check(numbers == ("-" if row[1] is None else "%d %d %d" % row[1]),
                  "release '%s' is understood" % row[0], line)
        tap.check(bool(warning) == row[column] and ("locked" in warning) == row[column],
                  "release '%s' on %s: %s" % (row[0], arch, "warned of" if row[column] else
                                              "nothing is said"), line)
own = subprocess.run(tap.helpers[1:] + [whole["machine"]["kernel"], whole["machine"]["arch"]],
                     stdout=subprocess.PIPE, universal_newlines=True).stdout
tap.check(own.strip().endswith(": " + pcp["warning"] if pcp["warning"] else ":"),
          "the warning is that of this kernel", own, pcp)

one = rows_of("--bytes", "64M", "--cpus", "7")
tap.check([(row["pages"], row["cpus"]) for row in one["rows"]] == [(16384, 7)],
          "--bytes and --cpus give the one row", one["rows"])
none = rows_of("--cache", "none", "--max-pages", "16384")
tap.check(none["cache"]["name"] == "none", "--cache is what is used")

text = tap.run("info")
tap.check(text.returncode == 0, "the text: exit status 0", text.stderr)
for row in whole["rows"]:
    tap.check("{:,}".format(row["bytes"]) in text.stdout,
              "the text has %d pages, %d CPUs too" % (row["pages"], row["cpus"]), text.stdout)
tap.check(" ".join(whole["cache"]["reason"].split()) in " ".join(text.stdout.split()),
          "the text has the reason")
for word in ("rseq", "membarrier", "sections"):
    tap.check("\n  " + word + " " in text.stdout, "the text has a line for " + word, text.stdout)
tap.check(bool(pcp["warning"]) == ("restartable sequence" in text.stderr),
          "the warning goes to standard error", text.stderr)
tap.check("\033" not in text.stdout, "no colours into a pipe")
tap.done()
