/* SPDX-License-Identifier: MIT */
#include "drain_turn.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include <quire/quire.h>

#include "../clock.h"
#include "../instance.h"
#include "../say.h"
#include "loops.h"
#include "team.h"

/* The busy victim looks every so many pages whether it shall stop. */
enum { PAGES_A_LOOK = 256 };

/* A sleep of the drainer ends this much early, and it spins for the rest. */
#define SPIN_NS UINT64_C(100000)
#define NS_PER_SECOND UINT64_C(1000000000)

enum { VICTIM, DRAINER, NR_THREADS };

struct turn {
	const struct drain_plan *plan;
	struct histogram *latency; /* the drainer's */
	struct drain_result result; /* each thread writes what is its own */
	atomic_bool stopped; /* by the drainer; relaxed, it orders nothing else */
	sem_t asked, answered; /* an idle victim: one pair is wanted, and made */
};

/* ---- The victim ----------------------------------------------------------------------------- */

static bool stopped(const struct turn *turn)
{
	return atomic_load_explicit(&turn->stopped, memory_order_relaxed);
}

static void make_pairs(struct seat *seat, size_t repetitions)
{
	if (!loops_pairs(seat, repetitions))
		fail("memory ran short with a batch of %zu pages; give a larger --size",
		     seat->batch);
}

/* A signal handler's return is no answer. */
static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0 && errno == EINTR)
		;
}

static void be_busy(struct turn *turn, struct seat *seat)
{
	size_t repetitions = PAGES_A_LOOK / seat->batch + 1;
	uint64_t begin_ns = now_ns(), nr = 0;

	for (; !stopped(turn); nr += repetitions)
		make_pairs(seat, repetitions);
	turn->result.victim_ns = now_ns() - begin_ns;
	turn->result.nr_pages = nr * seat->batch;
}

/* Asleep but for one pair before each drain, so that there is something to drain. */
static void be_idle(struct turn *turn, struct seat *seat)
{
	for (wait_for(&turn->asked); !stopped(turn); wait_for(&turn->asked)) {
		make_pairs(seat, 1);
		sem_post(&turn->answered);
	}
}

static void victim(struct turn *turn, struct team *team)
{
	struct seat seat = seat_make(&turn->plan->cell, VICTIM);

	turn->result.victim_cpu = sched_getcpu();
	seat_begin(&seat, seat.batch);
	make_pairs(&seat, PAGES_A_LOOK);
	team_meet(team);
	if (turn->plan->victim == VICTIM_BUSY)
		be_busy(turn, &seat);
	else
		be_idle(turn, &seat);
	seat_end(&seat);
}

/* ---- The drainer ---------------------------------------------------------------------------- */

/* Long waits are slept, short ones spun, since a wake-up may come late. */
static void wait_until(uint64_t due_ns)
{
	uint64_t now;

	for (now = now_ns(); now < due_ns; now = now_ns()) {
		if (due_ns - now > 2 * SPIN_NS) {
			uint64_t end = due_ns - SPIN_NS;
			struct timespec until = { .tv_sec = (time_t)(end / NS_PER_SECOND),
						  .tv_nsec = (long)(end % NS_PER_SECOND) };

			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		}
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
	}
}

static void drain_once(struct turn *turn)
{
	uint64_t begin_ns = now_ns();

	turn->result.nr_moved += quire_drain(turn->plan->cell.instance->q, turn->result.victim_cpu,
					     0);
	histogram_add(turn->latency, now_ns() - begin_ns);
	turn->result.nr_drains++;
}

/*
 * Drains are due in the middle of their intervals, so that a turn has as many as it has whole ones.
 * A drain that is late is not made up for: the next is due an interval after it.
 */
static void drain_at_rate(struct turn *turn, uint64_t end_ns)
{
	uint64_t interval_ns = NS_PER_SECOND / turn->plan->rate;
	uint64_t due_ns = now_ns() - interval_ns / 2;

	for (;;) {
		if (turn->plan->victim == VICTIM_IDLE) {
			sem_post(&turn->asked);
			wait_for(&turn->answered);
		}
		due_ns += interval_ns;
		wait_until(due_ns < end_ns ? due_ns : end_ns);
		if (now_ns() >= end_ns)
			break;
		drain_once(turn);
		if (now_ns() > due_ns + interval_ns)
			due_ns = now_ns() - interval_ns;
	}
}

static void drainer(struct turn *turn, struct team *team)
{
	uint64_t end_ns;

	turn->result.drainer_cpu = sched_getcpu();
	team_meet(team);
	end_ns = now_ns() + turn->plan->ns;
	if (turn->plan->rate)
		drain_at_rate(turn, end_ns);
	else
		wait_until(end_ns);
	atomic_store_explicit(&turn->stopped, true, memory_order_relaxed);
	sem_post(&turn->asked);
}

/* --------------------------------------------------------------------------------------------- */

static void run_thread(struct team *team, unsigned int thread, void *context)
{
	if (thread == VICTIM)
		victim(context, team);
	else
		drainer(context, team);
}

struct drain_result drain_turn(const struct drain_plan *plan, struct histogram *latency)
{
	struct turn turn = { .plan = plan, .latency = latency };

	sem_init(&turn.asked, 0, 0);
	sem_init(&turn.answered, 0, 0);
	team_run(NR_THREADS, run_thread, &turn);
	sem_destroy(&turn.asked);
	sem_destroy(&turn.answered);
	return turn.result;
}
