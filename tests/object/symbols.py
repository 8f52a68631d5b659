# SPDX-License-Identifier: MIT
"""What each freestanding layer needs from outside: mem*, the port, and the layers below it."""
import argparse

import tap

MEM = {'memcpy', 'memmove', 'memset', 'memcmp'}
LINKER = {'_GLOBAL_OFFSET_TABLE_'}


def symbols(nm, archive):
    """Names that an archive's objects define for others, and {name: object} of those they lack."""
    defined, lacked = set(), {}
    for line in tap.run(nm, '--extern-only', '--print-file-name', '--format=posix', archive).split(
        '\n'
    ):
        if not line.strip():
            continue
        where, fields = line.split(': ', 1)
        name, kind = fields.split()[:2]
        if kind in ('U', 'w', 'v'):
            lacked[name] = where
        else:
            defined.add(name)
    return defined, {name: where for name, where in lacked.items() if name not in defined}


def check_layer(nm, name, archive, below):
    defined, lacked = symbols(nm, archive)
    tap.check(defined, f'{archive} defines nothing: there is nothing to check')
    lower = set()
    for path in below:
        lower |= {symbol for symbol in symbols(nm, path)[0] if symbol.startswith('qi_')}
    bad = [
        f'{where}: needs {symbol}'
        for symbol, where in sorted(lacked.items())
        if symbol not in MEM | LINKER | lower and not symbol.startswith('qp_')
    ]
    tap.check(
        not bad,
        '\n'.join(bad) + f'\n{name} may need {", ".join(sorted(MEM))}, qp_* (port/port.h), '
        'and qi_* of the layers below it',
    )


def check_names(nm, archive):
    defined, _ = symbols(nm, archive)
    bad = sorted(name for name in defined if not name.startswith(('quire_', 'qi_', 'qp_')))
    tap.check(
        not bad,
        f'{archive} defines {", ".join(bad)}: a name that a program may have itself. '
        'Make it static, or begin it with qi_ or qp_',
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--nm', required=True)
    parser.add_argument('--static', required=True)
    parser.add_argument('layers', nargs='+', help='NAME=ARCHIVE, lowest first')
    args = parser.parse_args()
    tests, below = [], []
    for layer in args.layers:
        name, archive = layer.split('=', 1)
        tests.append(
            (
                f'{name} needs mem*, the port and what is below, nothing else',
                lambda n=name, a=archive, b=tuple(below): check_layer(args.nm, n, a, b),
            )
        )
        below.append(archive)
    tests.append(
        (
            'names in the static library cannot clash with a program',
            lambda: check_names(args.nm, args.static),
        )
    )
    tap.main(tests)


main()
