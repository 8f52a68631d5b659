/* SPDX-License-Identifier: MIT */
/*
 * What the command says beside its result: diagnostics and progress, both on standard error, so
 * that standard output carries the result alone.
 */
#ifndef TOOL_SAY_H
#define TOOL_SAY_H

#include <stdbool.h>

/* Exit statuses of the command. */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* the machine, the library or a check said no */
	EXIT_USAGE = 2, /* the command line was wrong */
};

/* The command as far as it is known ("quire bench frag"): begins every diagnostic. */
void say_command(const char *command);
const char *say_command_name(void);

/* One diagnostic line. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* The same, then the end of the process with EXIT_FAILED or EXIT_USAGE. */
__attribute__((format(printf, 1, 2))) _Noreturn void fail(const char *format, ...);
__attribute__((format(printf, 1, 2))) _Noreturn void fail_usage(const char *format, ...);

/*
 * A line that overwrites itself, when standard error is a terminal that can do it; progress_end()
 * removes it.
 */
__attribute__((format(printf, 1, 2))) void progress(const char *format, ...);
void progress_end(void);

/* Whether standard output takes colour: a terminal, not a dumb one, and NO_COLOR is not set. */
bool say_in_colour(void);

/*
 * Flush standard output. False, with a diagnostic, if any of what was written to it got lost (a
 * full disk, a closed pipe).
 */
bool say_result_written(void);

#endif /* TOOL_SAY_H */
