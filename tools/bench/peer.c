/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../clock.h"
#include "../format.h"
#include "../memory.h"
#include "../parse.h"
#include "../say.h"
#include "peer_find.h"
#include "wire.h"

/* Limits of waiting: for a greeting, beside the work of a run, and for an end. */
enum {
	START_SECONDS = 120,
	NOTE_SECONDS = 5,
	RUN_SECONDS = 60,
	STOP_SECONDS = 5,
	SLOWEST_NS = 10000, /* a page */
	MAX_SECONDS = 1000000,
};

#define NS_PER_SECOND UINT64_C(1000000000)

struct peer {
	uint32_t allocator;
	const char *name;
	pid_t pid;
	int fd; /* its standard input and output */
	char path[PEER_PATH_MAX];
	char library[WIRE_LINE];
	char line[WIRE_LINE]; /* what has come of the line that comes next */
	size_t nr_read;
};

uint32_t peer_allocator(const struct peer *peer)
{
	return peer->allocator;
}

const char *peer_library(const struct peer *peer)
{
	return peer->library;
}

/* How a process ended that is about to: "ended with status 1". */
static const char *how_it_ended(struct peer *peer, char *text, size_t bytes)
{
	int status = 0;

	while (waitpid(peer->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		snprintf(text, bytes, "was ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, bytes, "ended with status %d", WEXITSTATUS(status));
	return text;
}

static _Noreturn void fail_ended(struct peer *peer)
{
	char text[128];

	kill(peer->pid, SIGKILL); /* it may have closed its output only */
	fail("the peer '%s' %s before it answered; what it had to say stands above. Its program "
	     "is %s",
	     peer->name, how_it_ended(peer, text, sizeof(text)), peer->path);
}

static _Noreturn void fail_late(struct peer *peer, uint64_t seconds)
{
	kill(peer->pid, SIGKILL);
	fail("the peer '%s' did not answer within %llu second%s and was ended; give less --work, or "
	     "more seconds by the variable QUIRE_PEER_SECONDS. Its program is %s",
	     peer->name, (unsigned long long)seconds, format_plural(seconds), peer->path);
}

static _Noreturn void fail_nonsense(struct peer *peer)
{
	kill(peer->pid, SIGKILL);
	peer->line[strcspn(peer->line, "\n")] = '\0';
	fail("the peer '%s' said '%.60s', which is not the answer expected; build the command and "
	     "%s anew, they belong together",
	     peer->name, peer->line, peer->path);
}

static void say_line(struct peer *peer, const char *line)
{
	size_t length = strlen(line);

	/* A line is far shorter than the socket's buffer, so it goes whole or not at all. */
	if (send(peer->fd, line, length, MSG_NOSIGNAL) != (ssize_t)length)
		fail_ended(peer);
}

/* Wait until something can be read; false at the deadline. */
static bool readable(const struct peer *peer, uint64_t deadline_ns)
{
	struct pollfd wait = { .fd = peer->fd, .events = POLLIN };
	uint64_t now;

	for (now = now_ns(); now < deadline_ns; now = now_ns()) {
		uint64_t ms = (deadline_ns - now) / 1000000 + 1;

		if (poll(&wait, 1, ms < 60000 ? (int)ms : 60000) > 0)
			return true;
	}
	return false;
}

/* The time that a user allows instead of what is usual. */
static uint64_t allowed_seconds(uint64_t usual)
{
	const char *text = getenv("QUIRE_PEER_SECONDS");

	if (!text || !*text)
		return usual;
	return parse_count("the variable QUIRE_PEER_SECONDS", text, 1, MAX_SECONDS);
}

/* The next line, in peer->line. */
static void hear_line(struct peer *peer, uint64_t usual_seconds)
{
	uint64_t seconds = allowed_seconds(usual_seconds);
	uint64_t deadline_ns = now_ns() + seconds * NS_PER_SECOND;
	ssize_t nr;

	peer->nr_read = 0;
	do {
		if (!readable(peer, deadline_ns))
			fail_late(peer, seconds);
		nr = read(peer->fd, peer->line + peer->nr_read, WIRE_LINE - 1 - peer->nr_read);
		if (nr == 0 || (nr < 0 && errno != EINTR))
			fail_ended(peer);
		peer->nr_read += nr > 0 ? (size_t)nr : 0;
		peer->line[peer->nr_read] = '\0';
	} while (!strchr(peer->line, '\n') && peer->nr_read < WIRE_LINE - 1);
}

/* A pool of many pages takes its time to start: say so, before that looks like a hang. */
static void note_waiting(const struct peer *peer)
{
	uint64_t seconds = allowed_seconds(START_SECONDS);

	if (seconds > NOTE_SECONDS && !readable(peer, now_ns() + NOTE_SECONDS * NS_PER_SECOND))
		say("waiting for the peer '%s' to start, for %llu seconds more; its program is %s",
		    peer->name, (unsigned long long)seconds, peer->path);
}

struct times peer_run(struct peer *peer, const struct cell *cell)
{
	/* In seconds at once: pages times nanoseconds could be more than 64 bits hold. */
	uint64_t work_seconds = cell->work / (NS_PER_SECOND / SLOWEST_NS) * cell->threads;
	char line[WIRE_LINE];
	struct times times;

	wire_put_cell(line, cell);
	say_line(peer, line);
	hear_line(peer, RUN_SECONDS + work_seconds < MAX_SECONDS ? RUN_SECONDS + work_seconds
								 : MAX_SECONDS);
	if (!wire_get_times(peer->line, &times))
		fail_nonsense(peer);
	return times;
}

/* One socket is both the standard input and output of the new process. */
static int spawn(struct peer *peer, int theirs, uint64_t nr_pages)
{
	posix_spawn_file_actions_t actions;
	char pages[32];
	char *arguments[] = { peer->path, pages, (char *)(uintptr_t)say_command_name(), NULL };
	int error;

	snprintf(pages, sizeof(pages), "%llu", (unsigned long long)nr_pages);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, theirs, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, theirs, STDOUT_FILENO);
	error = posix_spawn(&peer->pid, peer->path, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static void start(struct peer *peer, uint64_t nr_pages)
{
	int ends[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		fail("no socket for the peer '%s' (%s)", peer->name, strerror(errno));
	error = spawn(peer, ends[1], nr_pages);
	close(ends[1]);
	peer->fd = ends[0];
	if (error)
		fail("the peer '%s' cannot be started: %s (%s)", peer->name, peer->path,
		     strerror(error));
	note_waiting(peer);
	hear_line(peer, START_SECONDS);
	if (!wire_get_greeting(peer->line, peer->name, peer->library))
		fail_nonsense(peer);
}

/* Its input ends, so it ends; if it does not, it is ended. */
static void stop(struct peer *peer)
{
	uint64_t deadline_ns = now_ns() + STOP_SECONDS * NS_PER_SECOND;

	shutdown(peer->fd, SHUT_WR);
	if (!readable(peer, deadline_ns))
		kill(peer->pid, SIGKILL);
	while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(peer->fd);
	free(peer);
}

bool peers_with_quire(const struct bench_options *options)
{
	unsigned int i;

	for (i = 0; i < options->allocator.nr; i++) {
		if (options->allocator.value[i] == ALLOCATOR_QUIRE)
			return true;
	}
	return false;
}

void peers_start(struct peers *peers, const struct bench_options *options, uint64_t nr_pages)
{
	unsigned int i;

	*peers = (struct peers){ 0 };
	for (i = 0; i < options->allocator.nr; i++) {
		uint32_t allocator = options->allocator.value[i];
		struct peer *peer;

		if (allocator == ALLOCATOR_QUIRE)
			continue;
		peer = need_zeroed(1, sizeof(*peer));
		peer->allocator = allocator;
		peer->name = bench_allocator_name(allocator);
		if (!peer_find(allocator, options->allocator_all, peer->path)) {
			free(peer);
			continue;
		}
		progress("starting %s", peer->name);
		start(peer, nr_pages);
		peers->peer[peers->nr++] = peer;
	}
}

void peers_stop(struct peers *peers)
{
	while (peers->nr)
		stop(peers->peer[--peers->nr]);
}
