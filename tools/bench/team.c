/* SPDX-License-Identifier: MIT */
#include "team.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../machine.h"
#include "../memory.h"
#include "../say.h"

struct team {
	pthread_barrier_t barrier;
	void (*work)(struct team *team, unsigned int thread, void *context);
	void *context;
};

struct member {
	pthread_t handle;
	struct team *team;
	unsigned int number;
};

static void *member_main(void *argument)
{
	struct member *member = argument;

	machine_bind_thread(member->number);
	team_meet(member->team);
	member->team->work(member->team, member->number, member->team->context);
	return NULL;
}

void team_meet(struct team *team)
{
	pthread_barrier_wait(&team->barrier);
}

void team_run(unsigned int nr_threads,
	      void (*work)(struct team *team, unsigned int thread, void *context), void *context)
{
	struct member *members = need_zeroed(nr_threads, sizeof(*members));
	struct team team = { .work = work, .context = context };
	unsigned int i;
	int error;

	pthread_barrier_init(&team.barrier, NULL, nr_threads);
	for (i = 0; i < nr_threads; i++) {
		members[i].team = &team;
		members[i].number = i;
		error = pthread_create(&members[i].handle, NULL, member_main, &members[i]);
		if (error)
			fail("thread %u of %u could not be started (%s); give fewer --threads",
			     i + 1, nr_threads, strerror(error));
	}
	for (i = 0; i < nr_threads; i++)
		pthread_join(members[i].handle, NULL);
	pthread_barrier_destroy(&team.barrier);
	free(members);
}
