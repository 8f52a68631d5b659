# SPDX-License-Identifier: MIT
"""A linked ELF file of 64 bits as binutils show it: contents of sections, and instructions."""
import re
import struct

import tap


class Line:
    """One line of a disassembly: where, mnemonic and operands as text."""

    def __init__(self, function, address, mnemonic, operands):
        self.function = function
        self.address = address
        self.mnemonic = mnemonic
        self.operands = operands
        self.next = None  # address of the following instruction
        self.previous = None  # the Line before

    def __str__(self):
        text = f'{self.mnemonic} {self.operands}'.strip()
        return f'{self.address:x} in {self.function}: {text}'


class Elf:
    """prefix: what binutils for the file's processor are called before their own names."""

    def __init__(self, path, prefix=''):
        self.path = path
        self.prefix = prefix
        tap.need(prefix + 'readelf', prefix + 'objdump')
        header = tap.run(prefix + 'readelf', '-h', path)
        self.machine = re.search(r'Machine:\s+(.*)', header).group(1)
        self.x86 = 'X86-64' in self.machine
        tap.check(self.x86 or 'AArch64' in self.machine, f'{path}: for {self.machine}')
        self.sections = self._read_sections()
        self.relative = self._read_relative()
        self.lines = self._read_lines()

    def _read_sections(self):
        """{name: (address, offset in the file, bytes, flags)}"""
        text = tap.run(self.prefix + 'readelf', '-W', '-S', self.path)
        found = re.findall(
            r'^\s+\[ *\d+\] (\S+)\s+\w+\s+([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) \w+ +([A-Zxo]*) ',
            text,
            re.MULTILINE,
        )
        return {
            name: (int(address, 16), int(offset, 16), int(size, 16), flags)
            for name, address, offset, size, flags in found
        }

    def _read_relative(self):
        """{address: word} that the dynamic linker stores when it loads the file at 0."""
        text = tap.run(self.prefix + 'readelf', '-W', '-r', self.path)
        found = re.findall(r'^([0-9a-f]{16})\s+\S+\s+R_\w+_RELATIVE\s+([0-9a-f]+)', text, re.M)
        return {int(where, 16): int(word, 16) for where, word in found}

    def _read_lines(self):
        """{address: Line}, in order of addresses."""
        style = ('-M', 'intel') if self.x86 else ()
        text = tap.run(self.prefix + 'objdump', '-d', '--no-show-raw-insn', *style, self.path)
        lines, function, last = {}, '?', None
        for row in text.split('\n'):
            label = re.match(r'[0-9a-f]+ <(.*)>:$', row)
            if label:
                function, last = label.group(1), None
                continue
            found = re.match(r'\s*([0-9a-f]+):\t(\S+)\s*(.*)', row)
            if not found:
                continue
            operands = re.sub(r'\s*(#|<).*' if self.x86 else r'\s*(//|<).*', '', found.group(3))
            line = Line(function, int(found.group(1), 16), found.group(2), operands.strip())
            if last is not None:
                last.next, line.previous = line.address, last
            lines[line.address] = last = line
        return lines

    def bytes_at(self, address, count):
        """None where the file has nothing."""
        for start, offset, size, _ in self.sections.values():
            if start and start <= address and address + count <= start + size:
                with open(self.path, 'rb') as file:
                    file.seek(offset + address - start)
                    return file.read(count)
        return None

    def holds(self, address, count):
        """Whether a section of the file has these addresses, if only as zeroes."""
        return any(
            start and start <= address and address + count <= start + size
            for start, _, size, _ in self.sections.values()
        )

    def words(self, name):
        """A section as [(address, word of 64 bits)], as the dynamic linker leaves it."""
        if name not in self.sections:
            return []
        start, _, size, _ = self.sections[name]
        tap.check(size % 8 == 0, f'{name} has {size} bytes, no multiple of 8')
        content = self.bytes_at(start, size)
        return [
            (start + i, self.relative.get(start + i, struct.unpack_from('<Q', content, i)[0]))
            for i in range(0, size, 8)
        ]

    def executable(self, address):
        return any(
            'X' in flags and start <= address < start + size
            for start, _, size, flags in self.sections.values()
        )
