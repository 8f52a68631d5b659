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
#include "port/port.h"
#include "random.h"
#include "sanitizer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NR_CPUS = 3,
	CAPACITY = 80, /* more than a batch, so that batches begin anywhere */
	WORDS = CAPACITY + 16, /* of slots, the last ones nobody's */
	SCRATCH = QP_BATCH_MAX + 16,
	BLANK = 0x5eed,
};

union list {
	struct qp_list list;
	unsigned char bytes[sizeof(struct qp_list) + WORDS * sizeof(uint32_t)];
};

/* One CPU's record, as far as sections know it. */
struct record {
	_Alignas(1 << QP_PCP_SHIFT) uintptr_t lp;
};

/* As the kernel has it; sections know cpu_id and rseq_cs. */
struct area {
	uint32_t cpu_id_start;
	uint32_t cpu_id;
	uint64_t rseq_cs;
	uint32_t flags;
	uint32_t later[11];
};

struct descriptor {
	uint32_t version;
	uint32_t flags;
	uint64_t start, length, abort;
};

static struct record records[NR_CPUS];
static union list lists[NR_CPUS];
static _Alignas(32) struct area area;
static uint32_t scratch[SCRATCH];

/* What all of these must be. */
static union list model_lists[NR_CPUS];
static struct area model_area;
static uint32_t model_scratch[SCRATCH];

static const uint32_t nr_cpus = NR_CPUS;
static uint32_t next_pfn;
static bool failed;

#define CHECK(good, ...) check(good, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 3, 4))) static bool check(bool good, int line, const char *format,
							...)
{
	va_list arguments;

	if (good || failed)
		return good;
	failed = true;
	printf("# %s:%d: ", __FILE__, line);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	return false;
}

/* ---- A world of lists ---- */

static uint32_t count_of(const struct qp_list *list)
{
	return (uint32_t)(atomic_load(&list->header) & QP_COUNT_MASK);
}

static void set_list(struct qp_list *list, uint64_t ops, uint32_t count, uint32_t low,
		     uint32_t high)
{
	atomic_store(&list->header, ops << QP_OPS_SHIFT | count);
	atomic_store(&list->low, low);
	atomic_store(&list->high, high);
	list->capacity = CAPACITY;
	for (uint32_t i = 0; i < WORDS; i++)
		list->slots[i] = i < count ? next_pfn++ : BLANK;
}

/* All that is not said of CPU 0's list here may be anything that is within bounds. */
static void set_world(struct qt_random *r, uint32_t count, uint32_t low, uint32_t high)
{
	for (uint32_t cpu = 0; cpu < NR_CPUS; cpu++) {
		set_list(&lists[cpu].list, qt_random_next(r) >> QP_OPS_SHIFT,
			 qt_random_below(r, CAPACITY + 1), 0, CAPACITY);
		records[cpu].lp = (uintptr_t)&lists[cpu];
	}
	set_list(&lists[0].list, qt_random_next(r) >> QP_OPS_SHIFT, count, low, high);
	area.cpu_id = 0;
	for (uint32_t i = 0; i < SCRATCH; i++)
		scratch[i] = next_pfn++;
	memcpy(model_lists, lists, sizeof(lists));
	memcpy(model_scratch, scratch, sizeof(scratch));
	memcpy(&model_area, &area, sizeof(area));
}

/* The descriptor that was announced is one that the kernel would take. */
static void check_announced(void)
{
	const struct descriptor *d = (const struct descriptor *)(uintptr_t)area.rseq_cs;
	uint32_t signature;

	if (!CHECK(d && (uintptr_t)d % 32 == 0, "rseq_cs is %#" PRIx64, area.rseq_cs))
		return;
	CHECK(d->version == 0 && d->flags == 0, "version %u, flags %u", d->version, d->flags);
	CHECK(d->abort - d->start >= d->length, "its abort address is inside its range");
	memcpy(&signature, (const char *)(uintptr_t)d->abort - 4, 4);
	CHECK(signature == QP_SIGNATURE, "signature %#x", signature);
}

/* Whether all is as the model says. */
static void check_world(void)
{
	check_announced();
	model_area.rseq_cs = area.rseq_cs;
	CHECK(memcmp(&area, &model_area, sizeof(area)) == 0, "the area was written to");
	for (uint32_t cpu = 0; cpu < NR_CPUS; cpu++) {
		const struct qp_list *is = &lists[cpu].list, *wanted = &model_lists[cpu].list;

		CHECK(atomic_load(&is->header) == atomic_load(&wanted->header),
		      "header of CPU %u: %#" PRIx64 ", not %#" PRIx64, cpu,
		      atomic_load(&is->header), atomic_load(&wanted->header));
		for (uint32_t i = 0; i < WORDS; i++)
			CHECK(is->slots[i] == wanted->slots[i],
			      "slot %u of CPU %u: %u, not %u (count %u)", i, cpu, is->slots[i],
			      wanted->slots[i], count_of(wanted));
		CHECK(memcmp(&lists[cpu], &model_lists[cpu], sizeof(lists[cpu])) == 0,
		      "limits of CPU %u", cpu);
		CHECK(records[cpu].lp / 4 * 4 == (uintptr_t)is, "lp of CPU %u", cpu);
	}
	for (uint32_t i = 0; i < SCRATCH; i++)
		CHECK(scratch[i] == model_scratch[i], "scratch %u: %u, not %u", i, scratch[i],
		      model_scratch[i]);
}

/* ---- The model ---- */

/* Why nothing is done; 0: something is. *cpu is whose list it would be. */
static uint32_t model_refuses(uint32_t *cpu)
{
	*cpu = area.cpu_id;
	if (*cpu >= NR_CPUS)
		return QP_NO_CPU;
	return records[*cpu].lp & QP_LP_TAGS ? QP_DIVERTED : 0;
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

/* Every section in turn; each must come to the same end. */
static void try_all(uint32_t end)
{
	CHECK(try_pop_one() == end && try_push_one() == end && try_pop_batch(true, 7) == end &&
		      try_pop_batch(false, 1) == end && try_push_batch(33) == end,
	      "the model itself");
}

static void test_diverted(struct qt_random *r)
{
	for (uintptr_t tag = 1; tag <= QP_LP_TAGS; tag++) {
		set_world(r, 40, 0, CAPACITY);
		records[0].lp |= tag;
		try_all(QP_DIVERTED);
		/* Another CPU's tag is no concern of this one. */
		area.cpu_id = model_area.cpu_id = 1;
		set_list(&lists[1].list, 0, 40, 0, CAPACITY);
		memcpy(&model_lists[1], &lists[1], sizeof(lists[1]));
		CHECK(try_pop_one() == 1 && try_push_one() == 1 && try_push_batch(33) == 33 &&
			      try_pop_batch(true, 64) == 64,
		      "the model itself");
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
	uint32_t process = qp_process();

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
		records[cpu % NR_CPUS].lp ^= qt_random_below(r, QP_LP_TAGS + 1);
	switch (qt_random_below(r, 4)) {
	case 0:
		try_pop_one();
		break;
	case 1:
		try_push_one();
		break;
	case 2:
		try_pop_batch(qt_random_one_in(r, 2), 1 + qt_random_below(r, QP_BATCH_MAX));
		break;
	default:
		try_push_batch(1 + qt_random_below(r, QP_BATCH_MAX));
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
} tests[] = {
	{ "pop one: above the low mark", test_pop_one },
	{ "push one: below high", test_push_one },
	{ "pop a batch: want, low mark or none, empty", test_pop_batch },
	{ "push a batch: up to high, or nothing", test_push_batch },
	{ "a tag on lp diverts", test_diverted },
	{ "a cpu_id without a list", test_no_cpu },
	{ "a thread that is not known", test_stranger },
	{ "ops wraps, and leaves count and closed alone", test_header },
	{ "random operations", test_random },
};

/* From here on the sections of this thread use the test's own area. */
static void take_over(void)
{
	uintptr_t self = (uintptr_t)__builtin_thread_pointer();

	qp_rseq_area.offset = (ptrdiff_t)((uintptr_t)&area - self);
	qp_section_assume();
	memset(&area, 0xa5, sizeof(area));
}

static bool run_test(int test, uint64_t seed)
{
	struct qt_random r = qt_random_seed(seed);

	failed = false;
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
