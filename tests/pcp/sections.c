/* SPDX-License-Identifier: MIT */
/*
 * Each section against a model of it in C, exactly: what it returns, every word of the lists, every
 * word of the scratch, and of the area nothing but rseq_cs. No kernel takes part: this thread has an
 * area of the test's own, with the cpu_id that the test wants, so that nothing interrupts a section;
 * and so it runs where there is no rseq at all, as under an emulator of another processor. There is
 * no cmocka for those either, hence a few lines of TAP of its own.
 *
 *	sections [--seed N]
 */
#include "sanitizer.h"
#include "sections_meanwhile.h"
#include "sections_try.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- The tests ---- */

static void test_pop_one(struct qt_random *r)
{
	for (uint32_t count = 0; count <= CAPACITY; count++) {
		for (uint32_t low = 0; low <= CAPACITY; low++) {
			set_world(r, count, low, CAPACITY);
			CHECK(try_pop_one() == (count > low ? 1 : QP_SHORT), "the model itself");
		}
	}
}

static void test_push_one(struct qt_random *r)
{
	for (uint32_t count = 0; count <= CAPACITY; count++) {
		for (uint32_t high = 0; high <= CAPACITY; high++) {
			set_world(r, count, 0, high);
			CHECK(try_push_one() == (count < high ? 1 : QP_SHORT), "the model itself");
		}
	}
}

static void test_pop_batch(struct qt_random *r)
{
	static const uint32_t lows[] = { 0, 1, 5, 64, CAPACITY };

	for (uint32_t count = 0; count <= CAPACITY; count++) {
		for (uint32_t want = 1; want <= QP_BATCH_MAX; want++) {
			for (uint32_t i = 0; i < sizeof(lows) / sizeof(lows[0]); i++) {
				set_world(r, count, lows[i], 0);
				try_pop_batch(true, want);
				set_world(r, count, lows[i], 0);
				try_pop_batch(false, want);
			}
		}
	}
}

static void test_push_batch(struct qt_random *r)
{
	for (uint32_t count = 0; count <= CAPACITY; count++) {
		for (uint32_t n = 1; n <= QP_BATCH_MAX; n++) {
			set_world(r, count, CAPACITY, CAPACITY);
			try_push_batch(n);
			/* At the mark, and one above it. */
			set_world(r, count, 0, count + n <= CAPACITY ? count + n : CAPACITY);
			try_push_batch(n);
			set_world(r, count, 0, count + n - 1 <= CAPACITY ? count + n - 1 : 0);
			CHECK(try_push_batch(n) == QP_SHORT, "the model itself");
		}
	}
}

static void test_pop_wide(struct qt_random *r)
{
	static const uint32_t lows[] = { 0, 1, 5, 64, CAPACITY };

	for (uint32_t count = 0; count <= CAPACITY; count++) {
		for (uint32_t n = 1; n <= QP_BATCH_MAX; n++) {
			for (uint32_t i = 0; i < sizeof(lows) / sizeof(lows[0]); i++) {
				set_world(r, count, lows[i], 0);
				CHECK(try_pop_wide(n) == (count >= n + lows[i] ? n : QP_SHORT),
				      "the model itself");
			}
			/* At the mark, and one above what is left. */
			set_world(r, count, count >= n ? count - n : 0, 0);
			try_pop_wide(n);
			set_world(r, count, count >= n ? count - n + 1 : 0, 0);
			CHECK(try_pop_wide(n) == QP_SHORT, "the model itself");
		}
	}
}

static void test_push_wide(struct qt_random *r)
{
	for (uint32_t count = 0; count <= CAPACITY; count++) {
		for (uint32_t n = 1; n <= QP_BATCH_MAX; n++) {
			set_world(r, count, CAPACITY, CAPACITY);
			CHECK(try_push_wide(n) == (count + n <= CAPACITY ? n : QP_SHORT),
			      "the model itself");
			set_world(r, count, 0, count + n <= CAPACITY ? count + n : CAPACITY);
			try_push_wide(n);
			set_world(r, count, 0, count + n - 1 <= CAPACITY ? count + n - 1 : 0);
			CHECK(try_push_wide(n) == QP_SHORT, "the model itself");
		}
	}
}

/* A list whose slack ends where memory ends: reads behind it are faults as well. */
static void test_wide_at_the_end(struct qt_random *r)
{
	enum { PAGE = 4096, BYTES = sizeof(struct qp_list) + (CAPACITY + QP_LIST_SLACK) * 4 };
	char *map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	struct qp_list *list = (struct qp_list *)(void *)(map + PAGE - BYTES);

	if (!CHECK(map != MAP_FAILED && mprotect(map + PAGE, PAGE, PROT_NONE) == 0, "no memory"))
		return;
	for (uint32_t n = 1; n <= QP_BATCH_MAX; n++) {
		uint32_t pfns[QP_BATCH_MAX];

		set_world(r, 0, 0, 0);
		show(0, list);
		atomic_store(&list->header, CAPACITY - n);
		atomic_store(&list->high, CAPACITY);
		memcpy(pfns, scratch, sizeof(pfns));
		CHECK(wide_push(eights_of(n), shared, records, &nr_cpus, n, pfns) < QP_LEFT &&
			      count_of(list) == CAPACITY,
		      "push of the last %u", n);
		CHECK(wide_pop(eights_of(n), shared, records, &nr_cpus, n, pfns) < QP_LEFT &&
			      count_of(list) == CAPACITY - n &&
			      memcmp(pfns, scratch, n * sizeof(*pfns)) == 0,
		      "pop of the last %u", n);
	}
	munmap(map, 2 * PAGE);
}

/* Every section in turn; each must come to the same end. */
static void try_all_wide(uint32_t end)
{
	for (uint32_t n = 1; wide_offered() && n <= QP_BATCH_MAX; n++)
		CHECK(try_pop_wide(n) == end && try_push_wide(n) == end, "the model itself");
}

static void try_all(uint32_t end)
{
	CHECK(try_pop_one() == end && try_push_one() == end, "the model itself");
	CHECK(try_pop_batch(true, 7) == end && try_pop_batch(false, 1) == end &&
		      try_push_batch(33) == end,
	      "the model itself");
	try_all_wide(end);
}

/*
 * It cannot be written either: whoever tried would crash. While sections of the other kind have the
 * list, these find the closed one, as they do while nobody has it.
 */
static void test_closed(struct qt_random *r)
{
	for (uint32_t count = 0; count <= CAPACITY; count++) {
		set_world(r, count, 0, CAPACITY);
		hide(0);
		try_all(QP_SHORT);
		shared = !shared;
		show(0, &lists[0].list);
		shared = !shared;
		try_all(QP_SHORT);
		for (uint32_t n = 1; n <= QP_BATCH_MAX; n++)
			CHECK(try_pop_batch(true, n) == QP_SHORT &&
				      try_pop_batch(false, n) == QP_SHORT &&
				      try_push_batch(n) == QP_SHORT,
			      "the model itself");
	}
	/* Another CPU's is no concern of this one. */
	area.cpu_id = model_area.cpu_id = 1;
	set_list(&lists[1].list, 0, 40, 0, CAPACITY);
	memcpy(&model_lists[1], &lists[1], sizeof(lists[1]));
	CHECK(try_pop_one() == 1 && try_push_one() == 1, "the model itself");
	CHECK(try_push_batch(33) == 33 && try_pop_batch(true, 64) == 64, "the model itself");
}

/* Of CPU 0, for both. */
static void close_list(void)
{
	atomic_fetch_or(&lists[0].list.header, QP_CLOSED);
	atomic_fetch_or(&model_lists[0].list.header, QP_CLOSED);
}

/* A list whose header says closed: a drain has swapped lists since lp was read. */
static void test_closed_header(struct qt_random *r)
{
	for (uint32_t count = 0; count <= CAPACITY; count++) {
		set_world(r, count, 0, CAPACITY);
		close_list();
		CHECK(try_pop_one() == (count > 0 ? QP_ABORTED : QP_SHORT) &&
			      try_push_one() == (count < CAPACITY ? QP_ABORTED : QP_SHORT),
		      "the model itself");
		for (uint32_t n = 1; n <= QP_BATCH_MAX; n++) {
			uint32_t popped = count > 0 ? QP_ABORTED : QP_SHORT;
			uint32_t all = count >= n ? QP_ABORTED : QP_SHORT;
			uint32_t pushed = count + n <= CAPACITY ? QP_ABORTED : QP_SHORT;

			set_world(r, count, 0, CAPACITY);
			close_list();
			CHECK(try_pop_batch(true, n) == popped &&
				      try_pop_batch(false, n) == popped &&
				      try_push_batch(n) == pushed,
			      "the model itself");
			CHECK(!wide_offered() ||
				      (try_pop_wide(n) == all && try_push_wide(n) == pushed),
			      "the model itself");
		}
	}
}

static void test_no_cpu(struct qt_random *r)
{
	/* The kernel's own are -1: not registered, and -2: registration failed. */
	static const uint32_t cpus[] = { NR_CPUS,   NR_CPUS + 1,    1u << 24,
					 INT32_MAX, UINT32_MAX - 1, UINT32_MAX };

	for (uint32_t i = 0; i < sizeof(cpus) / sizeof(cpus[0]); i++) {
		set_world(r, 40, 0, CAPACITY);
		area.cpu_id = model_area.cpu_id = cpus[i];
		try_all(QP_NO_CPU);
	}
}

/* Whether this thread may use sections at all is asked in front of them. */
static void test_stranger(struct qt_random *r)
{
	uintptr_t known = qp_section_thread;
	uint64_t process = qp_process();

	(void)r;
	CHECK(qp_section_known(process), "assumed, and not known");
	CHECK(qp_section_known(process + QP_KEY_MASK), "not known by the last key");
	CHECK(!qp_section_known(process - 1), "known by a key of its parent");
	CHECK(!qp_section_known(process + QP_PROCESS_STEP), "known in a forked child");
	qp_section_thread = known + 4096; /* as in thread-local memory that was copied */
	CHECK(!qp_section_known(process), "known as another thread");
	qp_section_thread = 0;
	CHECK(!qp_section_known(process), "known from the beginning");
	CHECK(!qp_section_enter() && !qp_section_known(process),
	      "known, though the kernel does not watch this area");
	qp_section_assume();
	CHECK(qp_section_thread == known, "assumed again as another");
}

/* What runs over the end of ops is lost, not carried into count or closed. */
static void test_header(struct qt_random *r)
{
	static const uint64_t most = UINT64_MAX >> QP_OPS_SHIFT;

	for (uint64_t ops = most - 70; ops <= most; ops++) {
		set_world(r, 0, 0, CAPACITY);
		set_list(&lists[0].list, ops, 40, 0, CAPACITY);
		memcpy(&model_lists[0], &lists[0], sizeof(lists[0]));
		CHECK(try_pop_batch(false, 39) == 39 && try_push_batch(40) == 40,
		      "the model itself");
		CHECK(try_push_one() == 1 && try_pop_one() == 1, "the model itself");
		CHECK(!wide_offered() || (try_pop_wide(39) == 39 && try_push_wide(31) == 31),
		      "the model itself");
		CHECK(!(atomic_load(&lists[0].list.header) & QP_CLOSED), "closed");
	}
}

/* To whom the list is shown; a shared one may be closed. */
static void random_mode(struct qt_random *r, uint32_t cpu)
{
	struct qp_list *list = &lists[cpu].list, *model = &model_lists[cpu].list;
	bool tried = shared;

	shared = qt_random_one_in(r, 2);
	atomic_store(&list->header, atomic_load(&list->header) & ~QP_CLOSED);
	if (shared && qt_random_one_in(r, 3))
		atomic_store(&list->header, atomic_load(&list->header) | QP_CLOSED);
	atomic_store(&model->header, atomic_load(&list->header));
	if (qt_random_one_in(r, 3))
		hide(cpu);
	else
		show(cpu, list);
	shared = tried;
}

static void random_limits(struct qt_random *r, uint32_t cpu)
{
	struct qp_list *list = &lists[cpu].list, *model = &model_lists[cpu].list;

	atomic_store(&list->low, qt_random_below(r, CAPACITY / 4));
	atomic_store(&list->high, qt_random_below(r, CAPACITY + 1));
	atomic_store(&model->low, atomic_load(&list->low));
	atomic_store(&model->high, atomic_load(&list->high));
}

static void random_section(struct qt_random *r)
{
	uint32_t n = 1 + qt_random_below(r, QP_BATCH_MAX);

	switch (qt_random_below(r, wide_offered() ? 6 : 4)) {
	case 0:
		try_pop_one();
		break;
	case 1:
		try_push_one();
		break;
	case 2:
		try_pop_batch(qt_random_one_in(r, 2), n);
		break;
	case 3:
		try_push_batch(n);
		break;
	case 4:
		try_pop_wide(n);
		break;
	default:
		try_push_wide(n);
	}
}

/* Of both kinds, and lists go from one to the other. */
static void test_random(struct qt_random *r)
{
	set_world(r, 40, 5, CAPACITY);
	for (uint32_t i = 0; i < 400000 / QT_SLOWER && !failed; i++) {
		uint32_t cpu = qt_random_below(r, NR_CPUS + 1);

		area.cpu_id = model_area.cpu_id = cpu;
		if (qt_random_one_in(r, 20))
			random_limits(r, cpu % NR_CPUS);
		if (qt_random_one_in(r, 10))
			random_mode(r, cpu % NR_CPUS);
		shared = qt_random_one_in(r, 2);
		random_section(r);
	}
}

/* ---- TAP ---- */

enum {
	BIASED = 1, /* tried with biased sections */
	SHARED = 2, /* with shared ones */
	WIDE = 4, /* where there are wide ones */
	BOTH = BIASED | SHARED,
};

static const struct {
	const char *name;
	void (*run)(struct qt_random *r);
	unsigned int what;
} tests[] = {
	{ "pop one: above the low mark", test_pop_one, BOTH },
	{ "push one: below high", test_push_one, BOTH },
	{ "pop a batch: want, low mark or none, empty", test_pop_batch, BOTH },
	{ "push a batch: up to high, or nothing", test_push_batch, BOTH },
	{ "pop eights: all above the low mark, or nothing", test_pop_wide, BOTH | WIDE },
	{ "push eights: up to high, or nothing", test_push_wide, BOTH | WIDE },
	{ "eights at the end of a list, and of memory", test_wide_at_the_end, BOTH | WIDE },
	{ "the closed list is empty and full", test_closed, BOTH },
	{ "a list that is closed: from the beginning", test_closed_header, SHARED },
	{ "the header changes before the commit", test_header_meanwhile, BOTH },
	{ "a drain passes before the header is read", test_drain_meanwhile, SHARED },
	{ "a cpu_id without a list", test_no_cpu, BOTH },
	{ "a thread that is not known", test_stranger, BIASED },
	{ "ops wraps, and leaves count and closed alone", test_header, BOTH },
	{ "random operations, biased and shared", test_random, BIASED },
};

enum {
	NR_TESTS = sizeof(tests) / sizeof(tests[0]),
};

static int count_tests(void)
{
	int nr = 0;

	for (int test = 0; test < NR_TESTS; test++)
		nr += !!(tests[test].what & BIASED) + !!(tests[test].what & SHARED);
	return nr;
}

static bool run_test(int test, int number, uint64_t seed)
{
	struct qt_random r = qt_random_seed(seed);
	const char *kind = shared ? "shared: " : "";

	failed = false;
	if ((tests[test].what & WIDE) && !wide_offered()) {
		printf("ok %d - %s%s # SKIP this machine has no wide sections\n", number, kind,
		       tests[test].name);
		return true;
	}
	tests[test].run(&r);
	printf("%sok %d - %s%s\n", failed ? "not " : "", number, kind, tests[test].name);
	return !failed;
}

static int run_tests(unsigned int what, int *number, uint64_t seed)
{
	int nr_failed = 0;

	for (int test = 0; test < NR_TESTS; test++) {
		shared = what == SHARED;
		if (tests[test].what & what)
			nr_failed += !run_test(test, ++*number, seed);
	}
	return nr_failed;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc == 3 && strcmp(argv[1], "--seed") == 0 ? strtoull(argv[2], NULL, 0)
								    : 1;
	int nr_failed = 0, number = 0;

	if (argc != 1 && argc != 3) {
		fprintf(stderr, "usage: %s [--seed N]\n", argv[0]);
		return 2;
	}
	take_over();
	printf("1..%d\n# seed %" PRIu64 "\n", count_tests(), seed);
	nr_failed += run_tests(BIASED, &number, seed);
	nr_failed += run_tests(SHARED, &number, seed);
	return nr_failed ? 1 : 0;
}
