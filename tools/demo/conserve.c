/* SPDX-License-Identifier: MIT */
/*
 * Conservation: threads allocate and free at random while timers interrupt them with handlers that
 * do the same, and another thread drains all lists in a loop. Whoever gets a page writes a stamp of
 * its own into it and finds it again before giving the page back: a page handed out twice is
 * noticed. In the end the pages held and free add up: a lost page is noticed.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <quire/quire.h>

#include "../clock.h"
#include "../format.h"
#include "../memory.h"
#include "../say.h"
#include "demo.h"
#include "worker.h"

struct conserve {
	const struct demo *demo;
	struct quire *q;
	struct worker *workers;
	struct worker_shift shift;
	uint64_t nr_drains;
	uint64_t nr_drained;
};

static struct quire *make_instance(const struct demo *demo)
{
	struct quire_config config;
	struct quire *q = NULL;
	int error;

	quire_config_init(&config);
	config.max_pages = demo->memory.bytes / DEMO_PAGE_BYTES;
	error = quire_create(&config, &q);
	return demo_register(demo, q, error);
}

/* Four fifths of all pages may be held, each worker's equal part of them. */
static void start_workers(struct conserve *c)
{
	size_t share = (size_t)(c->demo->memory.bytes / DEMO_PAGE_BYTES) * 4 / 5 / c->demo->threads;
	unsigned int i;

	if (pthread_barrier_init(&c->shift.begin, NULL, c->demo->threads + 1) != 0)
		fail("no barrier for %u threads", c->demo->threads + 1);
	c->workers = need_zeroed(c->demo->threads, sizeof(*c->workers));
	for (i = 0; i < c->demo->threads; i++)
		worker_start(&c->workers[i], c->q, i, c->demo->seed, share, &c->shift);
	c->shift.end = now_ns() + c->demo->seconds * UINT64_C(1000000000);
	pthread_barrier_wait(&c->shift.begin);
}

/* Drain one CPU after the other, then all, and again, while the workers work. */
static void drain_until_end(struct conserve *c)
{
	struct quire_info info = { .size = sizeof(info) };
	const struct timespec pause = { .tv_nsec = 200000 };
	int cpu = QUIRE_ALL_CPUS;
	uint64_t now = now_ns(), end = c->shift.end;

	if (quire_info_get(c->q, &info) != 0)
		fail("the library does not describe its own instance");
	do {
		c->nr_drained += quire_drain(c->q, cpu, 0);
		c->nr_drains++;
		cpu = cpu + 1 < (int)info.nr_cpus ? cpu + 1 : QUIRE_ALL_CPUS;
		progress("%.0f s left", now < end ? (double)(end - now) / 1e9 : 0);
		nanosleep(&pause, NULL);
		now = now_ns();
	} while (now < end);
	progress_end();
}

/* All workers' figures in one; nr_held counts what their handlers hold too. */
static struct worker_figures sum_figures(const struct conserve *c)
{
	struct worker_figures sum = { 0 };
	unsigned int i;

	for (i = 0; i < c->demo->threads; i++) {
		const struct worker_figures *one = &c->workers[i].figures;

		sum.nr_calls += one->nr_calls;
		sum.nr_signals += one->nr_signals;
		sum.nr_signal_pages += one->nr_signal_pages;
		sum.nr_bad += one->nr_bad;
		sum.nr_verified += one->nr_verified;
		sum.nr_held += one->nr_held;
	}
	return sum;
}

/* Whether the parts add up: by the library's figures and by the workers' own count. */
static bool adds_up(const struct conserve *c, uint64_t nr_held)
{
	struct quire_stats s = { .size = sizeof(s) };
	char managed[FORMAT_MAX], held[FORMAT_MAX], zone[FORMAT_MAX], rest[FORMAT_MAX];
	uint64_t elsewhere;

	if (quire_stats_get(c->q, &s) != 0)
		return false;
	elsewhere = s.free_lists + s.free_depot + s.free_stash + s.deferred + s.reserved;
	demo_line("pages", "%s managed = %s held + %s free in the zone",
		  format_count(managed, s.managed), format_count(held, nr_held),
		  format_count(zone, s.free_zone));
	demo_line("", "+ %s free in lists, depot and stash", format_count(rest, elsewhere));
	return s.managed == c->demo->memory.bytes / DEMO_PAGE_BYTES &&
	       s.managed == nr_held + s.free_zone + elsewhere && quire_held(c->q) == nr_held;
}

static bool finish(struct conserve *c)
{
	struct worker_figures sum;
	char calls[FORMAT_MAX], signals[FORMAT_MAX], pages[FORMAT_MAX];
	bool held;
	unsigned int i;

	for (i = 0; i < c->demo->threads; i++)
		worker_stop(&c->workers[i]);
	for (i = 0; i < c->demo->threads; i++)
		worker_join(&c->workers[i]);
	sum = sum_figures(c);
	demo_line("calls", "%s by threads; %s pages allocated in %s signals",
		  format_count(calls, sum.nr_calls), format_count(pages, sum.nr_signal_pages),
		  format_count(signals, sum.nr_signals));
	demo_line("drains", "%s, which moved %s pages", format_count(calls, c->nr_drains),
		  format_count(pages, c->nr_drained));
	held = adds_up(c, sum.nr_held);
	for (i = 0; i < c->demo->threads; i++)
		worker_give_back(&c->workers[i]);
	sum = sum_figures(c);
	demo_line("stamps", "%s verified, %s wrong", format_count(pages, sum.nr_verified),
		  format_count(calls, sum.nr_bad));
	held = held && !sum.nr_bad && sum.nr_signals && sum.nr_signal_pages && sum.nr_calls;
	held = quire_held(c->q) == 0 && held;
	return quire_destroy(c->q) == 0 && held;
}

bool demo_conserve(const struct demo *demo)
{
	struct conserve c = { .demo = demo, .q = make_instance(demo) };
	bool held;

	printf("\n4. Conservation: %u thread%s, signal handlers, drains in a loop, %u s\n",
	       demo->threads, format_plural(demo->threads), demo->seconds);
	start_workers(&c);
	drain_until_end(&c);
	held = finish(&c);
	pthread_barrier_destroy(&c.shift.begin);
	free(c.workers);
	return demo_verdict(held, held ? "no page lost, none handed out twice"
				       : "pages are lost, doubled, or were never handed out");
}
