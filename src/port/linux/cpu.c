/* SPDX-License-Identifier: MIT */
/* CPUs: how many there can be, which one this is, and whether the thread is in a handler. */
#define _GNU_SOURCE
#include "port/port.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* From glibc 2.35 on; absent elsewhere. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

struct qp_rseq_area qp_rseq_area;

/* Before any thread of the library's user runs, as static constructors may use Quire too. */
__attribute__((constructor(101))) static void find_rseq_area(void)
{
	if (&__rseq_size == NULL || &__rseq_offset == NULL || __rseq_size == 0)
		return;
	qp_rseq_area.offset = __rseq_offset;
	qp_rseq_area.registered = true;
}

unsigned int qp_cpu_ask(void)
{
	int cpu = sched_getcpu();

	return cpu < 0 ? 0 : (unsigned int)cpu;
}

/* "0-3" or "0,2-5": the number after the last separator is the highest. */
static unsigned int highest_possible_cpu(void)
{
	unsigned int cpu = 0;
	int c;
	FILE *file = fopen("/sys/devices/system/cpu/possible", "re");

	if (file == NULL)
		return 0;
	while ((c = fgetc(file)) != EOF && c != '\n') {
		if (c >= '0' && c <= '9')
			cpu = cpu * 10 + (unsigned int)(c - '0');
		else
			cpu = 0;
	}
	fclose(file);
	return cpu;
}

unsigned int qp_nr_cpus(void)
{
	static _Atomic unsigned int known;
	unsigned int nr = atomic_load_explicit(&known, memory_order_relaxed);
	int saved = errno;
	long configured;

	if (nr > 0)
		return nr;
	configured = sysconf(_SC_NPROCESSORS_CONF);
	nr = highest_possible_cpu() + 1;
	if (configured > 0 && (unsigned long)configured > nr)
		nr = (unsigned int)configured;
	atomic_store_explicit(&known, nr, memory_order_relaxed);
	errno = saved;
	return nr;
}

void qp_yield(unsigned int attempt)
{
	static const struct timespec nap = { .tv_sec = 0, .tv_nsec = 50000 };

	int saved = errno;

	/*
	 * A yield does not let a thread of lower priority run; a nap does. By number, as the
	 * library's nanosleep() is a cancellation point, and we may have pages in hand.
	 */
	if (attempt < 16)
		sched_yield();
	else
		syscall(SYS_nanosleep, &nap, NULL);
	errno = saved;
}

/* Initial-exec: a handler may be the first to touch it, and lazy allocation is not signal-safe. */
static _Thread_local uint32_t handler_depth __attribute__((tls_model("initial-exec")));

bool qp_in_handler(void)
{
	return handler_depth > 0;
}

void qp_handler_enter(void)
{
	handler_depth++;
}

void qp_handler_exit(void)
{
	if (handler_depth > 0)
		handler_depth--;
}
