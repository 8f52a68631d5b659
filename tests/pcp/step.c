/* SPDX-License-Identifier: MIT */
/*
 * A thread stopped before every instruction of a request in turn, and what others can do to its
 * CPU's lists done meanwhile; then it goes on, and every page is accounted for. Its sections are
 * interrupted by this test alone, so a fence that interrupts nobody is possible too: the same
 * account must then find pages lost or doubled.
 */
#include "sanitizer.h"
#include "stepper.h"
#include "test.h"
#include "world.h"

#include "alloc/request.h"
#include "port/linux/fault.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Requests that are stepped -------------------------------------------------------------- */

enum {
	SOME = 40, /* a batch that takes each of the copying loops twice, or most of eight registers */
	FULL = 128, /* what a list of this instance may hold at first */
	A_LITTLE = 9, /* instructions */
	LEAST_SECTION = 10, /* instructions of the shortest section that moves pages */
};

struct request {
	const char *name;
	struct standing standing;
	bool takes;
	uint32_t n;
	quire_gfp gfp;
	uint32_t cpu; /* that the thread says it runs on */
	bool unknown; /* to sections */
	bool narrow; /* by way of memory, also where there are wide registers */
};

extern const struct qi_vector qi_vector_plain;

static const struct request requests[] = {
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

static const struct request strangers[] = {
	{ "pop one, unknown thread", { 40, 0, 64 }, true, 1, 0, 0, true, false },
	{ "push one, unknown thread", { 40, 0, 64 }, false, 1, 0, 0, true, false },
	{ "pop a batch, unknown thread", { 60, 0, 64 }, true, SOME, 0, 0, true, false },
	{ "push a batch, unknown thread", { 20, 0, 64 }, false, SOME, 0, 0, true, false },
	{ "pop one, CPU without list", { 40, 0, 64 }, true, 1, 0, WORLD_CPUS, false, false },
	{ "push one, CPU without list", { 40, 0, 64 }, false, 1, 0, WORLD_CPUS, false, false },
	{ "pop one, no CPU", { 40, 0, 64 }, true, 1, 0, UINT32_MAX, false, false },
	{ "push one, no CPU", { 40, 0, 64 }, false, 1, 0, UINT32_MAX, false, false },
	{ "pop a batch, no CPU", { 60, 0, 64 }, true, SOME, 0, UINT32_MAX, false, false },
	{ "push a batch, no CPU", { 20, 0, 64 }, false, SOME, 0, UINT32_MAX, false, false },
};

#define NR(array) (sizeof(array) / sizeof((array)[0]))

struct stepped {
	struct world *w;
	const struct request *request;
};

static void run_request(void *context)
{
	const struct stepped *s = context;
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

/* ---- The fence ------------------------------------------------------------------------------ */

enum fence {
	FENCE_WORKS,
	FENCE_PASSES, /* works, and the thread goes on a little before the fence returns */
	FENCE_REFUSES, /* and does nothing */
	FENCE_LIES, /* does nothing, and says it has */
	FENCE_LATE, /* aborts who has just committed too */
};

static struct {
	pid_t tracer; /* only here, not in its copies */
	pid_t stopped; /* the thread on CPU 0 */
	struct world *w;
	enum fence fence;
	uint32_t calls;
	bool broken; /* the kernel would have ended the thread */
} fencing;

static void interrupt(void)
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

static bool fence(unsigned int cpu)
{
	if (getpid() != fencing.tracer || fencing.stopped == 0 || cpu != 0)
		return true;
	fencing.calls++;
	if (fencing.fence == FENCE_REFUSES)
		return false;
	if (fencing.fence == FENCE_LATE && stepper_look(fencing.stopped) == STEPPER_BEHIND)
		stepper_force_abort(fencing.stopped);
	if (fencing.fence != FENCE_LIES)
		interrupt();
	if (fencing.fence == FENCE_PASSES)
		go_on_a_little();
	return true;
}

/* ---- What others do while the thread is stopped --------------------------------------------- */

/* Both return what is wrong, or NULL. The second runs when the thread has ended its request. */
struct meddling {
	enum fence fence;
	const char *(*at_stop)(struct world *w);
	const char *(*at_end)(struct world *w);
	bool exhausts; /* and so would wait for pages that the thread is moving */
};

static const char *drain(struct world *w)
{
	uint32_t listed = qi_pcp_count(world_pcp(w));
	size_t moved = quire_drain(w->q, 0, 0);

	if (fencing.fence == FENCE_REFUSES)
		return moved == 0 ? NULL : "a drain without its fence has moved pages";
	if (fencing.fence == FENCE_PASSES)
		return NULL;
	return moved == listed ? NULL : "the drain has left pages in the list";
}

/* A thread that the kernel lets run on CPU 0 in between; that it switches aborts the section. */
static void work_between(struct world *w)
{
	interrupt();
	stepper_set_cpu(0);
	world_take(w, &w->others, 3, 0);
	world_take(w, &w->others, 1, 0);
	world_give(w, &w->others, 1);
	world_give(w, &w->others, 2);
	stepper_set_cpu(1);
}

static const char *work(struct world *w)
{
	work_between(w);
	return NULL;
}

/* The second swaps the lists back: the live one is the one that the stopped thread has seen. */
static const char *drain_twice(struct world *w)
{
	const char *why = drain(w);

	work_between(w);
	return why != NULL ? why : drain(w);
}

static const char *drain_in_vain(struct world *w)
{
	struct qi_pcp *pcp = world_pcp(w);
	uint32_t listed = qi_pcp_count(pcp);
	const char *why;

	if (listed == 0)
		return NULL;
	why = drain(w);
	if (why == NULL && !pcp->unfenced)
		why = "the list counts as fenced after a fence that failed";
	if (why == NULL && qi_pcp_count(pcp) != listed)
		why = "a stranded list is not counted";
	return why;
}

static const char *drain_in_vain_and_again(struct world *w)
{
	const char *why = drain_in_vain(w);

	fencing.fence = FENCE_WORKS;
	if (why == NULL)
		why = drain(w);
	if (why == NULL && world_pcp(w)->unfenced)
		why = "the list counts as unfenced after a fence that worked";
	return why;
}

/* The thread is in no section any more: this fence has nobody to interrupt. */
static const char *drain_at_last(struct world *w)
{
	const char *why;

	fencing.fence = FENCE_WORKS;
	why = drain(w);
	if (why == NULL && qi_pcp_count(world_pcp(w)) != 0)
		why = "pages of a stranded list are stranded still";
	return why;
}

static const char *divert(struct world *w)
{
	bool closed = qi_front_divert(&w->q->front, 0);

	if (fencing.fence == FENCE_REFUSES)
		return closed ? "lists were closed without a fence" : NULL;
	return closed ? NULL : "the lists were not closed";
}

static const char *undivert(struct world *w)
{
	bool empty = qi_pcp_count(world_pcp(w)) == 0;

	qi_front_undivert(&w->q->front, 0);
	return empty ? NULL : "closed lists are not empty";
}

static const char *divert_and_back(struct world *w)
{
	const char *why = divert(w);

	return why != NULL ? why : undivert(w);
}

/* CPU 1 asks for more than there is, and so gets what CPU 0's lists have too. */
static const char *claim(struct world *w)
{
	while (!atomic_load(&w->fell_short))
		world_take(w, &w->others, 64, 0);
	return qi_pcp_count(world_pcp(w)) == 0 ? NULL : "a request failed while a list had pages";
}

/* ---- One stop, and all of them -------------------------------------------------------------- */

struct tally {
	uint32_t stops;
	uint32_t inside; /* of a section's range */
	uint32_t waiting; /* at which others would wait for the thread: nothing is tried */
	uint32_t fences;
	uint32_t wrong; /* stops that ended with something wrong */
};

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

static const char *stop_here(struct world *w, pid_t pid, const struct meddling *m,
			     struct tally *tally)
{
	const char *why;

	fencing.stopped = pid;
	fencing.fence = m->fence;
	fencing.calls = 0;
	if (m->fence == FENCE_LIES || m->fence == FENCE_LATE)
		why = audit_apart(w, pid, m);
	else
		why = go_on(w, pid, m);
	tally->fences += fencing.calls;
	tally->wrong += why != NULL;
	return why;
}

/* Whether the account is to be right at every stop, or wrong at some. */
static struct tally step_through(const struct request *request, const struct meddling *m)
{
	struct stepper_past *past = stepper_past_new();
	struct stepped stepped = { .request = request };
	struct world *w;
	bool sound = m->fence != FENCE_LIES && m->fence != FENCE_LATE;
	struct tally tally = { 0 };
	pid_t pid;

	fencing.stopped = 0;
	fencing.broken = false;
	w = stepped.w = fencing.w = world_begin(&request->standing);
	if (request->narrow)
		w->q->vector = &qi_vector_plain;
	pid = stepper_begin(run_request, &stepped);
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
		world_save(w);
		assert_true(stepper_save(pid, past));
		why = stop_here(w, pid, m, &tally);
		assert_true(stepper_restore(pid, past));
		world_restore(w);
		if (sound && why != NULL)
			fail_msg("%s, stopped before instruction %u (%s a section): %s",
				 request->name, tally.stops - 1, inside ? "in" : "outside", why);
	}
	stepper_end(pid);
	stepper_past_delete(past);
	fencing.stopped = 0;
	world_end(w);
	print_message("# %s: %u stops, %u in a section, %u to be waited for, %u fences, %u wrong\n",
		      request->name, tally.stops, tally.inside, tally.waiting, tally.fences,
		      tally.wrong);
	return tally;
}

static void step_all(const struct meddling *m)
{
	for (size_t i = 0; i < NR(requests); i++)
		assert_true(step_through(&requests[i], m).inside >= LEAST_SECTION);
}

/* ---- Tests ---------------------------------------------------------------------------------- */

#define TEST_MEDDLING(name, ...)                                   \
	static void test_##name(const struct qt_param *param)      \
	{                                                          \
		(void)param;                                       \
		step_all(&(const struct meddling){ __VA_ARGS__ }); \
	}

TEST_MEDDLING(drained, FENCE_WORKS, drain, NULL, false)
TEST_MEDDLING(drained_twice, FENCE_WORKS, drain_twice, NULL, false)
TEST_MEDDLING(interrupted_by_another_thread, FENCE_WORKS, work, NULL, false)
TEST_MEDDLING(drained_while_it_goes_on, FENCE_PASSES, drain, NULL, false)
TEST_MEDDLING(diverted_while_it_goes_on, FENCE_PASSES, divert, undivert, false)
TEST_MEDDLING(diverted, FENCE_WORKS, divert, undivert, false)
TEST_MEDDLING(diverted_and_back, FENCE_WORKS, divert_and_back, NULL, false)
TEST_MEDDLING(all_claimed_by_another_cpu, FENCE_WORKS, claim, NULL, true)
TEST_MEDDLING(drained_in_vain, FENCE_REFUSES, drain_in_vain, drain_at_last, false)
TEST_MEDDLING(drained_in_vain_and_again, FENCE_REFUSES, drain_in_vain_and_again, NULL, false)
TEST_MEDDLING(diverted_in_vain, FENCE_REFUSES, divert, drain_at_last, false)

/* No section moves their pages, whatever it finds out on the way; nothing is lost either. */
static void test_threads_that_sections_do_not_serve(const struct qt_param *param)
{
	const struct meddling m = { FENCE_WORKS, drain, NULL, false };

	(void)param;
	for (size_t i = 0; i < NR(strangers); i++)
		(void)step_through(&strangers[i], &m);
}

/* The account finds what a missing or a late abort does to each of the sections. */
static void expect_wrong(enum fence kind)
{
	static const char *const names[] = {
		"pop one",	    "push one",		  "pop a batch",
		"push a batch",	    "pop a narrow batch", "push a narrow batch",
		"pop an eight",	    "pop two eights",	  "pop four eights",
		"pop eight eights", "push an eight",	  "push two eights",
		"push four eights", "push eight eights",
	};
	const struct meddling m = { kind, drain, NULL, false };

	for (size_t i = 0; i < NR(requests); i++)
		for (size_t j = 0; j < NR(names); j++)
			if (strcmp(requests[i].name, names[j]) == 0)
				assert_true(step_through(&requests[i], &m).wrong > 0);
}

static void test_fence_that_interrupts_nobody_is_found_out(const struct qt_param *param)
{
	(void)param;
	expect_wrong(FENCE_LIES);
}

static void test_abort_after_the_commit_is_found_out(const struct qt_param *param)
{
	(void)param;
	expect_wrong(FENCE_LATE);
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

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(drained),
		QT_TEST(drained_twice),
		QT_TEST(interrupted_by_another_thread),
		QT_TEST(drained_while_it_goes_on),
		QT_TEST(diverted_while_it_goes_on),
		QT_TEST(diverted),
		QT_TEST(diverted_and_back),
		QT_TEST(all_claimed_by_another_cpu),
		QT_TEST(drained_in_vain),
		QT_TEST(drained_in_vain_and_again),
		QT_TEST(diverted_in_vain),
		QT_TEST(threads_that_sections_do_not_serve),
		QT_TEST(fence_that_interrupts_nobody_is_found_out),
		QT_TEST(abort_after_the_commit_is_found_out),
	};
	const char *why = why_not();

	if (why != NULL) {
		print_message("1..0 # SKIP %s\n", why);
		return 0;
	}
	fencing.tracer = getpid();
	qp_fence_hook = fence;
	return QT_RUN_ONCE(tests);
}
