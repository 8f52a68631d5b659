/* SPDX-License-Identifier: MIT */
/*
 * The program of a peer, started by `quire bench`: makes the peer's instance, then runs a cell for
 * every line that it is sent (bench/wire.h), and sleeps between lines.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../bench/run.h"
#include "../bench/team.h"
#include "../bench/wire.h"
#include "../clock.h"
#include "../say.h"
#include "peer.h"

/* Random pages that are out while cells run, which a cell can ask for. */
static struct seat held;
static uint64_t nr_held;

static void end_held(void)
{
	if (loops_give(&held, (size_t)nr_held) != nr_held)
		fail("pages that were held could not be given back");
	seat_end(&held);
	nr_held = 0;
}

/* Take all, mix them, and give back all but nr: so what is free lies scattered. */
static void begin_held(const struct cell *cell)
{
	uint64_t nr_managed = seat_nr_managed(cell), got;
	struct cell plain = *cell;

	plain.calls = CALLS_SINGLE;
	held = seat_make(&plain, UINT32_MAX);
	seat_begin(&held, (size_t)nr_managed);
	got = loops_take(&held, (size_t)nr_managed);
	loops_shuffle(&held, (size_t)got);
	nr_held = cell->nr_held < got ? cell->nr_held : got;
	for (; got > nr_held; got--) {
		struct seat last = held;

		last.slots.pages = held.slots.pages + got - 1;
		loops_give(&last, 1);
	}
	if (nr_held < cell->nr_held)
		fail("only %llu of %llu pages could be held", (unsigned long long)nr_held,
		     (unsigned long long)cell->nr_held);
}

/* In a thread that ends, so that no cache of a thread of ours keeps any of them. */
static void hold(struct team *team, unsigned int thread, void *context)
{
	const struct cell *cell = context;

	(void)team;
	(void)thread;
	loops_thread_begin();
	if (nr_held)
		end_held();
	if (cell->nr_held)
		begin_held(cell);
	loops_thread_end();
}

/*
 * The command's end of the line. Libraries may print; that goes to standard error, where it
 * disturbs no answer.
 */
static FILE *take_output(void)
{
	int fd = dup(STDOUT_FILENO);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		fail("no answers can be given: standard output is closed");
	return out;
}

static void answer(FILE *out, const char *line)
{
	/* Nobody to hear it: the command has ended. */
	if (fputs(line, out) < 0 || fflush(out) != 0)
		exit(EXIT_FAILED);
}

static void serve(FILE *out)
{
	double cost = ticks_cost();
	char line[WIRE_LINE];
	struct times times;
	struct cell cell;

	while (fgets(line, sizeof(line), stdin)) {
		if (!wire_get_cell(line, &cell))
			fail("'%s' is not a request; the command and %s belong together, build "
			     "them anew",
			     line, peer_name);
		if (nr_held != cell.nr_held)
			team_run(1, hold, &cell);
		cell.page_pool = held.slots.pages;
		cell.nr_pool = (size_t)nr_held;
		times = cell_run(&cell, cost);
		wire_put_times(line, &times);
		answer(out, line);
	}
	/* What is held goes with the instance. */
	if (nr_held)
		seat_end(&held);
}

int main(int argc, char **argv)
{
	static char name[128];
	char line[WIRE_LINE];
	uint64_t nr_pages;
	char *end;
	FILE *out;

	snprintf(name, sizeof(name), "%.64s: %s", argc > 2 ? argv[2] : argv[0], peer_name);
	say_command(name);
	nr_pages = argc > 1 ? strtoull(argv[1], &end, 10) : 0;
	if (!nr_pages || *end) {
		fprintf(stderr, "This program is started by 'quire bench NAME --allocator %s'.\n",
			peer_name);
		return EXIT_USAGE;
	}
	/* The end of the input says the same, but not to a peer that is stopped. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	out = take_output();
	peer_begin(nr_pages);
	wire_put_greeting(line, peer_name, peer_library_text());
	answer(out, line);
	serve(out);
	peer_end();
	return EXIT_DONE;
}
