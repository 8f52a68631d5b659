/* SPDX-License-Identifier: MIT */
#include "pairing.h"

#include "port/linux/fault.h"

/* ---- The second thread ---------------------------------------------------------------------- */

struct pair {
	struct world *w;
	const struct pairing *how;
	pid_t first;
	pid_t second;
	struct stepper_past *first_at_stop;
	struct stepper_past *first_now; /* or after a fence */
	struct stepper_past *second_now;
};

/* Its tracer interrupts the first one, which is not this one's to touch. */
static struct world *fenced;

static bool fence_by_tracer(unsigned int cpu)
{
	if (cpu != 0)
		return true;
	atomic_store(&fenced->fencing, true);
	stepper_trap();
	return true;
}

static void meddle(void *context)
{
	const struct pair *pair = context;
	struct world *w = fenced = pair->w;

	qp_fence_hook = fence_by_tracer;
	stepper_set_cpu(1);
	stepper_set_known(true);
	stepper_trap();
	w->why = pair->how->at_stop(w);
	atomic_store(&w->meddled, true);
	stepper_trap();
}

/* ---- Both of them --------------------------------------------------------------------------- */

static const char *finish(struct pair *pair)
{
	struct world *w = pair->w;
	const char *why = NULL;

	if (stepper_run(pair->first) != 0 || !atomic_load(&w->ended))
		return "the first thread has crashed";
	while (!atomic_load(&w->meddled))
		if (stepper_run(pair->second) != 0)
			return "the second thread has crashed";
	why = w->why;
	if (why == NULL && pair->how->at_end != NULL)
		why = pair->how->at_end(w);
	if (why == NULL && atomic_load(&w->fell_short))
		why = "a request fell short with memory left";
	return why != NULL ? why : world_audit(w);
}

/* It stands in its fence: that is over for the first one when it goes on. */
static void fence_first(struct pair *pair)
{
	stepping_interrupt();
	assert_false(fencing.broken);
	atomic_store(&pair->w->fencing, false);
	assert_true(stepper_save(pair->first, pair->first_now));
}

static const char *try_here(struct pair *pair)
{
	const char *why;

	world_save(pair->w, WORLD_BETWEEN);
	assert_true(stepper_save(pair->second, pair->second_now));
	why = finish(pair);
	assert_true(stepper_restore(pair->second, pair->second_now));
	assert_true(stepper_restore(pair->first, pair->first_now));
	world_restore(pair->w, WORLD_BETWEEN);
	return why;
}

/* The first thread is stopped. How many places the second one was tried at. */
static uint32_t second_through(struct pair *pair, const char *name, uint32_t stop)
{
	const struct pairing *how = pair->how;
	struct world *w = pair->w;
	uint32_t tried = 0;

	world_save(w, WORLD_AT_STOP);
	assert_true(stepper_save(pair->first, pair->first_at_stop));
	assert_true(stepper_save(pair->first, pair->first_now));
	pair->second = stepper_begin(meddle, pair);
	assert_true(pair->second > 0);
	for (uint32_t at = 0; !atomic_load(&w->meddled); at++) {
		const char *why = NULL;

		if (atomic_load(&w->fencing))
			fence_first(pair);
		if (how->first_only_tries || !world_zone_locked(w)) {
			why = try_here(pair);
			tried++;
		}
		if (why != NULL)
			fail_msg("%s, stopped before instruction %u of the request and %u of what "
				 "others do: %s",
				 name, stop, at, why);
		assert_int_equal(stepper_step(pair->second), 0);
	}
	stepper_end(pair->second);
	assert_true(stepper_restore(pair->first, pair->first_at_stop));
	world_restore(w, WORLD_AT_STOP);
	return tried;
}

void pair_through(const struct request *request, const struct pairing *how)
{
	struct stepped stepped = { .request = request };
	struct pair pair = { .how = how };
	uint32_t stops = 0, tried = 0;

	pair.w = stepped.w = stepping_world(request, how->isolated);
	pair.first_at_stop = stepper_past_new();
	pair.first_now = stepper_past_new();
	pair.second_now = stepper_past_new();
	assert_true(pair.first_at_stop != NULL && pair.first_now != NULL &&
		    pair.second_now != NULL);
	if (how->begin != NULL)
		how->begin(pair.w);
	pair.first = fencing.stopped = stepper_begin(stepping_request, &stepped);
	fencing.fence = FENCE_WORKS;
	assert_true(pair.first > 0);
	for (uint32_t stop = 0; !atomic_load(&pair.w->ended); stop++) {
		if (how->stops(pair.w, pair.first, stop)) {
			stops++;
			tried += second_through(&pair, request->name, stop);
		}
		assert_int_equal(stepper_step(pair.first), 0);
	}
	stepper_end(pair.first);
	stepper_past_delete(pair.first_at_stop);
	stepper_past_delete(pair.first_now);
	stepper_past_delete(pair.second_now);
	fencing.stopped = 0;
	if (how->end != NULL)
		how->end(pair.w);
	world_end(pair.w);
	assert_true(stops > 0 && tried > stops);
	print_message("# %s: %u stops, %u pairs of stops\n", request->name, stops, tried);
}
