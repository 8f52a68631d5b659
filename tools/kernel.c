/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include <stddef.h>
#include <string.h>

enum { PART_MAX = 99999 };

/* A number at *text, which moves behind it; false if there is none, or one beyond reason. */
static bool parse_part(const char **text, unsigned int *part)
{
	const char *at = *text;
	unsigned int number = 0;

	while (*at >= '0' && *at <= '9' && number <= PART_MAX)
		number = number * 10 + (unsigned int)(*at++ - '0');
	if (at == *text || number > PART_MAX)
		return false;
	*text = at;
	*part = number;
	return true;
}

bool kernel_parse(const char *release, struct kernel *kernel)
{
	struct kernel found = { 0 };

	if (!parse_part(&release, &found.major) || *release++ != '.' ||
	    !parse_part(&release, &found.minor))
		return false;
	/* A third number follows in releases, and none in the candidates before them. */
	if (*release == '.') {
		release++;
		if (*release >= '0' && *release <= '9' && !parse_part(&release, &found.patch))
			return false;
	}
	*kernel = found;
	return true;
}

static bool before(const struct kernel *kernel, unsigned int major, unsigned int minor,
		   unsigned int patch)
{
	if (kernel->major != major)
		return kernel->major < major;
	if (kernel->minor != minor)
		return kernel->minor < minor;
	return kernel->patch < patch;
}

/*
 * A fence that came while the kernel was looking at a thread's events could be forgotten, until
 * October 2025.
 */
static bool loses_aborts(const struct kernel *kernel)
{
	return before(kernel, 6, 12, 54) || (!before(kernel, 6, 13, 0) && before(kernel, 6, 17, 4));
}

/* Reported in April 2026; which releases of these lines have the correction is not known here. */
static bool may_miss_preemption(const struct kernel *kernel, const char *arch)
{
	return strcmp(arch, "aarch64") == 0 && !before(kernel, 6, 19, 0) && before(kernel, 7, 1, 0);
}

#define ONLY_PCP "; use another kernel, or require the cache 'locked', which has none"

const char *kernel_warning(const char *release, const char *arch)
{
	struct kernel kernel;

	if (!kernel_parse(release, &kernel))
		return NULL;
	if (loses_aborts(&kernel))
		return "kernels before 6.12.54, and 6.13 to 6.17.3, could lose an abort of a "
		       "restartable sequence, unless their distributor took the fix over" ONLY_PCP;
	if (may_miss_preemption(&kernel, arch))
		return "some kernels 6.19 and 7.0 for aarch64 do not abort a restartable sequence "
		       "that was preempted" ONLY_PCP;
	return NULL;
}
