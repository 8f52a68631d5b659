/* SPDX-License-Identifier: MIT */
/*
 * Metadata in memory shared with a forked child, where the instance is dead: whatever the child calls is
 * refused, and changes no byte of it, nor of another instance's.
 */
#include "child.h"
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	NR_PAGES = 4096,
};

struct shared {
	struct quire *q;
	unsigned char *metadata;
	unsigned char *copy;
	size_t bytes;
	struct quire_region region;
	uint32_t pfn; /* held */
};

static void nobody_cares(void *context, const struct quire_report *report)
{
	(void)context;
	(void)report;
}

static void open_shared(struct shared *s, struct quire_config *config)
{
	struct quire_region_config region;

	qt_assert_ok(quire_metadata_size(config, &s->bytes));
	s->metadata = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			   0);
	assert_ptr_not_equal(s->metadata, MAP_FAILED);
	s->copy = malloc(s->bytes);
	assert_non_null(s->copy);
	qt_assert_ok(quire_init(config, s->metadata, s->bytes, &s->q));
	quire_region_config_init(&region);
	region.bytes = (uint64_t)NR_PAGES << 12;
	qt_assert_ok(quire_region_add(s->q, &region, &s->region));
	s->pfn = quire_alloc_pfn(s->q, 0, 3);
	assert_int_not_equal(s->pfn, QUIRE_NO_PFN);
}

static void close_shared(struct shared *s)
{
	qt_assert_ok(quire_free_pfn(s->q, s->pfn));
	qt_assert_sound(s->q, 0);
	qt_assert_ok(quire_destroy(s->q));
	munmap(s->metadata, s->bytes);
	free(s->copy);
}

static int visit_nothing(void *context, uint32_t pfn, unsigned int order)
{
	(void)context;
	(void)pfn;
	(void)order;
	return 0;
}

static int call_everything(void *context)
{
	struct shared *s = context;
	struct quire_region_config region;
	uint32_t pfns[2] = { QUIRE_NO_PFN, QUIRE_NO_PFN };
	uint64_t offset = QUIRE_NO_OFFSET;
	void *page = NULL;

	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	quire_region_config_init(&region);
	region.base = UINT64_C(1) << 50;
	region.bytes = 4096;
	QT_STEP(1, quire_region_add(s->q, &region, NULL) == -QUIRE_EOWNERDEAD);
	(void)quire_region_remove(s->q, s->region);
	QT_STEP(2, quire_alloc(s->q, 0, 0) == NULL);
	QT_STEP(3, quire_alloc_pfn_err(s->q, 0, 0, pfns) == -QUIRE_EOWNERDEAD);
	QT_STEP(4, quire_alloc_pfn(s->q, QUIRE_ATOMIC, 0) == QUIRE_NO_PFN);
	(void)quire_alloc_pfn_err(s->q, 0, 0, NULL);
	QT_STEP(5, quire_alloc_offset(s->q, s->region, 0, 99) == QUIRE_NO_OFFSET);
	QT_STEP(6, quire_alloc_bulk_pfn(s->q, 0, 0, 2, pfns) == 0);
	QT_STEP(7, quire_alloc_bulk_pfn(s->q, 0, 0, 0, pfns) == 0);
	QT_STEP(8, quire_fill_pfn(s->q, 0, 2, pfns) == 0);
	QT_STEP(9, quire_fill_offset(s->q, s->region, 0, 1, &offset) == 0);
	QT_STEP(10, quire_fill_pfn(s->q, 0, 0, pfns) == 0);
	QT_STEP(11, quire_free_pfn(s->q, s->pfn) == -QUIRE_EOWNERDEAD);
	QT_STEP(12, quire_free_offset(s->q, s->region, 0) == -QUIRE_EOWNERDEAD);
	QT_STEP(13, quire_free_bulk_pfn(s->q, 1, &s->pfn) == 0);
	QT_STEP(14, quire_free_bulk_offset(s->q, s->region, 1, &offset) == 0);
	QT_STEP(15, quire_split_pfn(s->q, s->pfn) == -QUIRE_EOWNERDEAD);
	QT_STEP(16, quire_split(s->q, page) == -QUIRE_EOWNERDEAD);
	QT_STEP(17, quire_reserve(s->q, s->pfn + 8, 1) == -QUIRE_EOWNERDEAD);
	QT_STEP(18, quire_reserve(s->q, UINT32_MAX, 1) == -QUIRE_EOWNERDEAD);
	QT_STEP(19, quire_unreserve(s->q, s->pfn + 8, 1) == -QUIRE_EOWNERDEAD);
	QT_STEP(24, quire_age(s->q) == 0);
	QT_STEP(25, quire_age_start(s->q, 1) == -QUIRE_EOWNERDEAD);
	QT_STEP(26, quire_age_stop(s->q) == -QUIRE_EOWNERDEAD);
	QT_STEP(27, quire_lists_limit(s->q, 0, 1) == -QUIRE_EOWNERDEAD);
	QT_STEP(20, quire_drain(s->q, QUIRE_ALL_CPUS, 0) == 0);
	QT_STEP(21, quire_drain(s->q, 12345678, 0) == 0);
	(void)quire_cpu_isolate(s->q, 0, 1);
	(void)quire_stats_get(s->q, NULL);
	QT_STEP(22, quire_held_visit(s->q, visit_nothing, NULL) == -QUIRE_EOWNERDEAD);
	QT_STEP(23, quire_destroy(s->q) == 0);
	return 0;
}

/* Fork; the child calls everything on one of two instances, and neither's metadata is touched. */
static void check(struct shared *used, struct shared *other)
{
	memcpy(used->copy, used->metadata, used->bytes);
	memcpy(other->copy, other->metadata, other->bytes);
	qt_in_child(call_everything, used);
	for (size_t i = 0; i < used->bytes; i++)
		if (used->copy[i] != used->metadata[i])
			fail_msg("byte %zu of the dead instance has changed", i);
	for (size_t i = 0; i < other->bytes; i++)
		if (other->copy[i] != other->metadata[i])
			fail_msg("byte %zu of another instance has changed", i);
}

static void run(const struct qt_param *param, quire_report_fn *report)
{
	struct shared one = { 0 }, other = { 0 };
	struct quire_config config;

	qt_config(&config, param, NULL);
	config.max_pages = NR_PAGES;
	config.report = report;
	open_shared(&one, &config);
	open_shared(&other, &config);
	check(&one, &other);
	check(&other, &one);
	close_shared(&one);
	close_shared(&other);
}

static void test_refused_calls_change_nothing(const struct qt_param *param)
{
	run(param, nobody_cares);
}

static void test_nor_do_reports_to_the_port(const struct qt_param *param)
{
	run(param, NULL);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(refused_calls_change_nothing),
		QT_TEST(nor_do_reports_to_the_port),
	};

	return QT_RUN_CACHES(tests);
}
