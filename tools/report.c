/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <quire/quire.h>

#include "command.h"
#include "say.h"

enum { SCHEMA = 1, DIGITS = 7 };

static FILE *report_file;

void report_member(json_t *object, const char *name, json_t *member)
{
	if (!member || json_object_set_new(object, name, member) != 0)
		fail("no memory for the member \"%s\" of a report", name);
}

void report_text(json_t *object, const char *name, const char *text)
{
	report_member(object, name, json_string(text));
}

void report_count(json_t *object, const char *name, uint64_t count)
{
	report_member(object, name, json_integer((json_int_t)count));
}

void report_real(json_t *object, const char *name, double value)
{
	report_member(object, name, json_real(value));
}

void report_flag(json_t *object, const char *name, bool flag)
{
	report_member(object, name, json_boolean(flag));
}

static json_t *huge_pages(const struct machine *machine)
{
	json_t *sizes = json_array();
	unsigned int i;

	for (i = 0; i < machine->nr_huge; i++) {
		json_t *size = json_object();

		report_count(size, "bytes", machine->huge[i].bytes);
		report_count(size, "reserved", machine->huge[i].nr);
		report_count(size, "free", machine->huge[i].nr_free);
		if (json_array_append_new(sizes, size) != 0)
			fail("no memory for a report");
	}
	return sizes;
}

static json_t *machine_object(const struct machine *machine)
{
	json_t *object = json_object();
	char text[256], now[32];
	time_t seconds = time(NULL);
	struct tm utc;

	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
	report_text(object, "time", now);
	report_text(object, "quire", quire_version());
	report_text(object, "kernel", machine->kernel);
	report_text(object, "arch", machine->arch);
	report_text(object, "cpu", machine->cpu);
	report_text(object, "libc", machine->libc);
	report_text(object, "compiler", machine->compiler);
	report_text(object, "linked", command_linkage);
	report_count(object, "cpus_possible", machine->cpus_possible);
	report_count(object, "cpus_online", machine->cpus_online);
	report_count(object, "cpus_allowed", machine->cpus_allowed);
	report_count(object, "page_bytes", machine->page_size);
	report_count(object, "memory_bytes", machine->memory_bytes);
	report_count(object, "rseq_bytes", machine->rseq_size);
	report_text(object, "membarrier", machine_membarrier_text(machine, text, sizeof(text)));
	report_text(object, "transparent_huge_pages", machine->thp);
	report_member(object, "huge_pages", huge_pages(machine));
	return object;
}

json_t *report_new(const char *benchmark, const struct machine *machine)
{
	json_t *report = json_object();

	report_count(report, "schema", SCHEMA);
	if (benchmark)
		report_text(report, "benchmark", benchmark);
	report_member(report, "machine", machine_object(machine));
	report_member(report, "options", json_object());
	report_member(report, "rows", json_array());
	return report;
}

json_t *report_options(json_t *report)
{
	return json_object_get(report, "options");
}

json_t *report_row(json_t *report)
{
	json_t *row = json_object();

	if (!row || json_array_append_new(json_object_get(report, "rows"), row) != 0)
		fail("no memory for a row of a report");
	return row;
}

static int dump(const json_t *report, FILE *out)
{
	if (json_dumpf(report, out, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS)) != 0)
		return -1;
	return fputc('\n', out) == EOF ? -1 : 0;
}

void report_open(const char *path)
{
	if (!path || strcmp(path, "-") == 0)
		return;
	report_file = fopen(path, "ae");
	if (!report_file)
		fail("--json: cannot write '%s' (%s); give another file, or -", path,
		     strerror(errno));
}

/* A pipe or a device cannot be cut to nothing, and has nothing to cut. */
static int empty(FILE *file)
{
	return ftruncate(fileno(file), 0) == 0 || errno == EINVAL ? 0 : -1;
}

void report_write(json_t *report, const char *path)
{
	if (strcmp(path, "-") == 0) {
		dump(report, stdout); /* a lost byte is noticed when the command ends */
		json_decref(report);
		return;
	}
	if (empty(report_file) != 0 || dump(report, report_file) != 0 || fclose(report_file) != 0)
		fail("--json: '%s' could not be written to its end (%s)", path, strerror(errno));
	report_file = NULL;
	json_decref(report);
}
