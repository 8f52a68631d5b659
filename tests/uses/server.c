/* SPDX-License-Identifier: MIT */
/*
 * A server's request pages: an array of 259 (a message of 1 MiB, its header and a spare). A reply
 * takes some along, which leaves holes; before the next request only the holes are filled.
 */
#include "random.h"
#include "test.h"

#include <string.h>

#define NR_SLOTS 259u

struct request {
	void *pages[NR_SLOTS];
	unsigned int waits;
};

/* use begins */
static bool request_prepare(struct quire *q, struct request *rq, void (*wait)(struct request *rq))
{
	size_t filled = 0, before;

	do {
		before = filled;
		filled = quire_fill(q, 0, NR_SLOTS, rq->pages);
		if (filled < NR_SLOTS && filled == before)
			wait(rq);
	} while (filled < NR_SLOTS && rq->waits < 3);
	return filled == NR_SLOTS;
}

static void request_end(struct quire *q, struct request *rq)
{
	quire_free_bulk(q, NR_SLOTS, rq->pages);
}
/* use ends */

static void count_wait(struct request *rq)
{
	rq->waits++;
}

/* The reply takes pages along, and is sent, and they are freed some time later. */
static size_t reply(struct request *rq, struct qt_random *random, void **sent)
{
	size_t n = 0;

	for (unsigned int i = 0; i < NR_SLOTS; i++)
		if (qt_random_one_in(random, 3)) {
			sent[n++] = rq->pages[i];
			rq->pages[i] = NULL;
		}
	return n;
}

static void test_request_pages_with_holes(const struct qt_param *param)
{
	struct qt_random random = qt_random_seed(3);
	struct request rq;
	void *sent[NR_SLOTS];
	struct qt t;

	qt_open_mapped(&t, param, 700);
	memset(&rq, 0, sizeof(rq));
	for (int i = 0; i < 500; i++) {
		size_t n;

		assert_true(request_prepare(t.q, &rq, count_wait));
		for (unsigned int p = 0; p < NR_SLOTS; p++)
			memset(rq.pages[p], i, 64);
		n = reply(&rq, &random, sent);
		assert_int_equal(quire_free_bulk(t.q, n, sent), n);
	}
	assert_int_equal(rq.waits, 0);
	request_end(t.q, &rq);
	qt_assert_no_report(&t.reports);
	qt_end(&t);
}

/* Memory for less than one request: it waits, and does not take the short count for a full one. */
static void test_request_that_has_to_wait(const struct qt_param *param)
{
	struct request rq;
	struct qt t;

	qt_open_mapped(&t, param, 100);
	memset(&rq, 0, sizeof(rq));
	assert_false(request_prepare(t.q, &rq, count_wait));
	assert_int_equal(rq.waits, 3);
	qt_assert_sound(t.q, 100);
	request_end(t.q, &rq);
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(request_pages_with_holes),
		QT_TEST(request_that_has_to_wait),
	};

	return QT_RUN_CACHES(tests);
}
