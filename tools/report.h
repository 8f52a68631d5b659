/* SPDX-License-Identifier: MIT */
/*
 * Results as JSON: {"schema", "benchmark", "machine", "options", "rows"}. A reader may rely on the
 * named fields; the schema's number goes up when one of them changes its meaning.
 */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <jansson.h>

#include "machine.h"

/*
 * An object with schema, name of the benchmark (NULL: none) and machine; rows and options are
 * empty.
 */
json_t *report_new(const char *benchmark, const struct machine *machine);

/* Owned by the report. report_row() appends an empty row. */
json_t *report_options(json_t *report);
json_t *report_row(json_t *report);

/* Members of an object. Without memory the command ends. */
void report_text(json_t *object, const char *name, const char *text);
void report_count(json_t *object, const char *name, uint64_t count);
void report_real(json_t *object, const char *name, double value);
void report_flag(json_t *object, const char *name, bool flag);
/* An array or object; its reference is handed over. */
void report_member(json_t *object, const char *name, json_t *member);

/*
 * Open the file that report_write() is for, so that a bad name is noticed before the work and not
 * after it; what the file has stays until then. Nothing to do for NULL and "-". Without success the
 * command ends.
 */
void report_open(const char *path);

/* To the file that is open, or to standard output for "-"; ends the report. Without success the command ends. */
void report_write(json_t *report, const char *path);

#endif /* TOOL_REPORT_H */
