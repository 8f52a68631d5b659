/* SPDX-License-Identifier: MIT */
/*
 * Every operation of the port that can fail, failing at the Nth time, for N = 1, 2, … until none
 * fails any more: the call says so, leaves nothing behind (AddressSanitizer looks for leaks), and
 * works the next time.
 */
#include "port/linux/fault.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static struct {
	const char *call; /* NULL: any */
	unsigned int nth;
	unsigned int seen;
	unsigned int failed;
} fault;

static int fail_nth(const char *call)
{
	if (fault.call && strcmp(fault.call, call) != 0)
		return 0;
	if (++fault.seen != fault.nth)
		return 0;
	fault.failed++;
	return 1;
}

static void arm(const char *call, unsigned int nth)
{
	memset(&fault, 0, sizeof(fault));
	fault.call = call;
	fault.nth = nth;
	qp_fault_hook = fail_nth;
}

static void disarm(void)
{
	qp_fault_hook = NULL;
}

static void begin(struct qt *t, const struct qt_param *param)
{
	qt_begin(t, param);
	t->config.nr_cpus = 4;
	t->config.flags |= QUIRE_CONFIG_INHERIT;
}

static void check_works(struct qt *t)
{
	uint32_t pfn;

	qt_add_unmapped(t, 0, 0, 2048);
	pfn = quire_alloc_pfn(t->q, 0, 5);
	assert_int_not_equal(pfn, QUIRE_NO_PFN);
	qt_assert_ok(quire_free_pfn(t->q, pfn));
	qt_end(t);
}

typedef int make_fn(const struct quire_config *config, struct quire **q);

static void *buffer;
static size_t buffer_bytes;

static int make_in_buffer(const struct quire_config *config, struct quire **q)
{
	int err = quire_metadata_size(config, &buffer_bytes);

	free(buffer);
	buffer = NULL;
	if (err != 0) /* asking for the size is a call that can fail, too */
		return err;
	buffer = malloc(buffer_bytes);
	assert_non_null(buffer);
	memset(buffer, 0x99, buffer_bytes);
	return quire_init(config, buffer, buffer_bytes, q);
}

/* Once with a failure; whether there was one. Without one the instance is tried and ended. */
static bool make_with_fault(const struct qt_param *param, make_fn *make, const char *call,
			    unsigned int nth)
{
	struct quire *q = (struct quire *)&fault;
	struct qt t;
	int err;

	begin(&t, param);
	arm(call, nth);
	err = make(&t.config, &q);
	disarm();
	if (fault.failed == 0) {
		qt_assert_ok(err);
		t.q = q;
		check_works(&t);
		return false;
	}
	assert_ptr_equal(q, &fault);
	assert_int_equal(t.reports.last.error, err);
	if (t.config.require == QUIRE_CACHE_PCP && err == -QUIRE_EOPNOTSUPP) {
		qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "pcp", "membarrier");
		return true;
	}
	qt_assert_err(err, ENOMEM);
	qt_assert_report(&t.reports, QUIRE_REPORT_BAD_CALL, "the system");
	return true;
}

/*
 * The port registers with the system once in a process, so this test comes first, and does all it
 * has to while no instance has been made.
 */
static void test_no_room_to_register(const struct qt_param *param)
{
	(void)param;
	for (size_t i = 0; i < qt_nr_caches; i++) {
		struct qt_param p = { &qt_caches[i], QUIRE_CHECK_ON };

		assert_true(make_with_fault(&p, quire_create, "register", 1));
		assert_true(make_with_fault(&p, make_in_buffer, "register", 1));
		assert_true(
			make_with_fault(&p, quire_create, NULL, 2)); /* memory first, then this */
	}
}

static unsigned int failures_until_none(const struct qt_param *param, make_fn *make,
					const char *call)
{
	unsigned int nth = 1;

	while (make_with_fault(param, make, call, nth)) {
		/* What just failed works the next time, with what comes after it failing. */
		nth++;
		assert_true(nth < 1000);
	}
	return nth - 1;
}

static void test_every_operation_of_create(const struct qt_param *param)
{
	(void)param;
	for (size_t i = 0; i < qt_nr_caches; i++) {
		struct qt_param p = { &qt_caches[i], QUIRE_CHECK_ON };

		assert_true(failures_until_none(&p, quire_create, NULL) >= 1);
		assert_true(failures_until_none(&p, quire_create, "map") >= 1);
		(void)failures_until_none(&p, make_in_buffer, NULL);
	}
}

/* In a buffer of the caller there is no memory to be had. */
static void test_init_maps_nothing(const struct qt_param *param)
{
	assert_false(make_with_fault(param, make_in_buffer, "map", 1));
	assert_int_equal(fault.seen, 0);
}

/* Nothing else asks the system for anything: with every operation failing, an instance goes on. */
static void test_an_instance_at_work_needs_nothing(const struct qt_param *param)
{
	uint32_t pfns[500];
	struct qt t;

	begin(&t, param);
	qt_create(&t);
	for (unsigned int nth = 1; nth < 4; nth++) {
		arm(NULL, nth);
		qt_add_unmapped(&t, 0, (uint64_t)nth << 40, 600);
		assert_int_equal(quire_alloc_bulk_pfn(t.q, 0, 0, 500, pfns), 500);
		assert_int_equal(quire_free_bulk_pfn(t.q, 500, pfns), 500);
		quire_drain(t.q, QUIRE_ALL_CPUS, 0);
		assert_int_equal(fault.seen, 0);
		disarm();
	}
	qt_end(&t);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(no_room_to_register),
		QT_TEST(every_operation_of_create),
		QT_TEST(init_maps_nothing),
		QT_TEST(an_instance_at_work_needs_nothing),
	};
	int failed = QT_RUN_ONCE(tests);

	free(buffer);
	return failed;
}
