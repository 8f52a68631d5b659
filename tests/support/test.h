/* SPDX-License-Identifier: MIT */
/*
 * What the tests share: the table of caches and checks that they run over, an instance with its
 * regions and a record of its reports, and a few assertions. cmocka's assertions jump out of the
 * test, so only the main thread may use them: other threads note failures in an atomic that main
 * asserts.
 */
#ifndef QT_TEST_H
#define QT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <quire/quire.h>

/*
 * One cache, as a configuration asks for it. A cache that a library gains joins the table in
 * test.c.
 */
struct qt_cache {
	const char *name;
	uint32_t cache;
	uint32_t flags;
};

extern const struct qt_cache qt_caches[];
extern const size_t qt_nr_caches;

/* What a test is run with: its state points to one. */
struct qt_param {
	const struct qt_cache *cache;
	uint32_t check;
};

/* The last report of an instance, and how many there were by kind. Any thread may report. */
struct qt_reports {
	atomic_uint nr[4]; /* by enum quire_report_kind; [0] is all of them */
	atomic_flag busy; /* held while last, text and call are written */
	struct quire_report last;
	char text[512];
	char call[64];
};

#define QT_MAX_REGIONS 16

/*
 * An instance made for a test, with what must be undone. Fill config between qt_begin() and
 * qt_create().
 */
struct qt {
	const struct qt_param *param;
	struct quire_config config;
	struct quire *q;
	struct qt_reports reports;
	unsigned int nr_regions;
	struct quire_region region[QT_MAX_REGIONS];
	struct quire_region_info info[QT_MAX_REGIONS];
	void *map[QT_MAX_REGIONS]; /* NULL: not mapped */
	size_t map_bytes[QT_MAX_REGIONS];
};

/* Set *config up for the parameter's cache and check, required, reporting to *reports. */
void qt_config(struct quire_config *config, const struct qt_param *param,
	       struct qt_reports *reports);
void qt_report(void *context, const struct quire_report *report);

void qt_begin(struct qt *t, const struct qt_param *param);
/* Creates, and asserts that the cache in use is the one that was asked for. */
void qt_create(struct qt *t);
/*
 * Add a region of nr_pages pages in the given zone: mapped, or at base in nobody's memory. Returns
 * its index.
 */
unsigned int qt_add_mapped(struct qt *t, uint32_t zone, uint64_t nr_pages);
unsigned int qt_add_unmapped(struct qt *t, uint32_t zone, uint64_t base, uint64_t nr_pages);
/* Begin, create, and add one region in zone 0. */
void qt_open_mapped(struct qt *t, const struct qt_param *param, uint64_t nr_pages);
void qt_open_unmapped(struct qt *t, const struct qt_param *param, uint64_t nr_pages);
/* Assert that it is sound and that nothing is held, destroy it, unmap. */
void qt_end(struct qt *t);

struct quire_stats qt_stats(const struct quire *q);
struct quire_info qt_info(const struct quire *q);
/* Assert that the statistics add up to the page, with this many held. Only when quiet. */
#define qt_assert_sound(q, held) qt_assert_sound_at(q, held, __FILE__, __LINE__)
void qt_assert_sound_at(const struct quire *q, uint64_t held, const char *file, int line);

/* Assert an error by name: qt_assert_err(call, EINVAL); qt_assert_ok(call). */
#define qt_assert_ok(actual) qt_assert_err_at(actual, 0, #actual, __FILE__, __LINE__)
#define qt_assert_err(actual, name) \
	qt_assert_err_at(actual, -(int)QUIRE_##name, #actual, __FILE__, __LINE__)
void qt_assert_err_at(int actual, int expected, const char *what, const char *file, int line);

/*
 * Forget the reports so far; assert that exactly one of a kind came since, and what its text holds.
 */
void qt_reports_clear(struct qt_reports *reports);
#define qt_assert_report(reports, kind, ...) \
	qt_assert_report_at(reports, kind, __FILE__, __LINE__, __VA_ARGS__, (const char *)NULL)
void qt_assert_report_at(struct qt_reports *reports, uint32_t kind, const char *file, int line,
			 ...);
#define qt_assert_no_report(reports) assert_int_equal(atomic_load(&(reports)->nr[0]), 0)

/*
 * Run every test over every cache and check, or over every cache with the default check, or once.
 */
#define QT_RUN(tests) qt_run(tests, sizeof(tests) / sizeof((tests)[0]), true)
#define QT_RUN_CACHES(tests) qt_run(tests, sizeof(tests) / sizeof((tests)[0]), false)
#define QT_RUN_ONCE(tests) qt_run_once(tests, sizeof(tests) / sizeof((tests)[0]))
struct qt_test {
	const char *name;
	void (*run)(const struct qt_param *param);
};
#define QT_TEST(function)                  \
	{                                  \
#function, test_##function \
	}
int qt_run(const struct qt_test *tests, size_t nr, bool checks);
int qt_run_once(const struct qt_test *tests, size_t nr);

#endif /* QT_TEST_H */
