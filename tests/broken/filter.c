/* SPDX-License-Identifier: MIT */
/* Linked into a test program, makes it run the test alone that its argument names. */
#include "test.h"

static __attribute__((constructor)) void filter(int argc, char **argv)
{
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
}
