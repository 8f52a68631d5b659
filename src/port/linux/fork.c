/* SPDX-License-Identifier: MIT */
/*
 * fork: every instance's locks are held across it, so the child's copy is consistent; the child
 * gets a process number of its own, by which an instance knows that it was copied.
 */
#define _GNU_SOURCE
#include "port/port.h"
#include "fault.h"

#include <pthread.h>
#include <signal.h>

_Atomic uint64_t qp_process_number = QP_PROCESS_STEP;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct qp_fork_link *links; /* protected by lock */
static bool handlers_installed; /* protected by lock */
static sigset_t signals_before; /* of the forking thread; protected by lock */

static void before_fork(void)
{
	sigset_t all;
	sigset_t before;

	/*
	 * A handler would meet every lock held, and in the child instances that are not whole yet.
	 */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_mutex_lock(&lock);
	signals_before = before;
	qp_lock_note_fork(true);
	for (struct qp_fork_link *link = links; link != NULL; link = link->next)
		link->before(link);
}

static void fork_is_over(void)
{
	sigset_t before = signals_before;

	qp_lock_note_fork(false);
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void after_fork_in_parent(void)
{
	for (struct qp_fork_link *link = links; link != NULL; link = link->next)
		(void)link->after(link, false);
	fork_is_over();
}

/*
 * The child's list is made anew of those that live on. The links of the others may be in memory
 * shared with the parent, and are never written here.
 */
static void after_fork_in_child(void)
{
	struct qp_fork_link *link = links;

	atomic_store_explicit(&qp_process_number, qp_process() + QP_PROCESS_STEP,
			      memory_order_relaxed);
	links = NULL;
	qp_sections_after_fork();
	qp_threads_after_fork();
	while (link != NULL) {
		struct qp_fork_link *next = link->next;

		if (link->after(link, true)) {
			link->next = links;
			links = link;
		}
		link = next;
	}
	fork_is_over();
}

static bool install_handlers(void)
{
	if (!handlers_installed && !qp_fault("register"))
		handlers_installed = pthread_atfork(before_fork, after_fork_in_parent,
						    after_fork_in_child) == 0;
	return handlers_installed;
}

bool qp_fork_register(struct qp_fork_link *link)
{
	bool installed;

	pthread_mutex_lock(&lock);
	installed = install_handlers();
	if (installed) {
		link->next = links;
		links = link;
	}
	pthread_mutex_unlock(&lock);
	return installed;
}

void qp_fork_unregister(struct qp_fork_link *link)
{
	pthread_mutex_lock(&lock);
	for (struct qp_fork_link **at = &links; *at != NULL; at = &(*at)->next)
		if (*at == link) {
			*at = link->next;
			break;
		}
	pthread_mutex_unlock(&lock);
}
