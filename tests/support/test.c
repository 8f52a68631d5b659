/* SPDX-License-Identifier: MIT */
/* The table of caches, and running tests over it. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

const struct qt_cache qt_caches[] = {
	{ "none", QUIRE_CACHE_NONE, 0 },
	{ "locked", QUIRE_CACHE_LOCKED, 0 },
	{ "locked-noirq", QUIRE_CACHE_LOCKED, QUIRE_CONFIG_NOIRQ },
	{ "pcp", QUIRE_CACHE_PCP, 0 },
	{ "pcp-isolated", QUIRE_CACHE_PCP, QUIRE_CONFIG_ISOLATED },
};
const size_t qt_nr_caches = sizeof(qt_caches) / sizeof(qt_caches[0]);

#define NR_CHECKS 3u

struct qt_case {
	struct qt_param param;
	void (*run)(const struct qt_param *param);
	char name[128];
};

static void run_case(void **state)
{
	const struct qt_case *c = *state;

	c->run(&c->param);
}

static int run_cases(struct qt_case *cases, size_t nr)
{
	struct CMUnitTest *units = calloc(nr, sizeof(*units));
	int failed;

	if (!units)
		return 1;
	for (size_t i = 0; i < nr; i++) {
		units[i].name = cases[i].name;
		units[i].test_func = run_case;
		units[i].initial_state = &cases[i];
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = _cmocka_run_group_tests("quire", units, nr, NULL, NULL);
	free(units);
	return failed != 0;
}

static void fill_case(struct qt_case *c, const struct qt_test *test, size_t cache, uint32_t check)
{
	c->param.cache = &qt_caches[cache];
	c->param.check = check;
	c->run = test->run;
	snprintf(c->name, sizeof(c->name), "%s [%s, check %s]", test->name, qt_caches[cache].name,
		 quire_check_name(check));
}

int qt_run(const struct qt_test *tests, size_t nr, bool checks)
{
	uint32_t nr_checks = checks ? NR_CHECKS : 1;
	size_t nr_cases = 0;
	struct qt_case *cases = calloc(nr * qt_nr_caches * nr_checks, sizeof(*cases));
	int ret;

	if (!cases)
		return 1;
	for (size_t i = 0; i < nr; i++)
		for (size_t cache = 0; cache < qt_nr_caches; cache++)
			for (uint32_t check = 0; check < nr_checks; check++)
				fill_case(&cases[nr_cases++], &tests[i], cache, check);
	ret = run_cases(cases, nr_cases);
	free(cases);
	return ret;
}

int qt_run_once(const struct qt_test *tests, size_t nr)
{
	struct qt_case *cases = calloc(nr, sizeof(*cases));
	int ret;

	if (!cases)
		return 1;
	for (size_t i = 0; i < nr; i++) {
		cases[i].param.cache = &qt_caches[0];
		cases[i].run = tests[i].run;
		snprintf(cases[i].name, sizeof(cases[i].name), "%s", tests[i].name);
	}
	ret = run_cases(cases, nr);
	free(cases);
	return ret;
}
