/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../clock.h"
#include "../memory.h"
#include "../say.h"
#include "demo.h"

/* Older headers of libc give the field no name of its own. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum {
	BULK_MAX = 32,
	LAST_WORD = DEMO_PAGE_BYTES / 8 - 1,
	STEPS_A_TARGET = 2000,
	CALLS_A_LOOK = 64
};

#define TIMER_NS 500000L

/* Set before a thread's timer starts; read by its handler. */
static _Thread_local struct worker *me;

/* ---- Stamps --------------------------------------------------------------------------------- */

static void keep(struct holder *holder, void *page)
{
	struct stamped *slot = &holder->held[holder->nr++];

	slot->page = page;
	slot->stamp = rng_mix(holder->next_stamp++);
	slot->page[0] = slot->stamp;
	slot->page[LAST_WORD] = ~slot->stamp;
}

/* Forget a random page, after its stamp was looked for. */
static void *forget(struct holder *holder)
{
	size_t i = rng_below(&holder->rng, holder->nr);
	struct stamped slot = holder->held[i];

	holder->held[i] = holder->held[--holder->nr];
	holder->nr_verified++;
	if (slot.page[0] != slot.stamp || slot.page[LAST_WORD] != ~slot.stamp)
		holder->nr_bad++;
	return slot.page;
}

/* ---- The thread's own work ------------------------------------------------------------------ */

static void allocate(struct worker *worker)
{
	struct holder *own = &worker->own;
	void *pages[BULK_MAX];
	size_t n = 1, i;

	if (rng_next(&own->rng) & 1) {
		pages[0] = quire_alloc(worker->q, 0, 0);
		n = pages[0] != NULL;
	} else {
		n = 1 + rng_below(&own->rng, BULK_MAX);
		if (n > own->max - own->nr)
			n = own->max - own->nr;
		n = quire_alloc_bulk(worker->q, 0, 0, n, pages);
	}
	for (i = 0; i < n; i++)
		keep(own, pages[i]);
}

static void release(struct worker *worker)
{
	struct holder *own = &worker->own;
	void *pages[BULK_MAX];
	size_t n = 0, want;

	if (rng_next(&own->rng) & 1) {
		own->nr_bad += quire_free(worker->q, forget(own)) != 0;
		return;
	}
	want = 1 + rng_below(&own->rng, BULK_MAX);
	while (n < want && own->nr)
		pages[n++] = forget(own);
	own->nr_bad += n - quire_free_bulk(worker->q, n, pages);
}

static bool is_over(const struct worker *worker)
{
	if (atomic_load_explicit(&worker->stopping, memory_order_relaxed))
		return true;
	return worker->nr_calls % CALLS_A_LOOK == 0 && now_ns() >= worker->shift->end;
}

/*
 * Walk towards a number of held pages that changes now and then, so that lists fill and run empty.
 */
static void work(struct worker *worker)
{
	struct holder *own = &worker->own;
	size_t target = own->max / 2;
	bool grow;

	while (!is_over(worker)) {
		if (worker->nr_calls % STEPS_A_TARGET == 0)
			target = rng_below(&own->rng, own->max);
		grow = own->nr < own->max && rng_below(&own->rng, 4) < (own->nr < target ? 3 : 1);
		if (grow || !own->nr)
			allocate(worker);
		else
			release(worker);
		worker->nr_calls++;
	}
}

/* ---- Its signal handler --------------------------------------------------------------------- */

static void on_timer(int number)
{
	int saved_errno = errno;
	struct worker *worker = me;
	struct holder *own = &worker->handler;
	void *page;

	(void)number;
	quire_handler_enter();
	worker->nr_signals++;
	if (own->nr == own->max || (own->nr && rng_next(&own->rng) & 1))
		own->nr_bad += quire_free(worker->q, forget(own)) != 0;
	page = quire_alloc(worker->q, QUIRE_ATOMIC, 0);
	if (page) {
		keep(own, page);
		worker->nr_signal_pages++;
	}
	quire_handler_exit();
	errno = saved_errno;
}

static void install_handler(void)
{
	struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };

	if (sigaction(SIGRTMIN, &action, NULL) != 0)
		fail("no handler for signal %d: %s", SIGRTMIN, strerror(errno));
}

/* A timer that interrupts this thread and no other. */
static timer_t start_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };
	const struct itimerspec often = {
		.it_interval = { .tv_nsec = TIMER_NS },
		.it_value = { .tv_nsec = TIMER_NS },
	};
	timer_t timer;

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
	    timer_settime(timer, 0, &often, NULL) != 0)
		fail("no timer for a thread: %s", strerror(errno));
	return timer;
}

/*
 * A signal that is pending when the timer goes still finds its handler: that is why `me` stays set.
 */
static void stop_timer(timer_t timer)
{
	sigset_t set;

	timer_delete(timer);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void *worker_main(void *argument)
{
	struct worker *worker = argument;
	timer_t timer;

	me = worker;
	pthread_barrier_wait(&worker->shift->begin);
	timer = start_timer();
	work(worker);
	stop_timer(timer);
	return NULL;
}

static void holder_begin(struct holder *holder, struct stamped *held, size_t max, uint64_t seed,
			 unsigned int number)
{
	holder->rng = rng_make(seed, number);
	holder->next_stamp = (uint64_t)(number + 1) << 44;
	holder->held = held;
	holder->max = max;
}

void worker_start(struct worker *worker, struct quire *q, unsigned int number, uint64_t seed,
		  size_t max_held, struct worker_shift *shift)
{
	int error;

	worker->q = q;
	worker->shift = shift;
	holder_begin(&worker->own, need_zeroed(max_held + BULK_MAX, sizeof(struct stamped)),
		     max_held, seed, 2 * number);
	holder_begin(&worker->handler, worker->handler_pages, WORKER_SIGNAL_PAGES, seed,
		     2 * number + 1);
	install_handler();
	error = pthread_create(&worker->thread, NULL, worker_main, worker);
	if (error)
		fail("thread %u could not be started (%s); give fewer --threads", number + 1,
		     strerror(error));
}

static void set_figures(struct worker *worker)
{
	worker->figures = (struct worker_figures){
		.nr_calls = worker->nr_calls,
		.nr_signals = worker->nr_signals,
		.nr_signal_pages = worker->nr_signal_pages,
		.nr_verified = worker->own.nr_verified + worker->handler.nr_verified,
		.nr_bad = worker->own.nr_bad + worker->handler.nr_bad,
		.nr_held = worker->own.nr + worker->handler.nr,
	};
}

void worker_stop(struct worker *worker)
{
	atomic_store_explicit(&worker->stopping, true, memory_order_relaxed);
}

void worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	set_figures(worker);
}

void worker_give_back(struct worker *worker)
{
	struct holder *own = &worker->own, *handler = &worker->handler;

	while (own->nr)
		own->nr_bad += quire_free(worker->q, forget(own)) != 0;
	while (handler->nr)
		handler->nr_bad += quire_free(worker->q, forget(handler)) != 0;
	set_figures(worker);
	free(own->held);
	own->held = NULL;
}
