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
#include "sections_world.h"
#include "wide_calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if !defined(__x86_64__)
/* No other processor has wide sections. */
bool wide_offered(void)
{
	return false;
}

uint32_t wide_pop(uint32_t k, const void *pcps, const uint32_t *cpus, uint32_t n, uint32_t *pfns)
{
	(void)k, (void)pcps, (void)cpus, (void)n, (void)pfns;
	return QP_STRANGER;
}

uint32_t wide_push(uint32_t k, const void *pcps, const uint32_t *cpus, uint32_t n,
		   const uint32_t *pfns)
{
	(void)k, (void)pcps, (void)cpus, (void)n, (void)pfns;
	return QP_STRANGER;
}
#else
bool wide_offered(void)
{
	return qp_vectors() != QP_VECTORS_PLAIN;
}
#endif

/* ---- The model ---- */

/* Why nothing is done; 0: something is. *cpu is whose list it would be. */
static uint32_t model_refuses(uint32_t *cpu)
{
	*cpu = area.cpu_id;
	if (*cpu >= NR_CPUS)
		return QP_NO_CPU;
	return records[*cpu].lp == (uintptr_t)&qi_closed_list ? QP_SHORT : 0;
}

static void model_commit(struct qp_list *list, uint64_t ops, uint32_t count)
{
	uint64_t header = atomic_load(&list->header);

	atomic_store(&list->header, ((header >> QP_OPS_SHIFT) + ops) << QP_OPS_SHIFT | count);
}

static uint32_t model_pop(uint32_t low_mask, uint32_t want, uint32_t *pfns)
{
	uint32_t cpu, left = model_refuses(&cpu);
	struct qp_list *list = &model_lists[cpu % NR_CPUS].list;
	uint32_t count = count_of(list);
	uint32_t low = atomic_load(&list->low) & low_mask;

	if (left)
		return left;
	if (count <= low)
		return QP_SHORT;
	if (want > count - low)
		want = count - low;
	memcpy(pfns, list->slots + count - want, want * sizeof(*pfns));
	model_commit(list, want, count - want);
	return want;
}

static uint32_t model_push(uint32_t n, const uint32_t *pfns)
{
	uint32_t cpu, left = model_refuses(&cpu);
	struct qp_list *list = &model_lists[cpu % NR_CPUS].list;
	uint32_t count = count_of(list);

	if (left)
		return left;
	if (count + n > atomic_load(&list->high))
		return QP_SHORT;
	memcpy(list->slots + count, pfns, n * sizeof(*pfns));
	model_commit(list, n, count + n);
	return n;
}

/*
 * All n or none, from above the low mark. Behind the n may lie anything, up to the last of the eights;
 * and anywhere in them if nothing was done.
 */
static uint32_t model_pop_wide(uint32_t k, uint32_t n)
{
	uint32_t cpu, left = model_refuses(&cpu);
	const struct qp_list *list = &model_lists[cpu % NR_CPUS].list;
	uint32_t count = count_of(list);
	bool is_short = count < n || count - n < atomic_load(&list->low);

	memcpy(model_scratch, scratch, k * EIGHT * sizeof(*scratch));
	if (left || is_short)
		return left ? left : QP_SHORT;
	return model_pop(UINT32_MAX, n, model_scratch);
}

/* Slots behind the n may hold anything then, up to the last of the eights. */
static uint32_t model_push_wide(uint32_t k, uint32_t n)
{
	uint32_t count = count_of(&model_lists[area.cpu_id % NR_CPUS].list);
	uint32_t result = model_push(n, scratch);

	if (result == n)
		memcpy(model_lists[area.cpu_id].list.slots + count + n,
		       lists[area.cpu_id].list.slots + count + n,
		       (k * EIGHT - n) * sizeof(*scratch));
	return result;
}

/* ---- Each section beside its model ---- */

static void expect(const char *call, uint32_t n, uint32_t result, uint32_t wanted)
{
	CHECK(result == wanted, "%s of %u: %#x, not %#x (cpu_id %u)", call, n, result, wanted,
	      area.cpu_id);
	check_world();
}

static uint32_t try_pop_one(void)
{
	uint32_t pfn, wanted = model_pop(UINT32_MAX, 1, &pfn);
	uint64_t popped = 0;
	uint32_t result = qp_pop_one(records, nr_cpus, &popped);

	CHECK(result != 1 || wanted != 1 || popped == pfn, "pop: %" PRIu64, popped);
	/* It need not say why. */
	expect("pop", 1, result, result == QP_SHORT && wanted >= QP_LEFT ? result : wanted);
	return wanted;
}

static uint32_t try_push_one(void)
{
	uint32_t pfn = next_pfn++, wanted = model_push(1, &pfn);
	uint32_t result = qp_push_one(records, nr_cpus, pfn);

	/* It need not say why. */
	expect("push", 1, result, result == QP_SHORT && wanted >= QP_LEFT ? result : wanted);
	return wanted;
}

static uint32_t try_pop_batch(bool to_low, uint32_t want)
{
	uint32_t wanted = model_pop(to_low ? UINT32_MAX : 0, want, model_scratch);
	uint32_t result = qp_pop_batch(records, &nr_cpus, to_low, want, scratch);

	expect(to_low ? "batch pop above low" : "batch pop", want, result, wanted);
	return wanted;
}

static uint32_t try_push_batch(uint32_t n)
{
	uint32_t wanted = model_push(n, scratch);
	uint32_t result = qp_push_batch(records, &nr_cpus, n, scratch);

	expect("batch push", n, result, wanted);
	return wanted;
}

/* As callers choose it: most of each eights' pages are meant. */
static uint32_t eights_of(uint32_t n)
{
	uint32_t k = 1;

	while (k * EIGHT < n)
		k *= 2;
	return k;
}

static uint32_t try_pop_wide(uint32_t n)
{
	uint32_t result = wide_pop(eights_of(n), records, &nr_cpus, n, scratch);
	uint32_t wanted = model_pop_wide(eights_of(n), n);

	expect("wide pop", n, result < QP_LEFT ? n : result, wanted);
	return wanted;
}

static uint32_t try_push_wide(uint32_t n)
{
	uint32_t result = wide_push(eights_of(n), records, &nr_cpus, n, scratch);
	uint32_t wanted = model_push_wide(eights_of(n), n);

	expect("wide push", n, result < QP_LEFT ? n : result, wanted);
	return wanted;
}

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
		records[0].lp = (uintptr_t)list;
		atomic_store(&list->header, CAPACITY - n);
		atomic_store(&list->high, CAPACITY);
		memcpy(pfns, scratch, sizeof(pfns));
		CHECK(wide_push(eights_of(n), records, &nr_cpus, n, pfns) < QP_LEFT &&
			      count_of(list) == CAPACITY,
		      "push of the last %u", n);
		CHECK(wide_pop(eights_of(n), records, &nr_cpus, n, pfns) < QP_LEFT &&
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
	CHECK(try_pop_one() == end && try_push_one() == end && try_pop_batch(true, 7) == end &&
		      try_pop_batch(false, 1) == end && try_push_batch(33) == end,
	      "the model itself");
	try_all_wide(end);
}

/* It cannot be written either: whoever tried would crash. */
static void test_closed(struct qt_random *r)
{
	for (uint32_t count = 0; count <= CAPACITY; count++) {
		set_world(r, count, 0, CAPACITY);
		records[0].lp = (uintptr_t)&qi_closed_list;
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
	CHECK(try_pop_one() == 1 && try_push_one() == 1 && try_push_batch(33) == 33 &&
		      try_pop_batch(true, 64) == 64,
	      "the model itself");
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
		CHECK(try_pop_batch(false, 39) == 39 && try_push_batch(40) == 40 &&
			      try_push_one() == 1 && try_pop_one() == 1,
		      "the model itself");
		CHECK(!wide_offered() || (try_pop_wide(39) == 39 && try_push_wide(31) == 31),
		      "the model itself");
		CHECK(!(atomic_load(&lists[0].list.header) & QP_CLOSED), "closed");
	}
}

static void random_turn(struct qt_random *r)
{
	uint32_t cpu = qt_random_below(r, NR_CPUS + 1);
	struct qp_list *list = &lists[cpu % NR_CPUS].list;

	area.cpu_id = model_area.cpu_id = cpu;
	if (qt_random_one_in(r, 20)) {
		atomic_store(&list->low, qt_random_below(r, CAPACITY / 4));
		atomic_store(&list->high, qt_random_below(r, CAPACITY + 1));
		model_lists[cpu % NR_CPUS].list.low = list->low;
		model_lists[cpu % NR_CPUS].list.high = list->high;
	}
	if (qt_random_one_in(r, 20))
		records[cpu % NR_CPUS].lp = qt_random_one_in(r, 2) ? (uintptr_t)&qi_closed_list
								   : (uintptr_t)list;
	switch (qt_random_below(r, wide_offered() ? 6 : 4)) {
	case 0:
		try_pop_one();
		break;
	case 1:
		try_push_one();
		break;
	case 2:
		try_pop_batch(qt_random_one_in(r, 2), 1 + qt_random_below(r, QP_BATCH_MAX));
		break;
	case 3:
		try_push_batch(1 + qt_random_below(r, QP_BATCH_MAX));
		break;
	case 4:
		try_pop_wide(1 + qt_random_below(r, QP_BATCH_MAX));
		break;
	default:
		try_push_wide(1 + qt_random_below(r, QP_BATCH_MAX));
	}
}

static void test_random(struct qt_random *r)
{
	set_world(r, 40, 5, CAPACITY);
	for (uint32_t i = 0; i < 200000 / QT_SLOWER && !failed; i++)
		random_turn(r);
}

/* ---- TAP ---- */

static const struct {
	const char *name;
	void (*run)(struct qt_random *r);
	bool wide;
} tests[] = {
	{ "pop one: above the low mark", test_pop_one, false },
	{ "push one: below high", test_push_one, false },
	{ "pop a batch: want, low mark or none, empty", test_pop_batch, false },
	{ "push a batch: up to high, or nothing", test_push_batch, false },
	{ "pop eights: all above the low mark, or nothing", test_pop_wide, true },
	{ "push eights: up to high, or nothing", test_push_wide, true },
	{ "eights at the end of a list, and of memory", test_wide_at_the_end, true },
	{ "the closed list is empty and full", test_closed, false },
	{ "a cpu_id without a list", test_no_cpu, false },
	{ "a thread that is not known", test_stranger, false },
	{ "ops wraps, and leaves count and closed alone", test_header, false },
	{ "random operations", test_random, false },
};

static bool run_test(int test, uint64_t seed)
{
	struct qt_random r = qt_random_seed(seed);

	failed = false;
	if (tests[test].wide && !wide_offered()) {
		printf("ok %d - %s # SKIP this machine has no wide sections\n", test + 1,
		       tests[test].name);
		return true;
	}
	tests[test].run(&r);
	printf("%sok %d - %s\n", failed ? "not " : "", test + 1, tests[test].name);
	return !failed;
}

int main(int argc, char **argv)
{
	enum { NR_TESTS = sizeof(tests) / sizeof(tests[0]) };
	uint64_t seed = argc == 3 && strcmp(argv[1], "--seed") == 0 ? strtoull(argv[2], NULL, 0)
								    : 1;
	int nr_failed = 0;

	if (argc != 1 && argc != 3) {
		fprintf(stderr, "usage: %s [--seed N]\n", argv[0]);
		return 2;
	}
	take_over();
	printf("1..%d\n# seed %" PRIu64 "\n", NR_TESTS, seed);
	for (int i = 0; i < NR_TESTS; i++)
		nr_failed += !run_test(i, seed);
	return nr_failed ? 1 : 0;
}
