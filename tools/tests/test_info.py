# SPDX-License-Identifier: MIT
"""`quire info`: the table of metadata, in text and JSON, and the bound it is held to."""
import json
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
if tap.check(len(tap.helpers) == 1, "the helper that asks the library is given"):
    pairs = [str(number) for row in whole["rows"] for number in (row["pages"], row["cpus"])]
    asked = subprocess.run(tap.helpers + pairs, stdout=subprocess.PIPE, universal_newlines=True)
    tap.check(asked.returncode == 0, "the helper works")
    for line in asked.stdout.splitlines():
        pages, nr, size, list_size = (int(word) for word in line.split())
        row = by_size.pop((pages, nr))
        tap.check(row["bytes"] == size and row["list_bytes"] == list_size,
                  "%d pages, %d CPUs: as the library says" % (pages, nr), line, row)
    tap.check(not by_size, "and all of them")

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
tap.check("\033" not in text.stdout, "no colours into a pipe")
tap.done()
