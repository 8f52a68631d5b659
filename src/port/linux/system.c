/* SPDX-License-Identifier: MIT */
/* Memory for metadata, diagnostics, the end. */
#define _GNU_SOURCE
#include "port/port.h"
#include "fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int (*qp_fault_hook)(const char *call);

bool qp_fault(const char *call)
{
	return qp_unlikely(qp_fault_hook != NULL) && qp_fault_hook(call) != 0;
}

void *qp_memory_map(size_t bytes)
{
	int saved = errno;
	void *memory;

	if (qp_fault("map"))
		return NULL;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	errno = saved;
	return memory == MAP_FAILED ? NULL : memory;
}

void qp_memory_unmap(void *memory, size_t bytes)
{
	if (munmap(memory, bytes) != 0)
		qp_panic("munmap refused metadata that mmap gave");
}

bool qp_memory_offered(void)
{
	return true;
}

/* By number: the library's call is a cancellation point, and a call of Quire is none. */
static void write_all(const char *text, size_t length)
{
	int saved = errno;

	while (length > 0) {
		long written = syscall(SYS_write, STDERR_FILENO, text, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		text += written;
		length -= (size_t)written;
	}
	errno = saved;
}

void qp_report(const char *line, size_t length)
{
	char text[512];
	size_t kept = length < sizeof(text) - 1 ? length : sizeof(text) - 1;

	/* One write, so that lines of several threads do not mix. */
	memcpy(text, line, kept);
	text[kept] = '\n';
	write_all(text, kept + 1);
}

_Noreturn void qp_panic(const char *why)
{
	static const char prefix[] = "quire: internal error: ";

	write_all(prefix, sizeof(prefix) - 1);
	write_all(why, strlen(why));
	write_all("\n", 1);
	abort();
}
