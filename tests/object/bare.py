# SPDX-License-Identifier: MIT
"""The library for bare metal: no libc, no operating system, four functions of memory."""
import argparse
import os
import platform
import subprocess
import tempfile

import tap

MEM = {'memcpy', 'memmove', 'memset', 'memcmp'}


class Bare:
    def __init__(self, source, user, scratch):
        self.source = source
        self.user = user
        self.build = os.path.join(scratch, 'build')
        self.archive = os.path.join(self.build, 'src', 'libquire.a')
        self.program = os.path.join(scratch, 'program')

    def builds(self):
        tap.need('meson', 'ninja')
        tap.run('meson', 'setup', self.build, self.source, '-Dport=bare')
        tap.run('ninja', '-C', self.build)

    def needs_only_memory_functions(self):
        defined, lacked = set(), set()
        for line in tap.run('nm', '--extern-only', '--format=posix', self.archive).split('\n'):
            fields = line.split()
            if len(fields) >= 2 and not line.endswith(':'):
                (lacked if fields[1] in 'Uwv' and len(fields) == 2 else defined).add(fields[0])
        tap.check(defined, f'{self.archive} defines nothing')
        other = sorted(lacked - defined - MEM - {'_GLOBAL_OFFSET_TABLE_'})
        tap.check(not other, f'needs {", ".join(other)}, which bare metal does not have')

    def program_without_libc_runs(self):
        if platform.machine() not in ('x86_64', 'aarch64'):
            raise tap.Skip(f'the program knows no way to end itself on {platform.machine()}')
        tap.need('gcc')
        # No loop patterns: the loop in memset() must not become a call of memset().
        tap.run(
            'gcc', *tap.STRICT_C, '-O2', '-ffreestanding', '-fno-stack-protector',
            '-fno-tree-loop-distribute-patterns', '-fno-builtin',
            '-nostdlib', '-static', '-I', os.path.join(self.source, 'include'),
            self.user, self.archive, '-o', self.program,
        )  # fmt: skip
        status = subprocess.run([self.program], stdout=subprocess.DEVNULL).returncode
        tap.check(status == 0, f'{self.user} ended with {status}; run, it says which step failed')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', required=True)
    parser.add_argument('--user', required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='quire-bare-') as scratch:
        bare = Bare(args.source, args.user, scratch)
        tap.main(
            [
                ('builds for bare metal', bare.builds),
                ('needs memcpy, memmove, memset and memcmp only', bare.needs_only_memory_functions),
                ('a program without libc runs', bare.program_without_libc_runs),
            ]
        )


main()
