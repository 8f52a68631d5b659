# SPDX-License-Identifier: MIT
"""One restartable section's range, followed along all its paths; rseq.py has the other rules.

What registers hold:

    input   what the register held when the range began, or a pointer near by
    cpu     cpu_id, read from the area inside the range; offset: 256 times that
    record  pcps + offset
    list    lp, read from the record; or lp plus a number, plus an index perhaps
    header  read at lp; changed: computed from that; again: read once more, exclusively
    number  anything else

A section reads the lp of biased sections and commits by a plain store; or it reads the lp of shared
ones, makes sure that the list is not closed, and commits by compare-and-swap.
"""
import steps

RSEQ_CS, CPU_ID = 8, 4  # offsets in a thread's area
LP, SHARED_LP = 0, 8  # offsets in a CPU's record
NUMBER, HEADER, CHANGED, AGAIN = ('number',), ('header',), ('changed',), ('again',)
WORD = 8  # bytes of a header
SLOT = 4  # bytes
EIGHT = 32  # bytes of a register that holds eight pages
EIGHTS = (1, 2, 4, 8)  # registers that wide sections move
HIGHER = {'ae', 'nb', 'nc', 'hs', 'cs'}  # unsigned: cpu_id is not below the number of CPUs
CARRY = {'b', 'c', 'nae'}  # the bit that was asked for is set
NOT_ZERO, ZERO = {'ne', 'nz'}, {'e', 'z', 'eq'}

# What has been made sure of on the way to an instruction.
BOUNDED = 'cpu_id is below the number of CPUs'
NOT_CLOSED = 'the list is not closed'
WATCHED = 'memory was not accessed since the exclusive load of the header'
SAME = 'the exclusive load found the header that was read before'


class State:
    """What registers hold, and what has been made sure of, on the way to an instruction."""

    def __init__(self, registers=None, sure=frozenset(), nonzero=frozenset()):
        self.registers = dict(registers or {})
        self.sure = sure
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
            self.sure & other.sure,
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
    pointers = [value for value in values if value[0] in ('list', 'input', 'header', 'changed')]
    if ('offset',) in values and len(values) == 2 and number == 0:
        return ('record', pointers[0][1]) if pointers and pointers[0][0] == 'input' else NUMBER
    if len(pointers) > 1:
        # Inputs are numbers as well as pointers: what is added to a list or a header is a number.
        pointers = [value for value in pointers if value[0] != 'input']
    if len(pointers) != 1:
        return NUMBER
    value = pointers[0]
    if value[0] != 'list':
        return CHANGED if value == HEADER and (number or len(values) > 1) else value
    moved = value[1] + number
    return ('list', moved, value[2] or len(values) > 1) if moved >= 0 else NUMBER


class Walk:
    """layout: where slots begin in a list, and the bit of a header that says it is closed."""

    def __init__(self, rules, section, layout):
        self.rules, self.elf, self.section = rules, rules.elf, section
        self.layout = layout
        self.parse = steps.x86 if self.elf.x86 else steps.arm
        # The register that holds the address of the thread's area; after 'fs:', its distance from
        # the thread pointer.
        self.area = None
        self.pcps = None  # the register that lp was found from
        self.lps = set()  # offsets in the record
        self.headers = set()  # addresses of instructions that read one
        self.narrow = set()  # inputs that are used as numbers
        self.pointers = set()  # inputs that memory is accessed through, but area and pcps
        self.slot_stores = self.scratch_accesses = 0
        self.eights = {'pop': {}, 'push': {}}  # address: (index, distance from the slots)
        self.commits = {}  # address: whether it compares and swaps
        self.left = set()  # exits that are jumped to
        self.anew = self.find_anew()  # where a section goes that must begin anew
        self.said = set()

    def ask(self, condition, line, message):
        text = f'range {self.section.start:x}: {line}: {message}'
        if not condition and text not in self.said:
            self.said.add(text)
            self.rules.ask(False, text)
        return condition

    def find_anew(self):
        """The abort address; if all that is there is a jump, where that goes is the same place."""
        line = self.elf.lines.get(self.section.abort)
        step = self.parse(line) if line else None
        if step and step.kind == steps.JUMP and step.condition is None:
            return {self.section.abort, step.target}
        return {self.section.abort}

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
        self.ask(
            len(self.headers) <= 1, last, f'the header is read in {len(self.headers)} places'
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
        self.check_commit(last, states)
        self.section.kind = self.kind()

    def kind(self):
        way = 'push' if self.slot_stores else 'pop'
        size = ' batch' if self.scratch_accesses else ' one'
        if any(self.eights.values()):
            size = ' wide'
        elif self.shared() and self.scratch_accesses:
            size = ''  # there is no other
        return way + size + (' shared' if self.shared() else '')

    def shared(self):
        return SHARED_LP in self.lps

    def check_eights(self, last):
        """Wide sections move registers one behind the other, from one index on, no more."""
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
            distance = base[1] + memory.number - self.layout.slots
            self.eights[way][line.address] = (index, distance)

    # ---- How it commits ----

    def check_commit(self, last, states):
        """By what is right for the list that it found."""
        self.ask(len(self.lps) <= 1, last, 'there are two lp: for biased sections and shared')
        ways = set(self.commits.values())
        if not self.shared():
            self.ask(True not in ways, last, 'compares and swaps, but the list is not shared')
        else:
            self.ask(False not in ways, last, 'does not compare, but the list is shared')
            if True in ways and last.address in states:
                self.check_behind(last, states[last.address])

    def check_behind(self, last, state):
        """Behind the range: if nothing was swapped, goes where aborted sections go."""
        step, leaves = self.parse(last), steps.Step(steps.NOTHING)
        jump = self.elf.lines.get(self.section.end)
        good = jump is not None and jump.previous is last
        if good and step.expected and not self.elf.x86:
            good, jump = self.compares_what_was_there(jump, step.expected[1], state)
        if good:
            leaves = self.parse(jump)
            wanted = [step.failed] if step.failed else []
            good = leaves.kind == steps.JUMP and leaves.target in self.anew
            good = good and leaves.read == wanted
            good = good and leaves.condition in ({'cbnz'} if step.failed else NOT_ZERO)
        self.ask(
            good,
            last,
            'is not followed, behind the range, by a jump to the abort address if it has failed',
        )
        registered = leaves.kind != steps.JUMP or leaves.target in self.section.exits
        self.ask(registered, last, 'the jump behind the range is to where no exit is registered')

    def compares_what_was_there(self, line, was, state):
        """Whether the instruction compares it with what was read before; and the next one."""
        step = self.parse(line)
        good = line.mnemonic == 'cmp' and len(step.read) == 2 and line.next is not None
        if good:
            names = [operand[1] for operand in step.read if operand[0] == 'reg']
            sizes = {operand[2] for operand in step.read if operand[0] == 'reg'}
            others = [name for name in names if name != was]
            good = len(names) == 2 and sizes == {WORD} and was in names and len(others) == 1
            good = good and state.get(others[0]) == HEADER
        return good, self.elf.lines.get(line.next) if good else line

    # ---- Announcement ----

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

    # ---- Instructions ----

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
        state.sure -= {WATCHED, SAME}
        if base[0] == 'list':
            return self.load_from_list(line, step, base, state)
        self.ask(not step.exclusive, line, 'is exclusive, but not of the header')
        if base == ('input', self.area) and not index:
            self.ask(memory.number == CPU_ID and memory.size == 4, line, 'reads more than cpu_id')
            return ('cpu',)
        if base[0] == 'input' and index == ('offset',) and memory.scale == 1:
            return self.load_lp(line, memory, base[1], state)
        if base[0] == 'record' and not index:
            return self.load_lp(line, memory, base[1], state)
        if step.kind == steps.COMPARE and ('cpu',) in (state.value(what) for what in step.read):
            self.ask(base[0] == 'input', line, 'compares cpu_id with what is no input')
            return NUMBER
        if memory.base == 'rip' and not index:
            known = self.elf.holds(line.next + memory.number, memory.size)
            self.ask(known, line, 'reads what is not in this file')
            return NUMBER
        self.scratch(line, base, index)
        return NUMBER

    def load_lp(self, line, memory, pcps, state):
        good = memory.number in (LP, SHARED_LP) and memory.size == 8
        self.ask(good, line, 'does not read lp')
        good = BOUNDED in state.sure
        self.ask(good, line, 'cpu_id has not been compared with the number of CPUs')
        self.ask(self.pcps in (None, pcps), line, 'there are two arrays of CPUs')
        self.pcps = pcps
        self.lps.add(memory.number)
        return ('list', 0, False)

    def load_from_list(self, line, step, base, state):
        memory = step.load
        lowest = base[1] + memory.number
        self.ask(lowest >= 0, line, 'reads before the list')
        self.note_eight(line, 'pop', memory, base)
        if memory.index or base[2] or lowest >= WORD:
            if memory.index or base[2] or lowest >= self.layout.slots:
                self.ask_not_closed(line, state)
            self.ask(not step.exclusive, line, 'is exclusive, but not of the header')
            return NUMBER
        whole = lowest == 0 and memory.size == WORD
        if step.exclusive:
            self.ask(whole and self.shared(), line, 'is exclusive, but of no shared header')
            state.sure |= {WATCHED}
            return AGAIN
        self.headers.add(line.address)
        state.sure -= {NOT_CLOSED}
        ordered = self.elf.x86 or step.acquires or not self.shared()
        self.ask(ordered, line, 'reads the header of a shared list, and is no acquire')
        return HEADER if whole else NUMBER

    def ask_not_closed(self, line, state):
        self.ask(
            not self.shared() or NOT_CLOSED in state.sure,
            line,
            'is at the slots, and a closed list has not been left for the abort address',
        )

    def scratch(self, line, base, index):
        good = base[0] == 'input' and base[1] not in (self.area, self.pcps, 'rsp', 'sp', 'rip')
        good = good and ':' not in base[1] and index in (None, NUMBER)
        if self.ask(good, line, 'is neither at lp nor at the scratch'):
            self.pointers.add(base[1])
            self.scratch_accesses += 1

    def store(self, line, step, state):
        memory = step.store
        base = state.base(memory)
        if base == ('list', 0, False) and memory.number == 0 and not memory.index:
            self.commit(line, step, state)
        elif step.swaps:
            self.ask(False, line, 'compares and swaps what is no header')
        elif base[0] == 'list':
            self.slot_stores += 1
            self.note_eight(line, 'push', memory, base)
            lowest = base[1] + memory.number
            if memory.index in state.nonzero and memory.scale == SLOT:
                lowest += SLOT
            good = lowest >= self.layout.slots
            self.ask(good, line, 'stores in the list, but not in a slot')
            self.ask_not_closed(line, state)
        else:
            self.scratch(line, base, state.get(memory.index) if memory.index else None)
        state.sure -= {WATCHED, SAME}

    def commit(self, line, step, state):
        stored = state.value(step.value) if step.value else NUMBER
        good = stored == CHANGED and step.store.size == WORD
        self.ask(good, line, 'stores no header made from the one read')
        self.ask(self.elf.x86 or step.releases, line, 'commits, and is no release')
        self.commits[line.address] = step.swaps
        if step.swaps and step.expected:
            good = state.value(step.expected) == HEADER
            self.ask(good, line, 'does not expect the header as it was read')
        elif step.swaps:
            good = {WATCHED, SAME} <= state.sure
            self.ask(good, line, 'is made without another look at the header, just before')

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
        if what == 'sub' and values[0] in (HEADER, CHANGED):
            return CHANGED
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
            self.learn_where_not_left(before, flags, step, passed)

    def learn_where_not_left(self, before, compared, step, passed):
        """What is known where an exit was not taken."""
        values = [passed.value(operand) for operand in compared.read]
        if before.mnemonic == 'cmp' and values[0] == ('cpu',) and step.condition in HIGHER:
            passed.sure |= {BOUNDED}
        if step.target not in self.anew:
            return
        if values[0] == HEADER and self.asks_whether_closed(before, compared, step.condition):
            passed.sure |= {NOT_CLOSED}
        again = before.mnemonic == 'cmp' and sorted(values) == sorted((AGAIN, HEADER))
        if again and compared.read[0][2] == WORD and step.condition in NOT_ZERO:
            passed.sure |= {SAME}

    def asks_whether_closed(self, before, compared, condition):
        """By the number of the bit, or by its value."""
        (_, _, size), asked = compared.read[0], compared.read[1]
        if asked[0] != 'number' or size < 4:
            return False
        if before.mnemonic == 'bt':
            return asked[1] == self.layout.closed and condition in CARRY
        masks = before.mnemonic in ('test', 'tst') and asked[1] == 1 << self.layout.closed
        return masks and condition in NOT_ZERO
