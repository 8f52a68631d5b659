# SPDX-License-Identifier: MIT
"""Install Quire into a folder of its own; build and run programs with that copy as users would."""
import argparse
import os
import re
import shutil
import tempfile

import tap

HERE = os.path.dirname(os.path.abspath(__file__))


class Installed:
    """A staged copy, moved away from where it was staged: nothing may remember the first place."""

    def __init__(self, build, version, scratch):
        self.version = version
        self.scratch = scratch
        staged = os.path.join(scratch, 'staged')
        tap.run('meson', 'install', '-C', build, '--no-rebuild', '--quiet', env={'DESTDIR': staged})
        self.root = os.path.join(scratch, 'moved')
        os.rename(staged, self.root)
        configs = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(self.root)
            for name in names
            if name == 'quire.pc'
        ]
        tap.check(len(configs) == 1, f'{len(configs)} files quire.pc were installed, not one')
        self.pkgconfig = os.path.dirname(configs[0])
        self.libdir = os.path.dirname(self.pkgconfig)
        prefix = re.search(
            r'^prefix=(.*)', open(configs[0], encoding='utf-8').read(), re.MULTILINE
        ).group(1)
        self.prefix = self.root + prefix

    def flags(self, *options):
        # Not --define-prefix: it takes the folder above pkgconfig for PREFIX/lib.
        text = tap.run(
            'pkg-config',
            f'--define-variable=prefix={self.prefix}',
            '--print-errors',
            *options,
            'quire',
            env={'PKG_CONFIG_LIBDIR': self.pkgconfig},
        )
        return text.split()

    def execute(self, program, shared=True):
        output = tap.run(program, env={'LD_LIBRARY_PATH': self.libdir if shared else ''})
        tap.check(
            output == f'quire {self.version} works\n',
            f'{program} printed {output!r}; version {self.version} was installed',
        )

    def path(self, name):
        return os.path.join(self.scratch, name)

    def by_pkg_config(self, compiler, standard, source, name, static=False):
        tap.need(compiler, 'pkg-config')
        program = self.path(name)
        mode = ['--static'] if static else []
        tap.run(
            compiler,
            *standard,
            *self.flags('--cflags', *mode),
            os.path.join(HERE, source),
            '-o',
            program,
            *self.flags('--libs', *mode),
            *(['-static'] if static else []),
        )
        self.execute(program, shared=not static)

    def program_of_the_readme(self, source):
        """The one whole C program in README.md, compiled as the line below it says."""
        tap.need('gcc', 'pkg-config')
        with open(os.path.join(source, 'README.md')) as readme:
            programs = re.findall(r'^```c\n(.*?)^```', readme.read(), re.S | re.M)
        tap.check(len(programs) == 1, f'README.md has {len(programs)} C programs, not 1')
        lines = len(programs[0].splitlines())
        tap.check(lines <= 20, f'the program in README.md has {lines} lines; at most 20')
        with open(self.path('prog.c'), 'w') as file:
            file.write(programs[0])
        program = self.path('readme')
        tap.run(
            'gcc', '-Wall', '-Wextra', '-Werror', *self.flags('--cflags'), self.path('prog.c'),
            '-o', program, *self.flags('--libs'),
        )  # fmt: skip
        output = tap.run(program, env={'LD_LIBRARY_PATH': self.libdir})
        tap.check(output.startswith('32 pages of 4096 bytes'), f'it printed {output!r}')

    def by_sysroot(self):
        tap.need('gcc', 'pkg-config')
        environment = {'PKG_CONFIG_LIBDIR': self.pkgconfig, 'PKG_CONFIG_SYSROOT_DIR': self.root}
        flags = tap.run('pkg-config', '--cflags', '--libs', 'quire', env=environment).split()
        program = self.path('sysroot')
        tap.run('gcc', *tap.STRICT_C, os.path.join(HERE, 'consumer.c'), '-o', program, *flags)
        self.execute(program)

    def by_cmake(self):
        tap.need('cmake', 'g++')
        build = self.path('cmake')
        tap.run(
            'cmake',
            '-S',
            os.path.join(HERE, 'cmake_user'),
            '-B',
            build,
            '-G',
            'Ninja',
            f'-DCMAKE_PREFIX_PATH={self.prefix}',
            '-DCMAKE_BUILD_TYPE=Release',
        )
        tap.run('cmake', '--build', build)
        found = re.search(
            r'^quire_DIR:PATH=(.*)',
            open(build + '/CMakeCache.txt', encoding='utf-8').read(),
            re.MULTILINE,
        ).group(1)
        tap.check(
            found.startswith(self.root),
            f'find_package() found {found}, not the copy in {self.root}',
        )
        self.execute(build + '/user_shared')
        self.execute(build + '/user_static', shared=False)
        self.execute(build + '/user_cxx')

    def refuses_other_version(self):
        tap.need('cmake')
        project = self.path('other-version')
        os.makedirs(project)
        with open(project + '/CMakeLists.txt', 'w', encoding='utf-8') as file:
            file.write(
                'cmake_minimum_required(VERSION 3.18)\nproject(p LANGUAGES C)\n'
                'find_package(quire 99.0 CONFIG QUIET)\n'
                'if(quire_FOUND)\n  message(FATAL_ERROR "accepted")\nendif()\n'
            )
        tap.run(
            'cmake',
            '-S',
            project,
            '-B',
            project + '/build',
            '-G',
            'Ninja',
            f'-DCMAKE_PREFIX_PATH={self.prefix}',
        )

    def headers_are_the_source_s(self, source):
        for name in sorted(os.listdir(source + '/include/quire')):
            with open(f'{source}/include/quire/{name}', 'rb') as ours:
                with open(f'{self.prefix}/include/quire/{name}', 'rb') as theirs:
                    tap.check(
                        ours.read() == theirs.read(),
                        f'the installed {name} is not the one in include/quire',
                    )

    def no_trace_of_the_build(self, source):
        for folder, _, names in os.walk(self.root):
            for name in names:
                with open(os.path.join(folder, name), 'rb') as file:
                    text = file.read()
                textual = name.endswith(('.pc', '.cmake', '.h'))
                tap.check(
                    not textual or source.encode() not in text,
                    f'{name} names the folder it was built from ({source})',
                )


def as_subproject(source, scratch):
    tap.need('meson', 'ninja')
    project = os.path.join(scratch, 'project')
    shutil.copytree(os.path.join(HERE, 'meson_user'), project)
    shutil.copy(os.path.join(HERE, 'consumer.c'), project)
    os.makedirs(project + '/subprojects')
    os.symlink(source, project + '/subprojects/quire')
    build = os.path.join(scratch, 'project-build')
    tap.run('meson', 'setup', build, project)
    tap.run('ninja', '-C', build)
    tap.check(
        not os.path.exists(build + '/subprojects/quire/tools'),
        'the quire command was configured in a subproject; it is no part of the library',
    )
    tap.run(build + '/user')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--source', required=True)
    parser.add_argument('--build', required=True)
    parser.add_argument('--version', required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='quire-install-') as scratch:
        scratch = os.path.realpath(scratch)
        copies = []

        def installed():
            if not copies:
                copies.append(Installed(args.build, args.version, scratch))
            return copies[0]

        c, cxx = tap.STRICT_C, tap.STRICT_CXX
        tap.main(
            [
                ('installs into DESTDIR, and can be moved', installed),
                (
                    'headers are those of the source',
                    lambda: installed().headers_are_the_source_s(args.source),
                ),
                (
                    'installed files do not name the build',
                    lambda: installed().no_trace_of_the_build(args.source),
                ),
                (
                    'pkg-config, shared',
                    lambda: installed().by_pkg_config('gcc', c, 'consumer.c', 'shared'),
                ),
                (
                    'pkg-config, -static',
                    lambda: installed().by_pkg_config(
                        'gcc', c, 'consumer.c', 'static', static=True
                    ),
                ),
                (
                    'pkg-config, clang',
                    lambda: installed().by_pkg_config('clang', c, 'consumer.c', 'clang'),
                ),
                (
                    'pkg-config, C++17',
                    lambda: installed().by_pkg_config('g++', cxx, 'consumer.cc', 'cxx'),
                ),
                (
                    'pkg-config, C++17, -static',
                    lambda: installed().by_pkg_config(
                        'g++', cxx, 'consumer.cc', 'cxx-static', static=True
                    ),
                ),
                (
                    'the program of the README',
                    lambda: installed().program_of_the_readme(args.source),
                ),
                ('pkg-config with a system root', lambda: installed().by_sysroot()),
                ('CMake: find_package, shared, static, C++17', lambda: installed().by_cmake()),
                ('CMake: another version is refused', lambda: installed().refuses_other_version()),
                ('Meson subproject', lambda: as_subproject(args.source, scratch)),
            ]
        )


main()
