/* SPDX-License-Identifier: MIT */
/*
 * Processes at the end of a long chain of forks, whose numbers have no room in the words that the
 * shortest ways read, or in 32 bits: what is inherited works there, the long way, what is not stays
 * dead, and no number comes round again, so no instance is taken for that of a process before.
 */
#include "alloc/instance.h"
#include "child.h"
#include "test.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	NR_PAGES = 2048,
	HELD = 70, /* by the process that made the instance */
	DEPTH = 3, /* forks in a row, from each number on */
	SECONDS = 30,
	SINGLES = 200,
};

#define BIT(n) (UINT64_C(1) << (n))

/* The last ones that a word, and 32 bits, have room for; before them, and behind. */
static const uint64_t numbers[] = {
	QP_PROCESS_STEP,
	BIT(31) - 2 * QP_PROCESS_STEP,
	BIT(31) - QP_PROCESS_STEP,
	BIT(31),
	BIT(32) - 2 * QP_PROCESS_STEP,
	BIT(32) - QP_PROCESS_STEP,
	BIT(32),
	BIT(32) + BIT(31),
	BIT(40) - QP_PROCESS_STEP,
};

#define NR_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

struct scene {
	struct qt t;
	struct quire *q;
	uint64_t number; /* of the process that began */
	uint64_t depth; /* forks since */
	int (*look)(struct scene *s); /* in each process; 0 is good */
	uint32_t held[HELD];
};

static uint64_t set_number(uint64_t number)
{
	uint64_t before = qp_process();

	atomic_store(&qp_process_number, number);
	return before;
}

/* Look here, in a child, in its child and so on: where something was wrong first, or 0. */
static int look_down(struct scene *s)
{
	int status;
	int bad;
	pid_t child;

	QT_STEP(1, qp_process() == s->number + s->depth * QP_PROCESS_STEP);
	bad = s->look(s);
	if (bad != 0 || s->depth == DEPTH)
		return bad;
	s->depth++;
	child = fork();
	QT_STEP(2, child >= 0);
	if (child == 0) {
		alarm(SECONDS);
		_exit(look_down(s));
	}
	s->depth--;
	QT_STEP(3, waitpid(child, &status, 0) == child);
	QT_STEP(4, WIFEXITED(status));
	bad = WEXITSTATUS(status);
	return bad != 0 ? bad : s->look(s);
}

/* A child takes over the number, as if it had been forked that deep. */
static int become_and_look_down(void *context)
{
	struct scene *s = context;

	set_number(s->number);
	return look_down(s);
}

/* ---- What works ---- */

/* The shortest ways are for numbers that have room, and nobody takes them for another's. */
static bool words_are_right(const struct quire *q)
{
	bool room = (qp_process() | q->ready.page_shift) <= QI_WORD_KEY;
	bool ready = room && q->front.ready_take == QI_FRONT_PCP;

	return q->ready.owner == qp_process() &&
	       (qi_ready_word(&q->ready.take_pfn) != 0) == ready &&
	       (qi_ready_word(&q->ready.take_page) != 0) == ready &&
	       (qi_ready_word(&q->ready.give_page) != 0) == ready;
}

static bool is_sound(const struct quire *q, uint64_t held)
{
	struct quire_stats s = { .size = sizeof(s) };

	return quire_stats_get(q, &s) == 0 && s.held == held &&
	       s.managed == s.held + s.reserved + s.free_zone + s.free_lists + s.free_depot +
				    s.free_stash + s.deferred;
}

/* Single calls in all forms, a bulk call for each page there is, and a drain. */
static int use(struct quire *q, struct quire_region region, size_t held)
{
	uint32_t pfns[NR_PAGES + 1];
	void *pages[SINGLES];
	uint64_t offset;
	size_t n;

	for (int i = 0; i < SINGLES; i++) {
		pages[i] = quire_alloc(q, 0, 0);
		pfns[i] = quire_alloc_pfn(q, 0, 0);
		offset = quire_alloc_offset(q, region, 0, 0);
		QT_STEP(10, pages[i] != NULL && pfns[i] != QUIRE_NO_PFN);
		QT_STEP(11, quire_free_offset(q, region, offset) == 0);
	}
	for (int i = 0; i < SINGLES; i++) {
		QT_STEP(12, quire_free(q, pages[i]) == 0);
		QT_STEP(13, quire_free_pfn(q, pfns[i]) == 0);
	}
	QT_STEP(14, quire_free(q, pages[0]) == -QUIRE_EALREADY);
	n = quire_alloc_bulk_pfn(q, 0, 0, NR_PAGES + 1, pfns);
	QT_STEP(15, n == NR_PAGES - held);
	QT_STEP(16, quire_alloc_pfn(q, 0, 0) == QUIRE_NO_PFN);
	QT_STEP(17, quire_free_bulk_pfn(q, n, pfns) == n);
	quire_drain(q, QUIRE_ALL_CPUS, 0);
	QT_STEP(18, is_sound(q, held));
	return 0;
}

static int use_inherited(struct scene *s)
{
	unsigned int reports = atomic_load(&s->t.reports.nr[0]);

	QT_STEP(20, words_are_right(s->q));
	QT_STEP(21, use(s->q, s->t.region[0], HELD) == 0);
	/* the page that was freed twice */
	QT_STEP(22, atomic_load(&s->t.reports.nr[0]) == reports + 1);
	return 0;
}

static void open_scene(struct scene *s, const struct qt_param *param, uint32_t flags)
{
	qt_begin(&s->t, param);
	s->t.config.flags |= flags;
	s->t.config.max_pages = NR_PAGES;
	s->t.config.max_zones = 1;
	s->t.config.max_regions = 1;
	s->t.config.aids = 0; /* they would have each call go the long way */
	qt_create(&s->t);
	qt_add_mapped(&s->t, 0, NR_PAGES);
	s->q = s->t.q;
	s->depth = 0;
	assert_int_equal(quire_alloc_bulk_pfn(s->q, 0, 0, HELD, s->held), HELD);
}

static void close_scene(struct scene *s)
{
	assert_int_equal(quire_free_bulk_pfn(s->q, HELD, s->held), HELD);
	qt_end(&s->t);
}

/* Make an instance in a process of each number, and look at it there and below. */
static void look_from_each_number(const struct qt_param *param, uint32_t flags,
				  int (*look)(struct scene *s))
{
	static struct scene s;

	for (size_t i = 0; i < NR_NUMBERS; i++) {
		uint64_t before = set_number(numbers[i]);

		open_scene(&s, param, flags);
		s.number = numbers[i];
		s.look = look;
		assert_int_equal(look_down(&s), 0);
		close_scene(&s);
		set_number(before);
	}
}

static void test_inherited_instances_live_on(const struct qt_param *param)
{
	look_from_each_number(param, QUIRE_CONFIG_INHERIT, use_inherited);
}

/* One of its own, in a process that has inherited one too. */
static int make_and_use(struct scene *s)
{
	struct quire_region_config config;
	struct quire_region region;
	struct quire *q = NULL;
	int bad;

	quire_region_config_init(&config);
	config.addr = s->t.map[0]; /* it is another's, which does not look at it meanwhile */
	config.bytes = (uint64_t)NR_PAGES << s->t.config.page_shift;
	QT_STEP(30, quire_create(&s->t.config, &q) == 0);
	QT_STEP(31, quire_region_add(q, &config, &region) == 0);
	QT_STEP(32, words_are_right(q));
	bad = use(q, region, 0);
	QT_STEP(33, quire_destroy(q) == 0);
	return bad != 0 ? bad : use_inherited(s);
}

static void test_instances_made_deep_down(const struct qt_param *param)
{
	look_from_each_number(param, QUIRE_CONFIG_INHERIT, make_and_use);
}

static void *use_in_thread(void *argument)
{
	struct scene *s = argument;

	return use_inherited(s) == 0 ? s : NULL;
}

/* A thread is known by its process's number, too, and one that was known before the number was. */
static void test_threads_deep_down(const struct qt_param *param)
{
	static struct scene s;

	for (size_t i = 0; i < NR_NUMBERS; i++) {
		uint64_t before = set_number(numbers[i]);
		pthread_t thread;
		void *result;

		open_scene(&s, param, QUIRE_CONFIG_INHERIT);
		assert_int_equal(use_inherited(&s), 0);
		assert_int_equal(pthread_create(&thread, NULL, use_in_thread, &s), 0);
		pthread_join(thread, &result);
		assert_ptr_equal(result, &s);
		close_scene(&s);
		set_number(before);
	}
}

/* ---- What is dead ---- */

static int is_refused(struct scene *s)
{
	const int dead = -QUIRE_EOWNERDEAD;
	void *page = NULL;
	uint32_t pfn = 5;
	uint64_t offset = 6;

	QT_STEP(40, quire_alloc_err(s->q, 0, 0, &page) == dead && page == NULL);
	QT_STEP(41, quire_alloc_pfn_err(s->q, 0, 0, &pfn) == dead && pfn == 5);
	QT_STEP(42, quire_alloc_pfn_err(s->q, QUIRE_ATOMIC, 0, &pfn) == dead && pfn == 5);
	QT_STEP(43, quire_alloc_offset_err(s->q, s->t.region[0], 0, 0, &offset) == dead);
	QT_STEP(44, quire_free_pfn(s->q, s->held[0]) == dead);
	QT_STEP(45, quire_free(s->q, quire_pfn_to_page(s->q, s->held[0])) == dead);
	QT_STEP(46, quire_alloc_bulk_pfn(s->q, 0, 0, 1, &pfn) == 0);
	QT_STEP(47, quire_alloc_bulk(s->q, 0, 0, 1, &page) == 0);
	QT_STEP(48, quire_free_bulk_pfn(s->q, HELD, s->held) == 0);
	QT_STEP(49, quire_drain(s->q, QUIRE_ALL_CPUS, 0) == 0);
	return 0;
}

/* In its own process it works, in those below it does not. */
static int is_refused_below(struct scene *s)
{
	return s->depth == 0 ? use_inherited(s) : is_refused(s);
}

static void test_other_instances_are_dead_below(const struct qt_param *param)
{
	look_from_each_number(param, 0, is_refused_below);
}

/*
 * Made by the first process, whose number is the lowest: the number of none below, however deep, is
 * the same, though the bits of it that a word has may be.
 */
static void test_dead_instances_stay_dead(const struct qt_param *param)
{
	static struct scene s;
	uint64_t before = set_number(QP_PROCESS_STEP);

	open_scene(&s, param, 0);
	s.look = is_refused;
	for (size_t i = 1; i < NR_NUMBERS; i++) {
		s.number = numbers[i];
		qt_in_child(become_and_look_down, &s);
	}
	qt_assert_no_report(&s.t.reports);
	close_scene(&s);
	set_number(before);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(inherited_instances_live_on), QT_TEST(instances_made_deep_down),
		QT_TEST(threads_deep_down),	      QT_TEST(other_instances_are_dead_below),
		QT_TEST(dead_instances_stay_dead),
	};

	return QT_RUN_CACHES(tests);
}
