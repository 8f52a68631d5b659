/* SPDX-License-Identifier: MIT */
/*
 * What the command makes of releases of the kernel, for the test that knows what it should: for each
 * pair of arguments RELEASE ARCH a line "major minor patch", or "-", then the warning.
 */
#include <stdio.h>

#include "../kernel.h"

int main(int argc, char **argv)
{
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		const char *warning = kernel_warning(argv[i], argv[i + 1]);
		struct kernel kernel;

		if (kernel_parse(argv[i], &kernel))
			printf("%u %u %u", kernel.major, kernel.minor, kernel.patch);
		else
			printf("-");
		printf(": %s\n", warning ? warning : "");
	}
	return 0;
}
