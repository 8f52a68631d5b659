#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A source with one thing changed: how the broken variants are made.

usage: edit.py EDIT SOURCE OUTPUT

EDIT has comments (#), a line that names SOURCE from the root on, and edits: lines that begin with
- are to be replaced by the lines that begin with + behind them; a line ... ends an edit. What is
to be replaced must be in SOURCE exactly once, so that a change of the source cannot silently
leave a variant that is not broken, or not where it says.
"""
import sys


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def parse(text):
    """The source that is meant, and pairs of old and new text."""
    lines = [line for line in text.split('\n') if line and not line.startswith('#')]
    edits = [[[], []]]
    for line in lines[1:]:
        if line == '...':
            edits.append([[], []])
        elif line[0] in '-+':
            edits[-1]['-+'.index(line[0])].append(line[1:] + '\n')
        else:
            sys.exit(f'neither -, + nor ...: {line}')
    return lines[0], [(''.join(old), ''.join(new)) for old, new in edits]


def main(edit, source, output):
    name, edits = parse(read(edit))
    if not source.endswith('/' + name):
        sys.exit(f'{edit} is for {name}, not for {source}')
    text = read(source)
    for old, new in edits:
        found = text.count('\n' + old)
        if not old or found != 1:
            sys.exit(
                f'{edit}: what it replaces is {found} times in {name}, and must be there once; '
                f'bring the variant up to date:\n{old}'
            )
        text = text.replace('\n' + old, '\n' + new)
    with open(output, 'w', encoding='utf-8') as file:
        file.write(text)


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
