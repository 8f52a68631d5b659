/* SPDX-License-Identifier: MIT */
/* Where the program of a peer is, and what to do where there is none. */
#ifndef TOOL_PEER_FIND_H
#define TOOL_PEER_FIND_H

#include <stdbool.h>
#include <stdint.h>

enum { PEER_PATH_MAX = 4096 };

/*
 * The path of an allocator's program: from the folder that the variable QUIRE_PEERS names; else
 * beside the command as it is built; else as both are installed, moved together or not. Where there is none, false
 * with a line about it if it is optional, and otherwise the end of the command.
 */
bool peer_find(uint32_t allocator, bool optional, char path[PEER_PATH_MAX]);

#endif /* TOOL_PEER_FIND_H */
