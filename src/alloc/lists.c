/* SPDX-License-Identifier: MIT */
/* Calls about CPUs' lists and the threads that use them. */
#include "alloc/instance.h"

int qi_refuse_cpu(const struct quire *q, const char *call, int cpu)
{
	return qi_refuse(q, call, -QUIRE_ENOENT, "CPU %s%u has no list; pass 0 to %u%s",
			 cpu < 0 ? "-" : "", cpu < 0 ? -(uint64_t)cpu : (uint64_t)cpu,
			 QI_U(q->front.nr_cpus - 1), " (drain: or QUIRE_ALL_CPUS)");
}

static size_t drain_one(struct quire *q, uint32_t cpu, size_t keep)
{
	if (keep >= q->front.high)
		return 0;
	return (size_t)qi_front_drain_cpu(&q->front, cpu, (uint32_t)keep);
}

size_t quire_drain(struct quire *q, int cpu, size_t keep)
{
	size_t moved = 0;

	if (!qi_alive(q)) {
		(void)qi_refuse_dead(q, "quire_drain");
		return 0;
	}
	if (cpu != QUIRE_ALL_CPUS && (cpu < 0 || (uint32_t)cpu >= q->front.nr_cpus)) {
		(void)qi_refuse_cpu(q, "quire_drain", cpu);
		return 0;
	}
	if (cpu != QUIRE_ALL_CPUS)
		return drain_one(q, (uint32_t)cpu, keep);
	for (uint32_t i = 0; i < q->front.nr_cpus; i++)
		moved += drain_one(q, i, keep);
	if (keep == 0)
		moved += (size_t)qi_front_drain_depot(&q->front);
	return moved;
}

int quire_cpu_isolate(struct quire *q, int cpu, int isolate)
{
	(void)cpu;
	return qi_refuse(
		q, "quire_cpu_isolate", -QUIRE_EOPNOTSUPP,
		"%s CPUs is not in this version; drains interrupt a CPU for some microseconds (pcp) or wait for a list (locked)",
		isolate != 0 ? "isolating" : "restoring");
}

void quire_handler_enter(void)
{
	qp_handler_enter();
}

void quire_handler_exit(void)
{
	qp_handler_exit();
}
