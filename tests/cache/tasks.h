/* SPDX-License-Identifier: MIT */
/* All threads of this process as the system lists them, those that checking tools run as well. */
#ifndef QT_TASKS_H
#define QT_TASKS_H

#include <stdbool.h>
#include <stdint.h>

/* Number of the thread of that name; 0: there is none. */
int tasks_find(const char *name);
/* The same when it has its name; 0: there is none after a long while. */
int tasks_wait_for(const char *name);
/* A number that the system tells of a thread, by scanf's format of its line; 0: it does not. */
uint64_t tasks_status(int task, const char *format);
/* How often it has gone to sleep. */
uint64_t tasks_sleeps(int task);
/* Wait until it has done so nr times more; false: it has not after a long while. */
bool tasks_sleeps_on(int task, unsigned int nr);
/* Bind all threads but that one (0: all) to the i-th CPU, or let them run on all again. */
void tasks_bind(unsigned int i, int but);
void tasks_unbind(void);

#endif /* QT_TASKS_H */
