/* SPDX-License-Identifier: MIT */
/* Runs kernel.c's frames over 128 MiB of "physical" memory that nobody can touch. */
#include "kernel.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

#define RAM_BASE UINT64_C(0x80000000)
#define RAM_PAGES 32768u

static void test_physical_memory_without_libc(const struct qt_param *param)
{
	static uint8_t taken[RAM_PAGES];
	struct quire_region_config ram;
	struct quire_config config;
	uint64_t frame, nr = 0;
	unsigned char *metadata;
	size_t bytes;

	(void)param;
	quire_region_config_init(&ram);
	ram.base = RAM_BASE;
	ram.bytes = (uint64_t)RAM_PAGES << 12;
	quire_config_init(&config);
	config.max_pages = RAM_PAGES;
	qt_assert_ok(quire_metadata_size(&config, &bytes));
	metadata = malloc(bytes);
	assert_non_null(metadata);
	memset(metadata, 0xcc, bytes); /* as memory is after power-up */
	qt_assert_ok(frames_init(&ram, metadata, bytes));
	while ((frame = frame_alloc(0)) != QUIRE_NO_OFFSET) {
		uint64_t number = (frame - RAM_BASE) >> 12;

		assert_true(frame >= RAM_BASE && number < RAM_PAGES && frame % 4096 == 0);
		assert_false(number >= IMAGE >> 12 && number < (IMAGE >> 12) + IMAGE_PAGES);
		assert_int_equal(taken[number]++, 0);
		nr++;
	}
	assert_int_equal(nr, RAM_PAGES - IMAGE_PAGES);
	for (uint64_t i = 0; i < RAM_PAGES; i++)
		if (taken[i])
			qt_assert_ok(frame_free(&ram, RAM_BASE + (i << 12)));
	frame = frame_alloc(9);
	assert_true(frame != QUIRE_NO_OFFSET && frame % (512 * 4096) == 0);
	assert_int_equal(frames_held(), 512);
	qt_assert_ok(frame_free(&ram, frame));
	qt_assert_ok(frames_end());
	free(metadata);
}

int main(void)
{
	static const struct qt_test tests[] = { QT_TEST(physical_memory_without_libc) };

	return QT_RUN_ONCE(tests);
}
