/* SPDX-License-Identifier: MIT */
/*
 * io_uring: a ring of provided buffers, whose u16 buffer ids are pfns. The ring is the kernel's own
 * struct io_uring_buf_ring; a loop plays the kernel.
 */
#include "test.h"

#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 128u

/* use begins */
static void provide(struct io_uring_buf_ring *ring, struct quire *q, size_t n)
{
	uint16_t tail = ring->tail;
	uint32_t ids[ENTRIES];

	n = quire_alloc_bulk_pfn(q, 0, 0, n, ids);
	for (size_t i = 0; i < n; i++, tail++)
		ring->bufs[tail % ENTRIES] = (struct io_uring_buf){
			.addr = (uintptr_t)quire_pfn_to_page(q, ids[i]),
			.len = 4096,
			.bid = (uint16_t)ids[i],
			.resv = ring->bufs[tail % ENTRIES].resv, /* slot 0: the tail itself */
		};
	__atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
}
/* use ends */

/* The kernel: takes the buffer at head and "receives" into it. */
static uint16_t receive(struct io_uring_buf_ring *ring, uint16_t *head, uint8_t byte)
{
	struct io_uring_buf *buf = &ring->bufs[*head % ENTRIES];

	assert_int_not_equal(*head, __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE));
	(*head)++;
	memset((void *)(uintptr_t)buf->addr, byte, buf->len);
	return buf->bid;
}

static void test_provided_buffers_with_u16_ids(const struct qt_param *param)
{
	struct io_uring_buf_ring *ring = calloc(ENTRIES, sizeof(struct io_uring_buf));
	uint16_t head = 0, kept[40];
	struct qt t;

	assert_non_null(ring);
	qt_open_mapped(&t, param, 4096);
	assert_true(qt_info(t.q).nr_pfns <= 65536);
	provide(ring, t.q, ENTRIES);
	for (unsigned int round = 0; round < 3000; round++) {
		unsigned int n = 1 + round % 40;

		for (unsigned int i = 0; i < n; i++)
			kept[i] = receive(ring, &head, (uint8_t)(round + i));
		for (unsigned int i = 0; i < n; i++) {
			const uint8_t *data = quire_pfn_to_page(t.q, kept[i]);

			assert_int_equal(data[0], (uint8_t)(round + i));
			assert_int_equal(data[4095], (uint8_t)(round + i));
			qt_assert_ok(quire_free_pfn(t.q, kept[i]));
		}
		provide(ring, t.q, n);
		assert_int_equal((uint16_t)(ring->tail - head), ENTRIES);
	}
	qt_assert_sound(t.q, ENTRIES);
	while (head != ring->tail)
		qt_assert_ok(quire_free_pfn(t.q, ring->bufs[head++ % ENTRIES].bid));
	free(ring);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = { QT_TEST(provided_buffers_with_u16_ids) };

	return QT_RUN_CACHES(tests);
}
