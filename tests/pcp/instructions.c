/* SPDX-License-Identifier: MIT */
/*
 * How many instructions each call executes when its CPU's list has what it needs, counted one by
 * one in a traced child and compared with a file that is part of the source. Linked statically, as a
 * program does that wants its calls direct. Functions of the C library are not counted: they differ
 * from machine to machine.
 *
 *	test-pcp-instructions FILE		compare
 *	QUIRE_UPDATE=1 test-pcp-instructions FILE	write FILE anew
 */
#include "calls.h"
#include "stepper.h"

#include "port/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct counts *counts; /* shared with the child */

/* ---- Counting ------------------------------------------------------------------------------- */

/* The program's own code, by the linker's account. */
extern const char __executable_start[], etext[];

static bool own_code(uintptr_t at)
{
	return at >= (uintptr_t)__executable_start && at < (uintptr_t)etext;
}

static bool step_to_entry(pid_t pid, uintptr_t entry)
{
	enum { MOST = 1000 };

	for (int i = 0; i < MOST; i++) {
		if (stepper_at(pid) == entry)
			return true;
		if (stepper_step(pid) != 0)
			return false;
	}
	return false;
}

/* From the first instruction of the call to its return; 0: something went wrong. */
static uint32_t count_call(pid_t pid, uintptr_t entry)
{
	uintptr_t stack, back;
	uint32_t n = 0;

	if (!step_to_entry(pid, entry))
		return 0;
	stack = stepper_stack(pid);
	back = stepper_peek(pid, stack);
	while (stepper_at(pid) != back || stepper_stack(pid) <= stack) {
		n += own_code(stepper_at(pid));
		if (stepper_step(pid) != 0)
			return 0;
	}
	return n;
}

/* Each call twice: what differs between two times is no count. */
static const char *count_all(void)
{
	pid_t pid = stepper_begin(calls_run, counts);

	if (pid < 0)
		return NULL;
	do {
		uint32_t *count = &counts->of[counts->call][counts->column];
		uint32_t n = count_call(pid, counts->entry);

		if (n == 0 || (*count != 0 && *count != n)) {
			printf("# %s [%s]: %u instructions, then %u\n", calls[counts->call].name,
			       calls_column(counts->column), *count, n);
			stepper_end(pid);
			return "a call was not counted, or not the same twice";
		}
		*count = n;
	} while (stepper_run(pid) == 0);
	return counts->wrong[0] != '\0' ? counts->wrong : NULL;
}

/* ---- The file ------------------------------------------------------------------------------- */

/* By what decides which code runs. */
static const char *processor(void)
{
	switch (qp_vectors()) {
	case QP_VECTORS_AVX512:
		return "x86-64 with avx512";
	case QP_VECTORS_AVX2:
		return "x86-64 with avx2";
	default:
		return "x86-64";
	}
}

struct fact {
	const char *name;
	const char *value;
};

enum {
	NR_FACTS = 3,
	LINE = 256,
};

static void facts_of(struct fact facts[NR_FACTS])
{
	facts[0] = (struct fact){ "compiler", QT_COMPILER };
	facts[1] = (struct fact){ "flags", QT_FLAGS };
	facts[2] = (struct fact){ "processor", processor() };
}

static int write_file(const char *path)
{
	struct fact facts[NR_FACTS];
	FILE *file = fopen(path, "w");

	if (file == NULL) {
		perror(path);
		return 1;
	}
	facts_of(facts);
	fputs("# Instructions that each call executes on its fast path, by cache and check.\n"
	      "# Statically linked; functions of the C library are not counted. Written anew by:\n"
	      "#	scripts/golden.sh BUILD\n",
	      file);
	for (size_t i = 0; i < NR_FACTS; i++)
		fprintf(file, "%s: %s\n", facts[i].name, facts[i].value);
	fprintf(file, "# %-30s", "");
	for (size_t column = 0; column < CALLS_COLUMNS; column++)
		fprintf(file, " %11s", calls_column(column));
	for (size_t i = 0; i < CALLS; i++) {
		fprintf(file, "\n%-32s", calls[i].name);
		for (size_t column = 0; column < CALLS_COLUMNS; column++)
			fprintf(file, " %11u", counts->of[i][column]);
	}
	fputc('\n', file);
	return fclose(file) == 0 ? 0 : 1;
}

/* Whether a line of the file states another fact than this build's. */
static bool other_fact(const char *line, const char *path)
{
	struct fact facts[NR_FACTS];

	facts_of(facts);
	for (size_t i = 0; i < NR_FACTS; i++) {
		size_t length = strlen(facts[i].name);

		if (strncmp(line, facts[i].name, length) != 0 || line[length] != ':' ||
		    strcmp(line + length + 2, facts[i].value) == 0)
			continue;
		printf("1..0 # SKIP %s was written for the %s \"%s\", and this is \"%s\"\n", path,
		       facts[i].name, line + length + 2, facts[i].value);
		return true;
	}
	return false;
}

static struct counts golden;

static void read_line(const char *line)
{
	size_t length = strcspn(line, " ");

	for (size_t i = 0; i < CALLS; i++) {
		char *at = (char *)line + length;

		if (strlen(calls[i].name) != length || strncmp(line, calls[i].name, length) != 0)
			continue;
		for (size_t column = 0; column < CALLS_COLUMNS; column++)
			golden.of[i][column] = (uint32_t)strtoul(at, &at, 10);
	}
}

/* Whether the file is for this build, and read. */
static bool read_file(const char *path)
{
	char line[LINE];
	FILE *file = fopen(path, "r");
	bool same = true;

	if (file == NULL) {
		printf("Bail out! %s cannot be read; scripts/golden.sh BUILD writes it\n", path);
		exit(1);
	}
	while (same && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		same = !other_fact(line, path);
		if (same && line[0] != '#')
			read_line(line);
	}
	fclose(file);
	return same;
}

/* How many calls of a column differ. */
static int compare(size_t column)
{
	int differ = 0;

	for (size_t i = 0; i < CALLS; i++) {
		uint32_t was = golden.of[i][column], is = counts->of[i][column];

		if (was == is)
			continue;
		differ++;
		printf("# %s [%s]: %u instructions, and the file says %u\n", calls[i].name,
		       calls_column(column), is, was);
	}
	printf("%sok %zu - instructions [%s]\n", differ ? "not " : "", column + 1,
	       calls_column(column));
	return differ;
}

static int compare_all(const char *path)
{
	int differ = 0;

	printf("1..%d\n", CALLS_COLUMNS);
	for (size_t column = 0; column < CALLS_COLUMNS; column++)
		differ += compare(column);
	if (differ > 0)
		printf("# If that is meant, `scripts/golden.sh BUILD` writes %s anew; commit it "
		       "with the change.\n",
		       path);
	return differ > 0;
}

int main(int argc, char **argv)
{
	bool update = getenv("QUIRE_UPDATE") != NULL;
	const char *why;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 2;
	}
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (counts == MAP_FAILED)
		return 1;
	if (!update && !read_file(argv[1]))
		return 0;
	if (!qp_sections_offered(&why) || !stepper_unwatch()) {
		printf("1..0 # SKIP a thread cannot give its rseq registration up here\n");
		return 0;
	}
	why = count_all();
	if (why != NULL) {
		printf("Bail out! %s\n", why);
		return 1;
	}
	if (counts->of[0][0] == 0) {
		printf("1..0 # SKIP the system refuses ptrace\n");
		return 0;
	}
	return update ? write_file(argv[1]) : compare_all(argv[1]);
}
