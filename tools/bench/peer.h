/* SPDX-License-Identifier: MIT */
/*
 * Other allocators beside Quire: each runs in a process of its own, with its own inlined calls,
 * which is started once for a bench, sleeps while others have their turn, and runs a cell when it
 * is asked to. Whatever goes wrong with it ends the command with a line that says what; so does a
 * peer that does not answer within a time that grows with its work. The variable QUIRE_PEER_SECONDS
 * sets another such time for all answers.
 */
#ifndef TOOL_PEER_H
#define TOOL_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "measure.h"
#include "run.h"

struct bench_options;
struct peer;

/*
 * The peers among the allocators that the options name, each with nr_pages objects of 4 KiB.
 * A peer that was named must be there; --allocator all takes those that are, and says what is
 * missing. peers_stop() ends what peers_start() began.
 */
struct peers {
	struct peer *peer[NR_ALLOCATORS];
	unsigned int nr;
};

void peers_start(struct peers *peers, const struct bench_options *options, uint64_t nr_pages);
void peers_stop(struct peers *peers);

/* Whether Quire itself is among the allocators that the options name. */
bool peers_with_quire(const struct bench_options *options);

/* One run of a cell whose peer this is. */
struct times peer_run(struct peer *peer, const struct cell *cell);

uint32_t peer_allocator(const struct peer *peer);
/* Name and version of its library. */
const char *peer_library(const struct peer *peer);

#endif /* TOOL_PEER_H */
