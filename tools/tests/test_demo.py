# SPDX-License-Identifier: MIT
"""`quire demo`: every stage holds, in at most 40 lines of 80 columns, without colour in a pipe."""
import re
import time

from tap import Tap

tap = Tap()
begin = time.monotonic()
result = tap.run("demo", "--size", "64M", "--operations", "300000", "--seconds", "1")
lines = result.stdout.splitlines()
tap.check(result.returncode == 0, "exit status 0", result.stdout, result.stderr)
tap.check(0 < len(lines) <= 40, "at most 40 lines", len(lines))
tap.check(all(len(line) <= 80 for line in lines), "at most 80 columns",
          *[line for line in lines if len(line) > 80])
tap.check(time.monotonic() - begin < 60, "in less than a minute")
tap.check("\033" not in result.stdout, "no colours into a pipe")
tap.check(result.stderr == "", "nothing on standard error", result.stderr)
tap.check(len(re.findall(r"^   ok ", result.stdout, re.M)) == 3, "three stages say ok",
          result.stdout)
tap.check("FAILED" not in result.stdout, "none says FAILED")

sums = re.search(r"checksum +([0-9a-f]{16}) before, ([0-9a-f]{16}) after", result.stdout)
tap.check(sums and sums.group(1) == sums.group(2), "the checksums are there and equal",
          result.stdout)

pages = re.search(r"([\d,]+) managed = ([\d,]+) held \+ ([\d,]+) free in the zone\s+"
                  r"\+ ([\d,]+) free in lists", result.stdout)
if tap.check(pages, "the sum is shown", result.stdout):
    managed, held, zone, rest = (int(text.replace(",", "")) for text in pages.groups())
    tap.check(managed == 16384 and managed == held + zone + rest, "and it is right", pages.group(0))
tap.check(re.search(r"page \d+, offset \d+, state '\w", result.stdout),
          "the double free is described: page, offset, state", result.stdout)
table = [line for line in lines if re.match(r"   (single|bulk) +\d+ ", line)]
tap.check(len(table) == 6, "the table has its six rows", result.stdout)
tap.check(all(float(figure) > 0 for line in table for figure in line.split()[4::3]),
          "with totals in them", *table)

other = tap.run("demo", "--size", "64M", "--operations", "1000", "--seconds", "1", "--seed", "2")
sums = re.search(r"checksum +([0-9a-f]{16}) before", other.stdout)
tap.check(sums and sums.group(1) not in result.stdout, "another seed gives other contents",
          other.stdout)

# Many more threads than CPUs must neither starve the drains nor outlive their time. It takes two
# seconds; the bound leaves room for sanitizers.
begin = time.monotonic()
many = tap.run("demo", "--size", "16M", "--operations", "100", "--seconds", "1", "--threads", "256")
tap.check(many.returncode == 0 and time.monotonic() - begin < 120,
          "256 threads for a second: soon over", many.stdout, many.stderr)
tap.check("\033" not in tap.run_terminal("dumb", "demo", "--size", "16M", "--operations", "100",
                                         "--seconds", "1", "--threads", "1"),
          "no escapes into a dumb terminal")
text = tap.run_terminal("xterm", "demo", "--size", "16M", "--operations", "100", "--seconds", "2",
                        "--threads", "1")
tap.check(0 < text.count("s left") <= 4, "progress is drawn when it changes, not at every drain",
          text.count("s left"))
tap.done()
