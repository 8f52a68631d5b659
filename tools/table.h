/* SPDX-License-Identifier: MIT */
/*
 * A table that is filled cell by cell and printed aligned, with a line of units under its titles.
 */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 24 };

/* Words stand left, numbers right. */
enum column_kind { COLUMN_WORD, COLUMN_NUMBER };

/* A column; unit may be "". */
struct column {
	const char *title;
	const char *unit;
	enum column_kind kind;
};

struct table {
	struct column column[TABLE_COLUMNS_MAX];
	unsigned int nr_columns;
	char **cells; /* nr_cells texts, row after row */
	size_t nr_cells;
};

/* table_free() ends what table_init() began. */
void table_init(struct table *table);
void table_free(struct table *table);

/* Columns come before cells. */
void table_column(struct table *table, const char *title, const char *unit, enum column_kind kind);

/* The next cell of the row, or of the next row if that is full. */
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *format, ...);
void table_count(struct table *table, uint64_t count);

/* All of it, each line begun with indent spaces. */
void table_print(const struct table *table, FILE *out, unsigned int indent);

#endif /* TOOL_TABLE_H */
