/* SPDX-License-Identifier: MIT */
/* Limits of all lists, changed at run time. */
#include "alloc/config.h"

static const char call[] = "quire_lists_limit";

static int check_limits(const struct quire *q, uint32_t high, uint32_t batch)
{
	uint32_t base = high != 0 ? high : q->front.made_base;

	if (!qi_alive(q))
		return qi_refuse_dead(q, call);
	if (q->front.high == 0 && (high | batch) != 0)
		return qi_refuse(
			q, call, -QUIRE_EINVAL,
			"high is %u and batch %u, and this instance has no lists; pass 0 for both, or "
			"create it with a cache that has lists, and more pages",
			QI_U(high), QI_U(batch));
	if (high > q->front.high)
		return qi_refuse(
			q, call, -QUIRE_EINVAL,
			"high is %u, and lists have room for %u pages; pass 1 to %u, 0 for what it was "
			"at creation, or create the instance with a larger config.high",
			QI_U(high), QI_U(q->front.high), QI_U(q->front.high));
	if (batch > qi_most_batch(base))
		return qi_refuse(
			q, call, -QUIRE_EINVAL,
			"batch is %u; with a high of %u pass 1 to %u, or 0 for what it was at creation",
			QI_U(batch), QI_U(base), QI_U(qi_most_batch(base)));
	return 0;
}

int quire_lists_limit(struct quire *q, uint32_t high, uint32_t batch)
{
	uint32_t base = high != 0 ? high : q->front.made_base;
	int error = check_limits(q, high, batch);

	if (error != 0 || q->front.high == 0)
		return error;
	if (batch == 0)
		batch = q->front.made_batch;
	if (batch > qi_most_batch(base))
		batch = qi_most_batch(base);
	qp_lock(&q->region_lock);
	qi_front_limit(&q->front, high, batch);
	qp_unlock(&q->region_lock);
	return 0;
}
