/* SPDX-License-Identifier: MIT */
/*
 * A forked child: refused everywhere, or at work on its own copy; and never stuck in a lock of the
 * parent's.
 */
#include "sanitizer.h"
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_PAGES 2048u
#define FORKS (300u / QT_SLOWER + 3)

/* What a child found; 0 is good. A child may not assert: it says so by its exit status. */
typedef int child_fn(struct qt *t);

/* Runs fn in a child; asserts that it said 0, and was not killed by its own alarm clock. */
static void in_child(struct qt *t, child_fn *fn)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		alarm(30);
		_exit(fn(t));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		fail_msg("the child was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		fail_msg("the child's step %d failed", WEXITSTATUS(status));
}

/* Number of the first of these conditions that does not hold, or 0. */
#define STEP(n, condition)        \
	do {                      \
		if (!(condition)) \
			return n; \
	} while (0)

static int visit_nothing(void *context, uint32_t pfn, unsigned int order)
{
	(void)context;
	(void)pfn;
	(void)order;
	return 1;
}

static uint32_t held_pfn; /* a page that the parent holds */
static void *held_page;

static int child_is_refused(struct qt *t)
{
	const int dead = -QUIRE_EOWNERDEAD;
	struct quire_region_config config;
	void *page = NULL;
	uint32_t pfn = 5;
	uint64_t offset = 6;

	quire_region_config_init(&config);
	config.base = UINT64_C(1) << 50;
	config.bytes = 4096;
	STEP(1, quire_region_add(t->q, &config, NULL) == dead);
	STEP(2, quire_alloc_err(t->q, 0, 0, &page) == dead && page == NULL);
	STEP(3, quire_alloc_pfn_err(t->q, 0, 0, &pfn) == dead && pfn == 5);
	STEP(4, quire_alloc_pfn_err(t->q, QUIRE_ATOMIC, 0, &pfn) == dead && pfn == 5);
	STEP(5, quire_alloc_pfn_err(t->q, 0, 9, &pfn) == dead && pfn == 5);
	STEP(6, quire_alloc_offset_err(t->q, t->region[0], 0, 0, &offset) == dead && offset == 6);
	STEP(7, quire_alloc(t->q, 0, 0) == NULL);
	STEP(8, quire_alloc_pfn(t->q, 0, 0) == QUIRE_NO_PFN);
	STEP(9, quire_alloc_offset(t->q, t->region[0], 0, 0) == QUIRE_NO_OFFSET);
	STEP(10, quire_free(t->q, held_page) == dead);
	STEP(11, quire_free_round(t->q, (char *)held_page + 1) == dead);
	STEP(12, quire_free_pfn(t->q, held_pfn) == dead);
	offset = quire_pfn_to_offset(t->q, held_pfn, NULL);
	STEP(13, quire_free_offset(t->q, t->region[0], offset) == dead);
	STEP(14, quire_free_offset_round(t->q, t->region[0], offset) == dead);
	STEP(15, quire_split(t->q, held_page) == dead);
	STEP(16, quire_split_pfn(t->q, held_pfn) == dead);
	STEP(17, quire_reserve(t->q, held_pfn + 1, 1) == dead);
	STEP(18, quire_unreserve(t->q, held_pfn + 1, 1) == dead);
	STEP(19, quire_alloc_bulk(t->q, 0, 0, 1, &page) == 0);
	STEP(20, quire_alloc_bulk_pfn(t->q, 0, 0, 1, &pfn) == 0 && pfn == 5);
	STEP(21, quire_fill(t->q, 0, 1, &page) == 0 && page == NULL);
	STEP(22, quire_free_bulk(t->q, 1, &held_page) == 0);
	STEP(23, quire_free_bulk_pfn(t->q, 1, &held_pfn) == 0);
	STEP(24, quire_free_bulk_offset(t->q, t->region[0], 1, &offset) == 0);
	STEP(25, quire_drain(t->q, QUIRE_ALL_CPUS, 0) == 0);
	STEP(26, quire_held_visit(t->q, visit_nothing, NULL) == dead);
	STEP(27, atomic_load(&t->reports.nr[0]) > 0);
	return 0;
}

static void test_child_is_refused_everywhere(const struct qt_param *param)
{
	struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	held_page = quire_alloc(t.q, 0, 0);
	held_pfn = quire_page_to_pfn(t.q, held_page);
	in_child(&t, child_is_refused);
	/* The parent does not notice. */
	qt_assert_no_report(&t.reports);
	qt_assert_sound(t.q, 1);
	qt_assert_ok(quire_free(t.q, held_page));
	qt_end(&t);
}

static int child_destroys(struct qt *t)
{
	STEP(1, quire_destroy(t->q) == 0);
	return 0;
}

static void test_child_may_destroy(const struct qt_param *param)
{
	struct qt t;
	void *page;

	qt_open_mapped(&t, param, NR_PAGES);
	in_child(&t, child_destroys);
	page = quire_alloc(t.q, 0, 0);
	assert_non_null(page);
	qt_assert_ok(quire_free(t.q, page));
	qt_end(&t);
}

/* The whole instance, from where the parent left it: what was held is held, the rest can be had. */
static int child_uses_its_copy(struct qt *t)
{
	static uint32_t pfns[NR_PAGES];
	struct quire_stats s = { .size = sizeof(s) };
	size_t held = quire_held(t->q), n;

	n = quire_alloc_bulk_pfn(t->q, 0, 0, NR_PAGES, pfns);
	STEP(1, n == NR_PAGES - held);
	STEP(2, quire_alloc_pfn(t->q, 0, 0) == QUIRE_NO_PFN);
	for (size_t i = 0; i < n / 2; i++)
		STEP(3, quire_free_pfn(t->q, pfns[i]) == 0);
	STEP(4, quire_free_bulk_pfn(t->q, n - n / 2, pfns + n / 2) == n - n / 2);
	quire_drain(t->q, QUIRE_ALL_CPUS, 0);
	STEP(5, quire_stats_get(t->q, &s) == 0 && s.held == held);
	STEP(6, s.free_lists + s.free_depot + s.deferred == 0);
	STEP(7, s.managed == s.held + s.free_zone + s.free_stash);
	STEP(8, atomic_load(&t->reports.nr[0]) == 0);
	return 0;
}

static void open_inherited(struct qt *t, const struct qt_param *param)
{
	qt_begin(t, param);
	t->config.flags |= QUIRE_CONFIG_INHERIT;
	t->config.max_pages = NR_PAGES;
	qt_create(t);
	qt_add_mapped(t, 0, NR_PAGES);
}

static int grandchild_too(struct qt *t)
{
	int status;
	pid_t child;

	STEP(20, child_uses_its_copy(t) == 0);
	child = fork();
	STEP(21, child >= 0);
	if (child == 0)
		_exit(child_uses_its_copy(t));
	STEP(22, waitpid(child, &status, 0) == child);
	STEP(23, status == 0);
	return child_uses_its_copy(t);
}

static void test_inheriting_child_uses_its_copy(const struct qt_param *param)
{
	uint32_t pfns[100];
	struct qt t;

	open_inherited(&t, param);
	assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 100, pfns), 100);
	in_child(&t, child_uses_its_copy);
	in_child(&t, grandchild_too);
	qt_assert_sound(t.q, 100);
	assert_int_equal(quire_free_bulk_pfn(t.q, 100, pfns), 100);
	qt_end(&t);
}

/* ---- Forks while other threads are anywhere inside the allocator ---- */

struct busy {
	struct qt *t;
	atomic_bool done;
	atomic_uint failures;
	atomic_uint rounds;
};

static void *be_busy(void *argument)
{
	struct busy *b = argument;
	struct quire *q = b->t->q;
	uint32_t pfns[100];

	while (!atomic_load(&b->done)) {
		size_t n = quire_alloc_bulk_pfn(q, 0, 0, 100, pfns);
		uint32_t block = quire_alloc_pfn(q, 0, 3);

		for (size_t i = 0; i < n; i++)
			if (quire_free_pfn(q, pfns[i]) != 0)
				atomic_fetch_add(&b->failures, 1);
		if (quire_free_pfn(q, block) != 0)
			atomic_fetch_add(&b->failures, 1);
		if (atomic_fetch_add(&b->rounds, 1) % 16 == 0)
			quire_drain(q, QUIRE_ALL_CPUS, 0);
	}
	return NULL;
}

static void fork_meanwhile(struct qt *t, child_fn *fn)
{
	struct busy b = { .t = t };
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, be_busy, &b), 0);
	for (unsigned int i = 0; i < FORKS; i++)
		in_child(t, fn);
	atomic_store(&b.done, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&b.failures), 0);
	assert_true(atomic_load(&b.rounds) > 0);
	qt_assert_no_report(&t->reports);
	qt_end(t);
}

static int child_is_refused_briefly(struct qt *t)
{
	uint32_t pfn = 5;

	STEP(1, quire_alloc_pfn_err(t->q, 0, 0, &pfn) == -QUIRE_EOWNERDEAD);
	STEP(2, quire_alloc_pfn_err(t->q, 0, 9, &pfn) == -QUIRE_EOWNERDEAD);
	STEP(3, quire_free_pfn(t->q, 0) == -QUIRE_EOWNERDEAD);
	STEP(4, quire_drain(t->q, QUIRE_ALL_CPUS, 0) == 0);
	return 0;
}

static void test_fork_while_others_allocate(const struct qt_param *param)
{
	static struct qt t;

	qt_open_mapped(&t, param, NR_PAGES);
	fork_meanwhile(&t, child_is_refused_briefly);
}

/*
 * Threads of the parent that were between taking pages and handing them out do not exist in the
 * child: what they were moving is held there by nobody, at most. The rest works, and nothing waits
 * for them.
 */
static int child_goes_on(struct qt *t)
{
	static uint32_t pfns[NR_PAGES];
	size_t n;

	STEP(1, quire_held(t->q) <= 3 * 108 + 3 * 64);
	n = quire_alloc_bulk_pfn(t->q, 0, 0, 1000, pfns);
	STEP(2, n == 1000);
	STEP(3, quire_free_bulk_pfn(t->q, n, pfns) == n);
	quire_drain(t->q, QUIRE_ALL_CPUS, 0);
	n = quire_alloc_bulk_pfn(t->q, 0, 0, NR_PAGES, pfns);
	STEP(4, n >= NR_PAGES - 3 * 108 - 3 * 64);
	STEP(5, quire_free_bulk_pfn(t->q, n, pfns) == n);
	return 0;
}

static void test_inheriting_fork_while_others_allocate(const struct qt_param *param)
{
	static struct qt t;

	open_inherited(&t, param);
	fork_meanwhile(&t, child_goes_on);
}

static void test_each_instance_and_its_child(const struct qt_param *param)
{
	for (unsigned int i = 0; i < 20; i++) {
		struct qt t;

		qt_open_mapped(&t, param, NR_PAGES);
		in_child(&t, child_is_refused_briefly);
		qt_end(&t);
	}
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(child_is_refused_everywhere),
		QT_TEST(child_may_destroy),
		QT_TEST(inheriting_child_uses_its_copy),
		QT_TEST(fork_while_others_allocate),
		QT_TEST(inheriting_fork_while_others_allocate),
		QT_TEST(each_instance_and_its_child),
	};

	return QT_RUN_CACHES(tests);
}
