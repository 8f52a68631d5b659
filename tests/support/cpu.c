/* SPDX-License-Identifier: MIT */
#include "cpu.h"

#include <pthread.h>
#include <sched.h>

#define MAX_CPUS 64u

static pthread_once_t once = PTHREAD_ONCE_INIT;
static cpu_set_t all;
static int cpus[MAX_CPUS];
static unsigned int nr_cpus;

static void find(void)
{
	if (sched_getaffinity(0, sizeof(all), &all) == 0)
		for (int cpu = 0; cpu < CPU_SETSIZE && nr_cpus < MAX_CPUS; cpu++)
			if (CPU_ISSET((size_t)cpu, &all))
				cpus[nr_cpus++] = cpu;
	if (nr_cpus == 0)
		nr_cpus = 1;
}

unsigned int qt_nr_cpus(void)
{
	pthread_once(&once, find);
	return nr_cpus;
}

int qt_cpu(unsigned int i)
{
	return cpus[i % qt_nr_cpus()];
}

bool qt_cpu_bind(unsigned int i)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)qt_cpu(i), &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

void qt_cpu_unbind(void)
{
	(void)qt_nr_cpus();
	sched_setaffinity(0, sizeof(all), &all);
}
