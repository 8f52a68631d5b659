/* SPDX-License-Identifier: MIT */
/* What metadata costs: the bound, the table of doc/metadata.md, and instances of any size. */
#include "test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define DOC_COLUMNS 4

static void configure(struct quire_config *config, const struct qt_param *param, uint64_t pages,
		      uint32_t cpus)
{
	quire_config_init(config);
	config->max_pages = pages;
	config->nr_cpus = cpus;
	config->cache = config->require = param->cache->cache;
	config->flags = param->cache->flags;
	config->check = param->check;
	config->aids = 0;
}

/* Metadata that is not touched costs nothing, so any size can be made here. */
static void measure(const struct qt_param *param, uint64_t pages, uint32_t cpus, uint64_t *bytes,
		    uint64_t *lists)
{
	struct quire_config config;
	struct quire_info info;
	struct quire *q;
	size_t size;
	void *buffer;

	configure(&config, param, pages, cpus);
	config.flags |= QUIRE_CONFIG_ZEROED;
	qt_assert_ok(quire_metadata_size(&config, &size));
	buffer = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(buffer, MAP_FAILED);
	qt_assert_ok(quire_init(&config, buffer, size, &q));
	info = qt_info(q);
	*bytes = size;
	*lists = info.list_bytes;
	assert_true(info.metadata_bytes <= size && info.metadata_bytes + 4096 >= size);
	assert_int_equal(info.max_pages, pages);
	qt_assert_ok(quire_destroy(q));
	munmap(buffer, size);
}

/* 1.3 bytes a page for instances of 64 MiB (16384 pages of 4 KiB) and more; lists apart. */
static void test_bound_per_page(const struct qt_param *param)
{
	static const uint32_t cpus[] = { 1, 2, 256 };
	static const uint64_t pages[] = { 16384,    16385,    20000,	  100000,	  1u << 20,
					  1u << 24, 1u << 28, 1234567890, QUIRE_MAX_PAGES };

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		for (size_t j = 0; j < 3; j++) {
			uint64_t bytes, lists;

			measure(param, pages[i], cpus[j], &bytes, &lists);
			assert_true(lists < bytes);
			if ((bytes - lists) * 10 > pages[i] * 13)
				fail_msg(
					"%llu pages, %u CPUs: %llu bytes, %llu of these lists: more "
					"than 1.3 a page",
					(unsigned long long)pages[i], cpus[j],
					(unsigned long long)bytes, (unsigned long long)lists);
		}
}

/* At 64 MiB with everything else at its default, the CPUs of this machine included. */
static void test_bound_with_defaults(const struct qt_param *param)
{
	uint64_t bytes, lists;

	measure(param, 16384, 0, &bytes, &lists);
	assert_true((bytes - lists) * 10 <= 16384 * 13);
}

/* The bound counts what an instance over real memory has, at any place that its base may be. */
static void test_size_covers_every_base(const struct qt_param *param)
{
	for (uint64_t skew = 0; skew < 1024; skew += 73) {
		struct quire_region_config region;
		struct quire_config config;
		struct quire *q;
		size_t size;
		char *buffer;

		configure(&config, param, 16384, 2);
		qt_assert_ok(quire_metadata_size(&config, &size));
		buffer = malloc(size);
		assert_non_null(buffer);
		memset(buffer, 0xd1, size);
		qt_assert_ok(quire_init(&config, buffer, size, &q));
		quire_region_config_init(&region);
		region.base = skew << 12;
		region.bytes = UINT64_C(16384) << 12;
		qt_assert_ok(quire_region_add(q, &region, NULL));
		assert_int_equal(qt_stats(q).managed, 16384);
		qt_assert_ok(quire_destroy(q));
		free(buffer); /* under AddressSanitizer whatever lay outside would have been seen */
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int free_visited(void *context, uint32_t pfn, unsigned int order)
{
	(void)order;
	return quire_free_pfn(context, pfn);
}

static void test_64_gib_in_a_dirty_buffer(const struct qt_param *param)
{
	struct quire_region_config region;
	struct quire_config config;
	struct quire *q;
	size_t size;
	void *buffer;
	double start;

	configure(&config, param, 1u << 24, 2);
	qt_assert_ok(quire_metadata_size(&config, &size));
	buffer = malloc(size);
	assert_non_null(buffer);
	memset(buffer, 0xff, size);
	start = seconds();
	qt_assert_ok(quire_init(&config, buffer, size, &q));
	quire_region_config_init(&region);
	region.base = UINT64_C(1) << 40;
	region.bytes = UINT64_C(64) << 30;
	qt_assert_ok(quire_region_add(q, &region, NULL));
	print_message("# 64 GiB in a dirtied buffer of %.1f MiB: made in %.1f ms\n",
		      (double)size / 1048576, (seconds() - start) * 1e3);
	assert_int_not_equal(quire_alloc_pfn(q, 0, 0), QUIRE_NO_PFN);
	for (unsigned int i = 0; i < 62; i++)
		assert_int_not_equal(quire_alloc_pfn(q, 0, 18), QUIRE_NO_PFN);
	qt_assert_sound(q, 1 + (UINT64_C(62) << 18));
	qt_assert_ok(quire_held_visit(q, free_visited, q));
	qt_assert_sound(q, 0);
	qt_assert_ok(quire_destroy(q));
	free(buffer);
}

/* "2^20", "1,048,576", "1048576": what a table for people may say. */
static bool parse_number(const char *text, uint64_t *value)
{
	uint64_t base = 0, exponent = 0;
	bool digits = false, power = false;

	for (; *text; text++) {
		if (isdigit((unsigned char)*text)) {
			uint64_t *into = power ? &exponent : &base;

			*into = *into * 10 + (uint64_t)(*text - '0');
			digits = true;
		} else if (*text == '^') {
			power = true;
		} else if (*text != ',' && *text != ' ' && *text != '`') {
			return false;
		}
	}
	*value = power ? UINT64_C(1) << exponent : base;
	return digits && (!power || (base == 2 && exponent < 64));
}

/* Cells of "| a | b | c | d |" as numbers. */
static bool parse_row(char *line, uint64_t cells[DOC_COLUMNS])
{
	char *save = NULL, *cell = strtok_r(line, "|\n", &save);

	for (int i = 0; i < DOC_COLUMNS; i++) {
		if (!cell || !parse_number(cell, &cells[i]))
			return false;
		cell = strtok_r(NULL, "|\n", &save);
	}
	return true;
}

/* What the documentation should say, to be copied. */
static void print_table(const struct qt_param *param)
{
	static const uint64_t pages[] = { 64, 4096, UINT64_C(1) << 20, UINT64_C(1) << 28 };
	static const uint32_t cpus[] = { 2, 256 };
	uint64_t bytes, lists;

	print_message("# | pages | CPUs | metadata bytes | of these lists |\n");
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 2; j++) {
			measure(param, pages[i], cpus[j], &bytes, &lists);
			print_message("# | %llu | %u | %llu | %llu |\n",
				      (unsigned long long)pages[i], cpus[j],
				      (unsigned long long)bytes, (unsigned long long)lists);
		}
}

/* Rows of the table that are right; one that is wrong is printed. */
static unsigned int check_table(FILE *doc, const struct qt_param *param, unsigned int *wrong)
{
	uint64_t cell[DOC_COLUMNS], bytes, lists;
	unsigned int right = 0;
	bool inside = false;
	char line[512];

	while (fgets(line, sizeof(line), doc)) {
		if (strstr(line, "| pages") && strstr(line, "of these lists"))
			inside = true;
		else if (line[0] != '|')
			inside = false;
		if (!inside || !parse_row(line, cell))
			continue;
		measure(param, cell[0], (uint32_t)cell[1], &bytes, &lists);
		if (cell[2] == bytes && cell[3] == lists) {
			right++;
			continue;
		}
		print_message("# %llu pages, %llu CPUs: not %llu bytes, %llu of these lists\n",
			      (unsigned long long)cell[0], (unsigned long long)cell[1],
			      (unsigned long long)cell[2], (unsigned long long)cell[3]);
		(*wrong)++;
	}
	return right;
}

/*
 * The table "| pages | CPUs | metadata bytes | of these lists |" of doc/metadata.md, for the cache
 * locked with everything else at its default: 64, 4096, 2^20, 2^28 pages with 2 and 256 CPUs.
 */
static void test_table_of_the_documentation(const struct qt_param *param)
{
	const char *path = getenv("QUIRE_DOC_METADATA");
	FILE *doc;
	unsigned int right, wrong = 0;

	if (strcmp(param->cache->name, "pcp") != 0)
		return;
	doc = path ? fopen(path, "r") : NULL;
	if (!doc) {
		print_message("# no doc/metadata.md to compare with\n");
		skip();
	}
	right = check_table(doc, param, &wrong);
	fclose(doc);
	if (wrong > 0 || right < 8)
		print_table(param);
	assert_int_equal(wrong, 0);
	assert_true(right >= 8);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(bound_per_page),
		QT_TEST(bound_with_defaults),
		QT_TEST(size_covers_every_base),
		QT_TEST(64_gib_in_a_dirty_buffer),
		QT_TEST(table_of_the_documentation),
	};

	return QT_RUN_CACHES(tests);
}
