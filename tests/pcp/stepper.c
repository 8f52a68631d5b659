/* SPDX-License-Identifier: MIT */
/* x86-64 alone. */
#include "stepper.h"

#include "port/port.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <linux/rseq.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN 28
#endif

enum {
	FIRST_AREA = 32, /* bytes that a C library registers, unless the kernel's area has grown */
	AREA_CPU_START = 0,
	AREA_CPU = 4,
	AREA_SECTION = 8,
	SECONDS = 20, /* of processor time that a traced process may use */
	REFUSED = 77,
};

/* ---- The area ------------------------------------------------------------------------------- */

static char *area(void)
{
	return (char *)__builtin_thread_pointer() + qp_rseq_area.offset;
}

static bool unregister(unsigned long bytes)
{
	return syscall(SYS_rseq, area(), bytes, RSEQ_FLAG_UNREGISTER, QP_SIGNATURE) == 0;
}

bool stepper_unwatch(void)
{
	unsigned long align = getauxval(AT_RSEQ_ALIGN);
	unsigned long bytes = getauxval(AT_RSEQ_FEATURE_SIZE);

	if (!qp_rseq_area.registered)
		return false;
	if (!unregister(FIRST_AREA) &&
	    (align == 0 || !unregister((bytes + align - 1) / align * align)))
		return false;
	stepper_set_cpu(0);
	stepper_set_known(true);
	return true;
}

void stepper_set_cpu(uint32_t cpu)
{
	*(volatile uint32_t *)(void *)(area() + AREA_CPU_START) = cpu;
	*(volatile uint32_t *)(void *)(area() + AREA_CPU) = cpu;
}

void stepper_set_known(bool known)
{
	if (known)
		qp_section_assume();
	else
		qp_section_thread = 0;
}

/* ---- Processes ------------------------------------------------------------------------------ */

pid_t stepper_copy(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* As stepper_step() returns. */
static int wait_for_trap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) != pid)
		if (errno != EINTR)
			return -1;
	if (WIFEXITED(status))
		return -1;
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	return WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
}

/* The stack above it belongs to those who called stepper_begin(), and does not change; of all processes. */
static uintptr_t stack_end;

static void child(void (*run)(void *context), void *context)
{
	const struct rlimit limit = { .rlim_cur = SECONDS, .rlim_max = SECONDS };

	if (setrlimit(RLIMIT_CPU, &limit) != 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(REFUSED);
	run(context);
	_exit(0);
}

pid_t stepper_begin(void (*run)(void *context), void *context)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	pid_t pid;

	if (frame > stack_end)
		stack_end = frame;
	pid = stepper_copy();
	if (pid == 0)
		child(run, context);
	if (pid < 0 || wait_for_trap(pid) != 0)
		return -1;
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (uintptr_t)PTRACE_O_EXITKILL) == 0)
		return pid;
	stepper_end(pid);
	return -1;
}

int stepper_step(pid_t pid)
{
	return ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 ? wait_for_trap(pid) : -1;
}

int stepper_run(pid_t pid)
{
	return ptrace(PTRACE_CONT, pid, NULL, NULL) == 0 ? wait_for_trap(pid) : -1;
}

void stepper_end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid && !WIFSIGNALED(status) && !WIFEXITED(status))
		;
}

/* ---- Setting back --------------------------------------------------------------------------- */

enum {
	STACK = 64 << 10, /* that a request may use */
	RED_ZONE = 128, /* used below the stack pointer */
	XSTATE = 16 << 10, /* vector registers and the like, at most */
	TLS = 4 << 10,
};

struct range {
	uintptr_t start;
	size_t bytes;
};

struct stepper_past {
	struct user_regs_struct regs;
	struct iovec xstate;
	struct range ranges[3]; /* stack, thread-local variables, area */
	unsigned char memory[STACK + TLS + FIRST_AREA];
	unsigned char xstate_memory[XSTATE];
};

struct stepper_past *stepper_past_new(void)
{
	return calloc(1, sizeof(struct stepper_past));
}

void stepper_past_delete(struct stepper_past *past)
{
	free(past);
}

/* The thread-local variables of the program itself, in the first object of the list. */
static int find_tls(struct dl_phdr_info *info, size_t size, void *context)
{
	struct range *range = context;

	(void)size;
	range->start = (uintptr_t)info->dlpi_tls_data;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_TLS)
			range->bytes = info->dlpi_phdr[i].p_memsz;
	return 1;
}

/* Thread pointer and stack are where the tracer's are, as the process is its copy. */
static bool find_ranges(struct stepper_past *past)
{
	struct range *stack = &past->ranges[0], *tls = &past->ranges[1], *own = &past->ranges[2];

	stack->start = (uintptr_t)past->regs.rsp - RED_ZONE;
	stack->bytes = stack_end - stack->start;
	dl_iterate_phdr(find_tls, tls);
	own->start = (uintptr_t)area();
	own->bytes = FIRST_AREA;
	return stack->start < stack_end && stack->bytes <= STACK && tls->bytes <= TLS;
}

static bool copy_ranges(pid_t pid, struct stepper_past *past, bool back)
{
	struct iovec here = { past->memory, 0 };
	struct iovec there[3];
	ssize_t done;

	for (size_t i = 0; i < 3; i++) {
		there[i].iov_base = (void *)past->ranges[i].start;
		there[i].iov_len = past->ranges[i].bytes;
		here.iov_len += past->ranges[i].bytes;
	}
	done = back ? process_vm_writev(pid, &here, 1, there, 3, 0)
		    : process_vm_readv(pid, &here, 1, there, 3, 0);
	return done == (ssize_t)here.iov_len;
}

bool stepper_save(pid_t pid, struct stepper_past *past)
{
	past->xstate.iov_base = past->xstate_memory;
	past->xstate.iov_len = XSTATE;
	if (ptrace(PTRACE_GETREGS, pid, NULL, &past->regs) != 0 ||
	    ptrace(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &past->xstate) != 0)
		return false;
	past->regs.orig_rax = (unsigned long long)-1; /* no system call to be taken up again */
	return find_ranges(past) && copy_ranges(pid, past, false);
}

bool stepper_restore(pid_t pid, struct stepper_past *past)
{
	return ptrace(PTRACE_SETREGS, pid, NULL, &past->regs) == 0 &&
	       ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &past->xstate) == 0 &&
	       copy_ranges(pid, past, true);
}

/* ---- Looking -------------------------------------------------------------------------------- */

static uintptr_t user_word(pid_t pid, size_t offset)
{
	return (uintptr_t)ptrace(PTRACE_PEEKUSER, pid, (void *)offset, NULL);
}

uintptr_t stepper_at(pid_t pid)
{
	return user_word(pid, offsetof(struct user, regs.rip));
}

uintptr_t stepper_stack(pid_t pid)
{
	return user_word(pid, offsetof(struct user, regs.rsp));
}

uint64_t stepper_peek(pid_t pid, uintptr_t address)
{
	return (uint64_t)ptrace(PTRACE_PEEKDATA, pid, (void *)address, NULL);
}

struct section {
	uint64_t words[4]; /* version and flags, start, length, abort */
};

static bool announced(pid_t pid, struct section *section)
{
	uintptr_t from = stepper_peek(pid, (uintptr_t)area() + AREA_SECTION);

	for (size_t i = 0; from != 0 && i < 4; i++)
		section->words[i] = stepper_peek(pid, from + i * sizeof(uint64_t));
	return from != 0;
}

static enum stepper_place place(pid_t pid, const struct section *section)
{
	uint64_t start = section->words[1], length = section->words[2], abort = section->words[3];
	uint64_t at = stepper_at(pid);

	if (section->words[0] != 0 || abort - start < length)
		return STEPPER_BROKEN;
	if (at - start == length)
		return STEPPER_BEHIND;
	if (at - start > length)
		return STEPPER_OUTSIDE;
	if ((uint32_t)stepper_peek(pid, abort - sizeof(uint32_t)) != QP_SIGNATURE)
		return STEPPER_BROKEN;
	return STEPPER_INSIDE;
}

enum stepper_place stepper_look(pid_t pid)
{
	struct section section;

	return announced(pid, &section) ? place(pid, &section) : STEPPER_OUTSIDE;
}

static void go_to_abort(pid_t pid, const struct section *section)
{
	(void)ptrace(PTRACE_POKEUSER, pid, (void *)offsetof(struct user, regs.rip),
		     (void *)(uintptr_t)section->words[3]);
}

enum stepper_place stepper_interrupt(pid_t pid)
{
	enum stepper_place where;
	struct section section;

	if (!announced(pid, &section))
		return STEPPER_OUTSIDE;
	where = place(pid, &section);
	(void)ptrace(PTRACE_POKEDATA, pid, (void *)(area() + AREA_SECTION), NULL);
	if (where == STEPPER_INSIDE)
		go_to_abort(pid, &section);
	return where;
}

void stepper_force_abort(pid_t pid)
{
	struct section section;

	if (announced(pid, &section))
		go_to_abort(pid, &section);
}
