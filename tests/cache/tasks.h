/* SPDX-License-Identifier: MIT */
/* All threads of this process as the system lists them, those that checking tools run as well. */
#ifndef QT_TASKS_H
#define QT_TASKS_H

/* Number of the thread of that name; 0: there is none. */
int tasks_find(const char *name);
/* Bind all threads but that one (0: all) to the i-th CPU, or let them run on all again. */
void tasks_bind(unsigned int i, int but);
void tasks_unbind(void);

#endif /* QT_TASKS_H */
