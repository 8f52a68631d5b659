/* SPDX-License-Identifier: MIT */
/*
 * AF_XDP: the fill ring is refilled with offsets into a UMEM, and frames come back at addresses
 * that carry headroom. The ring has the kernel's layout (struct xdp_ring_offset); a loop plays the
 * kernel.
 */
#include "test.h"

#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>

#define RING_SIZE 256u
#define NR_FRAMES 1024u
#define HEADROOM 256u

/* As libxdp has it: pointers into the mapped ring, and a copy of the producer index. */
struct ring {
	uint32_t prod, mask;
	_Atomic uint32_t *producer, *consumer;
	uint64_t *desc;
};

/* use begins */
static void refill(struct ring *fill, struct quire *q, struct quire_region umem)
{
	uint64_t frames[64];
	uint32_t room = fill->mask + 1 - (fill->prod - atomic_load(fill->consumer));
	size_t n = quire_alloc_bulk_offset(q, umem, 0, 0, room < 64 ? room : 64, frames);

	for (size_t i = 0; i < n; i++)
		fill->desc[fill->prod++ & fill->mask] = frames[i];
	atomic_store(fill->producer, fill->prod);
}

static void received(struct quire *q, struct quire_region umem, const uint64_t *addrs, size_t n)
{
	quire_free_bulk_offset_round(q, umem, n, addrs);
}
/* use ends */

static void map_ring(struct ring *ring, struct xdp_ring_offset *off, void **map, size_t *bytes)
{
	char *base;

	*off = (struct xdp_ring_offset){ .producer = 0, .consumer = 64, .desc = 192, .flags = 128 };
	*bytes = off->desc + RING_SIZE * sizeof(uint64_t);
	*map = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(*map, MAP_FAILED);
	base = *map;
	ring->prod = 0;
	ring->mask = RING_SIZE - 1;
	ring->producer = (_Atomic uint32_t *)(void *)(base + off->producer);
	ring->consumer = (_Atomic uint32_t *)(void *)(base + off->consumer);
	ring->desc = (uint64_t *)(void *)(base + off->desc);
}

/* The kernel: consumes up to n frames of the fill ring and delivers them with headroom. */
static size_t deliver(struct ring *fill, size_t n, uint64_t *addrs, uint8_t *owned)
{
	uint32_t cons = atomic_load(fill->consumer), prod = atomic_load(fill->producer);
	size_t i;

	for (i = 0; i < n && cons != prod; i++, cons++) {
		uint64_t frame = fill->desc[cons & fill->mask];

		assert_true(frame % 4096 == 0 && frame / 4096 < NR_FRAMES);
		assert_int_equal(owned[frame / 4096]++, 0); /* nobody else has this frame */
		addrs[i] = frame + HEADROOM;
	}
	atomic_store(fill->consumer, cons);
	return i;
}

static void test_fill_ring_by_offsets(const struct qt_param *param)
{
	struct xdp_ring_offset offsets;
	uint64_t addrs[32], packets = 0;
	uint8_t owned[NR_FRAMES] = { 0 };
	struct ring fill;
	size_t bytes;
	void *map;
	struct qt t;

	qt_open_mapped(&t, param, NR_FRAMES);
	map_ring(&fill, &offsets, &map, &bytes);
	for (int round = 0; round < 2000; round++) {
		size_t n;

		refill(&fill, t.q, t.region[0]);
		n = deliver(&fill, 1 + (size_t)round % 32, addrs, owned);
		assert_true(n > 0);
		packets += n;
		for (size_t i = 0; i < n; i++)
			owned[addrs[i] / 4096] = 0;
		received(t.q, t.region[0], addrs, n);
	}
	assert_true(packets > 20000);
	qt_assert_no_report(&t.reports);
	/* What is in the ring still is all that is out. */
	qt_assert_sound(t.q, fill.prod - atomic_load(fill.consumer));
	for (uint32_t i = atomic_load(fill.consumer); i != fill.prod; i++)
		qt_assert_ok(quire_free_offset(t.q, t.region[0], fill.desc[i & fill.mask]));
	munmap(map, bytes);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = { QT_TEST(fill_ring_by_offsets) };

	return QT_RUN_CACHES(tests);
}
