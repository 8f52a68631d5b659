/* SPDX-License-Identifier: MIT */
/*
 * Where this process may run: what the masks of its threads have together. A thread's mask is that
 * of the CPUs that it asked for, as far as its control group has them and they are online. Threads
 * that the library has started are asked nothing: they serve the others.
 */
#define _GNU_SOURCE
#include "port/port.h"
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	MASK_BYTES = 1024, /* 8,192 CPUs, the most that kernels are built for */
	ENTRY_BYTES = 1024, /* of names read from a directory at once */
	NR_OWN = 64, /* threads of the library; any more count as the process's */
};

static _Atomic int own_threads[NR_OWN]; /* 0: nobody */

static int this_thread(void)
{
	return (int)syscall(SYS_gettid);
}

void qp_thread_own(bool begins)
{
	int self = this_thread();

	for (int i = 0; i < NR_OWN; i++) {
		int expected = begins ? 0 : self;

		if (atomic_compare_exchange_strong(&own_threads[i], &expected, begins ? self : 0))
			return;
	}
}

bool qp_thread_is_own(int thread)
{
	for (int i = 0; i < NR_OWN; i++)
		if (atomic_load_explicit(&own_threads[i], memory_order_relaxed) == thread)
			return true;
	return false;
}

/* The child has one thread, that which forked. */
void qp_threads_after_fork(void)
{
	for (int i = 0; i < NR_OWN; i++)
		atomic_store_explicit(&own_threads[i], 0, memory_order_relaxed);
}

/* What is asked about, and what is known. */
struct question {
	const unsigned char *wanted;
	unsigned char *allowed;
	size_t bytes;
};

static bool is_answered(const struct question *question)
{
	for (size_t i = 0; i < question->bytes; i++)
		if ((question->wanted[i] & ~question->allowed[i]) != 0)
			return false;
	return true;
}

/* false: the system does not tell. A thread that has ended meanwhile runs nowhere. */
static bool ask_thread(struct question *question, int thread)
{
	_Alignas(long) unsigned char mask[MASK_BYTES];
	long bytes = syscall(SYS_sched_getaffinity, thread, (unsigned long)MASK_BYTES, mask);

	if (bytes < 0)
		return errno == ESRCH;
	for (size_t i = 0; i < (size_t)bytes && i < question->bytes; i++)
		question->allowed[i] |= mask[i];
	return true;
}

/* As getdents64() writes it. */
struct entry {
	uint64_t inode;
	int64_t next;
	uint16_t bytes;
	uint8_t type;
	char name[];
};

static bool ask_entries(struct question *question, const char *entries, long bytes)
{
	for (long at = 0; at < bytes;) {
		const struct entry *entry = (const void *)(entries + at);
		int thread = atoi(entry->name); /* 0 for "." and ".." */

		at += entry->bytes;
		if (thread > 0 && !qp_thread_is_own(thread) && !ask_thread(question, thread))
			return false;
	}
	return true;
}

static bool ask_threads_of(struct question *question, int directory)
{
	_Alignas(struct entry) char entries[ENTRY_BYTES];

	while (!is_answered(question)) {
		long bytes = syscall(SYS_getdents64, directory, entries, sizeof(entries));

		if (bytes <= 0)
			return bytes == 0;
		if (!ask_entries(question, entries, bytes))
			return false;
	}
	return true;
}

/* Without the C library's calls, which are cancellation points or need memory. */
static bool ask_all_threads(struct question *question)
{
	long directory = -1;
	bool known;

	if (!qp_fault("tasks"))
		directory = syscall(SYS_openat, AT_FDCWD, "/proc/self/task",
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return false;
	known = ask_threads_of(question, (int)directory);
	syscall(SYS_close, (int)directory);
	return known;
}

/* Most often the first that is asked may run wherever pages are. */
void qp_cpus_allowed(const unsigned char *wanted, unsigned char *allowed, size_t bytes)
{
	struct question question = { wanted, allowed, bytes };
	int saved = errno;
	int first = this_thread();

	memset(allowed, 0, bytes);
	if (qp_thread_is_own(first))
		first = (int)syscall(SYS_getpid);
	if (!ask_thread(&question, first) ||
	    (!is_answered(&question) && !ask_all_threads(&question)))
		memset(allowed, 0xff, bytes);
	errno = saved;
}
