# SPDX-License-Identifier: MIT
"""Sections written to be refused: a good one, and for each rule a change that breaks it."""
import rseq

LAYOUT = rseq.Layout(slots=32, closed=12)  # here

TABLES = '''
	.section __rseq_cs, "aw"
	.balign 32
.Ldescriptor:
	.long 0, 0
	.quad .Lstart, .Lend - .Lstart, .Labort
	.section __rseq_cs_ptr_array, "aw"
	.quad .Ldescriptor
	.section __rseq_exit_point_array, "aw"
	.quad .Lstart, .Lno_cpu
	.quad .Lstart, .Lfull
'''

# Behind each: a place to jump into it from, what stands in front of the abort address, the exits.
X86_OUTSIDE = '''outside:
	ret
	.byte 0x0f, 0xb9, 0x3d
	.long 0x53053053
'''
ARM_OUTSIDE = '''outside:
	ret
	.inst 0xd428bc00
'''
EXITS = '''.Labort:
	ret
.Lno_cpu:
	ret
.Lfull:
	ret
'''
X86_TAIL = X86_OUTSIDE + EXITS
ARM_TAIL = ARM_OUTSIDE + EXITS

# Pushes two pfns at r8: area rdi, pcps rsi, number of CPUs edx.
X86 = (
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
	movq (%rsi, %rcx), %rax
	movq (%rax), %r10
	movl %r10d, %ecx
	andl $0xfff, %ecx
	cmpl 8(%rax), %ecx
	jae .Lfull
	movl $2, %r11d
	leaq 32(%rax, %rcx, 4), %rcx
.Lcopy:
	movl (%r8), %r9d
	addq $4, %r8
	movl %r9d, (%rcx)
	addq $4, %rcx
	subl $1, %r11d
	jnz .Lcopy
	addq $0x4002, %r10
	movq %r10, (%rax)
.Lend:
	ret
'''
    + X86_TAIL
    + TABLES
)

# Pops 9 to 16 pfns into two registers: area rdi, pcps rsi, number of CPUs edx, how many r8d, what
# that changes of the header r9.
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
	movq (%rsi, %rcx), %rax
	movq (%rax), %r10
	movzwl %r10w, %ecx
	movl 12(%rax), %r11d
	addl %r8d, %r11d
	cmpl %r11d, %ecx
	jb .Lfull
	subl %r8d, %ecx
	vmovdqu 32(%rax, %rcx, 4), %ymm0
	vmovdqu 64(%rax, %rcx, 4), %ymm9
	addq %r9, %r10
	movq %r10, (%rax)
.Lend:
	ret
'''
    + X86_TAIL
    + TABLES
)

# The same way back.
X86_PUSH_WIDE = (
    X86_POP_WIDE.replace('movl 12(%rax), %r11d\n\taddl %r8d, %r11d', 'leal (%rcx, %r8), %r11d')
    .replace('cmpl %r11d, %ecx\n\tjb', 'cmpl 8(%rax), %r11d\n\tja')
    .replace('\tsubl %r8d, %ecx\n', '')
    .replace('vmovdqu 32(%rax, %rcx, 4), %ymm0', 'vmovdqu %ymm0, 32(%rax, %rcx, 4)')
    .replace('vmovdqu 64(%rax, %rcx, 4), %ymm9', 'vmovdqu %ymm9, 64(%rax, %rcx, 4)')
)

# The same as the first: area x0, pcps x1, number of CPUs w2, pfns x3.
ARM = (
    '''
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
	ldr x4, [x1, x5]
	ldr x6, [x4]
	and x5, x6, #0xfff
	ldr w7, [x4, #8]
	cmp w5, w7
	b.hs .Lfull
	mov w7, #2
	add x5, x4, x5, lsl #2
	add x5, x5, #32
.Lcopy:
	ldr w8, [x3], #4
	str w8, [x5], #4
	subs w7, w7, #1
	b.ne .Lcopy
	add x6, x6, #4, lsl #12
	add x6, x6, #2
	stlr x6, [x4]
.Lend:
	ret
'''
    + ARM_TAIL
    + TABLES
)

NO_PLACE = 'has no place in a section'
NOT_OURS = 'is neither at lp nor at the scratch'

# (what is wrong, text, what stands in its place, what the checker says of it)
TABLES_BAD = (
    ('version', '.long 0, 0\n', '.long 1, 0\n', 'version 1, not 0'),
    ('flags', '.long 0, 0\n', '.long 0, 4\n', 'flags 4, not 0'),
    (
        'alignment',
        '.section __rseq_cs, "aw"\n\t.balign 32\n',
        '.data\n\t.quad 0\n\t.section __rseq_cs, "aw"\n',
        'is not aligned to 32 bytes',
    ),
    ('more than descriptors', '.balign 32\n', '.balign 32\n\t.quad 0\n', 'has 5 words'),
    ('empty range', '.Lend - .Lstart', '0', 'length 0'),
    ('range that ends early', '.Lend - .Lstart', '.Lcopy - .Lstart', 'must store the header'),
    ('range that ends late', '.Lend - .Lstart', 'outside - .Lstart', NO_PLACE),
    ('abort address inside', ', .Labort', ', .Lcopy', 'is inside a range'),
    ('abort address without code', ', .Labort', ', .Ldescriptor', 'no instruction at its abort'),
    (
        'range twice',
        '.Lstart, .Lend - .Lstart, .Labort\n',
        '.Lstart, .Lend - .Lstart, .Labort\n'
        '\t.long 0, 0\n\t.quad .Lcopy, .Lend - .Lcopy, .Labort\n',
        'overlaps the one before it',
    ),
    ('debuggers are not told', '.quad .Ldescriptor', '', '0 times in __rseq_cs_ptr_array'),
    ('debuggers are told of nothing', '.quad .Ldescriptor', '.quad push', 'which is no descriptor'),
    ('exit that is not registered', '.quad .Lstart, .Lfull\n', '', 'no exit is registered'),
    ('exit of another range', '.Lstart, .Lfull', 'push, .Lfull', 'no range starts at'),
    (
        'exit that nobody takes',
        '.Lstart, .Lfull\n',
        '.Lstart, .Lfull\n\t.quad .Lstart, outside\n',
        'is registered, and nothing jumps there',
    ),
    ('exit inside', '.Lstart, .Lfull', '.Lstart, .Lcopy', 'is inside a range'),
)

X86_BAD = TABLES_BAD + (
    ('no signature', '.long 0x53053053', '.long 0x53053054', 'no signature before it'),
    ('signature outside ud1', '.byte 0x0f, 0xb9, 0x3d\n', '', 'as one instruction'),
    ('another descriptor', '.Ldescriptor(%rip)', 'push(%rip)', 'the store before it must be'),
    ('descriptor elsewhere', '%rax, 8(%rdi)', '%rax, 16(%rdi)', 'the store before it must be'),
    ('call', 'movl $2, %r11d', 'call outside', NO_PLACE),
    ('call through a register', 'movl $2, %r11d', 'call *%r11', NO_PLACE),
    ('system call', 'movl $2, %r11d', 'syscall', NO_PLACE),
    ('trap', 'movl $2, %r11d', 'int3', NO_PLACE),
    ('interrupt', 'movl $2, %r11d', 'int $0x80', NO_PLACE),
    ('return', 'movl $2, %r11d', 'ret', NO_PLACE),
    ('stack', 'movl $2, %r11d', 'push %r11', NO_PLACE),
    ('string instruction', 'movl $2, %r11d', 'rep stosl', NO_PLACE),
    ('locked instruction', 'addq $0x4002, %r10', 'lock addl $1, 8(%rax)', NO_PLACE),
    ('jump through a register', 'movl $2, %r11d', 'jmp *%r11', NO_PLACE),
    ('jump out', 'movl $2, %r11d', 'jnz outside', 'no exit is registered'),
    ('jump past the commit', 'jae .Lfull', 'jae .Lend', 'no exit is registered'),
    ('jump into it', 'outside:\n\tret', 'outside:\n\tjmp .Lcopy', 'jumps into range'),
    ('store to pcps', '%r9d, (%rcx)', '%r9d, (%rsi)', NOT_OURS),
    ('store to the area', '%r9d, (%rcx)', '%r9d, (%rdi)', NOT_OURS),
    ('store to the stack', '%r9d, (%rcx)', '%r9d, -8(%rsp)', NOT_OURS),
    ('store to static memory', '%r9d, (%rcx)', '%r9d, .Ldescriptor(%rip)', NOT_OURS),
    ('store to thread-local memory', '%r9d, (%rcx)', '%r9d, %fs:(%rbx)', NOT_OURS),
    ('CPU from another area', 'movl 4(%rdi), %ecx', 'movl %fs:4(%rdi), %ecx', NOT_OURS),
    ('store through what a list holds', '%r9d, (%rcx)', '%r9d, (%r9)', NOT_OURS),
    ('store to a second scratch', '%r9d, (%rcx)', '%r9d, (%rbx)', 'scratch is one input'),
    ('store through a number', '%r9d, (%rcx)', '%r9d, (%rdx)', 'as a number and as an address'),
    ('store to the limits', '%r9d, (%rcx)', '%r9d, 8(%rax)', 'but not in a slot'),
    ('store to low slots', 'leaq 32(%rax', 'leaq 16(%rax', 'but not in a slot'),
    ('store below the slots', '%r9d, (%rcx)', '%r9d, -4(%rcx, %r11, 4)', 'but not in a slot'),
    ('two commits', '%r9d, (%rcx)', '%r9d, (%rcx)\n\tmovq %r10, (%rax)', 'and no other'),
    ('no commit', 'movq %r10, (%rax)', 'nop', 'must store the header'),
    ('store after the commit', '\n.Lend:', '\n\tmovl %r9d, (%rcx)\n.Lend:', 'and no other'),
    ('half a commit', 'movq %r10, (%rax)', 'movl %r10d, (%rax)', 'no header made from'),
    ('header from elsewhere', 'movq %r10, (%rax)', 'movq %r8, (%rax)', 'no header made from'),
    ('increment in memory', 'addq $0x4002, %r10', 'incl 8(%rax)', 'but not in a slot'),
    ('load through a header', 'movl (%r8), %r9d', 'movl (%r10), %r9d', NOT_OURS),
    ('load from elsewhere', 'movl (%r8), %r9d', 'movl 0x70000000(%rip), %r9d', 'not in this file'),
    ('CPU not compared', 'jae .Lno_cpu', 'nop', 'has not been compared'),
    ('CPU compared as signed', 'jae .Lno_cpu', 'jge .Lno_cpu', 'has not been compared'),
    ('load through a count', 'cmpl 8(%rax), %ecx', 'cmpl %edx, 8(%rcx)', NOT_OURS),
    ('CPU from before', 'movl 4(%rdi), %ecx', 'movl %r12d, %ecx', NOT_OURS),
    ('commit that changes nothing', 'addq $0x4002, %r10', 'nop', 'no header made from'),
    ('count read apart', 'movl %r10d, %ecx', 'movl (%rax), %ecx', 'is read in 2 places'),
    ('dead code', 'movl $2, %r11d', 'jmp .Lcopy\n\tnop', 'cannot be reached'),
)

ONE_WAY = 'moves eights one way, and from one index'
FROM_FIRST = 'from the first on'
ALONE = 'between list and registers alone'

X86_POP_WIDE_BAD = (
    ('first eight twice', '64(%rax, %rcx, 4)', '32(%rax, %rcx, 4)', FROM_FIRST),
    ('begin left out', '32(%rax, %rcx, 4)', '96(%rax, %rcx, 4)', FROM_FIRST),
    ('a gap', '64(%rax, %rcx, 4)', '96(%rax, %rcx, 4)', FROM_FIRST),
    ('an eight that overlaps', '64(%rax, %rcx, 4)', '60(%rax, %rcx, 4)', FROM_FIRST),
    ('limits as pages', '32(%rax, %rcx, 4)', '(%rax, %rcx, 4)', FROM_FIRST),
    (
        'three eights',
        '\tvmovdqu 64(%rax',
        '\tvmovdqu 96(%rax, %rcx, 4), %ymm1\n\tvmovdqu 64(%rax',
        FROM_FIRST,
    ),
    ('another index', '64(%rax, %rcx, 4)', '64(%rax, %r11, 4)', ONE_WAY),
    ('no index', '64(%rax, %rcx, 4)', '64(%rax)', ONE_WAY),
    ('index of bytes', '64(%rax, %rcx, 4)', '64(%rax, %rcx, 8)', ONE_WAY),
    (
        'an eight back',
        'vmovdqu 64(%rax, %rcx, 4), %ymm9',
        'vmovdqu %ymm9, 64(%rax, %rcx, 4)',
        ONE_WAY,
    ),
    (
        'a copy in memory',
        '\taddq %r9',
        '\tvmovdqu %ymm0, (%rbx)\n\taddq %r9',
        ALONE,
    ),
    ('a slot besides', '\taddq %r9', '\tmovl %r8d, 32(%rax)\n\taddq %r9', ALONE),
    ('end of the upper halves', 'addq %r9', 'vzeroupper\n\taddq %r9', NO_PLACE),
    ('half a commit', 'movq %r10, (%rax)', 'movl %r10d, (%rax)', 'no header made from'),
    ('header from elsewhere', 'movq %r10, (%rax)', 'movq %r9, (%rax)', 'no header made from'),
    ('move behind the commit', '\n.Lend:', '\n\tvmovdqu (%rax), %ymm1\n.Lend:', 'and no other'),
)

X86_PUSH_WIDE_BAD = (
    ('first eight twice', '64(%rax, %rcx, 4)', '32(%rax, %rcx, 4)', FROM_FIRST),
    ('limits as slots', '32(%rax, %rcx, 4)', '(%rax, %rcx, 4)', 'but not in a slot'),
    ('a gap', '64(%rax, %rcx, 4)', '96(%rax, %rcx, 4)', FROM_FIRST),
    ('another index', '64(%rax, %rcx, 4)', '64(%rax, %r11, 4)', ONE_WAY),
    (
        'an eight back',
        'vmovdqu %ymm9, 64(%rax, %rcx, 4)',
        'vmovdqu 64(%rax, %rcx, 4), %ymm9',
        ONE_WAY,
    ),
    ('from memory', '\taddq %r9', '\tvmovdqu (%rbx), %ymm0\n\taddq %r9', ALONE),
    ('store to pcps', 'vmovdqu %ymm9, 64(%rax, %rcx, 4)', 'vmovdqu %ymm9, (%rsi)', NOT_OURS),
    ('store to the area', 'vmovdqu %ymm9, 64(%rax, %rcx, 4)', 'vmovdqu %ymm9, (%rdi)', NOT_OURS),
    ('store to the stack', 'vmovdqu %ymm9, 64(%rax, %rcx, 4)', 'vmovdqu %ymm9, (%rsp)', NOT_OURS),
    ('no commit', 'movq %r10, (%rax)', 'nop', 'must store the header'),
)

ARM_BAD = TABLES_BAD + (
    ('no signature', '.inst 0xd428bc00', 'brk #0', 'no signature before it'),
    ('another descriptor', ':lo12:.Ldescriptor', '#1', 'the store before it must be'),
    ('descriptor elsewhere', 'x4, [x0, #8]', 'x4, [x0, #16]', 'the store before it must be'),
    ('call', 'mov w7, #2', 'bl outside', NO_PLACE),
    ('call through a register', 'mov w7, #2', 'blr x7', NO_PLACE),
    ('system call', 'mov w7, #2', 'svc #0', NO_PLACE),
    ('trap', 'mov w7, #2', 'brk #1', NO_PLACE),
    ('return', 'mov w7, #2', 'ret', NO_PLACE),
    ('exclusive load', 'ldr x6, [x4]', 'ldxr x6, [x4]', NO_PLACE),
    ('exclusive load of the header', 'ldr x6, [x4]', 'ldaxr x6, [x4]', 'of no shared header'),
    ('atomic instruction', 'mov w7, #2', '.arch armv8.1-a\n\tldadd w7, w7, [x4]', NO_PLACE),
    ('jump through a register', 'mov w7, #2', 'br x7', NO_PLACE),
    ('jump out', 'mov w7, #2', 'cbz w8, outside', 'no exit is registered'),
    ('jump into it', 'outside:\n\tret', 'outside:\n\tb .Lcopy', 'jumps into range'),
    ('store to pcps', 'str w8, [x5]', 'str w8, [x1]', NOT_OURS),
    ('store to the area', 'str w8, [x5]', 'str w8, [x0]', NOT_OURS),
    ('store to the stack', 'str w8, [x5]', 'str w8, [sp]', NOT_OURS),
    ('store through what a list holds', 'str w8, [x5]', 'str w8, [x8]', NOT_OURS),
    ('store to a second scratch', 'str w8, [x5]', 'str w8, [x9]', 'scratch is one input'),
    ('store to the limits', 'str w8, [x5], #4', 'str w8, [x4, #8]', 'but not in a slot'),
    ('two commits', 'mov w7, #2', 'mov w7, #2\n\tstlr x6, [x4]', 'and no other'),
    ('commit without order', 'stlr x6, [x4]', 'str x6, [x4]', 'is no release'),
    ('half a commit', 'stlr x6, [x4]', 'stlr w6, [x4]', 'no header made from the one read'),
    ('header from elsewhere', 'stlr x6, [x4]', 'stlr x3, [x4]', 'no header made from'),
    ('CPU not compared', 'b.hs .Lno_cpu', 'nop', 'has not been compared'),
    ('CPU compared as signed', 'b.hs .Lno_cpu', 'b.ge .Lno_cpu', 'has not been compared'),
)

# (machine, kind, the good one, what makes it bad)
GOOD_AND_BAD = (
    ('x86-64', 'push batch', X86, X86_BAD),
    ('x86-64', 'pop wide', X86_POP_WIDE, X86_POP_WIDE_BAD),
    ('x86-64', 'push wide', X86_PUSH_WIDE, X86_PUSH_WIDE_BAD),
    ('aarch64', 'push batch', ARM, ARM_BAD),
)
