/* SPDX-License-Identifier: MIT */
/*
 * What the file of one peer gives to the program around it, beside the operations of its loops
 * (bench/loops_body.h): one allocator of pages of 4 KiB, of which a process has one instance.
 */
#ifndef TOOL_PEERS_PEER_H
#define TOOL_PEERS_PEER_H

#include <stdint.h>

#include "../bench/loops.h"

enum { PEER_PAGE_BYTES = 4096 };

/* As in --allocator and in the program's name, quire-peer-NAME. */
extern const char peer_name[];

/* Name and version of the library, as it is loaded. */
const char *peer_library_text(void);

/* Make the instance and end it. Without success the program ends with a line that says why. */
void peer_begin(uint64_t nr_pages);
void peer_end(void);

/*
 * For loops_body.h: pages are pointers to a peer, so there are a call a page and a call a batch,
 * and nothing else to specialise for.
 */
#define SPECIALISED(loop, seat, ...)                                                  \
	((seat)->calls == CALLS_BULK ? loop(seat, FORM_PAGE, CALLS_BULK, __VA_ARGS__) \
				     : loop(seat, FORM_PAGE, CALLS_SINGLE, __VA_ARGS__))

#endif /* TOOL_PEERS_PEER_H */
