/* SPDX-License-Identifier: MIT */
/* Threads that start together, each bound to a CPU in turn, and meet at barriers. */
#ifndef TOOL_TEAM_H
#define TOOL_TEAM_H

struct team;

/* Run work in nr_threads threads, numbered from 0; returns when all have. */
void team_run(unsigned int nr_threads,
	      void (*work)(struct team *team, unsigned int thread, void *context), void *context);

/* Wait for all members. */
void team_meet(struct team *team);

#endif /* TOOL_TEAM_H */
