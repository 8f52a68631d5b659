/* SPDX-License-Identifier: MIT */
#include "machine.h"
#include "kernel.h"

#include <dirent.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__has_include)
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define HAVE_RSEQ_SIZE 1
#endif
#endif

#define HUGE_FOLDER "/sys/kernel/mm/hugepages"

/* First line of a file without its newline; "" if it cannot be read. */
static void read_line(const char *path, char *text, size_t bytes)
{
	FILE *file = fopen(path, "re");

	text[0] = '\0';
	if (!file)
		return;
	if (fgets(text, (int)bytes, file))
		text[strcspn(text, "\n")] = '\0';
	fclose(file);
}

static uint64_t read_number(const char *folder, const char *entry, const char *name)
{
	char path[512], text[MACHINE_TEXT];

	snprintf(path, sizeof(path), "%s/%s/%s", folder, entry, name);
	read_line(path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/* "0-3,8-11" means that CPU numbers go up to 11. */
static unsigned int count_possible(void)
{
	char text[MACHINE_TEXT];
	size_t end;

	read_line("/sys/devices/system/cpu/possible", text, sizeof(text));
	end = strlen(text);
	while (end && text[end - 1] >= '0' && text[end - 1] <= '9')
		end--;
	if (!text[end])
		return (unsigned int)sysconf(_SC_NPROCESSORS_CONF);
	return (unsigned int)strtoul(text + end, NULL, 10) + 1;
}

static void look_for_cpu_name(char *name)
{
	char line[256];
	FILE *file = fopen("/proc/cpuinfo", "re");
	char *colon;

	snprintf(name, MACHINE_TEXT, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(name, MACHINE_TEXT, "%.100s", colon + 1 + strspn(colon + 1, " "));
		break;
	}
	if (file)
		fclose(file);
}

static void look_for_huge_pages(struct machine *machine)
{
	DIR *folder = opendir(HUGE_FOLDER);
	struct dirent *entry;

	while (folder && machine->nr_huge < MACHINE_HUGE_SIZES && (entry = readdir(folder))) {
		unsigned int i = machine->nr_huge;

		if (strncmp(entry->d_name, "hugepages-", 10) != 0)
			continue;
		machine->huge[i].bytes = strtoull(entry->d_name + 10, NULL, 10) * 1024;
		machine->huge[i].nr = read_number(HUGE_FOLDER, entry->d_name, "nr_hugepages");
		machine->huge[i].nr_free = read_number(HUGE_FOLDER, entry->d_name,
						       "free_hugepages");
		machine->nr_huge++;
	}
	if (folder)
		closedir(folder);
	read_line("/sys/kernel/mm/transparent_hugepage/enabled", machine->thp,
		  sizeof(machine->thp));
}

uint64_t machine_available_bytes(void)
{
	unsigned long long kib = 0;
	char line[256];
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	}
	if (file)
		fclose(file);
	return (uint64_t)kib * 1024;
}

static unsigned int count_allowed(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 0;
	return (unsigned int)CPU_COUNT(&set);
}

void machine_look(struct machine *machine)
{
	struct utsname name;

	*machine = (struct machine){ 0 };
	if (uname(&name) == 0) {
		snprintf(machine->kernel, sizeof(machine->kernel), "%.120s", name.release);
		snprintf(machine->arch, sizeof(machine->arch), "%.120s", name.machine);
	}
	snprintf(machine->libc, sizeof(machine->libc), "glibc %.100s", gnu_get_libc_version());
	snprintf(machine->compiler, sizeof(machine->compiler), "%.120s", __VERSION__);
	look_for_cpu_name(machine->cpu);
	machine->cpus_possible = count_possible();
	machine->cpus_online = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	machine->cpus_allowed = count_allowed();
	machine->page_size = (size_t)sysconf(_SC_PAGESIZE);
	machine->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * machine->page_size;
#if defined(__x86_64__) || defined(__aarch64__)
	machine->has_sections = true;
#endif
#ifdef HAVE_RSEQ_SIZE
	machine->rseq_size = __rseq_size;
#endif
	machine->membarrier = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
	if (machine->membarrier < 0)
		machine->membarrier = -errno;
	look_for_huge_pages(machine);
}

static const struct {
	long bit;
	const char *name;
} membarriers[] = {
	{ MEMBARRIER_CMD_GLOBAL, "GLOBAL" },
	{ MEMBARRIER_CMD_GLOBAL_EXPEDITED, "GLOBAL_EXPEDITED" },
	{ MEMBARRIER_CMD_PRIVATE_EXPEDITED, "PRIVATE_EXPEDITED" },
	{ MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, "PRIVATE_EXPEDITED_SYNC_CORE" },
	{ MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, "PRIVATE_EXPEDITED_RSEQ" },
};

const char *machine_membarrier_text(const struct machine *machine, char *text, size_t bytes)
{
	size_t used = 0, i;

	text[0] = '\0';
	if (machine->membarrier < 0) {
		snprintf(text, bytes, "none (%s)", strerror((int)-machine->membarrier));
		return text;
	}
	for (i = 0; i < sizeof(membarriers) / sizeof(membarriers[0]) && used < bytes; i++) {
		if (machine->membarrier & membarriers[i].bit)
			used += (size_t)snprintf(text + used, bytes - used, "%s%s",
						 used ? ", " : "", membarriers[i].name);
	}
	if (!used)
		snprintf(text, bytes, "none");
	return text;
}

bool machine_fences_cpus(const struct machine *machine)
{
	return machine->membarrier > 0 &&
	       (machine->membarrier & MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ);
}

const char *machine_warning(const struct machine *machine)
{
	return kernel_warning(machine->kernel, machine->arch);
}

bool machine_bind_thread(unsigned int nth)
{
	cpu_set_t allowed, one;
	size_t cpu;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || !CPU_COUNT(&allowed))
		return false;
	nth %= (unsigned int)CPU_COUNT(&allowed);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &allowed) && nth-- == 0)
			break;
	}
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}
