/* SPDX-License-Identifier: MIT */
#include "drain_turn.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include <quire/quire.h>

#include "../clock.h"
#include "../instance.h"
#include "../interrupts.h"
#include "../say.h"
#include "loops.h"
#include "team.h"

/* The busy victim looks every so many pages whether it shall stop. */
enum { PAGES_A_LOOK = 256 };

/* Whoever waits for the victim gives way after so many looks: they may share a CPU. */
enum { LOOKS_A_YIELD = 1024 };

/* Two neighbouring cache lines, which some processors fetch together. */
enum { APART = 128 };

/* A sleep of the drainer ends this much early, and it spins for the rest. */
#define SPIN_NS UINT64_C(100000)
#define NS_PER_SECOND UINT64_C(1000000000)

enum { VICTIM, DRAINER, NR_THREADS };

/*
 * What the victim reads or writes while it is measured shares no line with what the drainer writes:
 * that would be a loss with every drain, and none of Quire's.
 */
struct turn {
	const struct drain_plan *plan;
	struct drain_samples *samples;
	_Alignas(APART) atomic_bool stopped; /* by the drainer; relaxed, it orders nothing else */
	_Alignas(APART) atomic_ulong progress; /* the victim's; relaxed as well */
	_Alignas(APART) struct drain_result result; /* each thread writes what is its own */
	sem_t asked, answered; /* an idle victim: one pair is wanted, and made */
};

/* ---- The victim ----------------------------------------------------------------------------- */

static bool stopped(const struct turn *turn)
{
	return atomic_load_explicit(&turn->stopped, memory_order_relaxed);
}

/* Nobody else writes it. */
static void go_on(struct turn *turn)
{
	unsigned long progress = atomic_load_explicit(&turn->progress, memory_order_relaxed);

	atomic_store_explicit(&turn->progress, progress + 1, memory_order_relaxed);
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

	for (; !stopped(turn); nr += repetitions) {
		make_pairs(seat, repetitions);
		go_on(turn);
	}
	turn->result.victim_ns = now_ns() - begin_ns;
	turn->result.nr_pages = nr * seat->batch;
}

static uint64_t wait_until_tick(uint64_t due)
{
	uint64_t now;

	do
		now = ticks();
	while (now < due);
	return now;
}

/*
 * Operations are due at fixed times. One that is held up makes the next ones late, and their
 * lateness is theirs: who counted from their begin alone would hide all but the first.
 */
static void be_paced(struct turn *turn, struct seat *seat)
{
	uint64_t interval = (uint64_t)(DRAIN_PACE_NS / ticks_ns() + 0.5);
	uint64_t due = ticks(), end = due, held = 0, nr = 0, begin;

	for (; !stopped(turn); nr++) {
		uint64_t before = end;

		due += interval;
		begin = wait_until_tick(due);
		make_pairs(seat, 1);
		end = ticks();
		held += end - (due > before ? due : before);
		histogram_add(&turn->samples->due, end - due);
		histogram_add(&turn->samples->took, end - begin);
		go_on(turn);
	}
	turn->result.victim_ns = (uint64_t)((double)held * ticks_ns());
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

static void isolate(const struct turn *turn, int isolated)
{
	int error = quire_cpu_isolate(turn->plan->cell.instance->q, turn->result.victim_cpu,
				      isolated);

	if (error)
		fail("CPU %d cannot be %s shared mode here (%s); the library may say why above. "
		     "Leave 'shared' out of --mode",
		     turn->result.victim_cpu, isolated ? "put into" : "taken out of",
		     quire_strerror(error));
}

static void victim(struct turn *turn, struct team *team)
{
	struct seat seat = seat_make(&turn->plan->cell, VICTIM);
	bool isolated = turn->plan->cell.mode == MODE_SHARED;

	turn->result.victim_cpu = sched_getcpu();
	if (isolated)
		isolate(turn, 1);
	seat_begin(&seat, seat.batch);
	make_pairs(&seat, PAGES_A_LOOK);
	team_meet(team);
	if (turn->plan->victim == VICTIM_BUSY)
		be_busy(turn, &seat);
	else if (turn->plan->victim == VICTIM_PACED)
		be_paced(turn, &seat);
	else
		be_idle(turn, &seat);
	seat_end(&seat);
	if (isolated)
		isolate(turn, 0);
}

/* ---- The drainer: when ---------------------------------------------------------------------- */

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

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
		relax();
	}
}

/*
 * Until a pair has begun and ended: then the list has pages again. Progress that is made known once
 * may have been made before.
 */
static void wait_for_progress(const struct turn *turn)
{
	unsigned long before = atomic_load_explicit(&turn->progress, memory_order_relaxed);
	unsigned int looks = 0;

	while (atomic_load_explicit(&turn->progress, memory_order_relaxed) - before < 2) {
		if (++looks % LOOKS_A_YIELD == 0)
			sched_yield();
		relax();
	}
}

static void let_victim_go_on(struct turn *turn)
{
	if (turn->plan->victim == VICTIM_IDLE) {
		sem_post(&turn->asked);
		wait_for(&turn->answered);
	} else if (turn->plan->rate == RATE_MAX) {
		wait_for_progress(turn);
	}
}

/* ---- The drainer: what ---------------------------------------------------------------------- */

static void drain_once(struct turn *turn)
{
	struct quire *q = turn->plan->cell.instance->q;
	int cpu = turn->plan->target == TARGET_ALL ? QUIRE_ALL_CPUS : turn->result.victim_cpu;
	uint64_t begin_ns = now_ns();
	size_t moved = quire_drain(q, cpu, 0);

	histogram_add(&turn->samples->latency, now_ns() - begin_ns);
	turn->result.nr_moved += moved;
	turn->result.nr_full += moved > 0;
	turn->result.nr_drains++;
}

static bool enough(const struct turn *turn)
{
	return turn->plan->nr_drains && turn->result.nr_drains == turn->plan->nr_drains;
}

/*
 * Drains are due in the middle of their intervals, so that a turn has as many as it has whole ones.
 * A drain that is late is not made up for: the next is due an interval after it.
 */
static void drain_at_rate(struct turn *turn, uint64_t end_ns)
{
	uint64_t interval_ns = turn->plan->rate == RATE_MAX ? 0 : NS_PER_SECOND / turn->plan->rate;
	uint64_t due_ns = now_ns() - interval_ns / 2;

	if (turn->plan->nr_drains)
		end_ns = UINT64_MAX;
	while (!enough(turn)) {
		let_victim_go_on(turn);
		due_ns += interval_ns;
		wait_until(due_ns < end_ns ? due_ns : end_ns);
		if (now_ns() >= end_ns)
			break;
		drain_once(turn);
		if (now_ns() > due_ns + interval_ns)
			due_ns = now_ns() - interval_ns;
	}
}

static void drain_and_count(struct turn *turn)
{
	unsigned int cpu = (unsigned int)turn->result.victim_cpu;
	uint64_t before = 0, after = 0, begin_ns;
	bool counted = interrupts_of_calls(cpu, &before);

	begin_ns = now_ns();
	if (turn->plan->rate)
		drain_at_rate(turn, begin_ns + turn->plan->ns);
	else
		wait_until(begin_ns + turn->plan->ns);
	turn->result.drained_ns = now_ns() - begin_ns;
	turn->result.counted = counted && interrupts_of_calls(cpu, &after);
	turn->result.nr_interrupts = after - before;
}

static void drainer(struct turn *turn, struct team *team)
{
	turn->result.drainer_cpu = sched_getcpu();
	team_meet(team);
	drain_and_count(turn);
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

struct drain_result drain_turn(const struct drain_plan *plan, struct drain_samples *samples)
{
	struct turn turn = { .plan = plan, .samples = samples };

	(void)ticks_ns(); /* found before threads are measured */
	sem_init(&turn.asked, 0, 0);
	sem_init(&turn.answered, 0, 0);
	team_run(NR_THREADS, run_thread, &turn);
	sem_destroy(&turn.asked);
	sem_destroy(&turn.answered);
	return turn.result;
}
