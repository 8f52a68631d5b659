/* SPDX-License-Identifier: MIT */
#include "load.h"
#include "cpu.h"
#include "sanitizer.h"
#include "ticker.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum {
	MOVE = 4096, /* steps on one CPU of who goes round */
};

#define TICK_NS (500000u * QT_SLOWER)

static _Thread_local struct load_worker *self;

static void on_tick(int signal)
{
	struct load_worker *w = self;

	(void)signal;
	if (w == NULL || churn_went_wrong(w->load->s))
		return;
	quire_handler_enter();
	stress_interrupt(w->load->s, w->churn.who, &w->handler);
	quire_handler_exit();
	atomic_fetch_add_explicit(&w->load->handlers, 1, memory_order_relaxed);
}

static void mask_ticks(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(how, &set, NULL);
}

static bool interrupted_yet(const struct load *l)
{
	return atomic_load_explicit(&l->handlers, memory_order_relaxed) >= l->nr_workers ||
	       churn_went_wrong(l->s);
}

static void *work(void *argument)
{
	struct load_worker *w = argument;
	struct load *l = w->load;
	timer_t timer;

	self = w;
	qt_cpu_bind(w->number);
	if (!qt_ticker_start(&timer, SIGRTMIN, TICK_NS)) {
		atomic_fetch_add(&l->s->nonsense, 1);
		return NULL;
	}
	mask_ticks(SIG_UNBLOCK);
	atomic_fetch_add(&l->running, 1);
	for (uint32_t i = 1; !atomic_load(&l->done) || !interrupted_yet(l); i++) {
		churn_step(&w->churn);
		if (w->number >= qt_nr_cpus() && i % MOVE == 0)
			qt_cpu_bind(i / MOVE);
	}
	mask_ticks(SIG_BLOCK);
	timer_delete(timer);
	churn_end(&w->churn);
	return NULL;
}

void load_begin(struct load *l, struct stress *s)
{
	struct sigaction action = { .sa_handler = on_tick, .sa_flags = SA_RESTART };

	memset(l, 0, sizeof(*l));
	l->s = s;
	l->nr_workers = qt_nr_cpus() + 1 < LOAD_MOST ? qt_nr_cpus() + 1 : LOAD_MOST;
	mask_ticks(SIG_BLOCK);
	assert_int_equal(sigaction(SIGRTMIN, &action, NULL), 0);
	for (uint32_t i = 0; i < l->nr_workers; i++) {
		struct load_worker *w = &l->workers[i];

		w->load = l;
		w->number = i;
		churn_init(&w->churn, s, i + 1);
		w->handler.random = qt_random_seed(i + 1000);
		assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
	}
	while (atomic_load(&l->running) < l->nr_workers && !churn_went_wrong(s))
		sched_yield();
}

void load_end(struct load *l)
{
	atomic_store(&l->done, true);
	for (uint32_t i = 0; i < l->nr_workers; i++)
		pthread_join(l->workers[i].thread, NULL);
	for (uint32_t i = 0; i < l->nr_workers; i++) {
		struct stress_handler *h = &l->workers[i].handler;

		stress_free_bulk(l->s, h->nr_held, h->held);
	}
	assert_false(churn_went_wrong(l->s));
	assert_true(atomic_load(&l->handlers) >= l->nr_workers);
}

static uint64_t uses(const struct load *l, unsigned int i)
{
	struct quire_cpu_stats stats = { .size = sizeof(stats) };

	return quire_cpu_stats_get(l->s->q, qt_cpu(i), &stats) == 0 ? stats.pops + stats.pushes : 0;
}

void load_wait(const struct load *l, unsigned int i)
{
	uint64_t before = uses(l, i);

	while (uses(l, i) == before && !churn_went_wrong(l->s))
		sched_yield();
}
