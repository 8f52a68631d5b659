/* SPDX-License-Identifier: MIT */
/*
 * A deliberate double free: refused, described to the program's own callback, and without damage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <quire/quire.h>

#include "../say.h"
#include "demo.h"

enum { NR_AFTERWARDS = 1000, TEXT_MAX = 512 };

/* What the callback was told last, and how often it was called. */
struct caught {
	unsigned int nr;
	struct quire_report report; /* its strings are gone; text is the copy */
	char text[TEXT_MAX];
};

static void on_report(void *context, const struct quire_report *report)
{
	struct caught *caught = context;

	caught->nr++;
	caught->report = *report;
	snprintf(caught->text, sizeof(caught->text), "%s", report->text);
}

static struct quire *make_instance(const struct demo *demo, struct caught *caught)
{
	struct quire_config config;
	struct quire *q = NULL;
	int error;

	quire_config_init(&config);
	config.max_pages = demo->memory.bytes / DEMO_PAGE_BYTES;
	config.report = on_report;
	config.report_context = caught;
	error = quire_create(&config, &q);
	return demo_register(demo, q, error);
}

/* Whether allocating and freeing work as ever. */
static bool goes_on(struct quire *q)
{
	void *pages[NR_AFTERWARDS];
	size_t got = quire_alloc_bulk(q, 0, 0, NR_AFTERWARDS, pages);

	return got == NR_AFTERWARDS && quire_free_bulk(q, got, pages) == got;
}

static bool is_described(const struct caught *caught, const struct quire *q, uint32_t pfn,
			 int error)
{
	uint64_t offset = quire_pfn_to_offset(q, pfn, NULL);

	return caught->nr == 1 && error == -QUIRE_EALREADY && caught->report.error == error &&
	       caught->report.kind == QUIRE_REPORT_BAD_FREE && caught->report.pfn == pfn &&
	       caught->report.offset == offset && *caught->text;
}

bool demo_mistake(const struct demo *demo)
{
	struct caught caught = { 0 };
	struct quire *q = make_instance(demo, &caught);
	void *page = quire_alloc(q, 0, 0);
	uint32_t pfn = quire_page_to_pfn(q, page);
	bool held;
	int error;

	printf("\n3. A deliberate mistake: page %p is freed twice\n", page);
	held = page && quire_free(q, page) == 0;
	error = quire_free(q, page);
	demo_line("returned", "%d: %s", error, quire_strerror(error));
	demo_line("reported",
		  "page %" PRIu32 ", offset %" PRIu64 ", state '%s':", caught.report.pfn,
		  caught.report.offset, quire_state_name(caught.report.state));
	demo_line("", "%s", caught.text);
	held = held && is_described(&caught, q, pfn, error) && goes_on(q) && quire_destroy(q) == 0;
	return demo_verdict(held, held ? "caught before any damage; the program went on"
				       : "not caught, not described, or not survived");
}
