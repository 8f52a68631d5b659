# SPDX-License-Identifier: MIT
"""Link-time optimisation of the library, and of a program with the library."""
import argparse
import os
import tempfile

import tap


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', required=True)
    parser.add_argument('--consumer', required=True)
    args = parser.parse_args()
    include = os.path.join(args.source, 'include')
    with tempfile.TemporaryDirectory(prefix='quire-lto-') as scratch:
        build = os.path.join(scratch, 'build')

        def library():
            tap.need('meson', 'ninja')
            tap.run(
                'meson',
                'setup',
                build,
                args.source,
                '-Db_lto=true',
                '-Dtools=false',
                '-Dtests=false',
                '-Dbenches=false',
                '-Dexamples=false',
            )
            tap.run('ninja', '-C', build)

        def program(name, *link):
            compiler = os.environ.get('CC', 'cc').split()
            path = os.path.join(scratch, name)
            tap.run(
                *compiler,
                *tap.STRICT_C,
                '-O2',
                '-flto',
                '-I',
                include,
                args.consumer,
                '-o',
                path,
                *link
            )
            tap.run(path, env={'LD_LIBRARY_PATH': build + '/src'})

        tap.main(
            [
                ('libquire builds with -flto, without a warning', library),
                (
                    'program with the shared library runs',
                    lambda: program('shared', '-L' + build + '/src', '-lquire'),
                ),
                (
                    'program with the static library, optimised as a whole, runs',
                    lambda: program('static', build + '/src/libquire.a', '-pthread'),
                ),
            ]
        )


main()
