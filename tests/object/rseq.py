# SPDX-License-Identifier: MIT
"""Whether the restartable sections of a linked file keep their rules, as its bytes tell.

check(elf, layout) raises tap.Failed with every rule that is broken, or returns the sections. What
is asked of the descriptors, and of who jumps where, is here; what happens inside a range, walk.py.
"""
import collections
import struct

import steps
import tap
import walk

SIGNATURE = {True: 0x53053053, False: 0xD428BC00}  # by whether it is x86-64

# Of a list: offset of the slots, and the bit of the header that says that it is closed.
Layout = collections.namedtuple('Layout', ('slots', 'closed'))


class Section:
    def __init__(self, descriptor, start, length, abort):
        self.descriptor = descriptor
        self.start, self.end, self.abort = start, start + length, abort
        self.exits = set()
        self.kind = None  # pop or push; one, batch or wide; shared or not

    def holds(self, address):
        return self.start <= address < self.end


class Rules:
    """Collects what is broken."""

    def __init__(self, elf):
        self.elf = elf
        self.broken = []
        self.sections = []

    def ask(self, condition, message):
        if not condition:
            self.broken.append(message)
        return condition

    def read_descriptors(self):
        words = self.elf.words('__rseq_cs')
        self.ask(words and len(words) % 4 == 0, f'__rseq_cs has {len(words)} words, not 4 for each')
        for i in range(0, len(words) - 3, 4):
            address, first = words[i]
            start, length, abort = (word for _, word in words[i + 1 : i + 4])
            self.ask(address % 32 == 0, f'descriptor {address:x} is not aligned to 32 bytes')
            version, flags = struct.unpack('<II', struct.pack('<Q', first))
            self.ask(version == 0, f'descriptor {address:x}: version {version}, not 0')
            self.ask(flags == 0, f'descriptor {address:x}: flags {flags}, not 0')
            if self.ask(0 < length < 4096, f'descriptor {address:x}: length {length}'):
                self.sections.append(Section(address, start, length, abort))

    def check_places(self):
        for section in self.sections:
            where = f'range {section.start:x}'
            for name, address in (('start', section.start), ('abort', section.abort)):
                self.ask(
                    address in self.elf.lines and self.elf.executable(address),
                    f'{where}: no instruction at its {name} {address:x}',
                )
            self.ask(
                not any(other.holds(section.abort) for other in self.sections),
                f'{where}: its abort address {section.abort:x} is inside a range',
            )
        ranges = sorted((section.start, section.end) for section in self.sections)
        for (_, end), (start, _) in zip(ranges, ranges[1:]):
            self.ask(end <= start, f'range {start:x} overlaps the one before it')

    def check_signatures(self):
        for section in self.sections:
            where = f'abort address {section.abort:x}'
            wanted = struct.pack('<I', SIGNATURE[self.elf.x86])
            signed = self.elf.bytes_at(section.abort - 4, 4) == wanted
            if not self.ask(signed, f'{where}: no signature before it'):
                continue
            before = section.abort - (7 if self.elf.x86 else 4)
            line = self.elf.lines.get(before)
            name = 'ud1' if self.elf.x86 else 'brk'
            self.ask(
                line and line.mnemonic == name and line.next == section.abort,
                f'{where}: the signature is no {name} that a disassembler reads as one instruction',
            )

    def check_debugger_entries(self):
        pointers = [word for _, word in self.elf.words('__rseq_cs_ptr_array')]
        known = [section.descriptor for section in self.sections]
        for address in known:
            self.ask(
                pointers.count(address) == 1,
                f'descriptor {address:x} is {pointers.count(address)} times in '
                '__rseq_cs_ptr_array, not once',
            )
        for address in set(pointers) - set(known):
            self.ask(False, f'__rseq_cs_ptr_array names {address:x}, which is no descriptor')
        words = [word for _, word in self.elf.words('__rseq_exit_point_array')]
        starts = {section.start: section for section in self.sections}
        for start, exit_at in zip(words[::2], words[1::2]):
            if not self.ask(start in starts, f'exit {exit_at:x}: no range starts at {start:x}'):
                continue
            starts[start].exits.add(exit_at)
            self.ask(
                not any(section.holds(exit_at) for section in self.sections),
                f'exit {exit_at:x} of range {start:x} is inside a range',
            )
            self.ask(exit_at in self.elf.lines, f'exit {exit_at:x}: no instruction there')

    def check_outside(self):
        """Nobody jumps into the middle of a range, but those who are in it."""
        parse = steps.x86 if self.elf.x86 else steps.arm
        inner = {
            address: section
            for section in self.sections
            for address in self.elf.lines
            if section.holds(address) and address != section.start
        }
        for line in self.elf.lines.values():
            step = parse(line)
            if step.kind == steps.JUMP and step.target in inner:
                section = inner[step.target]
                self.ask(section.holds(line.address), f'{line}: jumps into range {section.start:x}')


def check(elf, layout):
    rules = Rules(elf)
    rules.read_descriptors()
    rules.check_places()
    rules.check_signatures()
    rules.check_debugger_entries()
    rules.check_outside()
    for section in rules.sections:
        walk.Walk(rules, section, layout).run()
    tap.check(not rules.broken, f'{elf.path}:\n' + '\n'.join(rules.broken))
    return rules.sections
