# SPDX-License-Identifier: MIT
"""Instructions of x86-64 and aarch64 in one form, as far as restartable sections use them.

What is not known here has no place in a section: calls, system calls, traps, string instructions,
the stack, and of the locked and exclusive ones all but those that compare and swap. The answer for
these is a Step of kind 'refused'.
"""
import re

REFUSED, NOTHING, SET, COMPARE, JUMP = 'refused', 'nothing', 'set', 'compare', 'jump'


class Memory:
    """An operand in memory: [base + index * scale + number], and how many bytes there; segment is
    'fs:' where that is added to the thread pointer."""

    def __init__(self, base, index=None, scale=1, number=0, size=8, segment=''):
        self.base, self.index, self.scale, self.number = base, index, scale, number
        self.size, self.segment = size, segment


class Step:
    """What an instruction does.

    load, store: Memory that is read, that is written. to: {register: (operation, operands, bytes)}
    that the instruction computes: operands are ('reg', name, bytes), the same multiplied as
    ('scaled', name, bytes), ('number', n) or ('memory',); operation is 'copy', 'add', 'sub', 'shl'
    or 'other'.

    swaps: the store is made under a condition: that expected, an operand, is what is there, or
    without one, that nobody has written there since an exclusive load; failed: the register that
    says it was not made. acquires, releases: the load, the store is ordered so.
    """

    def __init__(self, kind):
        self.kind = kind
        self.load = None
        self.store = None
        self.value = None  # operand that is stored
        self.swaps = self.exclusive = self.acquires = self.releases = False
        self.expected = self.failed = None
        self.to = {}
        self.read = []  # operands of a comparison
        self.target = None  # of a jump
        self.condition = None  # of a jump; None: always


def difference(subtracts, operation, operands):
    """A number is taken away by adding its negative."""
    if not subtracts:
        return operation, operands
    if operands[-1][0] == 'number':
        return 'add', [*operands[:-1], ('number', -operands[-1][1])]
    return 'sub', operands


# ---- x86-64, in Intel's syntax ----

X86_OLD = {'a': 'rax', 'b': 'rbx', 'c': 'rcx', 'd': 'rdx'}
X86_SIZES = {'BYTE': 1, 'WORD': 2, 'DWORD': 4, 'QWORD': 8}
X86_SIZES.update({'XMMWORD': 16, 'YMMWORD': 32, 'ZMMWORD': 64})
X86_COMPARISONS = ('cmp', 'test', 'bt')
X86_MOVES = re.compile(r'v?mov(aps|ups|dq[au](8|16|32|64)?|d|q|zx|)$')
X86_ARITHMETIC = re.compile(r'(add|sub|and|or|xor|shl|shr|inc|dec|neg|not|imul|cmov\w+)$')


def x86_register(text):
    """(name of the whole register, bytes) of al, r8d, rsi, xmm3 ...; None: not a register."""
    if re.match(r'[xyz]mm\d+$', text):
        return 'x' + text[1:], {'x': 16, 'y': 32, 'z': 64}[text[0]]
    found = re.match(r'(r\d+)([bwd]?)$', text)
    if found:
        return found.group(1), {'b': 1, 'w': 2, 'd': 4, '': 8}[found.group(2)]
    found = re.match(r'([re]?)([a-d])x$', text)
    if found:
        return X86_OLD[found.group(2)], {'r': 8, 'e': 4, '': 2}[found.group(1)]
    found = re.match(r'([a-d])[lh]$', text)
    if found:
        return X86_OLD[found.group(1)], 1
    found = re.match(r'([re]?)(si|di|bp|sp)(l?)$', text)
    if found:
        size = 1 if found.group(3) else {'r': 8, 'e': 4, '': 2}[found.group(1)]
        return 'r' + found.group(2), size
    return None


def x86_memory(text):
    found = re.match(r'(\w+) PTR (fs:|)\[(.*)\]$', text)
    if not found or found.group(1) not in X86_SIZES:
        return None
    memory = Memory(None, size=X86_SIZES[found.group(1)], segment=found.group(2))
    return memory if x86_address(found.group(3), memory) else None


def x86_address(text, memory):
    for term in re.findall(r'[+-]?[^+-]+', text):
        term = term.lstrip('+')
        scaled = re.match(r'(\w+)\*(\d)$', term)
        if scaled:
            memory.index, memory.scale = x86_register(scaled.group(1))[0], int(scaled.group(2))
        elif re.match(r'-?0x[0-9a-f]+$', term):
            memory.number += int(term, 16)
        elif memory.base is None:
            memory.base = (x86_register(term) or ('rip',))[0]
        else:
            return False
    return memory.base is not None


def x86_operand(text):
    if x86_register(text):
        return ('reg', *x86_register(text))
    if re.match(r'-?(0x[0-9a-f]+|\d+)$', text):
        return ('number', int(text, 0))
    return ('memory',)


def x86_jump(line, step):
    found = re.match(r'[0-9a-f]+$', line.operands)
    if not found:
        return Step(REFUSED)
    step.target = int(found.group(), 16)
    step.condition = None if line.mnemonic == 'jmp' else line.mnemonic[1:]
    return step


def x86_swap(line):
    """lock cmpxchg: stores if memory has what rax has, and leaves in rax what it had."""
    texts = [text.strip() for text in line.operands.split(' ', 1)[-1].split(',')]
    step = Step(SET)
    memory = x86_memory(texts[0])
    if not line.operands.startswith('cmpxchg ') or not memory or len(texts) != 2:
        return Step(REFUSED)
    step.swaps, step.store = True, memory
    step.value, step.expected = x86_operand(texts[1]), ('reg', 'rax', memory.size)
    step.to['rax'] = ('other', [('memory',)], memory.size)
    return step


def x86(line):
    mnemonic = line.mnemonic
    if mnemonic == 'lock':
        return x86_swap(line)
    texts = [text.strip() for text in line.operands.split(',')] if line.operands else []
    if re.match(r'j\w+$', mnemonic) and mnemonic not in ('jrcxz', 'jecxz'):
        return x86_jump(line, Step(JUMP))
    if mnemonic in ('nop', 'nopw', 'nopl') or (mnemonic, texts) == ('xchg', ['ax', 'ax']):
        return Step(NOTHING)
    moves, arithmetic = X86_MOVES.match(mnemonic), X86_ARITHMETIC.match(mnemonic)
    if not texts or not (moves or arithmetic or mnemonic in (*X86_COMPARISONS, 'lea')):
        return Step(REFUSED)
    step = Step(COMPARE if mnemonic in X86_COMPARISONS else SET)
    operands = [x86_operand(text) for text in texts]
    places = [x86_memory(text) for text, what in zip(texts, operands) if what[0] == 'memory']
    if mnemonic == 'lea':
        return x86_lea(step, texts, operands)
    if None in places or len(places) > 1:
        return Step(REFUSED)
    if step.kind == COMPARE:
        step.load = places[0] if places else None
        step.read = operands
        return step
    return x86_set(step, mnemonic, operands, places)


def x86_lea(step, texts, operands):
    memory = Memory(None)
    inside = re.match(r'\[(.*)\]$', texts[1])
    if not inside or not x86_address(inside.group(1), memory):
        return Step(REFUSED)
    terms = [('reg', memory.base, 8), ('number', memory.number)]
    if memory.index:
        terms.append(('scaled', memory.index, 8))
    step.to[operands[0][1]] = ('add', terms, operands[0][2])
    return step


def x86_set(step, mnemonic, operands, places):
    to, sources = operands[0], operands[1:]
    copies = X86_MOVES.match(mnemonic)
    if to == ('memory',):
        step.store = places[0]
        step.value = sources[0] if copies and sources else None
        step.load = None if copies else places[0]
        return step
    if to[0] != 'reg':
        return Step(REFUSED)
    step.load = places[0] if places else None
    computed = ('other', [to, *sources])
    if copies:
        computed = ('copy', sources)
    elif mnemonic in ('add', 'sub', 'shl'):
        computed = difference(mnemonic == 'sub', mnemonic, [to, *sources])
    step.to[to[1]] = (*computed, to[2])
    return step


# ---- aarch64 ----

ARM_LOADS = re.compile(r'(ldr|ldur|ldaxr|ldar|ldapr|ldp)(b|h|)$')
ARM_STORES = re.compile(r'(str|stur|stlr|stp)(b|h|)$')
ARM_ARITHMETIC = re.compile(
    r'(mov|movz|movk|movn|mvn|and|ands|orr|eor|bic|lsl|lsr|asr|sub|subs|add|adds|neg|'
    r'csel|csinc|cset|ubfx|ubfiz|mul|madd)$'
)


def arm_register(text):
    """(x-name, bytes) of x3, w3, wzr, q16, v16.4s; None: not a register."""
    found = re.match(r'([xw])(\d+|zr)$', text)
    if found:
        return 'x' + found.group(2), 8 if found.group(1) == 'x' else 4
    found = re.match(r'([bhsdqv])(\d+)(\.\w+)?$', text)
    if found:
        sizes = {'b': 1, 'h': 2, 's': 4, 'd': 8, 'q': 16, 'v': 16}
        return 'v' + found.group(2), sizes[found.group(1)]
    return ('sp', 8) if text == 'sp' else None


def arm_operand(text):
    if arm_register(text):
        return ('reg', *arm_register(text))
    found = re.match(r'#(-?(0x[0-9a-f]+|\d+))$', text)
    return ('number', int(found.group(1), 0)) if found else ('unknown', text)


def arm_memory(text, size):
    """(Memory, how much the base grows afterwards) of "[x1, #16]!", "[x1], #16" and the like."""
    found = re.match(r'\[([^\]]*)\](!?)(?:, #(-?\w+))?$', text)
    if not found:
        return None, 0
    terms = [term.strip() for term in found.group(1).split(',')]
    memory = Memory(terms[0] if arm_register(terms[0]) else None, size=size)
    if len(terms) > 1 and terms[1].startswith('#'):
        memory.number = int(terms[1][1:], 0)
    elif len(terms) > 1:
        memory.index = (arm_register(terms[1]) or (None,))[0]
        shift = re.search(r'#(\d+)', terms[2]) if len(terms) > 2 else None
        memory.scale = 1 << int(shift.group(1)) if shift else 1
    growth = memory.number if found.group(2) else int(found.group(3) or '0', 0)
    return memory, growth


def arm_access(line, load, store):
    registers, text = line.operands.split('[', 1)
    names = [arm_operand(name.strip()) for name in registers.strip().rstrip(',').split(',')]
    if any(name[0] != 'reg' for name in names):
        return Step(REFUSED)
    narrow = {'b': 1, 'h': 2, '': names[0][2]}[(load or store).group(2)]
    memory, growth = arm_memory('[' + text, narrow * len(names))
    if memory is None or memory.base is None:
        return Step(REFUSED)
    step = Step(SET)
    if load:
        step.load = memory
        step.exclusive = load.group(1) == 'ldaxr'
        step.acquires = load.group(1) in ('ldaxr', 'ldar', 'ldapr')
        for name in names:
            what = 'copy' if len(names) == 1 else 'other'
            step.to[name[1]] = (what, [('memory',)], narrow)
    else:
        step.store = memory
        step.releases = store.group(1) == 'stlr'
        step.value = names[0] if len(names) == 1 else None
    if growth:
        step.to[memory.base] = ('add', [('reg', memory.base, 8), ('number', growth)], 8)
    return step


def arm_swap(line):
    """casal: what is expected, what is stored. stlxr: what says that it failed, what is stored."""
    names, text = line.operands.split('[', 1)
    names = [arm_operand(name.strip()) for name in names.strip().rstrip(',').split(',')]
    if len(names) != 2 or any(name[0] != 'reg' for name in names):
        return Step(REFUSED)
    step = Step(SET)
    step.store, growth = arm_memory('[' + text, names[1][2])
    if growth or step.store is None or step.store.base is None:
        return Step(REFUSED)
    step.swaps, step.releases, step.value = True, True, names[1]
    step.to[names[0][1]] = ('other', [('memory',)], names[0][2])
    if line.mnemonic == 'casal':
        step.expected = names[0]
    else:
        step.failed = names[0]
    return step


def arm_jump(line, step):
    parts = [part.strip() for part in line.operands.split(',')]
    found = re.match(r'[0-9a-f]+$', parts[-1])
    if not found:
        return Step(REFUSED)
    step.target = int(found.group(), 16)
    step.condition = None
    if line.mnemonic != 'b':
        step.condition = line.mnemonic[2:] if line.mnemonic[1] == '.' else line.mnemonic
        step.read = [arm_operand(part) for part in parts[:-1]]
    return step


def arm_set(line, operands):
    step = Step(SET)
    to, sources = operands[0], operands[1:]
    if to[0] != 'reg':
        return Step(REFUSED)
    shift = 0
    if sources and sources[-1][0] == 'unknown':
        found = re.match(r'(lsl|uxtw|sxtw)(?: #(\d+))?$', sources[-1][1])
        if not found:
            if line.mnemonic.startswith('cs'):  # a condition
                sources[-1] = ('number', 0)
            else:
                return Step(REFUSED)
        else:
            shift = int(found.group(2) or '0')
            sources = sources[:-1]
    computed = ({'mov': 'copy', 'lsl': 'shl'}.get(line.mnemonic, 'other'), sources)
    if line.mnemonic in ('add', 'adds', 'sub', 'subs'):
        computed = arm_sum(line.mnemonic.startswith('sub'), sources, shift)
    step.to[to[1]] = (*computed, to[2])
    return step


def arm_sum(subtracts, sources, shift):
    last = sources[-1]
    if shift and last[0] == 'number':
        last = ('number', last[1] << shift)
    elif shift:
        last = ('scaled', last[1], last[2])
    return difference(subtracts, 'add', [*sources[:-1], last])


def arm(line):
    mnemonic = line.mnemonic
    if mnemonic == 'b' or re.match(r'(b\.\w+|cbn?z|tbn?z)$', mnemonic):
        return arm_jump(line, Step(JUMP))
    if mnemonic == 'nop':
        return Step(NOTHING)
    if mnemonic in ('casal', 'stlxr') and '[' in line.operands:
        return arm_swap(line)
    load, store = ARM_LOADS.match(mnemonic), ARM_STORES.match(mnemonic)
    if (load or store) and '[' in line.operands:
        return arm_access(line, load, store)
    operands = [arm_operand(text.strip()) for text in line.operands.split(',')]
    if mnemonic in ('cmp', 'cmn', 'tst'):
        step = Step(COMPARE)
        step.read = operands
        return step
    return arm_set(line, operands) if ARM_ARITHMETIC.match(mnemonic) else Step(REFUSED)
