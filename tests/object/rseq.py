# SPDX-License-Identifier: MIT
"""Whether the restartable sections of a linked file keep their rules, as its bytes tell.

check(elf, slots) raises tap.Failed with every rule that is broken, or returns the sections; slots
is where they begin in a list. The values that registers hold are followed through each range along
all its paths:

    input   what the register held when the range began, or a pointer near by
    cpu     cpu_id, read from the area inside the range; offset: 256 times that
    list    lp, read at pcps + offset; or lp plus a number, plus an index perhaps
    header  read at lp, or computed from that
    number  anything else
"""
import struct

import steps
import tap

SIGNATURE = {True: 0x53053053, False: 0xD428BC00}  # by whether it is x86-64
RSEQ_CS, CPU_ID = 8, 4  # offsets in a thread's area
NUMBER = ('number',)
SLOT = 4  # bytes
EIGHT = 32  # bytes of a register that holds eight pages
EIGHTS = (1, 2, 4, 8)  # registers that wide sections move
HIGHER = {'ae', 'nb', 'nc', 'hs', 'cs'}  # unsigned: cpu_id is not below the number of CPUs
NOT_ZERO, ZERO = {'ne', 'nz'}, {'e', 'z', 'eq'}


class Section:
    def __init__(self, descriptor, start, length, abort):
        self.descriptor = descriptor
        self.start, self.end, self.abort = start, start + length, abort
        self.exits = set()
        self.kind = None  # pop or push; one, batch or wide

    def holds(self, address):
        return self.start <= address < self.end


class Rules:
    """Collects what is broken."""

    def __init__(self, elf, slots):
        self.elf = elf
        self.slots = slots
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


class State:
    """What registers hold, and what has been made sure of, on the way to an instruction."""

    def __init__(self, registers=None, bounded=False, untagged=False, nonzero=frozenset()):
        self.registers = dict(registers or {})
        self.bounded = bounded  # cpu_id is below the number of CPUs
        self.untagged = untagged  # lp carries no tag
        self.nonzero = nonzero  # registers

    def copy(self):
        return State(**vars(self))

    def get(self, name):
        return self.registers.get(name, ('input', name))

    def base(self, memory):
        value = self.get(memory.base)
        if not memory.segment:
            return value
        return ('input', memory.segment + value[1]) if value[0] == 'input' else NUMBER

    def value(self, operand):
        return self.get(operand[1]) if operand[0] == 'reg' else NUMBER

    def join(self, other):
        """The same after two ways have met."""
        names = set(self.registers) | set(other.registers)
        return State(
            {name: meet(self.get(name), other.get(name)) for name in names},
            self.bounded and other.bounded,
            self.untagged and other.untagged,
            self.nonzero & other.nonzero,
        )

    def same(self, other):
        return vars(self) == vars(other)


def meet(a, b):
    if a == b:
        return a
    if a[0] == b[0] == 'list':
        return ('list', min(a[1], b[1]), a[2] or b[2])
    return NUMBER


def add(values, number):
    """The sum of values and a number: indices are not negative, and so are not checked."""
    pointers = [value for value in values if value[0] in ('list', 'input', 'header')]
    if len(pointers) > 1:
        # Inputs are numbers as well as pointers: what is added to a list or a header is a number.
        pointers = [value for value in pointers if value[0] != 'input']
    if len(pointers) != 1:
        return NUMBER
    value = pointers[0]
    if value[0] != 'list':
        return value
    moved = value[1] + number
    return ('list', moved, value[2] or len(values) > 1) if moved >= 0 else NUMBER


class Walk:
    """One range, followed along all its paths."""

    def __init__(self, rules, section):
        self.rules, self.elf, self.section = rules, rules.elf, section
        self.parse = steps.x86 if self.elf.x86 else steps.arm
        # The register that holds the address of the thread's area; after 'fs:', its distance from
        # the thread pointer.
        self.area = None
        self.pcps = None  # the register that lp was found from
        self.narrow = set()  # inputs that are used as numbers
        self.pointers = set()  # inputs that memory is accessed through, but area and pcps
        self.slot_stores = self.scratch_accesses = 0
        self.eights = {'pop': {}, 'push': {}}  # address: (index, distance from the slots)
        self.commits = []
        self.left = set()  # exits that are jumped to
        self.said = set()

    def ask(self, condition, line, message):
        text = f'range {self.section.start:x}: {line}: {message}'
        if not condition and text not in self.said:
            self.said.add(text)
            self.rules.ask(False, text)
        return condition

    def run(self):
        lines = [line for line in self.elf.lines.values() if self.section.holds(line.address)]
        if not lines or not self.find_announcement(lines[0]):
            return
        self.ask(lines[-1].next == self.section.end, lines[-1], 'the range ends inside it')
        states, todo = {self.section.start: State()}, [self.section.start]
        while todo:
            address = todo.pop()
            for target, state in self.pass_one(self.elf.lines[address], states[address]):
                new = states[target].join(state) if target in states else state
                if target not in states or not new.same(states[target]):
                    states[target] = new
                    todo.append(target)
        self.check_whole(lines, states)

    def check_whole(self, lines, states):
        last = lines[-1]
        self.ask(
            set(self.commits) == {last.address},
            last,
            'the last instruction, and no other, must store the header of the list',
        )
        for line in lines:
            self.ask(line.address in states, line, 'cannot be reached')
        pointers = sorted(self.pointers)
        self.ask(len(pointers) <= 1, last, f'scratch is one input, not {", ".join(pointers)}')
        for name in sorted(self.pointers & self.narrow):
            self.ask(False, last, f'{name} is used as a number and as an address')
        for address in sorted(self.section.exits - self.left):
            self.ask(False, last, f'exit {address:x} is registered, and nothing jumps there')
        self.check_eights(last)
        way = 'push' if self.slot_stores else 'pop'
        size = ' batch' if self.scratch_accesses else ' one'
        self.section.kind = way + (' wide' if any(self.eights.values()) else size)

    def check_eights(self, last):
        """Wide sections move registers one behind the other, from one index on, and nothing else."""
        moved = [eight for way in self.eights.values() for _, eight in sorted(way.items())]
        if not moved:
            return
        self.ask(
            not all(self.eights.values()) and len({index for index, _ in moved}) == 1,
            last,
            'a wide section moves eights one way, and from one index',
        )
        distances = [distance for _, distance in moved]
        self.ask(
            len(moved) in EIGHTS and distances == list(range(0, EIGHT * len(moved), EIGHT)),
            last,
            f'a wide section moves 1, 2, 4 or 8 eights from the first on, not those at {distances}',
        )
        others = self.scratch_accesses or self.slot_stores != len(self.eights['push'])
        self.ask(not others, last, 'a wide section moves pages between list and registers alone')

    def note_eight(self, line, way, memory, base):
        if memory.size == EIGHT:
            index = memory.index if memory.scale == SLOT else None
            distance = base[1] + memory.number - self.rules.slots
            self.eights[way][line.address] = (index, distance)

    def find_announcement(self, first):
        """Before the range: rseq_cs = address of the descriptor. That shows where the area is."""
        chain, line = [], first.previous
        while line and len(chain) < 3:
            chain.append(line)
            line = line.previous
        store = self.parse(chain[0]) if chain else steps.Step(steps.REFUSED)
        good = store.store and store.store.number == RSEQ_CS and not store.store.index
        if good:
            self.area = store.store.segment + store.store.base
            good = store.value == ('reg', store.value[1], 8) and self.announced(
                chain[1:], store.value[1]
            )
        return self.ask(good, first, 'the store before it must be of the descriptor to rseq_cs')

    def announced(self, chain, register):
        """Whether the instructions before leave the descriptor's address in the register."""
        wanted = self.section.descriptor
        if self.elf.x86:
            step = self.parse(chain[0])
            terms = step.to.get(register, (None, [], 8))[1]
            if chain[0].mnemonic != 'lea' or not terms or terms[0] != ('reg', 'rip', 8):
                return False
            return chain[0].next + terms[1][1] == wanted
        low, high = chain[0], chain[1]
        if high.mnemonic != 'adrp':
            return False
        into, page = high.operands.split(',')
        if steps.arm_register(into) != (register, 8):
            return False
        page = int(page, 16)
        terms = self.parse(low).to.get(register, (None, []))[1]
        return len(terms) == 2 and page + terms[1][1] == wanted

    def pass_one(self, line, state):
        """What an instruction does; returns (address, state) for each that may follow."""
        step = self.parse(line)
        self.ask(step.kind != steps.REFUSED, line, 'has no place in a section')
        if step.kind == steps.JUMP:
            return self.jump(line, step, state)
        state = state.copy()
        self.note_numbers(step, state)
        loaded = self.load(line, step, state) if step.load else NUMBER
        if step.store:
            self.store(line, step, state)
        values = {
            name: self.compute(what, operands, size, loaded, state)
            for name, (what, operands, size) in step.to.items()
        }
        state.registers.update(values)
        state.nonzero -= set(values)
        return [(line.next, state)] if self.section.holds(line.next or 0) else []

    def note_numbers(self, step, state):
        operands = list(step.read) + [step.value or NUMBER]
        for _, sources, _ in step.to.values():
            operands += sources
        for operand in operands:
            if operand[0] in ('reg', 'scaled') and (operand[2] < 8 or operand[0] == 'scaled'):
                value = state.get(operand[1])
                if value[0] == 'input':
                    self.narrow.add(value[1])

    def load(self, line, step, state):
        """What a load brings, if it may be made."""
        memory = step.load
        base = state.base(memory)
        index = state.get(memory.index) if memory.index else None
        if base == ('input', self.area) and not index:
            self.ask(memory.number == CPU_ID and memory.size == 4, line, 'reads more than cpu_id')
            return ('cpu',)
        if base[0] == 'input' and index == ('offset',) and memory.scale == 1:
            self.ask(memory.number == 0 and memory.size == 8, line, 'does not read lp')
            self.ask(state.bounded, line, 'cpu_id has not been compared with the number of CPUs')
            self.ask(self.pcps in (None, base[1]), line, 'there are two arrays of CPUs')
            self.pcps = base[1]
            state.untagged = False
            return ('list', 0, False)
        if base[0] == 'list':
            self.ask(state.untagged, line, 'the tags of lp have not been looked at')
            self.ask(base[1] + memory.number >= 0, line, 'reads before the list')
            self.note_eight(line, 'pop', memory, base)
            header = base == ('list', 0, False) and not index and memory.number == 0
            return ('header',) if header and memory.size == 8 else NUMBER
        if step.kind == steps.COMPARE and ('cpu',) in (state.value(what) for what in step.read):
            self.ask(base[0] == 'input', line, 'compares cpu_id with what is no input')
            return NUMBER
        if memory.base == 'rip' and not index:
            known = self.elf.holds(line.next + memory.number, memory.size)
            self.ask(known, line, 'reads what is not in this file')
            return NUMBER
        self.scratch(line, base, index)
        return NUMBER

    def scratch(self, line, base, index):
        good = base[0] == 'input' and base[1] not in (self.area, self.pcps, 'rsp', 'sp', 'rip')
        good = good and ':' not in base[1] and index in (None, NUMBER)
        if self.ask(good, line, 'is neither at lp nor at the scratch'):
            self.pointers.add(base[1])
            self.scratch_accesses += 1

    def store(self, line, step, state):
        memory = step.store
        base = state.base(memory)
        if base[0] != 'list':
            self.scratch(line, base, state.get(memory.index) if memory.index else None)
            return
        self.ask(state.untagged, line, 'the tags of lp have not been looked at')
        if base == ('list', 0, False) and memory.number == 0 and not memory.index:
            stored = state.value(step.value) if step.value else NUMBER
            good = stored == ('header',) and memory.size == 8
            self.ask(good, line, 'stores no header made from the one read')
            self.commits.append(line.address)
            return
        self.slot_stores += 1
        self.note_eight(line, 'push', memory, base)
        lowest = base[1] + memory.number
        if memory.index in state.nonzero and memory.scale == SLOT:
            lowest += SLOT
        self.ask(lowest >= self.rules.slots, line, 'stores in the list, but not in a slot')

    def compute(self, what, operands, size, loaded, state):
        if operands == [('memory',)]:
            return loaded if what == 'copy' else NUMBER
        if size == 4 and what == 'copy' and state.value(operands[0]) == ('cpu',):
            return ('cpu',)
        if size < 8:
            return NUMBER
        values = [state.value(operand) for operand in operands if operand[0] != 'number']
        number = sum(operand[1] for operand in operands if operand[0] == 'number')
        if what == 'copy':
            return values[0] if values else NUMBER
        if what == 'shl':
            return ('offset',) if values[:1] == [('cpu',)] and number == 8 else NUMBER
        if what == 'add':
            return add(values, number)
        if what == 'sub' and values[0] == ('header',):
            return values[0]
        return NUMBER

    def jump(self, line, step, state):
        ways = []
        taken, passed = state.copy(), state.copy()
        if step.condition is not None:
            self.learn(line, step, taken, passed)
        if self.section.holds(step.target):
            self.ask(step.target in self.elf.lines, line, 'jumps into an instruction')
            if step.target in self.elf.lines:
                ways.append((step.target, taken))
        else:
            self.left.add(step.target)
            registered = step.target in self.section.exits
            self.ask(registered, line, 'jumps to where no exit is registered')
        if step.condition is not None and self.ask(
            self.section.holds(line.next or 0), line, 'ends the range, and is no commit'
        ):
            ways.append((line.next, passed))
        return ways

    def learn(self, line, step, taken, passed):
        """What the instruction just before a jump says of the ways it was taken and passed by."""
        before = line.previous
        if not before or not self.section.holds(before.address):
            return
        flags = self.parse(before)
        if before.mnemonic in ('add', 'sub', 'adds', 'subs') and len(flags.to) == 1:
            if step.condition in NOT_ZERO:
                taken.nonzero |= set(flags.to)
            elif step.condition in ZERO:
                passed.nonzero |= set(flags.to)
        if flags.kind == steps.COMPARE and not self.section.holds(step.target):
            self.learn_of_list(before, flags, step, passed)

    def learn_of_list(self, before, compared, step, passed):
        """What is known where an exit was not taken."""
        values = [passed.value(operand) for operand in compared.read]
        if before.mnemonic == 'cmp' and values[0] == ('cpu',) and step.condition in HIGHER:
            passed.bounded = True
        tags = values[0] == ('list', 0, False) and compared.read[1] == ('number', 3)
        if before.mnemonic in ('test', 'tst') and tags and step.condition in NOT_ZERO:
            passed.untagged = True


def check(elf, slots):
    rules = Rules(elf, slots)
    rules.read_descriptors()
    rules.check_places()
    rules.check_signatures()
    rules.check_debugger_entries()
    rules.check_outside()
    for section in rules.sections:
        Walk(rules, section).run()
    tap.check(not rules.broken, f'{elf.path}:\n' + '\n'.join(rules.broken))
    return rules.sections
