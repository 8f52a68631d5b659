# SPDX-License-Identifier: MIT
"""The library for aarch64, cross-compiled: without and with the atomic instructions of armv8.1-a.
What can be run without a kernel of that processor is run under qemu, in user mode."""
import argparse
import os
import platform
import re
import tempfile

import elf
import sections
import tap

PREFIX = sections.ARM_PREFIX
GCC = PREFIX + 'gcc'
LIBRARY_ALONE = (
    '-Dtools=false', '-Dtests=false', '-Dbenches=false', '-Dexamples=false', '-Ddebug=true',
)  # fmt: skip


def need_compiler():
    if platform.machine() == 'aarch64':
        raise tap.Skip('this is aarch64: every test is run on it')
    tap.need('meson', 'ninja', GCC)
    if not os.path.isabs(tap.run(GCC, '-print-file-name=libc.a').strip()):
        raise tap.Skip(f'{GCC} finds no libc.a; `make deps` installs libc6-dev-arm64-cross')


class Port:
    """One build of the library in a folder of its own, and programs linked with it."""

    def __init__(self, source, scratch, name, *options):
        self.source = source
        self.folder = os.path.join(scratch, name)
        self.build = os.path.join(self.folder, 'build')
        self.archive = os.path.join(self.build, 'src', 'libquire.a')
        self.shared = os.path.join(self.build, 'src', 'libquire.so')
        self.options = options
        os.mkdir(self.folder)

    def builds(self):
        need_compiler()
        tap.run(
            'meson', 'setup', '--cross-file', os.path.join(self.source, 'scripts', 'aarch64.ini'),
            *LIBRARY_ALONE, *self.options, self.build, self.source,
        )  # fmt: skip
        tap.run('ninja', '--quiet', '-C', self.build)

    def need_build(self):
        need_compiler()
        if not os.path.exists(self.archive):
            raise tap.Skip('it was not built: see above')

    def sections_keep_their_rules(self):
        self.need_build()
        lists = os.path.join(self.source, 'src', 'port', 'lists.h')
        sections.check_library(self.shared, lists, PREFIX)
        sections.check_archive(self.archive, lists, self.folder, PREFIX)

    def atomics_are(self, wanted, other):
        """Patterns of instructions: some of one kind, none of the other."""
        self.need_build()
        # The C library's compiler may bring functions that choose when they are called.
        found = {
            line.mnemonic
            for line in elf.Elf(self.shared, PREFIX).lines.values()
            if not line.function.startswith('__aarch64_')
        }
        tap.check(any(re.match(wanted, name) for name in found), f'no instruction is {wanted}')
        bad = sorted(name for name in found if re.match(other, name))
        tap.check(not bad, f'there are {", ".join(bad)}')

    def runs(self, *arguments):
        """Compile, link with the library and without shared objects, run."""
        self.need_build()
        tap.need('qemu-aarch64-static')
        program = os.path.join(self.folder, 'program')
        tap.run(GCC, '-static', '-O2', *arguments, self.archive, '-pthread', '-o', program)
        tap.run('qemu-aarch64-static', program)

    def sections_do_as_the_model(self, files):
        inside = ('src', 'src/port/linux', 'src/port/linux/aarch64', 'include', 'tests/support')
        folders = ['-I' + os.path.join(self.source, folder) for folder in inside]
        self.runs(*tap.STRICT, '-std=c11', '-D_GNU_SOURCE', '-DQI_DEBUG=0', *folders, *files)

    def program_runs(self, test):
        self.runs(*tap.STRICT_C, '-I' + os.path.join(self.source, 'include'), test)

    def program_without_libc_runs(self, test):
        self.runs(
            *tap.STRICT_C, '-ffreestanding', '-fno-stack-protector', '-fno-builtin',
            '-fno-tree-loop-distribute-patterns', '-nostdlib',
            '-I' + os.path.join(self.source, 'include'), test,
        )  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', required=True)
    parser.add_argument('--sections', required=True, nargs='+')
    parser.add_argument('--consumer', required=True)
    parser.add_argument('--kernel', required=True)
    args = parser.parse_args()
    pairs, single = r'lda?xrb?$', r'(cas|swp|ldadd|ldset|ldclr|stadd)'
    with tempfile.TemporaryDirectory(prefix='quire-aarch64-') as scratch:
        base = Port(args.source, scratch, 'base')
        lse = Port(args.source, scratch, 'lse', '-Dc_args=-march=armv8.1-a')
        bare = Port(args.source, scratch, 'bare', '-Dport=bare')
        tests = []
        for name, port in (('armv8-a', base), ('armv8.1-a', lse)):
            tests += [
                (f'{name}: builds', port.builds),
                (f'{name}: sections keep their rules', port.sections_keep_their_rules),
                (
                    f'{name}: sections do as the model, under qemu',
                    lambda port=port: port.sections_do_as_the_model(args.sections),
                ),
                (
                    f'{name}: a program runs, under qemu',
                    lambda port=port: port.program_runs(args.consumer),
                ),
            ]
        tests += [
            (
                'armv8-a: atomics are load and store exclusive',
                lambda: base.atomics_are(pairs, single),
            ),
            (
                'armv8.1-a: atomics are single instructions',
                lambda: lse.atomics_are(single, pairs),
            ),
            ('bare metal: builds', bare.builds),
            (
                'bare metal: a program without libc runs, under qemu',
                lambda: bare.program_without_libc_runs(args.kernel),
            ),
        ]
        tap.main(tests)


main()
