/* SPDX-License-Identifier: MIT */
#include "sections_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct record records[NR_CPUS];
union list lists[NR_CPUS];
_Alignas(32) struct area area;
uint32_t scratch[SCRATCH];

/* What all of these must be. */
struct record model_records[NR_CPUS];
union list model_lists[NR_CPUS];
struct area model_area;
uint32_t model_scratch[SCRATCH];

const uint32_t nr_cpus = NR_CPUS;
uint32_t next_pfn;
bool failed;
bool shared;

bool check(bool good, const char *file, int line, const char *format, ...)
{
	va_list arguments;

	if (good || failed)
		return good;
	failed = true;
	printf("# %s:%d: ", file, line);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	return false;
}

/* ---- A world of lists ---- */

static void set_record(uint32_t cpu, const struct qp_list *biased, const struct qp_list *of_shared)
{
	records[cpu].lp = model_records[cpu].lp = (uintptr_t)biased;
	records[cpu].shared_lp = model_records[cpu].shared_lp = (uintptr_t)of_shared;
}

void show(uint32_t cpu, struct qp_list *list)
{
	set_record(cpu, shared ? &qi_closed_list : list, shared ? list : &qi_closed_list);
}

void hide(uint32_t cpu)
{
	set_record(cpu, &qi_closed_list, &qi_closed_list);
}

struct qp_list *shown(uint32_t cpu)
{
	return (struct qp_list *)(shared ? records[cpu].shared_lp : records[cpu].lp);
}

uint32_t count_of(const struct qp_list *list)
{
	return (uint32_t)(atomic_load(&list->header) & QP_COUNT_MASK);
}

void set_list(struct qp_list *list, uint64_t ops, uint32_t count, uint32_t low, uint32_t high)
{
	atomic_store(&list->header, ops << QP_OPS_SHIFT | count);
	atomic_store(&list->low, low);
	atomic_store(&list->high, high);
	list->capacity = CAPACITY;
	for (uint32_t i = 0; i < WORDS; i++)
		list->slots[i] = i < count ? next_pfn++ : BLANK;
}

void set_world(struct qt_random *r, uint32_t count, uint32_t low, uint32_t high)
{
	for (uint32_t cpu = 0; cpu < NR_CPUS; cpu++) {
		set_list(&lists[cpu].list, qt_random_next(r) >> QP_OPS_SHIFT,
			 qt_random_below(r, CAPACITY + 1), 0, CAPACITY);
		show(cpu, &lists[cpu].list);
	}
	set_list(&lists[0].list, qt_random_next(r) >> QP_OPS_SHIFT, count, low, high);
	area.cpu_id = 0;
	for (uint32_t i = 0; i < SCRATCH; i++)
		scratch[i] = next_pfn++;
	memcpy(model_lists, lists, sizeof(lists));
	memcpy(model_scratch, scratch, sizeof(scratch));
	memcpy(&model_area, &area, sizeof(area));
}

/* The descriptor that was announced is one that the kernel would take. */
static void check_announced(void)
{
	const struct descriptor *d = (const struct descriptor *)(uintptr_t)area.rseq_cs;
	uint32_t signature;

	if (!CHECK(d && (uintptr_t)d % 32 == 0, "rseq_cs is %#" PRIx64, area.rseq_cs))
		return;
	CHECK(d->version == 0 && d->flags == 0, "version %u, flags %u", d->version, d->flags);
	CHECK(d->abort - d->start >= d->length, "its abort address is inside its range");
	memcpy(&signature, (const char *)(uintptr_t)d->abort - 4, 4);
	CHECK(signature == QP_SIGNATURE, "signature %#x", signature);
}

void check_world(void)
{
	check_announced();
	model_area.rseq_cs = area.rseq_cs;
	CHECK(memcmp(&area, &model_area, sizeof(area)) == 0, "the area was written to");
	for (uint32_t cpu = 0; cpu < NR_CPUS; cpu++) {
		const struct qp_list *is = &lists[cpu].list, *wanted = &model_lists[cpu].list;

		CHECK(atomic_load(&is->header) == atomic_load(&wanted->header),
		      "header of CPU %u: %#" PRIx64 ", not %#" PRIx64, cpu,
		      atomic_load(&is->header), atomic_load(&wanted->header));
		for (uint32_t i = 0; i < WORDS; i++)
			CHECK(is->slots[i] == wanted->slots[i],
			      "slot %u of CPU %u: %u, not %u (count %u)", i, cpu, is->slots[i],
			      wanted->slots[i], count_of(wanted));
		CHECK(memcmp(&lists[cpu], &model_lists[cpu], sizeof(lists[cpu])) == 0,
		      "limits of CPU %u", cpu);
		CHECK(records[cpu].lp == model_records[cpu].lp &&
			      records[cpu].shared_lp == model_records[cpu].shared_lp,
		      "record of CPU %u", cpu);
	}
	for (uint32_t i = 0; i < SCRATCH; i++)
		CHECK(scratch[i] == model_scratch[i], "scratch %u: %u, not %u", i, scratch[i],
		      model_scratch[i]);
}

void take_over(void)
{
	uintptr_t self = (uintptr_t)__builtin_thread_pointer();

	qp_rseq_area.offset = (ptrdiff_t)((uintptr_t)&area - self);
	qp_section_assume();
	memset(&area, 0xa5, sizeof(area));
}
