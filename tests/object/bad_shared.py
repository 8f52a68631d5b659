# SPDX-License-Identifier: MIT
"""Sections of isolated CPUs, which compare and swap, written to be refused; as in bad.py."""
import bad

TABLES = bad.TABLES + '\t.quad .Lstart, .Labort\n'

# Pushes two pfns at r8: area rdi, pcps rsi, number of CPUs edx.
X86_PUSH = (
    '''
	.text
push:
	leaq .Ldescriptor(%rip), %rax
	movq %rax, 8(%rdi)
.Lstart:
	movl 4(%rdi), %ecx
	cmpl %edx, %ecx
	jae .Lno_cpu
	shlq $8, %rcx
	movq 8(%rsi, %rcx), %r10
	movq (%r10), %rax
	movl %eax, %ecx
	andl $0xfff, %ecx
	cmpl 8(%r10), %ecx
	jae .Lfull
	btl $12, %eax
	jc .Labort
	movl $2, %r11d
	leaq 32(%r10, %rcx, 4), %rcx
.Lcopy:
	movl (%r8), %r9d
	addq $4, %r8
	movl %r9d, (%rcx)
	addq $4, %rcx
	subl $1, %r11d
	jnz .Lcopy
	movl $0x4002, %r11d
	addq %rax, %r11
	lock cmpxchgq %r11, (%r10)
.Lend:
	jne .Labort
	ret
'''
    + bad.X86_TAIL
    + TABLES
)

# Pops two in the same way.
X86_POP = (
    X86_PUSH.replace('cmpl 8(%r10), %ecx\n\tjae', 'cmpl 12(%r10), %ecx\n\tjbe')
    .replace('leaq 32(%r10', 'leaq 24(%r10')
    .replace('movl (%r8), %r9d', 'movl (%rcx), %r9d')
    .replace('movl %r9d, (%rcx)', 'movl %r9d, (%r8)')
    .replace('$0x4002', '$0x3ffe')
)

# Pushes the pfn in r8d. Whoever must begin anew goes where the abort address leads.
X86_PUSH_ONE = (
    '''
	.text
push:
	leaq .Ldescriptor(%rip), %r10
	movq %r10, %fs:8(%rdi)
.Lstart:
	movl %fs:4(%rdi), %ecx
	cmpl %edx, %ecx
	jae .Lno_cpu
	shlq $8, %rcx
	movq 8(%rsi, %rcx), %r10
	movq (%r10), %rax
	movl %eax, %ecx
	andl $0xfff, %ecx
	cmpl 8(%r10), %ecx
	jae .Lfull
	btl $12, %eax
	jc .Lagain
	movl %r8d, 32(%r10, %rcx, 4)
	leaq 0x2001(%rax), %r11
	lock cmpxchgq %r11, (%r10)
.Lend:
	jne .Lagain
	ret
'''
    + bad.X86_OUTSIDE
    + '''.Labort:
	jmp .Lagain
.Lno_cpu:
.Lfull:
	ret
.Lagain:
	ret
'''
    + bad.TABLES
    + '\t.quad .Lstart, .Lagain\n'
)

# Pops one in the same way.
X86_POP_ONE = (
    X86_PUSH_ONE.replace('cmpl 8(%r10), %ecx\n\tjae', 'cmpl 12(%r10), %ecx\n\tjbe')
    .replace('movl %r8d, 32(%r10, %rcx, 4)', 'movl 28(%r10, %rcx, 4), %r8d')
    .replace('0x2001(%rax)', '0x1fff(%rax)')
)

# Pops 9 to 16 pfns into two registers: how many r8d, what that changes of the header r9.
X86_POP_WIDE = (
    '''
	.text
pop:
	leaq .Ldescriptor(%rip), %rax
	movq %rax, 8(%rdi)
.Lstart:
	movl 4(%rdi), %ecx
	cmpl %edx, %ecx
	jae .Lno_cpu
	shlq $8, %rcx
	movq 8(%rsi, %rcx), %r10
	movq (%r10), %rax
	movl %eax, %ecx
	andl $0xfff, %ecx
	movl 12(%r10), %r11d
	addl %r8d, %r11d
	cmpl %r11d, %ecx
	jb .Lfull
	btl $12, %eax
	jc .Labort
	subl %r8d, %ecx
	vmovdqu 32(%r10, %rcx, 4), %ymm0
	vmovdqu 64(%r10, %rcx, 4), %ymm9
	movq %r9, %r11
	addq %rax, %r11
	lock cmpxchgq %r11, (%r10)
.Lend:
	jne .Labort
	ret
'''
    + bad.X86_TAIL
    + TABLES
)

# The same way back.
X86_PUSH_WIDE = (
    X86_POP_WIDE.replace('movl 12(%r10), %r11d\n\taddl %r8d, %r11d', 'leal (%rcx, %r8), %r11d')
    .replace('cmpl %r11d, %ecx\n\tjb', 'cmpl 8(%r10), %r11d\n\tja')
    .replace('\tsubl %r8d, %ecx\n', '')
    .replace('vmovdqu 32(%r10, %rcx, 4), %ymm0', 'vmovdqu %ymm0, 32(%r10, %rcx, 4)')
    .replace('vmovdqu 64(%r10, %rcx, 4), %ymm9', 'vmovdqu %ymm9, 64(%r10, %rcx, 4)')
)

# Pushes two pfns at x3: area x0, pcps x1, number of CPUs w2.
ARM_PUSH = (
    '''
	.arch armv8.1-a
	.text
push:
	adrp x4, .Ldescriptor
	add x4, x4, :lo12:.Ldescriptor
	str x4, [x0, #8]
.Lstart:
	ldr w5, [x0, #4]
	cmp w5, w2
	b.hs .Lno_cpu
	lsl x5, x5, #8
	add x5, x1, x5
	ldr x4, [x5, #8]
	ldar x6, [x4]
	and x5, x6, #0xfff
	ldr w7, [x4, #8]
	cmp w5, w7
	b.hs .Lfull
	tst x6, #0x1000
	b.ne .Labort
	mov w7, #2
	add x5, x4, x5, lsl #2
	add x5, x5, #32
.Lcopy:
	ldr w8, [x3], #4
	str w8, [x5], #4
	subs w7, w7, #1
	b.ne .Lcopy
	mov x9, x6
	add x7, x6, #4, lsl #12
	add x7, x7, #2
	casal x9, x7, [x4]
.Lend:
	cmp x9, x6
	b.ne .Labort
	ret
'''
    + bad.ARM_TAIL
    + TABLES
)

# By a pair of exclusive instructions.
ARM_PUSH_PAIR = (
    ARM_PUSH.replace('\t.arch armv8.1-a\n', '')
    .replace('\tmov x9, x6\n', '')
    .replace(
        'casal x9, x7, [x4]\n.Lend:\n\tcmp x9, x6\n\tb.ne .Labort',
        'ldaxr x9, [x4]\n\tcmp x9, x6\n\tb.ne .Labort\n\tstlxr w10, x7, [x4]\n.Lend:\n'
        '\tcbnz w10, .Labort',
    )
)

# Pops two in the same way.
ARM_POP, ARM_POP_PAIR = (
    text.replace('ldr w7, [x4, #8]', 'ldr w7, [x4, #12]')
    .replace('cmp w5, w7\n\tb.hs', 'cmp w5, w7\n\tb.ls')
    .replace('add x5, x5, #32', 'add x5, x5, #24')
    .replace('ldr w8, [x3], #4\n\tstr w8, [x5], #4', 'ldr w8, [x5], #4\n\tstr w8, [x3], #4')
    .replace('add x7, x7, #2', 'sub x7, x7, #2')
    for text in (ARM_PUSH, ARM_PUSH_PAIR)
)

# The pfn in w3.
ARM_PUSH_ONE, ARM_PUSH_ONE_PAIR = (
    text.replace('\tmov w7, #2\n', '')
    .replace('\tadd x5, x5, #32\n.Lcopy:\n\tldr w8, [x3], #4\n', '')
    .replace('str w8, [x5], #4\n\tsubs w7, w7, #1\n\tb.ne .Lcopy', 'str w3, [x5, #32]')
    .replace('add x7, x6, #4', 'add x7, x6, #2')
    .replace('add x7, x7, #2', 'add x7, x7, #1')
    for text in (ARM_PUSH, ARM_PUSH_PAIR)
)
ARM_POP_ONE, ARM_POP_ONE_PAIR = (
    text.replace('ldr w7, [x4, #8]', 'ldr w7, [x4, #12]')
    .replace('cmp w5, w7\n\tb.hs', 'cmp w5, w7\n\tb.ls')
    .replace('str w3, [x5, #32]', 'ldr w3, [x5, #28]')
    .replace('add x7, x7, #1', 'sub x7, x7, #1')
    for text in (ARM_PUSH_ONE, ARM_PUSH_ONE_PAIR)
)

NO_PLACE = bad.NO_PLACE
MADE = 'stores no header made from the one read'
EXPECTED = 'does not expect the header as it was read'
LAST = 'and no other, must store the header'
CLOSED = 'a closed list has not been left for the abort address'
BEHIND = 'is not followed, behind the range, by a jump to the abort address'
AGAIN = 'without another look at the header, just before'
NO_EXIT = 'the jump behind the range is to where no exit is registered'
EXIT = '\t.quad .Lstart, .Labort\n'

# (what is wrong, text, what stands in its place, what the checker says of it)
X86_LP = 'movq 8(%rsi, %rcx), %r10'
X86_SWAP = 'lock cmpxchgq %r11, (%r10)'
X86_TEST = 'btl $12, %eax'
X86_BAD = (
    ('lp of biased sections', X86_LP, 'movq (%rsi, %rcx), %r10', 'but the list is not shared'),
    ('no lp', X86_LP, 'movq 16(%rsi, %rcx), %r10', 'does not read lp'),
    ('two lp', X86_LP, f'movq (%rsi, %rcx), %r10\n\t{X86_LP}', 'there are two lp'),
    ('plain commit', X86_SWAP, 'movq %r11, (%r10)', 'does not compare, but the list is shared'),
    ('commit that is not locked', X86_SWAP, 'cmpxchgq %r11, (%r10)', NO_PLACE),
    ('exchange', X86_SWAP, 'xchgq %r11, (%r10)', NO_PLACE),
    ('locked addition', X86_SWAP, 'lock addq %r11, (%r10)', NO_PLACE),
    ('half a commit', X86_SWAP, 'lock cmpxchgl %r11d, (%r10)', MADE),
    ('commit of 16 bytes', X86_SWAP, 'lock cmpxchg16b (%r10)', NO_PLACE),
    ('header from elsewhere', X86_SWAP, 'lock cmpxchgq %rbx, (%r10)', MADE),
    ('the new header expected', X86_SWAP, f'movq %r11, %rax\n\t{X86_SWAP}', EXPECTED),
    ('half a header expected', X86_SWAP, f'movl %eax, %eax\n\t{X86_SWAP}', EXPECTED),
    ('a number expected', X86_SWAP, f'movl $1, %eax\n\t{X86_SWAP}', EXPECTED),
    ('header read anew', X86_SWAP, f'movq (%r10), %rax\n\t{X86_SWAP}', 'is read in 2 places'),
    ('count read apart', 'movl %eax, %ecx', 'movl (%r10), %ecx', 'is read in 2 places'),
    ('swap of a slot', X86_SWAP, 'lock cmpxchgq %r11, 64(%r10)', 'swaps what is no header'),
    ('swap of the limits', X86_SWAP, 'lock cmpxchgq %r11, 8(%r10)', 'swaps what is no header'),
    ('swap elsewhere', X86_SWAP, 'lock cmpxchgq %r11, (%rbx)', 'swaps what is no header'),
    ('two commits', X86_SWAP, f'{X86_SWAP}\n\t{X86_SWAP}', LAST),
    ('something behind the commit', '\n.Lend:', '\n\tnop\n.Lend:', LAST),
    ('jump inside', '\n.Lend:\n\tjne .Labort', '\n\tjne .Labort\n.Lend:', LAST),
    ('closed not asked', 'jc .Labort', 'nop', CLOSED),
    ('another bit', X86_TEST, 'btl $13, %eax', CLOSED),
    ('bit of the count', X86_TEST, 'btl $12, %ecx', CLOSED),
    ('bit of half the word', X86_TEST, 'btw $12, %ax', CLOSED),
    ('open lists left', 'jc .Labort', 'jnc .Labort', CLOSED),
    ('closed is short', 'jc .Labort', 'jc .Lfull', CLOSED),
    (
        'a slot read before',
        X86_TEST,
        f'movl 64(%r10, %rcx, 4), %ebx\n\t{X86_TEST}',
        CLOSED,
    ),
    ('a slot written before', X86_TEST, f'movl %edx, 64(%r10)\n\t{X86_TEST}', CLOSED),
    ('failure unseen', '.Lend:\n\tjne .Labort', '.Lend:\n\tnop', BEHIND),
    ('failure is success', '.Lend:\n\tjne .Labort', '.Lend:\n\tje .Labort', BEHIND),
    ('failure by another flag', '.Lend:\n\tjne .Labort', '.Lend:\n\tjc .Labort', BEHIND),
    ('failure is short', '.Lend:\n\tjne .Labort', '.Lend:\n\tjne .Lfull', BEHIND),
    ('failure elsewhere', '.Lend:\n\tjne .Labort', '.Lend:\n\tjne outside', BEHIND),
    ('flags lost', '.Lend:\n\tjne', '.Lend:\n\tandl %ecx, %ecx\n\tjne', BEHIND),
    ('exit not registered', EXIT, '', NO_EXIT),
)

X86_BATCH_BAD = X86_BAD + (
    ('commit that changes nothing', 'addq %rax, %r11', 'movq %rax, %r11', MADE),
)

X86_ONE_ABORT = '.Labort:\n\tjmp .Lagain'
X86_ONE_BAD = tuple(
    (name, old.replace('.Labort', '.Lagain'), new.replace('.Labort', '.Lagain'), says)
    for name, old, new, says in X86_BAD
) + (
    ('commit that changes nothing', X86_SWAP, f'leaq (%rax), %r11\n\t{X86_SWAP}', MADE),
    ('failure goes elsewhere than the aborted', X86_ONE_ABORT, '.Labort:\n\tret', BEHIND),
    ('closed goes elsewhere than the aborted', X86_ONE_ABORT, '.Labort:\n\tret', CLOSED),
    ('aborted is short', X86_ONE_ABORT, '.Labort:\n\tjmp .Lfull', BEHIND),
    ('aborted under a condition', X86_ONE_ABORT, '.Labort:\n\tjne .Lagain', BEHIND),
    ('aborted does more', X86_ONE_ABORT, '.Labort:\n\tincq (%r10)\n\tjmp .Lagain', BEHIND),
    ('closed goes where no exit is', 'jc .Lagain', 'jc .Labort', 'no exit is registered'),
    ('failure goes where no exit is', 'jne .Lagain', 'jne .Labort', NO_EXIT),
)

X86_PUSH_ONE_BAD = X86_ONE_BAD + (
    ('store below the slots', '32(%r10, %rcx, 4)', '28(%r10, %rcx, 4)', 'but not in a slot'),
    ('store to pcps', '32(%r10, %rcx, 4)', '(%rsi)', bad.NOT_OURS),
)

X86_WIDE_BAD = X86_BATCH_BAD + (
    ('a gap', '64(%r10, %rcx, 4)', '96(%r10, %rcx, 4)', bad.FROM_FIRST),
    ('another index', '64(%r10, %rcx, 4)', '64(%r10, %r11, 4)', bad.ONE_WAY),
    ('a slot besides', '\tmovq %r9', '\tmovl %r8d, 32(%r10)\n\tmovq %r9', bad.ALONE),
)

ARM_LP = 'ldr x4, [x5, #8]'
ARM_TEST = 'tst x6, #0x1000'
ARM_BOTH_BAD = (
    ('lp of biased sections', ARM_LP, 'ldr x4, [x5]', 'but the list is not shared'),
    ('no lp', ARM_LP, 'ldr x4, [x5, #16]', 'does not read lp'),
    ('two lp', ARM_LP, f'ldr x4, [x5]\n\t{ARM_LP}', 'there are two lp'),
    ('header without order', 'ldar x6, [x4]', 'ldr x6, [x4]', 'and is no acquire'),
    ('half a header', 'ldar x6, [x4]', 'ldar w6, [x4]', MADE),
    ('count read apart', 'and x5, x6, #0xfff', 'ldrh w5, [x4]', 'is read in 2 places'),
    ('closed not asked', f'{ARM_TEST}\n\tb.ne .Labort', 'nop', CLOSED),
    ('another bit', ARM_TEST, 'tst x6, #0x2000', CLOSED),
    ('bit of the count', ARM_TEST, 'tst x5, #0x1000', CLOSED),
    ('open lists left', f'{ARM_TEST}\n\tb.ne', f'{ARM_TEST}\n\tb.eq', CLOSED),
    ('closed is short', f'{ARM_TEST}\n\tb.ne .Labort', f'{ARM_TEST}\n\tb.ne .Lfull', CLOSED),
    ('a slot read before', ARM_TEST, f'ldr w8, [x4, #64]\n\t{ARM_TEST}', CLOSED),
    ('a slot written before', ARM_TEST, f'str w5, [x4, #64]\n\t{ARM_TEST}', CLOSED),
    ('something behind the commit', '\n.Lend:', '\n\tnop\n.Lend:', LAST),
    ('commit that changes nothing', 'add x7, x6, #4, lsl #12', 'mov x7, #0', MADE),
    ('exit not registered', EXIT, '', NO_EXIT),
)

ARM_SWAP = 'casal x9, x7, [x4]'
ARM_BEHIND = '.Lend:\n\tcmp x9, x6\n\tb.ne .Labort'
ARM_BAD = ARM_BOTH_BAD + (
    ('plain commit', ARM_SWAP, 'stlr x7, [x4]', 'does not compare, but the list is shared'),
    ('swap without order', ARM_SWAP, 'cas x9, x7, [x4]', NO_PLACE),
    ('swap that only acquires', ARM_SWAP, 'casa x9, x7, [x4]', NO_PLACE),
    ('swap that only releases', ARM_SWAP, 'casl x9, x7, [x4]', NO_PLACE),
    ('exchange', ARM_SWAP, 'swpal x7, x9, [x4]', NO_PLACE),
    ('half a commit', ARM_SWAP, 'casal w9, w7, [x4]', MADE),
    ('header from elsewhere', ARM_SWAP, 'casal x9, x10, [x4]', MADE),
    ('the new header expected', 'mov x9, x6', 'mov x9, x7', EXPECTED),
    ('half a header expected', 'mov x9, x6', 'mov w9, w6', EXPECTED),
    ('header read anew', 'mov x9, x6', 'ldar x9, [x4]', 'is read in 2 places'),
    ('swap elsewhere', ARM_SWAP, 'casal x9, x7, [x11]', 'swaps what is no header'),
    ('failure unseen', ARM_BEHIND, '.Lend:\n\tnop', BEHIND),
    ('failure is success', ARM_BEHIND, '.Lend:\n\tcmp x9, x6\n\tb.eq .Labort', BEHIND),
    ('failure is short', ARM_BEHIND, '.Lend:\n\tcmp x9, x6\n\tb.ne .Lfull', BEHIND),
    ('failure compares half', ARM_BEHIND, '.Lend:\n\tcmp w9, w6\n\tb.ne .Labort', BEHIND),
    ('failure compares another', ARM_BEHIND, '.Lend:\n\tcmp x9, x7\n\tb.ne .Labort', BEHIND),
    ('failure compares itself', ARM_BEHIND, '.Lend:\n\tcmp x9, x9\n\tb.ne .Labort', BEHIND),
)

PAIR_LOOK = 'ldaxr x9, [x4]'
PAIR_SAME = 'cmp x9, x6\n\tb.ne .Labort'
PAIR_STORE = 'stlxr w10, x7, [x4]'
PAIR_BEHIND = '.Lend:\n\tcbnz w10, .Labort'
ARM_PAIR_BAD = ARM_BOTH_BAD + (
    ('plain commit', PAIR_STORE, 'stlr x7, [x4]', 'does not compare, but the list is shared'),
    ('store without order', PAIR_STORE, 'stxr w10, x7, [x4]', NO_PLACE),
    ('load without order', PAIR_LOOK, 'ldxr x9, [x4]', NO_PLACE),
    ('load that is not exclusive', PAIR_LOOK, 'ldar x9, [x4]', AGAIN),
    ('half a load', PAIR_LOOK, 'ldaxr w9, [x4]', 'is exclusive, but of no shared header'),
    ('load of a slot', PAIR_LOOK, 'ldaxr x9, [x5]', 'is exclusive, but not of the header'),
    ('load of the scratch', PAIR_LOOK, 'ldaxr x9, [x3]', 'is exclusive, but not of the header'),
    ('half a commit', PAIR_STORE, 'stlxr w10, w7, [x4]', MADE),
    ('header from elsewhere', PAIR_STORE, 'stlxr w10, x3, [x4]', MADE),
    ('store elsewhere', PAIR_STORE, 'stlxr w10, x7, [x11]', 'swaps what is no header'),
    ('not compared', PAIR_SAME, 'nop', AGAIN),
    ('half compared', PAIR_SAME, 'cmp w9, w6\n\tb.ne .Labort', AGAIN),
    ('compared with another', PAIR_SAME, 'cmp x9, x7\n\tb.ne .Labort', AGAIN),
    ('left if the same', PAIR_SAME, 'cmp x9, x6\n\tb.eq .Labort', AGAIN),
    ('another header is short', PAIR_SAME, 'cmp x9, x6\n\tb.ne .Lfull', AGAIN),
    ('a store between', PAIR_SAME, f'{PAIR_SAME}\n\tstr w8, [x4, #64]', AGAIN),
    ('a load between', PAIR_SAME, f'{PAIR_SAME}\n\tldr w8, [x4, #8]', AGAIN),
    ('failure unseen', PAIR_BEHIND, '.Lend:\n\tnop', BEHIND),
    ('failure is success', PAIR_BEHIND, '.Lend:\n\tcbz w10, .Labort', BEHIND),
    ('failure is short', PAIR_BEHIND, '.Lend:\n\tcbnz w10, .Lfull', BEHIND),
    ('failure asked of another', PAIR_BEHIND, '.Lend:\n\tcbnz w9, .Labort', BEHIND),
)

# (machine, kind, the good one, what makes it bad)
GOOD_AND_BAD = (
    ('x86-64', 'push shared', X86_PUSH, X86_BATCH_BAD),
    ('x86-64', 'pop shared', X86_POP, X86_BATCH_BAD),
    ('x86-64', 'push one shared', X86_PUSH_ONE, X86_PUSH_ONE_BAD),
    ('x86-64', 'pop one shared', X86_POP_ONE, X86_ONE_BAD),
    ('x86-64', 'push wide shared', X86_PUSH_WIDE, X86_WIDE_BAD),
    ('x86-64', 'pop wide shared', X86_POP_WIDE, X86_WIDE_BAD),
    ('aarch64', 'push shared', ARM_PUSH, ARM_BAD),
    ('aarch64', 'pop shared', ARM_POP, ()),
    ('aarch64', 'push shared', ARM_PUSH_PAIR, ARM_PAIR_BAD),
    ('aarch64', 'pop shared', ARM_POP_PAIR, ()),
    ('aarch64', 'push one shared', ARM_PUSH_ONE, ()),
    ('aarch64', 'pop one shared', ARM_POP_ONE, ()),
    ('aarch64', 'push one shared', ARM_PUSH_ONE_PAIR, ()),
    ('aarch64', 'pop one shared', ARM_POP_ONE_PAIR, ()),
)
