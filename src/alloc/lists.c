/* SPDX-License-Identifier: MIT */
/* Calls about CPUs' lists and the threads that use them. */
#include "alloc/instance.h"

int qi_refuse_cpu(const struct quire *q, const char *call, int cpu)
{
	return qi_refuse(
		q, call, -QUIRE_ENOENT,
		"CPU %s%u has no list; pass 0 to %u, or QUIRE_ALL_CPUS where all can be meant",
		cpu < 0 ? "-" : "", cpu < 0 ? -(uint64_t)cpu : (uint64_t)cpu,
		QI_U(q->front.nr_cpus - 1));
}

/* The CPUs that a call means: [first, end). None if error, which has been reported. */
struct cpus {
	uint32_t first;
	uint32_t end;
	int error;
};

static struct cpus cpus_of(const struct quire *q, const char *call, int cpu)
{
	struct cpus cpus = { 0, 0, 0 };

	if (!qi_alive(q))
		cpus.error = qi_refuse_dead(q, call);
	else if (cpu != QUIRE_ALL_CPUS && (cpu < 0 || (uint32_t)cpu >= q->front.nr_cpus))
		cpus.error = qi_refuse_cpu(q, call, cpu);
	if (cpus.error != 0)
		return cpus;
	cpus.first = cpu == QUIRE_ALL_CPUS ? 0 : (uint32_t)cpu;
	cpus.end = cpu == QUIRE_ALL_CPUS ? q->front.nr_cpus : cpus.first + 1;
	return cpus;
}

static size_t drain_one(struct quire *q, uint32_t cpu, size_t keep)
{
	if (keep >= q->front.high)
		return 0;
	return (size_t)qi_front_drain_cpu(&q->front, cpu, (uint32_t)keep);
}

size_t quire_drain(struct quire *q, int cpu, size_t keep)
{
	struct cpus cpus = cpus_of(q, "quire_drain", cpu);
	size_t moved = 0;

	for (uint32_t i = cpus.first; i < cpus.end; i++)
		moved += drain_one(q, i, keep);
	if (cpus.error == 0 && cpu == QUIRE_ALL_CPUS && keep == 0)
		moved += (size_t)qi_front_drain_depot(&q->front);
	return moved;
}

static int refuse_fence(const struct quire *q, const char *call, uint32_t cpu)
{
	return qi_refuse(
		q, call, -QUIRE_EOPNOTSUPP,
		"the system refuses to interrupt CPU %u, which is needed once; allow membarrier(), or "
		"that this thread moves to that CPU",
		QI_U(cpu));
}

int quire_cpu_isolate(struct quire *q, int cpu, int isolate)
{
	struct cpus cpus = cpus_of(q, "quire_cpu_isolate", cpu);
	uint32_t i = cpus.first;

	if (cpus.error != 0)
		return cpus.error;
	qp_lock(&q->region_lock);
	while (i < cpus.end && qi_front_isolate(&q->front, i, isolate != 0))
		i++;
	for (uint32_t done = cpus.first; done < i; done++)
		qi_front_isolate_end(&q->front, done, i == cpus.end);
	qp_unlock(&q->region_lock);
	return i == cpus.end ? 0 : refuse_fence(q, "quire_cpu_isolate", i);
}

/* Undone under the same lock: an enable in between would take the one that is not to be. */
int quire_lists_disable(struct quire *q, int cpu)
{
	struct cpus cpus = cpus_of(q, "quire_lists_disable", cpu);
	uint32_t i = cpus.first;

	if (cpus.error != 0)
		return cpus.error;
	qp_lock(&q->region_lock);
	while (i < cpus.end && qi_front_divert(&q->front, i))
		i++;
	for (uint32_t done = cpus.first; i < cpus.end && done < i; done++)
		(void)qi_front_undivert(&q->front, done);
	qp_unlock(&q->region_lock);
	return i == cpus.end ? 0 : refuse_fence(q, "quire_lists_disable", i);
}

/* All of them or none: looked at first, while nobody else enables any. */
int quire_lists_enable(struct quire *q, int cpu)
{
	struct cpus cpus = cpus_of(q, "quire_lists_enable", cpu);
	uint32_t i = cpus.first;

	if (cpus.error != 0)
		return cpus.error;
	qp_lock(&q->region_lock);
	while (i < cpus.end && qi_front_diverted(&q->front, i))
		i++;
	for (uint32_t j = cpus.first; i == cpus.end && j < i; j++)
		(void)qi_front_undivert(&q->front, j);
	qp_unlock(&q->region_lock);
	if (i == cpus.end)
		return 0;
	return qi_refuse(
		q, "quire_lists_enable", -QUIRE_EINVAL,
		"the lists of CPU %u are not disabled; call it once for each quire_lists_disable()",
		QI_U(i));
}

void quire_handler_enter(void)
{
	qp_handler_enter();
}

void quire_handler_exit(void)
{
	qp_handler_exit();
}
