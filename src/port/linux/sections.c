/* SPDX-License-Identifier: MIT */
/*
 * Whether sections can be had: rseq for this process and each of its threads, and the fence that a
 * drain needs. Nothing of an rseq area is ever written but rseq_cs, by the sections.
 */
#define _GNU_SOURCE
#include "port/port.h"
#include "fault.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN 28
#endif

enum {
	FIRST_AREA = 32, /* bytes that the first version of the interface registers */
	UNREGISTER = 1,
	MASK_BYTES =
		1024, /* of an affinity mask: 8,192 CPUs, the most that kernels are built for */
};

_Thread_local uintptr_t qp_section_thread __attribute__((tls_model("initial-exec")));
/* Asked once, and refused. */
static _Thread_local uintptr_t refused_thread __attribute__((tls_model("initial-exec")));

bool (*qp_fence_hook)(unsigned int cpu);

static long ask_rseq(char *area, unsigned long bytes, int flags)
{
	return syscall(SYS_rseq, area, bytes, flags, QP_SIGNATURE) == 0 ? 0 : -errno;
}

/* The size that a C library registers on a kernel whose area has grown. */
static unsigned long grown_area(void)
{
	unsigned long align = getauxval(AT_RSEQ_ALIGN);
	unsigned long bytes = getauxval(AT_RSEQ_FEATURE_SIZE);

	if (align == 0 || bytes <= FIRST_AREA)
		return FIRST_AREA;
	return (bytes + align - 1) / align * align;
}

/*
 * The kernel answers -EBUSY to a second registration of what is registered. A thread made without
 * the C library may have a copy of somebody's area, or zeroes, where the area should be: its
 * cpu_id would look valid, and nothing would ever interrupt its sections.
 */
static bool area_is_registered(char *area)
{
	long answer;

	if (qp_fault("rseq"))
		return false;
	answer = ask_rseq(area, FIRST_AREA, 0);
	if (answer == -EINVAL && grown_area() != FIRST_AREA)
		answer = ask_rseq(area, grown_area(), 0);
	if (answer == 0) /* it was not, and is to stay so: its owner may free it at any time */
		(void)ask_rseq(area, FIRST_AREA, UNREGISTER);
	return answer == -EBUSY;
}

void qp_section_assume(void)
{
	qp_section_thread = (uintptr_t)__builtin_thread_pointer() + (qp_process() | QP_KEY_MASK);
}

bool qp_section_enter(void)
{
	uintptr_t self = (uintptr_t)__builtin_thread_pointer();
	int saved = errno;
	bool registered;

	if (qp_section_known(qp_process()))
		return true;
	if (refused_thread == self || !qp_rseq_area.registered)
		return false;
	registered = area_is_registered((char *)self + qp_rseq_area.offset);
	if (registered)
		qp_section_assume();
	else
		refused_thread = self;
	errno = saved;
	return registered;
}

static bool membarrier_registered(void)
{
	int saved = errno;
	bool done = !qp_fault("membarrier-register") &&
		    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) ==
			    0;

	errno = saved;
	return done;
}

bool qp_sections_offered(const char **why)
{
	if (!QP_SECTIONS_WRITTEN) {
		*why = "no sections are written for this processor; locked is the nearest";
		return false;
	}
	if (!qp_rseq_area.registered) {
		*why = "the C library has registered no rseq area (too old, or turned off by "
		       "GLIBC_TUNABLES); locked is the nearest";
		return false;
	}
	if (!membarrier_registered()) {
		*why = "the kernel refuses membarrier for rseq; locked is the nearest";
		return false;
	}
	*why = "rseq and membarrier are there";
	return true;
}

/* A child's memory is its own: its thread and its registration are asked about anew. */
void qp_sections_after_fork(void)
{
	qp_section_thread = 0;
	if (qp_rseq_area.registered)
		(void)membarrier_registered();
}

static bool fence_by_membarrier(unsigned int cpu)
{
	return !qp_fault("membarrier") &&
	       syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
		       MEMBARRIER_CMD_FLAG_CPU, cpu) == 0;
}

static long affinity(long number, unsigned char *mask)
{
	return syscall(number, 0, (unsigned long)MASK_BYTES, mask);
}

/*
 * Being on the CPU means that whoever was there is not any more, and will find its section aborted.
 */
static bool fence_by_visit(unsigned int cpu)
{
	_Alignas(long) unsigned char before[MASK_BYTES] = { 0 };
	_Alignas(long) unsigned char only[MASK_BYTES] = { 0 };
	unsigned int here = 0;
	bool there;

	if (cpu >= MASK_BYTES * 8 || qp_fault("affinity") ||
	    affinity(SYS_sched_getaffinity, before) < 0)
		return false;
	only[cpu / 8] = (unsigned char)(1u << cpu % 8);
	if (affinity(SYS_sched_setaffinity, only) != 0)
		return false;
	/* By number: the library's call reads an area that may be somebody else's. */
	there = syscall(SYS_getcpu, &here, NULL, NULL) == 0 && here == cpu;
	(void)affinity(SYS_sched_setaffinity, before);
	return there;
}

bool qp_fence_cpu(unsigned int cpu)
{
	int saved = errno;
	bool fenced;

	if (qp_unlikely(qp_fence_hook != NULL))
		return qp_fence_hook(cpu);
	fenced = fence_by_membarrier(cpu) || fence_by_visit(cpu);
	errno = saved;
	return fenced;
}
