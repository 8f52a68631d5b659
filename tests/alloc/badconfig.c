/* SPDX-License-Identifier: MIT */
/*
 * Bad input to configurations: each with its error, and a report that names value, limit and
 * remedy.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A configuration alone, its reports, and what quire_create() and quire_metadata_size() say of it.
 */
struct bad {
	struct quire_config config;
	struct qt_reports reports;
};

static void begin(struct bad *b, const struct qt_param *param)
{
	memset(b, 0, sizeof(*b));
	atomic_flag_clear(&b->reports.busy);
	qt_config(&b->config, param, &b->reports);
}

/* Both calls refuse it alike, outputs untouched, and say the words. */
#define refused(b, name, ...)                                                        \
	do {                                                                         \
		struct quire *q_ = (struct quire *)(b);                              \
		size_t bytes_ = 77;                                                  \
		qt_assert_err(quire_create(&(b)->config, &q_), name);                \
		assert_ptr_equal(q_, (b));                                           \
		assert_int_equal((b)->reports.last.error, -QUIRE_##name);            \
		qt_assert_report(&(b)->reports, QUIRE_REPORT_BAD_CALL, __VA_ARGS__); \
		qt_assert_err(quire_metadata_size(&(b)->config, &bytes_), name);     \
		assert_int_equal(bytes_, 77);                                        \
		qt_assert_report(&(b)->reports, QUIRE_REPORT_BAD_CALL, __VA_ARGS__); \
	} while (0)

static void accepted(struct bad *b)
{
	struct quire *q = NULL;

	qt_assert_ok(quire_create(&b->config, &q));
	qt_assert_no_report(&b->reports);
	qt_assert_ok(quire_destroy(q));
}

static void test_config_of_a_smaller_size(const struct qt_param *param)
{
	struct bad b;

	begin(&b, param);
	b.config.size = 0;
	/*
	 * Where its report callback lies is not known of such a structure: only the error is
	 * asserted.
	 */
	assert_int_equal(quire_create(&b.config, (struct quire *[]){ NULL }), -QUIRE_EINVAL);
	b.config.size = 8;
	assert_int_equal(quire_create(&b.config, (struct quire *[]){ NULL }), -QUIRE_EINVAL);
	b.config.size = (uint32_t)sizeof(b.config) - 1;
	assert_int_equal(quire_create(&b.config, (struct quire *[]){ NULL }), -QUIRE_EINVAL);
}

/* From a newer header: fine while what this library does not know is zero. */
static void test_config_of_a_larger_size(const struct qt_param *param)
{
	struct {
		struct bad b;
		unsigned char room[256];
	} *large = calloc(1, sizeof(*large));
	unsigned char *tail;
	struct bad copy;
	struct quire *q = NULL;
	size_t bytes;

	assert_non_null(large);
	begin(&copy, param);
	large->b.config = copy.config;
	large->b.config.report_context = &copy.reports;
	tail = (unsigned char *)&large->b.config + sizeof(struct quire_config);
	memset(tail, 0, 64);
	large->b.config.size = (uint32_t)sizeof(struct quire_config) + 64;
	qt_assert_ok(quire_metadata_size(&large->b.config, &bytes));
	qt_assert_ok(quire_create(&large->b.config, &q));
	qt_assert_ok(quire_destroy(q));
	qt_assert_no_report(&copy.reports);
	tail[63] = 1;
	qt_assert_err(quire_create(&large->b.config, &q), E2BIG);
	qt_assert_report(&copy.reports, QUIRE_REPORT_BAD_CALL, "newer");
	qt_assert_err(quire_metadata_size(&large->b.config, &bytes), E2BIG);
	large->b.config.size = UINT32_MAX;
	assert_true(quire_create(&large->b.config, &q) < 0);
	free(large);
}

static void test_unknown_flags(const struct qt_param *param)
{
	struct bad b;

	begin(&b, param);
	b.config.flags |= UINT32_C(1) << 30;
	refused(&b, EINVAL, "flags", "0x40000000");
	begin(&b, param);
	b.config.aids = UINT32_C(1) << 31;
	refused(&b, EINVAL, "aids", "0x80000000");
	begin(&b, param);
	b.config.reserved = 5;
	refused(&b, EINVAL, "reserved", "5");
}

static void test_sizes_of_pages_and_instances(const struct qt_param *param)
{
	struct bad b;

	begin(&b, param);
	b.config.max_pages = 0;
	refused(&b, EINVAL, "max_pages", "0", "4294901760");
	begin(&b, param);
	b.config.max_pages = QUIRE_MAX_PAGES + 1;
	refused(&b, EINVAL, "max_pages", "4294901761", "4294901760");
	b.config.max_pages = UINT64_MAX;
	refused(&b, EINVAL, "max_pages", "18446744073709551615");
	begin(&b, param);
	b.config.page_shift = 10;
	refused(&b, EINVAL, "page_shift", "10", "11", "21");
	b.config.page_shift = 22;
	refused(&b, EINVAL, "page_shift", "22", "21");
	begin(&b, param);
	b.config.max_align_order = 8;
	refused(&b, EINVAL, "max_align_order", "8", "9", "18");
	b.config.max_align_order = 19;
	refused(&b, EINVAL, "max_align_order", "19", "18");
}

static void test_numbers_of_things(const struct qt_param *param)
{
	struct bad b;

	begin(&b, param);
	b.config.max_regions = 4097;
	refused(&b, EINVAL, "max_regions", "4097", "4096");
	begin(&b, param);
	b.config.max_zones = 17;
	refused(&b, EINVAL, "max_zones", "17", "16");
	begin(&b, param);
	b.config.nr_cpus = 65537;
	refused(&b, EINVAL, "nr_cpus", "65537", "65536");
	begin(&b, param);
	b.config.high = 2049;
	refused(&b, EINVAL, "high", "2049", "2048");
	begin(&b, param);
	b.config.batch = 65;
	refused(&b, EINVAL, "batch", "65", "64");
	begin(&b, param);
	b.config.nr_stash = 65;
	refused(&b, EINVAL, "nr_stash", "65", "64");
	begin(&b, param);
	b.config.nr_depot = 4097;
	refused(&b, EINVAL, "nr_depot", "4097", "4096");
}

static void test_caches_and_checks(const struct qt_param *param)
{
	struct bad b;

	begin(&b, param);
	b.config.cache = 5;
	refused(&b, EINVAL, "cache", "5");
	begin(&b, param);
	b.config.require = 5;
	refused(&b, EINVAL, "require", "5");
	begin(&b, param);
	b.config.check = 3;
	refused(&b, EINVAL, "check", "3", "2");
	begin(&b, param);
	accepted(&b);
}

/*
 * A cache that is not in this version is refused where it is required, and replaced where it is
 * preferred.
 */
static void test_caches_of_later_versions(const struct qt_param *param)
{
	static const uint32_t later[] = { QUIRE_CACHE_PCP, QUIRE_CACHE_MAGAZINE };
	struct quire_info info;
	struct quire *q;
	struct bad b;

	for (size_t i = 0; i < 2; i++) {
		bool built = false;

		for (size_t c = 0; c < qt_nr_caches; c++)
			built = built || qt_caches[c].cache == later[i];
		begin(&b, param);
		b.config.flags = 0;
		b.config.cache = b.config.require = later[i];
		if (built) {
			accepted(&b);
			continue;
		}
		refused(&b, EOPNOTSUPP, quire_cache_name(later[i]));
		b.config.require = 0;
		qt_assert_ok(quire_create(&b.config, &q));
		info = qt_info(q);
		assert_int_equal(info.asked, later[i]);
		assert_int_not_equal(info.cache, later[i]);
		assert_true(strlen(info.reason) > 10);
		qt_assert_ok(quire_destroy(q));
	}
	/* One cache preferred, another required. */
	begin(&b, param);
	b.config.flags = 0;
	b.config.cache = QUIRE_CACHE_NONE;
	b.config.require = QUIRE_CACHE_LOCKED;
	q = NULL;
	if (quire_create(&b.config, &q) == 0) {
		assert_int_equal(qt_info(q).cache, QUIRE_CACHE_LOCKED);
		qt_assert_ok(quire_destroy(q));
	} else {
		assert_null(q);
	}
}

static void test_null_arguments(const struct qt_param *param)
{
	char buffer[64];
	struct quire *q = NULL;
	size_t bytes;
	struct bad b;

	begin(&b, param);
	qt_assert_err(quire_create(NULL, &q), EINVAL);
	qt_assert_err(quire_create(&b.config, NULL), EINVAL);
	qt_assert_err(quire_metadata_size(NULL, &bytes), EINVAL);
	qt_assert_err(quire_metadata_size(&b.config, NULL), EINVAL);
	qt_assert_err(quire_init(NULL, buffer, 64, &q), EINVAL);
	qt_assert_err(quire_init(&b.config, NULL, 64, &q), EINVAL);
	qt_assert_err(quire_init(&b.config, buffer, 64, NULL), EINVAL);
	qt_assert_err(quire_create_over(buffer, 4096, NULL), EINVAL);
	assert_null(q);
}

static void test_metadata_buffer_too_small(const struct qt_param *param)
{
	struct quire *q = NULL;
	char text[32];
	size_t bytes;
	char *buffer;
	struct bad b;

	begin(&b, param);
	qt_assert_ok(quire_metadata_size(&b.config, &bytes));
	buffer = malloc(bytes);
	assert_non_null(buffer);
	memset(buffer, 0xdb, bytes);
	for (size_t less = 1; less <= bytes; less = less * 7 + 1) {
		qt_assert_err(quire_init(&b.config, buffer, bytes - less, &q), ENOSPC);
		snprintf(text, sizeof(text), "%zu", bytes);
		qt_assert_report(&b.reports, QUIRE_REPORT_BAD_CALL, text, "quire_metadata_size");
	}
	qt_assert_err(quire_init(&b.config, buffer, 0, &q), ENOSPC);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal((unsigned char)buffer[i], 0xdb);
	assert_null(q);
	free(buffer);
}

/* Everything that goes to standard error while fn runs, as a number of lines. */
static unsigned int lines_on_stderr(void (*fn)(struct quire *q), struct quire *q)
{
	FILE *file = tmpfile();
	unsigned int lines = 0;
	int saved, c;

	assert_non_null(file);
	fflush(stderr);
	saved = dup(STDERR_FILENO);
	assert_true(saved >= 0);
	assert_int_equal(dup2(fileno(file), STDERR_FILENO), STDERR_FILENO);
	fn(q);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	close(saved);
	rewind(file);
	while ((c = fgetc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

static void free_wrong_pages(struct quire *q)
{
	for (int i = 0; i < 30; i++)
		qt_assert_err(quire_free_pfn(q, 123456), EINVAL);
}

/*
 * No report callback: the first ten go to standard error, a line each, and no call is the worse for
 * it.
 */
static void test_reports_without_a_callback(const struct qt_param *param)
{
	struct quire *q = NULL;
	struct bad b;

	begin(&b, param);
	b.config.report = NULL;
	qt_assert_ok(quire_create(&b.config, &q));
	assert_int_equal(lines_on_stderr(free_wrong_pages, q), 10);
	assert_int_equal(qt_stats(q).bad_frees, 30);
	qt_assert_ok(quire_destroy(q));
}

static struct quire *reporting; /* the instance that the callback below uses */
static unsigned int used;

static void use_instance(void *context, const struct quire_report *report)
{
	uint32_t pfn = quire_alloc_pfn(reporting, 0, 0);

	(void)context;
	(void)report;
	used += pfn != QUIRE_NO_PFN && quire_free_pfn(reporting, pfn) == 0 &&
		quire_held(reporting) == 1;
}

/* A callback is called with no lock held: it may allocate and free. */
static void test_callback_may_use_the_instance(const struct qt_param *param)
{
	struct quire_region_config region;
	uint32_t pfn;
	struct bad b;

	begin(&b, param);
	b.config.report = use_instance;
	qt_assert_ok(quire_create(&b.config, &reporting));
	quire_region_config_init(&region);
	region.bytes = UINT64_C(4096) << 12;
	qt_assert_ok(quire_region_add(reporting, &region, NULL));
	pfn = quire_alloc_pfn(reporting, 0, 2);
	used = 0;
	qt_assert_ok(quire_free_pfn(reporting, pfn));
	pfn = quire_alloc_pfn(reporting, 0, 0);
	qt_assert_err(quire_free_pfn(reporting, 99999), EINVAL);
	assert_int_equal(quire_free_bulk_pfn(reporting, 3, (uint32_t[]){ 99999, 88888, 77777 }), 0);
	assert_int_equal(quire_alloc_pfn(reporting, 0, 19), QUIRE_NO_PFN);
	qt_assert_err(quire_region_add(reporting, &region, NULL), EEXIST);
	qt_assert_err(quire_reserve(reporting, pfn, 1), EBUSY);
	qt_assert_err(quire_destroy(reporting), EBUSY);
	assert_int_equal(quire_drain(reporting, 100000, 0), 0);
	assert_int_equal(used, 9);
	qt_assert_ok(quire_free_pfn(reporting, pfn));
	qt_assert_ok(quire_destroy(reporting));
}

/* Whatever lies on the stack where quire_config_init() was forgotten, nothing of it is called. */
static void test_config_never_initialised(const struct qt_param *param)
{
	struct quire_config config;
	size_t bytes = 0;
	struct quire *q = NULL;

	(void)param;
	for (int byte = 0; byte < 256; byte += 15) {
		memset(&config, byte, sizeof(config));
		qt_assert_err(quire_metadata_size(&config, &bytes), EINVAL);
		qt_assert_err(quire_create(&config, &q), EINVAL);
		assert_null(q);
	}
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(config_of_a_smaller_size),
		QT_TEST(config_never_initialised),
		QT_TEST(config_of_a_larger_size),
		QT_TEST(unknown_flags),
		QT_TEST(sizes_of_pages_and_instances),
		QT_TEST(numbers_of_things),
		QT_TEST(caches_and_checks),
		QT_TEST(caches_of_later_versions),
		QT_TEST(null_arguments),
		QT_TEST(metadata_buffer_too_small),
		QT_TEST(reports_without_a_callback),
		QT_TEST(callback_may_use_the_instance),
	};

	return QT_RUN_CACHES(tests);
}
