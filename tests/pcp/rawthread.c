/* SPDX-License-Identifier: MIT */
#include "rawthread.h"

#include "port/port.h"

#include <link.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	STACK_BYTES = 256 * 1024,
	BELOW_BYTES = 64 *
		      1024, /* for thread-local variables, which lie below the thread pointer */
	ABOVE_BYTES = 16 * 1024, /* for the C library's record of the thread */
	AREA_BYTES = 32,
};

/* ---- Thread-local memory ---- */

/* The lowest thread-local variable of the calling thread, from its thread pointer. */
struct extent {
	const char *pointer;
	ptrdiff_t lowest;
};

static int widen(struct dl_phdr_info *info, size_t size, void *context)
{
	struct extent *e = context;
	const char *data = info->dlpi_tls_data;

	(void)size;
	if (data && data < e->pointer && data - e->pointer < e->lowest)
		e->lowest = data - e->pointer;
	return 0;
}

struct placing {
	const char *pointer; /* of the caller */
	char *to; /* thread pointer of the new thread */
};

static int place_template(struct dl_phdr_info *info, size_t size, void *context)
{
	struct placing *p = context;
	const char *data = info->dlpi_tls_data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_TLS && data)
			memcpy(p->to + (data - p->pointer),
			       (const void *)(info->dlpi_addr + header->p_vaddr), header->p_filesz);
	}
	return 0;
}

/*
 * The copy ends with the caller's rseq area, which is inside the C library's record of it, or below
 * the thread pointer.
 */
static bool fill_memory(char *pointer, enum rawthread_memory memory)
{
	char *own = __builtin_thread_pointer();
	struct extent extent = { own, 0 };
	struct placing placing = { own, pointer };
	size_t above = (size_t)(qp_rseq_area.offset > 0 ? qp_rseq_area.offset + AREA_BYTES : 64);

	dl_iterate_phdr(widen, &extent);
	if (qp_rseq_area.offset < extent.lowest)
		extent.lowest = qp_rseq_area.offset;
	if (-extent.lowest > BELOW_BYTES || above > ABOVE_BYTES)
		return false;
	memset(pointer - BELOW_BYTES, 0, BELOW_BYTES + ABOVE_BYTES);
	if (memory == RAWTHREAD_COPIED)
		memcpy(pointer + extent.lowest, own + extent.lowest,
		       (size_t)-extent.lowest + above);
	else if (memory == RAWTHREAD_TEMPLATE)
		dl_iterate_phdr(place_template, &placing);
	/* The thread pointer, at itself and where the C library keeps its copy. */
	((void **)(void *)pointer)[0] = pointer;
	((void **)(void *)pointer)[2] = pointer;
	return true;
}

/* ---- The thread ---- */

bool rawthread_start(struct rawthread *r, enum rawthread_memory memory, int (*fn)(void *),
		     void *argument)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			  CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	char *pointer;

	if (r->block == NULL) {
		r->bytes = STACK_BYTES + BELOW_BYTES + ABOVE_BYTES;
		r->block = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
		if (r->block == MAP_FAILED) {
			r->block = NULL;
			return false;
		}
	}
	pointer = r->block + STACK_BYTES + BELOW_BYTES;
	if (!fill_memory(pointer, memory))
		return false;
	return clone(fn, r->block + STACK_BYTES, flags, argument, (int *)&r->tid, pointer,
		     (int *)&r->tid) > 0;
}

/* The kernel clears the word and wakes whoever sleeps on it. */
void rawthread_join(struct rawthread *r)
{
	int tid;

	while ((tid = atomic_load(&r->tid)) != 0)
		syscall(SYS_futex, &r->tid, FUTEX_WAIT, tid, NULL, NULL, 0);
}

void rawthread_free(struct rawthread *r)
{
	munmap(r->block, r->bytes);
	r->block = NULL;
}
