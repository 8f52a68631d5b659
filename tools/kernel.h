/* SPDX-License-Identifier: MIT */
/* What releases of the Linux kernel do to restartable sequences, on which the cache `pcp` rests. */
#ifndef TOOL_KERNEL_H
#define TOOL_KERNEL_H

#include <stdbool.h>

struct kernel {
	unsigned int major, minor, patch;
};

/*
 * Of a release as uname has it: "6.12.54", "6.1.0-18-amd64", "6.13-rc1". False, and *kernel as it
 * was, if the text does not begin with two numbers.
 */
bool kernel_parse(const char *release, struct kernel *kernel);

/*
 * What a user of `pcp` should know of a release on an architecture (as uname has it), a sentence;
 * NULL if nothing, or if the release is not understood.
 */
const char *kernel_warning(const char *release, const char *arch);

#endif /* TOOL_KERNEL_H */
