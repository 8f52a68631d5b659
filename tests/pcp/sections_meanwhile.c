/* SPDX-License-Identifier: MIT */
#include "sections_meanwhile.h"

#include "sections_try.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	HEAD = sizeof(struct qp_list), /* bytes in front of the slots */
	COUNT = 40,
	OPS = 1000,
	AFTER = QP_PUSHED_ONE - 1, /* adds 1 to ops */
};

/* Two pages of memory, and a list whose slots begin with the second. */
static char *map;
static size_t page;
static struct qp_list *list;

/* What is done at the fault; how often there was one. */
static void (*meanwhile)(void);
static unsigned int nr_faults;

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;

	(void)context;
	if (at < (uintptr_t)map || at >= (uintptr_t)map + 2 * page || nr_faults++ > 0) {
		signal(signal_number, SIG_DFL); /* a crash like any other */
		return;
	}
	(void)mprotect(map, 2 * page, PROT_READ | PROT_WRITE);
	meanwhile();
}

static bool set_trap(struct sigaction *before)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	page = (size_t)sysconf(_SC_PAGESIZE);
	map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!CHECK(map != MAP_FAILED && sigaction(SIGSEGV, &action, before) == 0, "no memory"))
		return false;
	list = (struct qp_list *)(void *)(map + page - HEAD);
	return true;
}

static void remove_trap(const struct sigaction *before)
{
	(void)sigaction(SIGSEGV, before, NULL);
	(void)munmap(map, 2 * page);
}

/* ---- The sections, by number ---- */

enum section {
	POP_ONE,
	PUSH_ONE,
	POP,
	PUSH,
	POP_WIDE,
	PUSH_WIDE,
	NR_SECTIONS,
};

static const char *const names[] = {
	"single pop", "single push", "pop", "push", "wide pop", "wide push",
};

/* Pages that the section is tried with. */
static uint32_t most(uint32_t section)
{
	if (section == POP_ONE || section == PUSH_ONE)
		return 1;
	return section < POP_WIDE || wide_offered() ? COUNT : 0;
}

static bool pushes(uint32_t section)
{
	return section == PUSH_ONE || section == PUSH || section == PUSH_WIDE;
}

/* How many pages; or why not. pfns are as many as the widest registers have. */
static uint32_t call(uint32_t section, uint32_t n, uint32_t *pfns)
{
	uint64_t popped;
	uint32_t result;

	if (section == POP_ONE)
		return section_pop_one(&popped);
	if (section == PUSH_ONE)
		return section_push_one(*pfns);
	if (section == POP)
		return section_pop(true, n, pfns);
	if (section == PUSH)
		return section_push(n, pfns);
	result = section == POP_WIDE ? wide_pop(eights_of(n), shared, records, &nr_cpus, n, pfns)
				     : wide_push(eights_of(n), shared, records, &nr_cpus, n, pfns);
	return result < QP_LEFT ? n : result;
}

/* ---- Between header and commit ---- */

static uint64_t header_meanwhile;

static void change_header(void)
{
	atomic_store(&list->header, header_meanwhile);
}

static const struct change {
	const char *what;
	uint64_t and_not, add;
} changes[] = {
	{ "closed", 0, QP_CLOSED },
	{ "closed and emptied", QP_COUNT_MASK, QP_CLOSED },
	{ "drained, and live again", QP_COUNT_MASK, AFTER },
	{ "as many pages, at another time", 0, AFTER },
	{ "a page less", 0, QP_POPPED_ONE },
	{ "a page more", 0, QP_PUSHED_ONE },
	{ "the same", 0, 0 },
};

static void set_trapped_list(void)
{
	set_list(list, OPS, COUNT, 0, CAPACITY);
	show(0, list);
	nr_faults = 0;
}

/* Slots that the section had no business with. */
static void check_slots(const char *name, uint32_t section, uint32_t n, const uint32_t *slots)
{
	uint32_t touched = section == PUSH_WIDE ? eights_of(n) * EIGHT : pushes(section) ? n : 0;

	CHECK(memcmp(list->slots, slots, COUNT * sizeof(*slots)) == 0, "%s of %u: slots", name, n);
	CHECK(memcmp(list->slots + COUNT + touched, slots + COUNT + touched,
		     (WORDS - COUNT - touched) * sizeof(*slots)) == 0,
	      "%s of %u: slots behind", name, n);
}

/*
 * A shared section commits only if the header is what it was. A biased one does not ask, and undoes
 * whatever happened: its list is no one else's before a fence.
 */
static void try_change(uint32_t section, uint32_t n, const struct change *change)
{
	uint64_t before, one = pushes(section) ? QP_PUSHED_ONE : QP_POPPED_ONE, wanted;
	bool again = shared && (change->and_not || change->add);
	uint32_t slots[WORDS], result;

	set_trapped_list();
	memcpy(slots, list->slots, sizeof(slots));
	before = atomic_load(&list->header);
	header_meanwhile = (before & ~change->and_not) + change->add;
	meanwhile = change_header;
	wanted = again ? header_meanwhile : before + n * one;
	if (!CHECK(mprotect(map + page, page, PROT_NONE) == 0, "no protection"))
		return;
	result = call(section, n, scratch);
	CHECK(nr_faults == 1, "%s of %u: %u faults", names[section], n, nr_faults);
	CHECK(result == (again ? QP_ABORTED : n), "%s of %u, %s: %#x", names[section], n,
	      change->what, result);
	CHECK(atomic_load(&list->header) == wanted,
	      "%s of %u, %s: header %#" PRIx64 ", not %#" PRIx64, names[section], n, change->what,
	      atomic_load(&list->header), wanted);
	CHECK(atomic_load(&list->high) == CAPACITY && atomic_load(&list->low) == 0, "limits");
	check_slots(names[section], section, n, slots);
}

void test_header_meanwhile(struct qt_random *r)
{
	struct sigaction before;

	set_world(r, 0, 0, CAPACITY);
	if (!set_trap(&before))
		return;
	for (uint32_t section = 0; section < NR_SECTIONS; section++) {
		for (uint32_t n = 1; n <= most(section); n++) {
			for (uint32_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
				try_change(section, n, &changes[i]);
		}
	}
	remove_trap(&before);
}

/* ---- Between lp and header ---- */

static bool emptied;

/* As a drain does it; the drained list may have been emptied since, or not yet. */
static void drain(void)
{
	show(0, &lists[0].list);
	atomic_fetch_or(&list->header, QP_CLOSED);
	if (emptied)
		atomic_fetch_and(&list->header, ~QP_COUNT_MASK);
}

/*
 * The section has the old list, and leaves it alone, whatever is in it; what it finds when it begins
 * again is the new one.
 */
static void try_drain(struct qt_random *r, uint32_t section, uint32_t n)
{
	uint32_t slots[WORDS], result;
	uint32_t wanted = emptied && !pushes(section) ? QP_SHORT : QP_ABORTED;
	uint64_t header;

	set_world(r, COUNT, 0, CAPACITY);
	set_trapped_list();
	memcpy(slots, list->slots, sizeof(slots));
	header = (atomic_load(&list->header) & ~(emptied ? QP_COUNT_MASK : 0)) | QP_CLOSED;
	meanwhile = drain;
	if (!CHECK(mprotect(map, 2 * page, PROT_NONE) == 0, "no protection"))
		return;
	result = call(section, n, scratch);
	CHECK(nr_faults == 1, "%s of %u: %u faults", names[section], n, nr_faults);
	CHECK(result == wanted, "%s of %u: %#x, not %#x", names[section], n, result, wanted);
	CHECK(atomic_load(&list->header) == header &&
		      memcmp(list->slots, slots, sizeof(slots)) == 0,
	      "%s of %u: the old list was written to", names[section], n);
	CHECK(memcmp(&lists[0], &model_lists[0], sizeof(lists[0])) == 0,
	      "%s of %u: the new list was written to", names[section], n);
	CHECK(call(section, n, scratch) == n, "%s of %u: not again", names[section], n);
	CHECK(count_of(&lists[0].list) == (pushes(section) ? COUNT + n : COUNT - n) &&
		      atomic_load(&list->header) == header,
	      "%s of %u: begun again in another list", names[section], n);
}

void test_drain_meanwhile(struct qt_random *r)
{
	struct sigaction before;

	if (!set_trap(&before))
		return;
	for (uint32_t section = 0; section < NR_SECTIONS; section++) {
		for (uint32_t n = 1; n <= most(section); n++) {
			emptied = false;
			try_drain(r, section, n);
			emptied = true;
			try_drain(r, section, n);
		}
	}
	remove_trap(&before);
}
