#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the sources: format, warnings under clang, licence tags, rules on what may include what.

usage: lint.py BUILD-DIR

Each check is one test. What breaks a rule is named as file:line, with what to do about it. The
counts go to BUILD-DIR/lint-results.txt for summary.py, which prints the last line.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MAX_LINES = 600
MAX_SHOWN = 40

FREESTANDING = {
    'stdalign.h',
    'stdarg.h',
    'stdatomic.h',
    'stdbool.h',
    'stddef.h',
    'stdint.h',
    'limits.h',
}
PUBLIC = {'quire/quire.h', 'quire/types.h'}

# Rooms whose quoted includes point down only: what they may begin with.
LAYERS = {
    'src/port/': ('port/port.h', 'port/'),
    'src/core/': ('port/port.h', 'core/'),
    'src/cache/': ('port/port.h', 'port/shared.h', 'core/', 'cache/'),
    'src/alloc/': ('port/port.h', 'port/wide.h', 'core/', 'cache/', 'alloc/'),
    'src/pool/': ('port/port.h', 'pool/'),
}
# Rooms of Quire's users, and where else their quoted includes may lead: never to Quire's inside.
USERS = {
    'tools/': (),
    'examples/': (),
    'image/': (),
    'tests/uses/': ('tests/support/',),
}
# Headers that each port, or each processor, has its own of.
PROCESSOR = ('machine.h', 'sections.h', 'sections_wide.h', 'sections_shared.h', 'eights.h')
HOSTED = ('src/port/linux/',)
UNCONDITIONAL = ('src/core/', 'src/cache/', 'src/alloc/')

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
CONDITIONAL = re.compile(r'^\s*#\s*(if|ifdef|ifndef|elif|else)\b')


def sources(*suffixes):
    command = [os.path.join(HERE, 'sources.sh'), *suffixes]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split(
        '\n'
    )[:-1]


def lines_of(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read().split('\n')


def check_format():
    files = sources()
    done = subprocess.run(
        ['clang-format', '--dry-run', '-Werror', *files],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode == 0:
        return []
    found = re.findall(r'^(\S+?:\d+):\d+: error: ', done.stdout, re.MULTILINE)
    bad = [f'{where}: not in the format; run `make format`' for where in dict.fromkeys(found)]
    return bad or [f'clang-format failed: {done.stdout.strip()}']


def check_licence():
    suffixes = ('c', 'h', 'cc', 'hpp', 'S', 'ld', 'py', 'sh', 'map', 'in', 'cmake', 'suppr')
    files = sources(*suffixes)
    files += sources('build', 'txt')
    files += [
        name
        for name in ('Makefile', '.ci/run', '.clang-format')
        if os.path.exists(os.path.join(ROOT, name))
    ]
    bad = []
    for path in files:
        if path.endswith('.txt') and os.path.basename(path) != 'meson_options.txt':
            continue
        if not any('SPDX-License-Identifier: MIT' in line for line in lines_of(path)[:2]):
            bad.append(
                f'{path}:1: no licence tag; begin with "SPDX-License-Identifier: MIT" in a comment'
            )
    return bad


def includes():
    """(path, line number, bracket, name) of every include of the C and C++ sources."""
    for path in sources():
        for number, line in enumerate(lines_of(path), 1):
            match = INCLUDE.match(line)
            if match:
                yield path, number, match.group(1), match.group(2)


def beside(path, name):
    """Whether a quoted name without a folder is a file next to path."""
    return '/' not in name and os.path.exists(os.path.join(ROOT, os.path.dirname(path), name))


def check_layers():
    bad = []
    for path, number, bracket, name in includes():
        for layer, allowed in LAYERS.items():
            if not path.startswith(layer) or bracket == '<' or name.startswith(allowed):
                continue
            if layer == 'src/port/' and (name in PROCESSOR or beside(path, name)):
                continue
            bad.append(
                f'{path}:{number}: {layer} may not include "{name}"; '
                f'includes point down: {", ".join(allowed)}'
            )
    return bad


def check_freestanding():
    bad = []
    for path, number, bracket, name in includes():
        inside = path.startswith(('src/', 'include/')) and not path.startswith(HOSTED)
        if not inside or bracket == '"' or name in FREESTANDING or name in PUBLIC:
            continue
        bad.append(
            f'{path}:{number}: <{name}> is not there on a machine without libc; '
            f'use {", ".join(sorted(FREESTANDING))}, or ask port/port.h'
        )
    return bad


def in_rooms(path, name, rooms):
    """Whether a quoted include of path leads to a file in one of these rooms."""
    for place in (os.path.dirname(path), *rooms):
        target = os.path.normpath(os.path.join(place, name))
        if target.startswith(rooms) and os.path.exists(os.path.join(ROOT, target)):
            return True
    return False


def check_users():
    bad = []
    for path, number, bracket, name in includes():
        room = next((room for room in USERS if path.startswith(room)), None)
        if room is None:
            continue
        rooms = (room, *USERS[room])
        if bracket == '"' and not in_rooms(path, name, rooms):
            bad.append(
                f'{path}:{number}: "{name}" is not in {" or ".join(rooms)}; '
                f'users of Quire see <quire/quire.h> alone'
            )
        elif bracket == '<' and name.startswith('quire/') and name not in PUBLIC:
            bad.append(
                f'{path}:{number}: <{name}> is no public header; '
                f'there are {", ".join(sorted(PUBLIC))}'
            )
    return bad


def guard_of(lines):
    """Line number of a header's include guard, or 0."""
    for number, line in enumerate(lines, 1):
        match = re.match(r'^#ifndef (\w+)$', line)
        if match:
            following = lines[number] if number < len(lines) else ''
            return number if following == f'#define {match.group(1)}' else 0
    return 0


def check_conditionals():
    bad = []
    for path in sources('c', 'h'):
        if not path.startswith(UNCONDITIONAL):
            continue
        lines = lines_of(path)
        guard = guard_of(lines) if path.endswith('.h') else 0
        if path.endswith('.h') and guard == 0:
            bad.append(f'{path}:1: no include guard; add #ifndef NAME, #define NAME and #endif')
        for number, line in enumerate(lines, 1):
            if CONDITIONAL.match(line) and number != guard:
                bad.append(
                    f'{path}:{number}: conditional compilation; '
                    'select at link time, in a table, or with '
                    f'`if` on a constant'
                )
    return bad


def check_length():
    bad = []
    for path in sources('c', 'h', 'cc', 'hpp', 'py', 'sh'):
        length = len(lines_of(path)) - 1
        if length >= MAX_LINES:
            bad.append(
                f'{path}:{length}: {length} lines, {MAX_LINES - 1} are allowed; split it by idea'
            )
    return bad


def compiled(build):
    """Sources that a build directory compiles."""
    try:
        with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
            entries = json.load(file)
    except (OSError, ValueError):
        return set()
    return {
        os.path.relpath(
            os.path.realpath(os.path.join(entry['directory'], entry['file'])),
            os.path.realpath(ROOT),
        )
        for entry in entries
    }


def named_above(path):
    """Whether a build file or script in the source's folder, or one above it, names the source."""
    folder = os.path.dirname(path)
    while folder:
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            if name == 'meson.build' or name.endswith('.py'):
                if os.path.relpath(path, folder) in '\n'.join(lines_of(os.path.join(folder, name))):
                    return True
        folder = os.path.dirname(folder)
    return False


def check_lists(build):
    """Meson has no globbing: a source that no build file names is never compiled. Those for another
    port or with an option off are named, though not compiled here."""
    built = compiled(build + '-clang')
    return [
        f'{path}:1: compiled by nothing; name it in a meson.build, or remove it'
        for path in sources('c', 'cc')
        if path not in built and not named_above(path)
    ]


def check_scripts():
    bad = []
    for path in sources('sh') + ['.ci/run']:
        done = subprocess.run(
            ['bash', '-n', os.path.join(ROOT, path)], stderr=subprocess.PIPE, text=True
        )
        if done.returncode != 0:
            bad.append(f'{path}: {done.stderr.strip()}')
    for path in sources('py'):
        try:
            compile('\n'.join(lines_of(path)), path, 'exec')
        except SyntaxError as error:
            bad.append(f'{path}:{error.lineno}: {error.msg}')
    return bad


def check_clang(build):
    environment = dict(os.environ, CC='clang', CXX='clang++')
    done = subprocess.run(
        [os.path.join(HERE, 'build.sh'), build + '-clang', '-Dtests=true'],
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return [] if done.returncode == 0 else done.stdout.rstrip().split('\n')[-MAX_SHOWN:]


def main(build):
    checks = (
        ('format of the C sources', check_format),
        ('licence tags', check_licence),
        ('includes point down', check_layers),
        ('no libc in freestanding code', check_freestanding),
        ("Quire's users see public headers only", check_users),
        ('no conditional compilation in core, cache and alloc', check_conditionals),
        (f'files under {MAX_LINES} lines', check_length),
        ('scripts parse', check_scripts),
        ('no warnings from clang', lambda: check_clang(build)),
        ('every source is in the build', lambda: check_lists(build)),
    )
    os.makedirs(build, exist_ok=True)
    tap = os.path.join(build, 'lint.tap')
    results = os.path.join(build, 'lint-results.txt')
    with open(tap, 'w', encoding='utf-8') as report:
        report.write(f'1..{len(checks)}\n')
        for number, (name, check) in enumerate(checks, 1):
            bad = check()
            for line in bad[:MAX_SHOWN]:
                print(line)
            if len(bad) > MAX_SHOWN:
                print(f'... and {len(bad) - MAX_SHOWN} more')
            verdict = 'not ok' if bad else 'ok'
            print(f'lint: {name}: {"FAILED" if bad else "ok"}', flush=True)
            report.write(f'{verdict} {number} - {name}\n')
    with open(results, 'w', encoding='utf-8') as file:
        file.write(f'lint\ttap\t{tap}\t0\n')
    print()
    sys.stdout.flush()
    return subprocess.run([sys.executable, os.path.join(HERE, 'summary.py'), results]).returncode


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
