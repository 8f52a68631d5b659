/* SPDX-License-Identifier: MIT */
/*
 * Diagnostics: each refused call is described by one sentence that names value, limit and remedy.
 */
#include "alloc/array.h"

enum {
	MAX_LINES = 10, /* on the port's channel, for one instance */
};

static const struct quire_report no_page = {
	.size = sizeof(struct quire_report),
	.pfn = QUIRE_NO_PFN,
	.offset = QUIRE_NO_OFFSET,
};

static void to_port(struct qi_reporter *reporter, const struct quire_report *report)
{
	char line[QI_REPORT_BYTES + 64];
	struct qi_text text;
	uint32_t nr = atomic_fetch_add_explicit(&reporter->nr_lines, 1, memory_order_relaxed);

	if (nr >= MAX_LINES)
		return;
	qi_text_init(&text, line, sizeof(line));
	qi_text_add(&text, "quire: %s: %s%s", report->call, report->text,
		    nr == MAX_LINES - 1 ? " (further reports are only counted)" : "");
	qp_report(line, text.length < sizeof(line) ? text.length : sizeof(line) - 1);
}

static void deliver(struct qi_reporter *reporter, const struct quire_report *report)
{
	if (reporter->report != NULL)
		reporter->report(reporter->context, report);
	else
		to_port(reporter, report);
}

/*
 * Reporting from calls that only read the instance: its counters are not part of what they promise
 * to keep. NULL in a forked child, where the metadata may be the parent's too: nothing is written
 * then.
 */
static struct quire *counters_of(const struct quire *q)
{
	return qi_alive(q) ? (struct quire *)(uintptr_t)q : NULL;
}

static void deliver_for(const struct quire *q, const struct quire_report *report)
{
	struct quire *counters = counters_of(q);
	struct qi_reporter copy = {
		.report = q->reporter.report,
		.context = q->reporter.context,
	};

	deliver(counters != NULL ? &counters->reporter : &copy, report);
}

static void refuse_call(struct quire_report *report, const char *call, int error, const char *text)
{
	report->kind = QUIRE_REPORT_BAD_CALL;
	report->error = error;
	report->call = call;
	report->text = text;
}

int qi_refuse_config(struct qi_reporter *reporter, const char *call, int error, const char *format,
		     ...)
{
	char buffer[QI_REPORT_BYTES];
	struct qi_text text;
	struct quire_report report = no_page;
	va_list arguments;

	qi_text_init(&text, buffer, sizeof(buffer));
	va_start(arguments, format);
	qi_text_add_list(&text, format, arguments);
	va_end(arguments);
	refuse_call(&report, call, error, buffer);
	deliver(reporter, &report);
	return error;
}

int qi_refuse(const struct quire *q, const char *call, int error, const char *format, ...)
{
	char buffer[QI_REPORT_BYTES];
	struct qi_text text;
	struct quire_report report = no_page;
	va_list arguments;

	if (counters_of(q) != NULL)
		qi_count_shared(&counters_of(q)->nr_bad_calls, 1);
	qi_text_init(&text, buffer, sizeof(buffer));
	va_start(arguments, format);
	qi_text_add_list(&text, format, arguments);
	va_end(arguments);
	refuse_call(&report, call, error, buffer);
	deliver_for(q, &report);
	return error;
}

int qi_refuse_dead(const struct quire *q, const char *call)
{
	return qi_refuse(
		q, call, -QUIRE_EOWNERDEAD,
		"the instance belongs to the process that forked this one; create one here, "
		"or create it with QUIRE_CONFIG_INHERIT");
}

bool qi_inside_block(const struct quire *q, uint32_t pfn, uint32_t *head)
{
	for (unsigned int order = 1; order <= QUIRE_MAX_ORDER; order++) {
		uint32_t start = pfn & ~((1u << order) - 1);
		uint8_t state = qi_state_get(q->space.state, start);

		if (start != pfn && qi_state_is_held(state) && qi_state_order(state) >= order) {
			if (head != NULL)
				*head = start;
			return true;
		}
	}
	return false;
}

static int why_not(const struct quire *q, uint32_t pfn, uint8_t state, struct qi_text *text)
{
	uint32_t head;

	if (qi_space_region_of(&q->space, pfn) == NULL) {
		qi_text_add(
			text,
			"pfn %u is in no region of this instance; pass it to the one it came from",
			QI_U(pfn));
		return -QUIRE_EINVAL;
	}
	if (state == QI_STATE_RESERVED) {
		qi_text_add(text, "page %u is reserved; undo that with quire_unreserve()",
			    QI_U(pfn));
		return -QUIRE_EINVAL;
	}
	if (qi_inside_block(q, pfn, &head)) {
		qi_text_add(
			text,
			"page %u is inside the block of order %u that begins at page %u; pass that, or "
			"quire_split() it first",
			QI_U(pfn), QI_U(qi_state_order(qi_state_get(q->space.state, head))),
			QI_U(head));
		return -QUIRE_EINVAL;
	}
	qi_text_add(text,
		    "page %u is free already: freed twice, or never allocated; nothing was changed",
		    QI_U(pfn));
	return -QUIRE_EALREADY;
}

static int refuse_free(const struct quire *q, struct quire_report *report)
{
	report->kind = QUIRE_REPORT_BAD_FREE;
	if (counters_of(q) != NULL)
		qi_count_shared(&counters_of(q)->nr_bad_frees, 1);
	deliver_for(q, report);
	return report->error;
}

int qi_refuse_free(const struct quire *q, const char *call, uint32_t pfn, uint64_t address)
{
	char buffer[QI_REPORT_BYTES];
	struct qi_text text;
	struct quire_report report = no_page;

	if (pfn < atomic_load_explicit((_Atomic uint32_t *)&q->space.nr_pfns, memory_order_acquire))
		report.state = qi_state_get(q->space.state, pfn);
	qi_text_init(&text, buffer, sizeof(buffer));
	report.error = why_not(q, pfn, (uint8_t)report.state, &text);
	report.pfn = pfn;
	report.offset = quire_pfn_to_offset(q, pfn, &report.region);
	report.address = address;
	report.call = call;
	report.text = buffer;
	return refuse_free(q, &report);
}

static void say_wrong_address(const struct quire *q, enum qi_wrong wrong, uint64_t address,
			      const struct qi_region *region, struct qi_text *text)
{
	switch (wrong) {
	case QI_INSIDE_PAGE:
		qi_text_add(
			text,
			"%x is inside a page of %u bytes; pass the page's start, or use the _round "
			"form (quire_free_round(), …)",
			address, qi_page_bytes(q));
		break;
	case QI_BEYOND_REGION:
		qi_text_add(
			text,
			"offset %u is beyond region %u, which has %u bytes; pass offsets from its start",
			address, QI_U(region - q->space.regions) + 1, region->bytes);
		break;
	case QI_NO_REGION:
		qi_text_add(text,
			    "%x is in no region of this instance; pass it to the one it came from",
			    address);
		break;
	}
}

int qi_refuse_address(const struct quire *q, const char *call, enum qi_wrong wrong,
		      uint64_t address, const struct qi_region *region)
{
	char buffer[QI_REPORT_BYTES];
	struct qi_text text;
	struct quire_report report = no_page;

	qi_text_init(&text, buffer, sizeof(buffer));
	say_wrong_address(q, wrong, address, region, &text);
	report.error = -QUIRE_EINVAL;
	report.address = address;
	report.call = call;
	report.text = buffer;
	return refuse_free(q, &report);
}

int qi_refuse_result(const struct quire *q, const char *call, const char *name)
{
	return qi_refuse(
		q, call, -QUIRE_EINVAL,
		"%s is NULL, or its size is not set; pass a structure whose size is its sizeof",
		name);
}

int qi_refuse_free_region(const struct quire *q, const char *call, struct quire_region handle)
{
	char buffer[QI_REPORT_BYTES];
	struct qi_text text;
	struct quire_report report = no_page;

	qi_text_init(&text, buffer, sizeof(buffer));
	qi_text_add(&text, "region %u does not exist; there are %u, from 1 on", QI_U(handle.id),
		    QI_U(qi_nr_regions(&q->space)));
	report.error = -QUIRE_ENOENT;
	report.address = handle.id;
	report.call = call;
	report.text = buffer;
	return refuse_free(q, &report);
}

/* Not a held block, where one was to be split. */
int qi_refuse_split(const struct quire *q, const char *call, uint32_t pfn)
{
	char buffer[QI_REPORT_BYTES];
	struct qi_text text;
	uint8_t state = QI_STATE_FREE;
	int error;

	if (qi_pfn_known(&q->space, pfn))
		state = qi_state_get(q->space.state, pfn);
	qi_text_init(&text, buffer, sizeof(buffer));
	error = why_not(q, pfn, state, &text);
	return qi_refuse(q, call, error, "only held blocks can be split: %s", buffer);
}

void qi_note_once(const struct quire *q, enum qi_note note, const char *call, const char *text)
{
	struct quire *counters = counters_of(q);
	struct quire_report report = no_page;

	if (counters == NULL ||
	    (atomic_fetch_or_explicit(&counters->notes, 1u << note, memory_order_relaxed) &
	     (1u << note)) != 0)
		return;
	report.kind = QUIRE_REPORT_NOTE;
	report.call = call;
	report.text = text;
	deliver_for(q, &report);
}
