/* SPDX-License-Identifier: MIT */
/* Which CPUs this process may use, and moving a thread among them. */
#ifndef QT_CPU_H
#define QT_CPU_H

#include <stdbool.h>

/* CPUs that the process started with; at least 1, and at most 64 are counted. */
unsigned int qt_nr_cpus(void);
/* Number of the i-th of them; i is taken modulo qt_nr_cpus(). */
int qt_cpu(unsigned int i);
/* Bind the calling thread to the i-th, or let it run on all again. */
bool qt_cpu_bind(unsigned int i);
void qt_cpu_unbind(void);

#endif /* QT_CPU_H */
