/* SPDX-License-Identifier: MIT */
#include "sections_try.h"

#include <inttypes.h>
#include <string.h>

#if !defined(__x86_64__)
/* No other processor has wide sections. */
bool wide_offered(void)
{
	return false;
}

uint32_t wide_pop(uint32_t k, bool of_shared, const void *pcps, const uint32_t *cpus, uint32_t n,
		  uint32_t *pfns)
{
	(void)k, (void)of_shared, (void)pcps, (void)cpus, (void)n, (void)pfns;
	return QP_STRANGER;
}

uint32_t wide_push(uint32_t k, bool of_shared, const void *pcps, const uint32_t *cpus, uint32_t n,
		   const uint32_t *pfns)
{
	(void)k, (void)of_shared, (void)pcps, (void)cpus, (void)n, (void)pfns;
	return QP_STRANGER;
}
#else
bool wide_offered(void)
{
	return qp_vectors() != QP_VECTORS_PLAIN;
}
#endif

/* ---- The model ---- */

/* Why nothing is done; 0: something is. *cpu is whose list it would be. */
static uint32_t model_refuses(uint32_t *cpu)
{
	*cpu = area.cpu_id;
	if (*cpu >= NR_CPUS)
		return QP_NO_CPU;
	return shown(*cpu) == &qi_closed_list ? QP_SHORT : 0;
}

/* Asked where a biased section would do it: whether the list is closed, which is not their business. */
static bool model_begins_again(const struct qp_list *list)
{
	return shared && (atomic_load(&list->header) & QP_CLOSED);
}

static void model_commit(struct qp_list *list, uint64_t ops, uint32_t count)
{
	uint64_t header = atomic_load(&list->header);

	atomic_store(&list->header, ((header >> QP_OPS_SHIFT) + ops) << QP_OPS_SHIFT | count);
}

static uint32_t model_pop(uint32_t low_mask, uint32_t want, uint32_t *pfns)
{
	uint32_t cpu, left = model_refuses(&cpu);
	struct qp_list *list = &model_lists[cpu % NR_CPUS].list;
	uint32_t count = count_of(list);
	uint32_t low = atomic_load(&list->low) & low_mask;

	if (left)
		return left;
	if (count <= low)
		return QP_SHORT;
	if (model_begins_again(list))
		return QP_ABORTED;
	if (want > count - low)
		want = count - low;
	memcpy(pfns, list->slots + count - want, want * sizeof(*pfns));
	model_commit(list, want, count - want);
	return want;
}

static uint32_t model_push(uint32_t n, const uint32_t *pfns)
{
	uint32_t cpu, left = model_refuses(&cpu);
	struct qp_list *list = &model_lists[cpu % NR_CPUS].list;
	uint32_t count = count_of(list);

	if (left)
		return left;
	if (count + n > atomic_load(&list->high))
		return QP_SHORT;
	if (model_begins_again(list))
		return QP_ABORTED;
	memcpy(list->slots + count, pfns, n * sizeof(*pfns));
	model_commit(list, n, count + n);
	return n;
}

/*
 * All n or none, from above the low mark. Behind the n may lie anything, up to the last of the eights;
 * and anywhere in them if nothing was done.
 */
static uint32_t model_pop_wide(uint32_t k, uint32_t n)
{
	uint32_t cpu, left = model_refuses(&cpu);
	const struct qp_list *list = &model_lists[cpu % NR_CPUS].list;
	uint32_t count = count_of(list);
	bool is_short = count < n || count - n < atomic_load(&list->low);

	memcpy(model_scratch, scratch, k * EIGHT * sizeof(*scratch));
	if (left || is_short)
		return left ? left : QP_SHORT;
	return model_pop(UINT32_MAX, n, model_scratch);
}

/* Slots behind the n may hold anything then, up to the last of the eights. */
static uint32_t model_push_wide(uint32_t k, uint32_t n)
{
	uint32_t count = count_of(&model_lists[area.cpu_id % NR_CPUS].list);
	uint32_t result = model_push(n, scratch);

	if (result == n)
		memcpy(model_lists[area.cpu_id].list.slots + count + n,
		       lists[area.cpu_id].list.slots + count + n,
		       (k * EIGHT - n) * sizeof(*scratch));
	return result;
}

/* ---- Each section beside its model ---- */

static void expect(const char *call, uint32_t n, uint32_t result, uint32_t wanted)
{
	CHECK(result == wanted, "%s%s of %u: %#x, not %#x (cpu_id %u)", shared ? "shared " : "",
	      call, n, result, wanted, area.cpu_id);
	check_world();
}

/* It need not say that there is no CPU, but whoever shall begin again must be told so. */
static void expect_one(const char *call, uint32_t result, uint32_t wanted)
{
	expect(call, 1, result, result == QP_SHORT && wanted == QP_NO_CPU ? result : wanted);
}

uint32_t section_pop_one(uint64_t *pfn)
{
	return shared ? qp_pop_one_shared(records, nr_cpus, pfn)
		      : qp_pop_one(records, nr_cpus, pfn);
}

uint32_t section_push_one(uint32_t pfn)
{
	return shared ? qp_push_one_shared(records, nr_cpus, pfn)
		      : qp_push_one(records, nr_cpus, pfn);
}

uint32_t try_pop_one(void)
{
	uint32_t pfn, wanted = model_pop(UINT32_MAX, 1, &pfn);
	uint64_t popped = 0;
	uint32_t result = section_pop_one(&popped);

	CHECK(result != 1 || wanted != 1 || popped == pfn, "pop: %" PRIu64, popped);
	expect_one("pop", result, wanted);
	return wanted;
}

uint32_t try_push_one(void)
{
	uint32_t pfn = next_pfn++, wanted = model_push(1, &pfn);
	uint32_t result = section_push_one(pfn);

	expect_one("push", result, wanted);
	return wanted;
}

uint32_t section_pop(bool to_low, uint32_t want, uint32_t *pfns)
{
	return shared ? qp_pop_shared(records, &nr_cpus, to_low, want, pfns)
		      : qp_pop_batch(records, &nr_cpus, to_low, want, pfns);
}

uint32_t section_push(uint32_t n, const uint32_t *pfns)
{
	return shared ? qp_push_shared(records, &nr_cpus, n, pfns)
		      : qp_push_batch(records, &nr_cpus, n, pfns);
}

uint32_t try_pop_batch(bool to_low, uint32_t want)
{
	uint32_t wanted = model_pop(to_low ? UINT32_MAX : 0, want, model_scratch);
	uint32_t result = section_pop(to_low, want, scratch);

	expect(to_low ? "batch pop above low" : "batch pop", want, result, wanted);
	return wanted;
}

uint32_t try_push_batch(uint32_t n)
{
	uint32_t wanted = model_push(n, scratch);
	uint32_t result = section_push(n, scratch);

	expect("batch push", n, result, wanted);
	return wanted;
}

/* As callers choose it: most of each eights' pages are meant. */
uint32_t eights_of(uint32_t n)
{
	uint32_t k = 1;

	while (k * EIGHT < n)
		k *= 2;
	return k;
}

uint32_t try_pop_wide(uint32_t n)
{
	uint32_t result = wide_pop(eights_of(n), shared, records, &nr_cpus, n, scratch);
	uint32_t wanted = model_pop_wide(eights_of(n), n);

	expect("wide pop", n, result < QP_LEFT ? n : result, wanted);
	return wanted;
}

uint32_t try_push_wide(uint32_t n)
{
	uint32_t result = wide_push(eights_of(n), shared, records, &nr_cpus, n, scratch);
	uint32_t wanted = model_push_wide(eights_of(n), n);

	expect("wide push", n, result < QP_LEFT ? n : result, wanted);
	return wanted;
}
