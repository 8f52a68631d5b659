/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "memory.h"

enum { LINE_MAX_BYTES = 1024 };

void table_init(struct table *table)
{
	*table = (struct table){ 0 };
}

void table_free(struct table *table)
{
	size_t i;

	for (i = 0; i < table->nr_cells; i++)
		free(table->cells[i]);
	free(table->cells);
	table_init(table);
}

void table_column(struct table *table, const char *title, const char *unit, enum column_kind kind)
{
	if (table->nr_columns == TABLE_COLUMNS_MAX)
		abort();
	table->column[table->nr_columns++] = (struct column){ title, unit, kind };
}

void table_cell(struct table *table, const char *format, ...)
{
	char text[128];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	table->cells = need_resized(table->cells, table->nr_cells + 1, sizeof(*table->cells));
	table->cells[table->nr_cells++] = need_copy(text);
}

void table_count(struct table *table, uint64_t count)
{
	char text[FORMAT_MAX];

	table_cell(table, "%s", format_count(text, count));
}

static int column_width(const struct table *table, unsigned int column)
{
	size_t width = strlen(table->column[column].title);
	size_t i;

	if (strlen(table->column[column].unit) > width)
		width = strlen(table->column[column].unit);
	for (i = column; i < table->nr_cells; i += table->nr_columns) {
		if (strlen(table->cells[i]) > width)
			width = strlen(table->cells[i]);
	}
	return (int)width;
}

/* One text in its column, after what the line has already; columns are two spaces apart. */
static void put_field(const struct table *table, char *line, unsigned int column, const char *text)
{
	size_t used = strlen(line);
	int width = column_width(table, column);

	if (table->column[column].kind == COLUMN_WORD)
		width = -width;
	snprintf(line + used, LINE_MAX_BYTES - used, "%s%*s", column ? "  " : "", width, text);
}

/* Without the spaces that fill up its last columns. */
static void put_line(FILE *out, unsigned int indent, char *line)
{
	size_t length = strlen(line);

	while (length && line[length - 1] == ' ')
		length--;
	line[length] = '\0';
	fprintf(out, "%*s%s\n", (int)indent, "", line);
	line[0] = '\0';
}

void table_print(const struct table *table, FILE *out, unsigned int indent)
{
	char line[LINE_MAX_BYTES] = "";
	unsigned int column;
	size_t i;

	for (column = 0; column < table->nr_columns; column++)
		put_field(table, line, column, table->column[column].title);
	put_line(out, indent, line);
	for (column = 0; column < table->nr_columns; column++)
		put_field(table, line, column, table->column[column].unit);
	put_line(out, indent, line);
	for (i = 0; i < table->nr_cells; i++) {
		column = (unsigned int)(i % table->nr_columns);
		put_field(table, line, column, table->cells[i]);
		if (column + 1 == table->nr_columns)
			put_line(out, indent, line);
	}
}
