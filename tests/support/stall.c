/* SPDX-License-Identifier: MIT */
#include "stall.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* In milliseconds: until a thread that was started must have come, and until one that stands gives up. */
enum {
	COMES_WITHIN = 20000,
	STANDS_AT_MOST = 50,
};

static struct {
	char *page;
	size_t bytes;
	struct sigaction before;
	atomic_bool reached;
	atomic_bool released;
} trap;

static void moment(void)
{
	static const struct timespec millisecond = { .tv_nsec = 1000000 };

	nanosleep(&millisecond, NULL);
}

static void wait_for(atomic_bool *flag, int at_most)
{
	for (int i = 0; i < at_most && !atomic_load(flag); i++)
		moment();
}

static void open_page(void)
{
	if (mprotect(trap.page, trap.bytes, PROT_READ | PROT_WRITE) != 0)
		abort();
}

/* A fault anywhere else is a bug, and happens again at once, with nobody to catch it. */
static void stand(int signal, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;

	(void)signal;
	(void)context;
	if (at - (uintptr_t)trap.page >= trap.bytes) {
		sigaction(SIGSEGV, &trap.before, NULL);
		return;
	}
	atomic_store(&trap.reached, true);
	wait_for(&trap.released, STANDS_AT_MOST);
	open_page();
}

void qt_stall_arm(void *address, bool writers_only)
{
	struct sigaction action = { .sa_flags = SA_SIGINFO };

	trap.bytes = (size_t)sysconf(_SC_PAGESIZE);
	trap.page = (char *)((uintptr_t)address & ~(uintptr_t)(trap.bytes - 1));
	atomic_store(&trap.reached, false);
	atomic_store(&trap.released, false);
	action.sa_sigaction = stand;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSEGV, &action, &trap.before) != 0 ||
	    mprotect(trap.page, trap.bytes, writers_only ? PROT_READ : PROT_NONE) != 0)
		abort();
}

bool qt_stall_wait(void)
{
	wait_for(&trap.reached, COMES_WITHIN);
	open_page();
	return atomic_load(&trap.reached);
}

void qt_stall_release(void)
{
	atomic_store(&trap.released, true);
}

bool qt_stall_end(void)
{
	qt_stall_release();
	open_page();
	sigaction(SIGSEGV, &trap.before, NULL);
	return atomic_load(&trap.reached);
}
