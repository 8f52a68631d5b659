/* SPDX-License-Identifier: MIT */
#include "peer_find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../say.h"
#include "bench.h"

/* What the build did about a peer; the build system names one of these for each. */
enum peer_build { PEER_BUILT, PEER_NO_LIBRARY, PEER_SANITIZED };

/* A peer's library and Debian's package of it. */
struct source {
	enum peer_build build;
	const char *needs;
	const char *package;
};

static struct source source_of(uint32_t allocator)
{
	switch (allocator) {
	case ALLOCATOR_RTE_MEMPOOL:
		return (struct source){ TOOL_BUILD_RTE_MEMPOOL, "libdpdk", "libdpdk-dev" };
	default:
		return (struct source){ PEER_NO_LIBRARY, "none", "none" };
	}
}

/* Why there is none, and what to do. */
static void explain(uint32_t allocator, char *text, size_t bytes)
{
	struct source source = source_of(allocator);
	const char *name = bench_allocator_name(allocator);

	switch (source.build) {
	case PEER_BUILT:
		snprintf(text, bytes,
			 "quire-peer-%s was built with this command, but is not in 'peers' or '%s' "
			 "as seen from it, nor in %s; build both again, or name its folder by the "
			 "variable QUIRE_PEERS",
			 name, TOOL_PEER_FROM_COMMAND, TOOL_PEER_FOLDER);
		break;
	case PEER_SANITIZED:
		snprintf(text, bytes,
			 "quire-peer-%s is not part of builds with sanitizers, where its times "
			 "would say nothing; use a build without them",
			 name);
		break;
	case PEER_NO_LIBRARY:
		snprintf(text, bytes,
			 "quire-peer-%s was not built, as %s was not there. Install the Debian "
			 "package %s ('make bench-deps' does), then build again",
			 name, source.needs, source.package);
		break;
	}
}

static bool is_in(const char *folder, uint32_t allocator, char path[PEER_PATH_MAX])
{
	int length = snprintf(path, PEER_PATH_MAX, "%s/quire-peer-%s", folder,
			      bench_allocator_name(allocator));

	if (length >= PEER_PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	return access(path, X_OK) == 0;
}

/* A folder named from that of the command. */
static bool is_beside(const char *sub, uint32_t allocator, char path[PEER_PATH_MAX])
{
	char folder[PEER_PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - strlen(sub) - 1);
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
	char why[PEER_PATH_MAX + 256];

	if (folder && *folder) {
		if (is_in(folder, allocator, path))
			return true;
		fail("--allocator %s: %s cannot be run (%s), and the variable QUIRE_PEERS says "
		     "that it is there; unset that, or name the folder that has it",
		     name, path, strerror(errno));
	}
	/* As built, as installed and then moved, as installed. */
	if (is_beside("peers", allocator, path) ||
	    is_beside(TOOL_PEER_FROM_COMMAND, allocator, path) ||
	    is_in(TOOL_PEER_FOLDER, allocator, path))
		return true;
	explain(allocator, why, sizeof(why));
	if (!optional)
		fail("--allocator %s: %s", name, why);
	say("%s is left out: %s", name, why);
	return false;
}
