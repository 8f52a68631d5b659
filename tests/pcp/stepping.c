/* SPDX-License-Identifier: MIT */
#include "stepping.h"

#include "sanitizer.h"

#include "alloc/request.h"
#include "port/linux/fault.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	A_LITTLE = 9, /* instructions */
};

/* ---- Requests ------------------------------------------------------------------------------- */

extern const struct qi_vector qi_vector_plain;

const struct request stepping_requests[] = {
	{ "pop one", { 40, 0, 64 }, true, 1, 0, 0, false, false },
	{ "pop the last above the low mark", { 5, 0, 64 }, true, 1, 0, 0, false, false },
	{ "pop one at the low mark: refill", { 4, 0, 64 }, true, 1, 0, 0, false, false },
	{ "pop one below the low mark", { 1, 0, 64 }, true, 1, QUIRE_ATOMIC, 0, false, false },
	{ "pop one from an empty list", { 0, 0, 64 }, true, 1, 0, 0, false, false },
	{ "pop one, refill by depot", { 0, 3, 64 }, true, 1, 0, 0, false, false },
	{ "push one", { 40, 0, 64 }, false, 1, 0, 0, false, false },
	{ "push one into an empty list", { 0, 0, 64 }, false, 1, 0, 0, false, false },
	{ "push one into a full list", { FULL, 0, 64 }, false, 1, 0, 0, false, false },
	{ "pop a batch", { 60, 0, 64 }, true, SOME, 0, 0, false, false },
	{ "pop a batch of more than is there", { 10, 1, 64 }, true, SOME, 0, 0, false, false },
	{ "push a batch", { 20, 0, 64 }, false, SOME, 0, 0, false, false },
	{ "push a batch into a full list", { FULL - 8, 0, 64 }, false, SOME, 0, 0, false, false },
	{ "pop a narrow batch", { 60, 0, 64 }, true, SOME, 0, 0, false, true },
	{ "push a narrow batch", { 20, 0, 64 }, false, SOME, 0, 0, false, true },
	/* Each number of registers that batches are moved in, where there are registers for that. */
	{ "pop one by one", { 60, 0, 64 }, true, 3, 0, 0, false, false },
	{ "pop an eight", { 60, 0, 64 }, true, 8, 0, 0, false, false },
	{ "pop two eights", { 60, 0, 64 }, true, 16, 0, 0, false, false },
	{ "pop four eights", { 60, 0, 64 }, true, 32, 0, 0, false, false },
	{ "pop eight eights", { 80, 0, 64 }, true, 64, 0, 0, false, false },
	{ "push one by one", { 20, 0, 64 }, false, 3, 0, 0, false, false },
	{ "push an eight", { 20, 0, 64 }, false, 8, 0, 0, false, false },
	{ "push two eights", { 20, 0, 64 }, false, 16, 0, 0, false, false },
	{ "push four eights", { 20, 0, 64 }, false, 32, 0, 0, false, false },
	{ "push eight eights", { 20, 0, 64 }, false, 64, 0, 0, false, false },
	{ "push eights into a full list", { FULL - 8, 0, 64 }, false, 64, 0, 0, false, false },
};

const size_t stepping_nr_requests = sizeof(stepping_requests) / sizeof(stepping_requests[0]);

void stepping_request(void *stepped)
{
	const struct stepped *s = stepped;
	struct world *w = s->w;

	stepper_set_cpu(s->request->cpu);
	stepper_set_known(!s->request->unknown);
	stepper_trap();
	if (s->request->takes)
		world_take(w, &w->child, s->request->n, s->request->gfp);
	else
		world_give(w, &w->child, s->request->n);
	atomic_store(&w->ended, true);
	stepper_trap();
}

struct world *stepping_world(const struct request *request, bool isolated)
{
	struct world *w;

	fencing.stopped = 0;
	fencing.broken = false;
	w = fencing.w = world_begin(&request->standing);
	if (request->narrow)
		w->q->vector = &qi_vector_plain;
	if (isolated)
		qt_assert_ok(quire_cpu_isolate(w->q, 0, 1));
	return w;
}

/* ---- The fence ------------------------------------------------------------------------------ */

struct fencing fencing;

void stepping_interrupt(void)
{
	if (stepper_interrupt(fencing.stopped) == STEPPER_BROKEN)
		fencing.broken = true;
}

/*
 * From before a section into it, from before its first load to before its commit; and further where
 * the drainer would wait for a lock. As the stops are everywhere, so is where this ends.
 */
static void go_on_a_little(void)
{
	for (int i = 0; i < A_LITTLE || world_zone_locked(fencing.w); i++) {
		if (atomic_load(&fencing.w->ended) || stepper_step(fencing.stopped) != 0)
			return;
	}
}

/* Another thread of CPU 0 gives what it has, into the list that is live now. */
static void others_give(void)
{
	stepping_interrupt();
	stepper_set_cpu(0);
	world_give(fencing.w, &fencing.w->others, fencing.w->others.nr);
	stepper_set_cpu(1);
}

static bool fence(unsigned int cpu)
{
	if (getpid() != fencing.tracer || fencing.stopped == 0 || cpu != 0)
		return true;
	fencing.calls++;
	if (fencing.fence == FENCE_REFUSES_LATE && fencing.calls == 1) {
		others_give();
		go_on_a_little();
	}
	if (fencing.fence == FENCE_REFUSES || fencing.fence == FENCE_REFUSES_LATE)
		return false;
	if (fencing.fence == FENCE_SLOW)
		go_on_a_little();
	if (fencing.fence == FENCE_LATE && stepper_look(fencing.stopped) == STEPPER_BEHIND)
		stepper_force_abort(fencing.stopped);
	if (fencing.fence != FENCE_LIES)
		stepping_interrupt();
	if (fencing.fence == FENCE_PASSES)
		go_on_a_little();
	return true;
}

/* ---- One stop, and all of them -------------------------------------------------------------- */

static const char *go_on(struct world *w, pid_t pid, const struct meddling *m)
{
	const char *why = m->at_stop(w);

	if (why == NULL && fencing.broken)
		why = "the section's descriptor is bad, or no signature stands before its abort target";
	if (why == NULL && stepper_run(pid) != 0)
		return "the thread has crashed";
	if (why == NULL && !atomic_load(&w->ended))
		why = "the thread has not ended its request";
	if (why == NULL && m->at_end != NULL)
		why = m->at_end(w);
	if (why == NULL && !m->exhausts && atomic_load(&w->fell_short))
		why = "a request fell short with memory left";
	fencing.stopped = 0;
	return why != NULL ? why : world_audit(w);
}

/* With a fence that does not fence anything may happen: in a process of its own. */
static const char *audit_apart(struct world *w, pid_t pid, const struct meddling *m)
{
	pid_t auditor;
	int status;

	(void)m->at_stop(w);
	if (stepper_run(pid) != 0)
		return "the thread has crashed";
	auditor = stepper_copy();
	if (auditor == 0) {
		alarm(10);
		_exit(!atomic_load(&w->ended) || world_audit(w) != NULL);
	}
	if (waitpid(auditor, &status, 0) != auditor || status != 0)
		return "pages are lost or doubled";
	return NULL;
}

static bool sound(const struct meddling *m)
{
	return m->fence != FENCE_LIES && m->fence != FENCE_LATE;
}

static const char *stop_here(struct world *w, pid_t pid, const struct meddling *m,
			     struct tally *tally)
{
	uint64_t aborts = world_aborts(w);
	const char *why;

	fencing.stopped = pid;
	fencing.fence = m->fence;
	fencing.calls = 0;
	why = sound(m) ? go_on(w, pid, m) : audit_apart(w, pid, m);
	tally->fences += fencing.calls;
	tally->again += world_aborts(w) > aborts;
	tally->wrong += why != NULL;
	return why;
}

/* Whether the account is to be right at every stop, or wrong at some. */
struct tally step_through(const struct request *request, const struct meddling *m)
{
	struct stepper_past *past = stepper_past_new();
	struct stepped stepped = { .request = request };
	struct world *w = stepped.w = stepping_world(request, m->isolated);
	pid_t pid = stepper_begin(stepping_request, &stepped);
	struct tally tally = { 0 };

	assert_true(pid > 0 && past != NULL);
	for (; !atomic_load(&w->ended); assert_int_equal(stepper_step(pid), 0)) {
		bool inside = stepper_look(pid) == STEPPER_INSIDE;
		const char *why;

		tally.stops++;
		tally.inside += inside;
		if (world_locked(w) || (m->exhausts && qi_watch_moving(w->q))) {
			tally.waiting++;
			continue;
		}
		world_save(w, WORLD_AT_STOP);
		assert_true(stepper_save(pid, past));
		why = stop_here(w, pid, m, &tally);
		assert_true(stepper_restore(pid, past));
		world_restore(w, WORLD_AT_STOP);
		if (sound(m) && why != NULL)
			fail_msg("%s, stopped before instruction %u (%s a section): %s",
				 request->name, tally.stops - 1, inside ? "in" : "outside", why);
	}
	stepper_end(pid);
	stepper_past_delete(past);
	fencing.stopped = 0;
	world_end(w);
	print_message("# %s: %u stops, %u in a section, %u to be waited for, %u fences, %u begun "
		      "anew, %u wrong\n",
		      request->name, tally.stops, tally.inside, tally.waiting, tally.fences,
		      tally.again, tally.wrong);
	return tally;
}

/* ---- Whether it can be done here ------------------------------------------------------------ */

static void probe(void *context)
{
	(void)context;
	stepper_trap();
}

static bool can_trace(void)
{
	struct stepper_past *past = stepper_past_new();
	pid_t pid = stepper_begin(probe, NULL);
	bool traced = pid > 0 && past != NULL && stepper_save(pid, past) &&
		      stepper_restore(pid, past);

	if (pid > 0)
		stepper_end(pid);
	stepper_past_delete(past);
	return traced;
}

static const char *why_not(void)
{
	const char *why;

	if (QT_SLOWER > 1)
		return "a sanitizer keeps records of the stack that cannot be set back";
	if (!qp_sections_offered(&why))
		return why;
	if (!stepper_unwatch())
		return "the kernel does not end the registration of an rseq area";
	if (!can_trace())
		return "the system refuses ptrace";
	return NULL;
}

int stepping_run(const struct qt_test *tests, size_t nr)
{
	const char *why = why_not();

	if (why != NULL) {
		print_message("1..0 # SKIP %s\n", why);
		return 0;
	}
	fencing.tracer = getpid();
	qp_fence_hook = fence;
	return qt_run_once(tests, nr);
}
