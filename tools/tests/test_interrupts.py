# SPDX-License-Identifier: MIT
"""Function-call interrupts of a CPU, out of tables as different processors have them."""
import os
import tempfile

from tap import Tap

tap = Tap()

X86 = """\
            CPU0       CPU1       CPU3
   0:         22          1          2   IO-APIC   2-edge      timer
 RES:         11         12         13   Rescheduling interrupts
 CAL:   14220297          7 9000000000   Function call interrupts
 TLB:          4          5          6   TLB shootdowns
 ERR:          0
"""
ARM = """\
           CPU0       CPU1
 11:       1234       5678     GICv3  27 Level     arch_timer
IPI0:        31         32       Rescheduling interrupts
IPI1:        41         42       Function call interrupts
IPI2:         0          0       CPU stop interrupts
Err:          0
"""
# Table, CPU, what is there.
CASES = [
    ("x86", X86, 0, "14220297"),
    ("x86", X86, 1, "7"),
    ("x86, CPU 2 is offline", X86, 2, "-"),
    ("x86, CPU 3 stands third", X86, 3, "9000000000"),
    ("x86, no such CPU", X86, 30, "-"),
    ("aarch64", ARM, 0, "41"),
    ("aarch64", ARM, 1, "42"),
    ("no such line", X86.replace("Function call", "Other"), 0, "-"),
    ("a line that is too short", X86.replace("7 9000000000", "7"), 3, "-"),
    ("no columns", "Function call interrupts\n", 0, "-"),
    ("an empty file", "", 0, "-"),
]

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "interrupts")
    for name, text, cpu, wanted in CASES:
        with open(path, "w") as file:
            file.write(text)
        result = tap.run(path, str(cpu))
        tap.check(result.returncode == 0 and result.stdout.strip() == wanted,
                  "%s: CPU %d" % (name, cpu), result.stdout, result.stderr)
tap.done()
