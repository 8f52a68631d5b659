/* SPDX-License-Identifier: MIT */
/*
 * Threads of the library's own. One sleeps on a word, which says whether it is to go on, until a time
 * of the clock that is never set; so it is told to end at once, and needs no object of the C library
 * but the thread.
 */
#define _GNU_SOURCE
#include "port/port.h"
#include "fault.h"

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	NONE, /* no thread */
	RUNS,
	ENDS, /* is told to end */
	NS_PER_S = 1000000000,
	NS_PER_MS = 1000000,
	/*
	 * Beyond the least that the C library asks for and thread-local memory, which lies there too: a
	 * pass over lists needs 7 KiB, several times that with sanitizers.
	 */
	STACK_BYTES = 64 * 1024,
};

static struct timespec after_ms(uint32_t ms)
{
	struct timespec time;
	long ns;

	clock_gettime(CLOCK_MONOTONIC, &time);
	ns = time.tv_nsec + (long)(ms % 1000) * NS_PER_MS;
	time.tv_sec += (time_t)(ms / 1000) + ns / NS_PER_S;
	time.tv_nsec = ns % NS_PER_S;
	return time;
}

/* Until the time; false: it is to end. */
static bool sleep_until(struct qp_ticker *ticker, const struct timespec *time)
{
	while (atomic_load(&ticker->word) == RUNS)
		if (syscall(SYS_futex, (uint32_t *)&ticker->word, FUTEX_WAIT_BITSET_PRIVATE, RUNS,
			    time, NULL, FUTEX_BITSET_MATCH_ANY) != 0 &&
		    errno == ETIMEDOUT)
			return true;
	return false;
}

static void *run(void *argument)
{
	struct qp_ticker *ticker = argument;
	struct timespec time = after_ms(ticker->period_ms);

	qp_thread_own(true);
	prctl(PR_SET_NAME, ticker->name);
	while (sleep_until(ticker, &time)) {
		(void)qp_lock(&ticker->busy);
		if (atomic_load(&ticker->nr_holds) == 0)
			ticker->tick(ticker->context);
		qp_unlock(&ticker->busy);
		time = after_ms(ticker->period_ms);
	}
	qp_thread_own(false);
	return NULL;
}

static int add_tls(struct dl_phdr_info *object, size_t size, void *context)
{
	size_t *bytes = context;

	(void)size;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_TLS)
			*bytes += object->dlpi_phdr[i].p_memsz + object->dlpi_phdr[i].p_align;
	return 0;
}

/* Of all objects, as some of them may be placed in each thread's stack. */
static size_t tls_bytes(void)
{
	size_t bytes = 0;

	dl_iterate_phdr(add_tls, &bytes);
	return bytes;
}

/* If that is refused, the stack that all threads have. */
static bool create(struct qp_ticker *ticker)
{
	long least = sysconf(_SC_THREAD_STACK_MIN);
	size_t bytes = (size_t)(least > PTHREAD_STACK_MIN ? least : PTHREAD_STACK_MIN) +
		       STACK_BYTES + tls_bytes();
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	if (qp_fault("thread") || pthread_attr_init(&attr) != 0)
		return false;
	error = pthread_attr_setstacksize(&attr, bytes);
	if (error == 0)
		error = pthread_create(&thread, &attr, run, ticker);
	if (error == EINVAL)
		error = pthread_create(&thread, NULL, run, ticker);
	pthread_attr_destroy(&attr);
	if (error == 0)
		ticker->thread = (uintptr_t)thread;
	return error == 0;
}

bool qp_tickers_offered(void)
{
	return true;
}

/* The new thread inherits the mask of signals. */
bool qp_ticker_start(struct qp_ticker *ticker, const char *name, uint32_t period_ms,
		     void (*tick)(void *context), void *context)
{
	int saved = errno;
	sigset_t all;
	sigset_t before;
	bool runs;

	ticker->period_ms = period_ms;
	ticker->tick = tick;
	ticker->context = context;
	ticker->name = name;
	atomic_store(&ticker->word, RUNS);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	runs = create(ticker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!runs)
		atomic_store(&ticker->word, NONE);
	errno = saved;
	return runs;
}

bool qp_ticker_runs(const struct qp_ticker *ticker)
{
	return atomic_load((_Atomic uint32_t *)&ticker->word) == RUNS;
}

/* Who waits for the thread holds locks: a cancellation has to wait, too. */
void qp_ticker_stop(struct qp_ticker *ticker)
{
	int saved = errno;
	int state;

	if (!qp_ticker_runs(ticker))
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	atomic_store(&ticker->word, ENDS);
	syscall(SYS_futex, (uint32_t *)&ticker->word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	pthread_join((pthread_t)ticker->thread, NULL);
	pthread_setcancelstate(state, NULL);
	atomic_store(&ticker->word, NONE);
	errno = saved;
}

/* A tick that has not seen the hold holds the lock. */
void qp_ticker_hold(struct qp_ticker *ticker)
{
	atomic_fetch_add(&ticker->nr_holds, 1);
	(void)qp_lock(&ticker->busy);
	qp_unlock(&ticker->busy);
}

/* None is left where a forked child undoes what its parent began. */
void qp_ticker_let_go(struct qp_ticker *ticker)
{
	uint32_t nr = atomic_load(&ticker->nr_holds);

	while (nr > 0 && !atomic_compare_exchange_weak(&ticker->nr_holds, &nr, nr - 1))
		;
}

/* The lock may be held by the thread that is not here. */
void qp_ticker_forget(struct qp_ticker *ticker)
{
	memset(ticker, 0, sizeof(*ticker));
	ticker->busy.rank = QP_RANK_REGIONS;
}
