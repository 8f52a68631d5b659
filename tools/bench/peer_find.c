/* SPDX-License-Identifier: MIT */
#include "peer_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../say.h"
#include "bench.h"

/* Debian's package that a peer is built with. */
static const char *package_of(uint32_t allocator)
{
	switch (allocator) {
	case ALLOCATOR_RTE_MEMPOOL:
		return "libdpdk-dev";
	default:
		return "none";
	}
}

static bool is_in(const char *folder, uint32_t allocator, char path[PEER_PATH_MAX])
{
	int length = snprintf(path, PEER_PATH_MAX, "%s/quire-peer-%s", folder,
			      bench_allocator_name(allocator));

	return length < PEER_PATH_MAX && access(path, X_OK) == 0;
}

/* The folder `peers` beside the command, as the build makes it. */
static bool is_beside(uint32_t allocator, char path[PEER_PATH_MAX])
{
	static const char sub[] = "peers";
	char folder[PEER_PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - sizeof(sub));
	char *slash;

	if (length <= 0)
		return false;
	folder[length] = '\0';
	slash = strrchr(folder, '/');
	if (!slash)
		return false;
	strcpy(slash + 1, sub);
	return is_in(folder, allocator, path);
}

bool peer_find(uint32_t allocator, bool optional, char path[PEER_PATH_MAX])
{
	const char *folder = getenv("QUIRE_PEERS"), *name = bench_allocator_name(allocator);

	if (folder && *folder) {
		if (is_in(folder, allocator, path))
			return true;
		fail("--allocator %s: %s is no program, and the variable QUIRE_PEERS says that it "
		     "is there; unset that, or name the folder that has it",
		     name, path);
	}
	if (is_beside(allocator, path) || is_in(TOOL_PEER_FOLDER, allocator, path))
		return true;
	if (!optional)
		fail("--allocator %s: its program, quire-peer-%s, was not built, as its library "
		     "was not there. Install the Debian package %s ('make bench-deps' does), "
		     "then build again",
		     name, name, package_of(allocator));
	say("%s is left out: quire-peer-%s was not built; it needs the Debian package %s", name,
	    name, package_of(allocator));
	return false;
}
