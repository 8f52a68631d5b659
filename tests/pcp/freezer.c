/* SPDX-License-Identifier: MIT */
/* x86-64 alone, by the register that it reads. */
#include "freezer.h"
#include "stepper.h"

#include "port/port.h"

#include <errno.h>
#include <linux/rseq.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	AREA_SECTION = 8,
	FREEZE = 'f',
	THAW = 't',
};

/* ---- By a signal ---- */

static _Thread_local struct frozen *self;

static void nap(void)
{
	const struct timespec moment = { .tv_nsec = 20000 };

	nanosleep(&moment, NULL);
}

static void stand(int signal)
{
	struct frozen *f = self;
	int saved = errno;

	(void)signal;
	atomic_store(&f->stands, true);
	while (!atomic_load(&f->may_go))
		nap();
	atomic_store(&f->stands, false);
	errno = saved;
}

static bool freeze_by_signal(struct frozen *f)
{
	atomic_store(&f->may_go, false);
	if (pthread_kill(f->thread, SIGUSR1) != 0)
		return false;
	while (!atomic_load(&f->stands))
		nap();
	return true;
}

/* The next signal must not find it in this handler still. */
static void thaw_by_signal(struct frozen *f)
{
	atomic_store(&f->may_go, true);
	while (atomic_load(&f->stands))
		nap();
}

/* ---- By a tracer ---- */

static bool stopped(pid_t tid, uint64_t *ip)
{
	int status;

	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0 ||
	    waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
		return false;
	*ip = (uint64_t)ptrace(PTRACE_PEEKUSER, tid, (void *)offsetof(struct user, regs.rip), NULL);
	return true;
}

/* The tracer, until its orders end: 0 is the answer to what cannot be done. */
static void trace(pid_t tid, int orders, int answers)
{
	uint64_t ip = ptrace(PTRACE_SEIZE, tid, NULL, NULL) == 0;
	char order = 0;

	while (write(answers, &ip, sizeof(ip)) == sizeof(ip) && read(orders, &order, 1) == 1) {
		ip = 1;
		if (order == FREEZE && !stopped(tid, &ip))
			ip = 0;
		if (order == THAW && ptrace(PTRACE_CONT, tid, NULL, NULL) != 0)
			ip = 0;
	}
	_exit(0);
}

static bool answered(struct frozen *f)
{
	uint64_t ip;

	if (read(f->from, &ip, sizeof(ip)) != sizeof(ip) || ip == 0)
		return false;
	f->ip = ip;
	return true;
}

static bool order(struct frozen *f, char what)
{
	return write(f->to, &what, 1) == 1 && answered(f);
}

/* It waits for a byte before it begins: by then it is allowed to. */
static bool start_tracer(struct frozen *f)
{
	int to[2], from[2];
	char go = 0;

	if (pipe(to) != 0 || pipe(from) != 0)
		return false;
	f->tracer = fork();
	if (f->tracer == 0) {
		close(to[1]);
		close(from[0]);
		if (read(to[0], &go, 1) == 1)
			trace(atomic_load(&f->tid), to[0], from[1]);
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	f->to = to[1];
	f->from = from[0];
	(void)prctl(PR_SET_PTRACER, f->tracer, 0, 0, 0); /* where that has to be said */
	return f->tracer > 0 && order(f, go);
}

bool freezer_in_section(const struct frozen *f)
{
	const struct rseq_cs *cs;
	uint64_t at;

	if (f->kind != FREEZER_TRACER)
		return false;
	memcpy(&at, f->area + AREA_SECTION, sizeof(at));
	cs = (const struct rseq_cs *)(uintptr_t)at;
	return cs != NULL && f->ip - cs->start_ip < cs->post_commit_offset;
}

/* ---- Both ---- */

void freezer_begin(struct frozen *f, enum freezer_kind kind)
{
	struct sigaction action = { .sa_handler = stand, .sa_flags = SA_RESTART };

	memset(f, 0, sizeof(*f));
	f->kind = kind;
	f->to = f->from = -1;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGUSR1, &action, NULL) != 0)
		abort();
}

void freezer_greet(struct frozen *f)
{
	self = f;
	f->thread = pthread_self();
	f->area = (char *)__builtin_thread_pointer() + qp_rseq_area.offset;
	atomic_store(&f->tid, (int)syscall(SYS_gettid));
}

bool freezer_unwatch(uint32_t cpu)
{
	if (!stepper_unwatch())
		return false;
	stepper_set_cpu(cpu);
	return true;
}

bool freezer_meet(struct frozen *f)
{
	while (atomic_load(&f->tid) == 0)
		sched_yield();
	return f->kind == FREEZER_SIGNAL || start_tracer(f);
}

bool freezer_freeze(struct frozen *f)
{
	return f->kind == FREEZER_SIGNAL ? freeze_by_signal(f) : order(f, FREEZE);
}

void freezer_thaw(struct frozen *f)
{
	if (f->kind == FREEZER_SIGNAL)
		thaw_by_signal(f);
	else if (!order(f, THAW))
		abort();
}

void freezer_part(struct frozen *f)
{
	if (f->to >= 0)
		close(f->to);
	if (f->from >= 0)
		close(f->from);
	if (f->tracer > 0)
		(void)waitpid(f->tracer, NULL, 0);
}
