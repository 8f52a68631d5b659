/* SPDX-License-Identifier: MIT */
#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROGRESS_MAX = 128 };

static const char *command_name = "quire";
static bool progress_shown;

void say_command(const char *command)
{
	command_name = command;
}

const char *say_command_name(void)
{
	return command_name;
}

static void say_list(const char *format, va_list list)
{
	progress_end();
	fflush(stdout);
	fprintf(stderr, "%s: ", command_name);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
}

void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_list(format, list);
	va_end(list);
}

void fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_list(format, list);
	va_end(list);
	exit(EXIT_FAILED);
}

void fail_usage(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say_list(format, list);
	va_end(list);
	fprintf(stderr, "Try '%s --help'.\n", command_name);
	exit(EXIT_USAGE);
}

/* A terminal, and not one that is dumb or of no known kind. */
static bool takes_escapes(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

void progress(const char *format, ...)
{
	static char shown[PROGRESS_MAX];
	char text[PROGRESS_MAX];
	va_list list;

	if (!takes_escapes(STDERR_FILENO))
		return;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (progress_shown && strcmp(text, shown) == 0)
		return;
	strcpy(shown, text);
	fprintf(stderr, "\r\033[K%s", text);
	fflush(stderr);
	progress_shown = true;
}

void progress_end(void)
{
	if (!progress_shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress_shown = false;
}

bool say_in_colour(void)
{
	const char *no_color = getenv("NO_COLOR");

	if (no_color && *no_color)
		return false;
	return takes_escapes(STDOUT_FILENO);
}

bool say_result_written(void)
{
	int error;

	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	error = errno;
	say("the result could not be written to standard output (%s)",
	    error ? strerror(error) : "write error");
	return false;
}
