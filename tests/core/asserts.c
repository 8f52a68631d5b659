/* SPDX-License-Identifier: MIT */
/*
 * Debug builds (-Ddebug_asserts=true, and this test is in no other) assert the lock order, and that
 * no thread waits for a lock it holds, which is what a waiting call in a signal handler comes to.
 * Each mistake is made in a child, which must say so and die.
 */
#include "alloc/instance.h"
#include "child.h"
#include "sanitizer.h"
#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void die_quietly(void)
{
	signal(SIGABRT, SIG_DFL);
}

/* What a child that makes the mistake prints; it ends by SIGABRT. */
static void child_output(void (*mistake)(struct quire *q), struct quire *q, char *text, size_t room)
{
	int ends[2];
	int status;
	size_t length = 0;
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		die_quietly();
		mistake(q);
		_exit(0);
	}
	close(ends[1]);
	while (length < room - 1 && (n = read(ends[0], text + length, room - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void wait_for_own_lock(struct quire *q)
{
	qp_lock(&q->space.zones[0].lock);
	(void)quire_alloc_pfn(q, 0, 3);
}

static void wait_for_own_list(struct quire *q)
{
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(&q->front); cpu++)
		assert_true(qi_list_push_one_locked(qi_pcp_live(&q->front.pcps[cpu]), cpu));
	qi_front_hold(&q->front);
	(void)quire_drain(q, QUIRE_ALL_CPUS, 0);
	if (q->front.high == 0) /* no lists, nothing to wait for */
		wait_for_own_lock(q);
}

static void wait_out_of_order(struct quire *q)
{
	qp_lock(&q->front.depot->put.lock);
	qp_lock(&q->space.zones[0].lock);
}

static void drop_a_free_lock(struct quire *q)
{
	qp_unlock(&q->region_lock);
}

static void check_mistake(const struct qt_param *param, void (*mistake)(struct quire *q),
			  const char *words)
{
	char text[512];
	struct qt t;

	qt_begin(&t, param);
	t.config.flags |= QUIRE_CONFIG_INHERIT;
	qt_create(&t);
	qt_add_unmapped(&t, 0, 0, 4096);
	child_output(mistake, t.q, text, sizeof(text));
	if (strstr(text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", text, words);
	qt_end(&t);
}

static void test_waiting_in_a_handler(const struct qt_param *param)
{
	check_mistake(param, wait_for_own_lock, "made in a signal handler");
}

static void test_waiting_for_a_list_in_a_handler(const struct qt_param *param)
{
	check_mistake(param, wait_for_own_list, "a signal handler");
}

static void test_lock_order(const struct qt_param *param)
{
	check_mistake(param, wait_out_of_order, "lock order");
}

static void test_unlocking_what_is_not_locked(const struct qt_param *param)
{
	check_mistake(param, drop_a_free_lock, "does not hold");
}

/* ---- What is no mistake ---- */

static int use_both(void *context)
{
	struct qt *both = context;

	for (int i = 0; i < 2; i++) {
		uint32_t pfn = quire_alloc_pfn(both[i].q, 0, 3);

		QT_STEP(1, pfn != QUIRE_NO_PFN && quire_free_pfn(both[i].q, pfn) == 0);
		QT_STEP(2, quire_drain(both[i].q, QUIRE_ALL_CPUS, 0) < 4096);
	}
	return 0;
}

/* A fork holds the locks of all instances at once: there the order inside of each says nothing. */
static void test_fork_with_two_instances(const struct qt_param *param)
{
	struct qt both[2];

	for (int i = 0; i < 2; i++) {
		qt_begin(&both[i], param);
		both[i].config.flags |= QUIRE_CONFIG_INHERIT;
		qt_create(&both[i]);
		qt_add_unmapped(&both[i], 0, 0, 2048);
		qt_add_unmapped(&both[i], 1, 0, 1024);
	}
	qt_in_child(use_both, both);
	assert_int_equal(use_both(both), 0);
	qt_end(&both[0]);
	qt_end(&both[1]);
}

int main(void)
{
	static const struct qt_test tests[] = {
		QT_TEST(waiting_in_a_handler),
		QT_TEST(waiting_for_a_list_in_a_handler),
		QT_TEST(lock_order),
		QT_TEST(unlocking_what_is_not_locked),
		QT_TEST(fork_with_two_instances),
	};

	return QT_RUN_CACHES(tests);
}
