/* SPDX-License-Identifier: MIT */
/*
 * A process traced instruction by instruction, with its sections where the kernel does not see them.
 *
 * The kernel aborts the section of any thread that a tracer stops, so a stale commit would never
 * show. So the thread gives its registration up, says itself in its area which CPU it runs on, and
 * nothing interrupts its sections but stepper_interrupt(), which does what the kernel would have done.
 *
 * The traced child is made by the system call alone: no handlers of fork run, so it has the same
 * process number, and an instance in memory that both share is alive in both.
 */
#ifndef QT_STEPPER_H
#define QT_STEPPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * End the registration of the calling thread for good, and run on CPU 0 by its own account.
 * Children inherit that. false: the kernel refused.
 */
bool stepper_unwatch(void);
/* The CPU that this thread runs on, for its sections and for qp_cpu(). */
void stepper_set_cpu(uint32_t cpu);
/* Whether sections take this thread for known: the kernel would say no if it was asked. */
void stepper_set_known(bool known);

/* A copy of this process by the system call alone: its pid, 0 in the copy, or -1. */
pid_t stepper_copy(void);

/*
 * A traced copy of this process that calls run(context), stopped behind its first stepper_trap().
 * -1: the system refuses to trace.
 */
pid_t stepper_begin(void (*run)(void *context), void *context);

/* Only in a traced process: stop for the tracer. */
static inline void stepper_trap(void)
{
	__asm__ volatile("int3" ::: "memory");
}

/*
 * One instruction, or everything up to the next trap. 0: the process is stopped there; -1: it has
 * ended; otherwise the number of the signal that it was about to get, and it is stopped there.
 */
int stepper_step(pid_t pid);
int stepper_run(pid_t pid);

/*
 * Registers, stack and thread-local memory of a stopped process: save them, let it go on until it
 * stops again, and set it back to try something else. What it shares with the tracer is the tracer's
 * to save.
 */
struct stepper_past;
struct stepper_past *stepper_past_new(void);
void stepper_past_delete(struct stepper_past *past);
bool stepper_save(pid_t pid, struct stepper_past *past);
bool stepper_restore(pid_t pid, struct stepper_past *past);

/* End a stopped process. */
void stepper_end(pid_t pid);

/* Its next instruction, and what its stack pointer points to. */
uintptr_t stepper_at(pid_t pid);
uintptr_t stepper_stack(pid_t pid);
uint64_t stepper_peek(pid_t pid, uintptr_t address);

/* Where a stopped process is, by the descriptor that it announced. */
enum stepper_place {
	STEPPER_OUTSIDE, /* of the range, or nothing is announced */
	STEPPER_INSIDE,
	STEPPER_BEHIND, /* at the first instruction after the range: it has committed */
	STEPPER_BROKEN, /* the kernel would end the process: no good descriptor, or no signature */
};

enum stepper_place stepper_look(pid_t pid);
/* What the kernel does to a thread it interrupts: abort the section, if in one. */
enum stepper_place stepper_interrupt(pid_t pid);
/* Send the process to the abort target, wherever it is: what the kernel never does. */
void stepper_force_abort(pid_t pid);

#endif /* QT_STEPPER_H */
