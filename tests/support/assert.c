/* SPDX-License-Identifier: MIT */
/* Assertions about errors, statistics and reports. */
#include "test.h"

#include <stdio.h>
#include <string.h>

/* The last report of any instance, for the eyes of whoever reads a failure; any thread may report. */
static char last_text[512];
static atomic_flag last_text_busy = ATOMIC_FLAG_INIT;

static void set_last_text(const char *text)
{
	if (atomic_flag_test_and_set(&last_text_busy))
		return;
	snprintf(last_text, sizeof(last_text), "%s", text);
	atomic_flag_clear(&last_text_busy);
}

void qt_report(void *context, const struct quire_report *report)
{
	struct qt_reports *reports = context;

	atomic_fetch_add(&reports->nr[0], 1);
	if (report->kind < 4)
		atomic_fetch_add(&reports->nr[report->kind], 1);
	if (atomic_flag_test_and_set(&reports->busy))
		return;
	reports->last = *report;
	snprintf(reports->text, sizeof(reports->text), "%s", report->text);
	snprintf(reports->call, sizeof(reports->call), "%s", report->call);
	set_last_text(reports->text);
	atomic_flag_clear(&reports->busy);
}

void qt_reports_clear(struct qt_reports *reports)
{
	for (size_t i = 0; i < 4; i++)
		atomic_store(&reports->nr[i], 0);
	memset(&reports->last, 0, sizeof(reports->last));
	reports->text[0] = '\0';
	reports->call[0] = '\0';
}

void qt_assert_err_at(int actual, int expected, const char *what, const char *file, int line)
{
	if (actual == expected) {
		set_last_text("");
		return;
	}
	print_message("# %s returned %d (%s), not %d (%s)\n", what, actual, quire_strerror(actual),
		      expected, expected ? quire_strerror(expected) : "success");
	if (last_text[0])
		print_message("# the last report: %s\n", last_text);
	_fail(file, line);
}

/* Values are compared by the words that the text must hold: a number, a limit, a remedy. */
void qt_assert_report_at(struct qt_reports *reports, uint32_t kind, const char *file, int line, ...)
{
	const char *word;
	va_list words;

	if (atomic_load(&reports->nr[kind]) != 1 || atomic_load(&reports->nr[0]) != 1) {
		print_message("# %u reports of kind %u among %u; expected one: \"%s\"\n",
			      atomic_load(&reports->nr[kind]), kind, atomic_load(&reports->nr[0]),
			      reports->text);
		_fail(file, line);
	}
	va_start(words, line);
	while ((word = va_arg(words, const char *)) != NULL)
		if (!strstr(reports->text, word)) {
			print_message("# \"%s\" does not say \"%s\"\n", reports->text, word);
			va_end(words);
			_fail(file, line);
		}
	va_end(words);
	qt_reports_clear(reports);
}

struct quire_stats qt_stats(const struct quire *q)
{
	struct quire_stats stats = { .size = sizeof(stats) };

	qt_assert_ok(quire_stats_get(q, &stats));
	assert_int_equal(stats.size, sizeof(stats));
	return stats;
}

struct quire_info qt_info(const struct quire *q)
{
	struct quire_info info = { .size = sizeof(info) };

	qt_assert_ok(quire_info_get(q, &info));
	assert_int_equal(info.size, sizeof(info));
	return info;
}

void qt_assert_sound_at(const struct quire *q, uint64_t held, const char *file, int line)
{
	struct quire_stats s = qt_stats(q);
	uint64_t sum = s.reserved + s.held + s.free_zone + s.free_lists + s.free_depot +
		       s.free_stash + s.deferred;

	if (s.managed == sum && s.held == held && quire_held(q) == held)
		return;
	print_message(
		"# managed %llu, but reserved %llu + held %llu + zone %llu + lists %llu + depot %llu "
		"+ stash %llu + deferred %llu = %llu; quire_held() says %zu, expected %llu\n",
		(unsigned long long)s.managed, (unsigned long long)s.reserved,
		(unsigned long long)s.held, (unsigned long long)s.free_zone,
		(unsigned long long)s.free_lists, (unsigned long long)s.free_depot,
		(unsigned long long)s.free_stash, (unsigned long long)s.deferred,
		(unsigned long long)sum, quire_held(q), (unsigned long long)held);
	_fail(file, line);
}
