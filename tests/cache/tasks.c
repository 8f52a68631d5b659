/* SPDX-License-Identifier: MIT */
#include "tasks.h"
#include "cpu.h"
#include "test.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PATIENCE_MS = 60000,
	NAP_NS = 200000,
};

static bool is_named(int task, const char *name)
{
	char path[64];
	char found[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", task);
	file = fopen(path, "r");
	if (file == NULL) /* it has ended meanwhile */
		return false;
	if (fgets(found, sizeof(found), file) == NULL)
		found[0] = '\0';
	fclose(file);
	found[strcspn(found, "\n")] = '\0';
	return strcmp(found, name) == 0;
}

/* The first that visit says true of, or 0. */
static int visit_tasks(bool (*visit)(int task, const void *context), const void *context)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int found = 0;

	assert_non_null(tasks);
	while (found == 0 && (entry = readdir(tasks)) != NULL) {
		int task = atoi(entry->d_name);

		if (task > 0 && visit(task, context))
			found = task;
	}
	closedir(tasks);
	return found;
}

static bool is_it(int task, const void *context)
{
	return is_named(task, context);
}

int tasks_find(const char *name)
{
	return visit_tasks(is_it, name);
}

static bool nap(long *left_ns)
{
	const struct timespec time = { .tv_nsec = NAP_NS };

	*left_ns -= NAP_NS;
	nanosleep(&time, NULL);
	return *left_ns > 0;
}

int tasks_wait_for(const char *name)
{
	long left_ns = PATIENCE_MS * 1000000L;
	int task;

	while ((task = tasks_find(name)) == 0 && nap(&left_ns))
		;
	return task;
}

uint64_t tasks_status(int task, const char *format)
{
	unsigned long long value = 0;
	char path[64];
	char line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", task);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, format, &value) == 1)
			break;
	fclose(file);
	return value;
}

uint64_t tasks_sleeps(int task)
{
	return tasks_status(task, "voluntary_ctxt_switches: %llu");
}

bool tasks_sleeps_on(int task, unsigned int nr)
{
	long left_ns = PATIENCE_MS * 1000000L;
	uint64_t end = tasks_sleeps(task) + nr;

	while (tasks_sleeps(task) < end)
		if (!nap(&left_ns))
			return false;
	return true;
}

struct binding {
	cpu_set_t set;
	int but;
};

static bool bind_one(int task, const void *context)
{
	const struct binding *binding = context;

	if (task != binding->but)
		(void)sched_setaffinity(task, sizeof(binding->set), &binding->set);
	return false;
}

void tasks_bind(unsigned int i, int but)
{
	struct binding binding = { .but = but };

	CPU_ZERO(&binding.set);
	CPU_SET((size_t)qt_cpu(i), &binding.set);
	visit_tasks(bind_one, &binding);
}

void tasks_unbind(void)
{
	struct binding binding = { .but = 0 };

	CPU_ZERO(&binding.set);
	for (unsigned int i = 0; i < qt_nr_cpus(); i++)
		CPU_SET((size_t)qt_cpu(i), &binding.set);
	visit_tasks(bind_one, &binding);
}
