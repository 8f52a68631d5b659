/* SPDX-License-Identifier: MIT */
/*
 * A thread stopped before every instruction of a request in turn, and what others can do to its
 * CPU's lists done meanwhile; then it goes on, and every page is accounted for. Its sections are
 * interrupted by the tests alone: by the fence that stands in for the system's, and by the other
 * threads of its CPU that they say have run (meddling.h).
 */
#ifndef QT_STEPPING_H
#define QT_STEPPING_H

#include "stepper.h"
#include "test.h"
#include "world.h"

enum {
	SOME = 40, /* a batch that takes each of the copying loops twice, or most of eight registers */
	FULL = 128, /* what a list of this instance may hold at first */
	LEAST_SECTION = 10, /* instructions of the shortest section that moves pages */
};

struct request {
	const char *name;
	struct standing standing;
	bool takes;
	uint32_t n;
	quire_gfp gfp;
	uint32_t cpu; /* that the thread says it runs on */
	bool unknown; /* to sections */
	bool narrow; /* by way of memory, also where there are wide registers */
};

/* Each section, and each way around it. */
extern const struct request stepping_requests[];
extern const size_t stepping_nr_requests;

/* Make the request, between two traps: what a stepped process runs. */
struct stepped {
	struct world *w;
	const struct request *request;
};

void stepping_request(void *stepped);
/* An instance in which it can be made. */
struct world *stepping_world(const struct request *request, bool isolated);

/* ---- The fence ---- */

enum fence {
	FENCE_WORKS,
	FENCE_SLOW, /* works, when the thread has gone on a little */
	FENCE_PASSES, /* works, and the thread goes on a little before the fence returns */
	FENCE_REFUSES, /* and does nothing */
	FENCE_REFUSES_LATE, /* does nothing, others of the CPU run, and then the thread, a little */
	FENCE_LIES, /* does nothing, and says it has */
	FENCE_LATE, /* aborts who has just committed too */
};

struct fencing {
	pid_t tracer; /* only here, not in its copies */
	pid_t stopped; /* the thread on CPU 0 */
	struct world *w;
	enum fence fence;
	uint32_t calls;
	bool broken; /* the kernel would have ended the thread */
};

extern struct fencing fencing;

/* The kernel switches the stopped thread: it is aborted if it is in a section. */
void stepping_interrupt(void);

/* ---- What others do while the thread is stopped ---- */

/* Both return what is wrong, or NULL. The second runs when the thread has ended its request. */
struct meddling {
	bool isolated; /* CPU 0, from the beginning */
	enum fence fence;
	const char *(*at_stop)(struct world *w);
	const char *(*at_end)(struct world *w);
	bool exhausts; /* and so would wait for pages that the thread is moving */
};

struct tally {
	uint32_t stops;
	uint32_t inside; /* of a section's range */
	uint32_t waiting; /* at which others would wait for the thread: nothing is tried */
	uint32_t fences;
	uint32_t again; /* stops after which a section began anew */
	uint32_t wrong; /* stops that ended with something wrong */
};

/* One request, stopped everywhere. Fails if the account is wrong, unless the fence is. */
struct tally step_through(const struct request *request, const struct meddling *m);

/* Run tests that step, or say why they cannot be made here. */
int stepping_run(const struct qt_test *tests, size_t nr);

#endif /* QT_STEPPING_H */
