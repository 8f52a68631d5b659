/* SPDX-License-Identifier: MIT */
/*
 * Idle lists: a pass over all CPUs empties the lists that nobody has used since the pass before, and
 * those of CPUs where no thread of this process may run any more, which nobody will. Whether a list
 * was used is told by the pages that ever passed it, which its header counts anyway: requests do
 * nothing for this. What passes have seen are hints: two passes at once, or a use in the middle, make
 * a list go into the zone that its CPU then refills, or stay for another pass.
 */
#include "cache/front.h"

enum {
	MASK_CPUS = 8192, /* the most that systems have */
};

struct cpus {
	_Alignas(uint64_t) unsigned char bits[MASK_CPUS / 8];
};

static void add(struct cpus *cpus, uint32_t cpu)
{
	cpus->bits[cpu / 8] = (unsigned char)(cpus->bits[cpu / 8] | 1u << cpu % 8);
}

static bool has(const struct cpus *cpus, uint32_t cpu)
{
	return (cpus->bits[cpu / 8] >> cpu % 8 & 1) != 0;
}

static uint32_t nr_known(const struct qi_front *front)
{
	uint32_t nr = qi_front_nr_lists(front);

	return nr < MASK_CPUS ? nr : MASK_CPUS;
}

/*
 * CPUs whose lists hold pages and where no thread may run. One list for all CPUs is everybody's, and
 * of CPUs beyond what systems have nothing is known.
 */
static void find_left(const struct qi_front *front, struct cpus *left)
{
	struct cpus holding = { { 0 } };
	bool any = false;

	memset(left, 0, sizeof(*left));
	for (uint32_t cpu = 0; cpu < nr_known(front) && !front->one_list; cpu++)
		if (qi_pcp_count(&front->pcps[cpu]) > 0) {
			add(&holding, cpu);
			any = true;
		}
	if (!any)
		return;
	qp_cpus_allowed(holding.bits, left->bits, sizeof(left->bits));
	for (size_t i = 0; i < sizeof(left->bits); i++)
		left->bits[i] = (unsigned char)(holding.bits[i] & ~left->bits[i]);
}

/* Whether a count is as the last pass saw it; this pass sees it now. */
static bool is_same(_Atomic uint64_t *seen, uint64_t now)
{
	return atomic_exchange_explicit(seen, now, memory_order_relaxed) == now;
}

static uint64_t age_cpu(struct qi_front *front, uint32_t cpu, bool left)
{
	struct qi_pcp *pcp = &front->pcps[cpu];
	bool idle = is_same(&pcp->uses_seen, qi_pcp_uses(pcp));
	uint64_t moved;

	if (qi_pcp_count(pcp) == 0 || (!idle && !left))
		return 0;
	moved = qi_front_drain_cpu(front, cpu, 0);
	(void)is_same(&pcp->uses_seen, qi_pcp_uses(pcp));
	return moved;
}

static uint64_t uses_of_depot(const struct qi_depot *depot)
{
	return qi_depot_in(depot) + qi_depot_out(depot);
}

static uint64_t age_depot(struct qi_front *front)
{
	struct qi_depot *depot = front->depot;
	bool idle = is_same(&depot->uses_seen, uses_of_depot(depot));
	uint64_t moved;

	if (!idle || qi_depot_count(depot) == 0)
		return 0;
	moved = qi_front_drain_depot(front);
	(void)is_same(&depot->uses_seen, uses_of_depot(depot));
	return moved;
}

uint64_t qi_front_age(struct qi_front *front)
{
	struct cpus left;
	uint64_t moved = 0;

	find_left(front, &left);
	for (uint32_t cpu = 0; cpu < qi_front_nr_lists(front); cpu++)
		moved += age_cpu(front, cpu, cpu < MASK_CPUS && has(&left, cpu));
	return moved + age_depot(front);
}
