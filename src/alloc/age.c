/* SPDX-License-Identifier: MIT */
/* Idle lists: passes over them, by whoever calls, or by a thread of the library's own. */
#include "alloc/instance.h"

enum {
	MOST_IDLE_MS = 3600000,
};

size_t quire_age(struct quire *q)
{
	if (qi_alive(q))
		return (size_t)qi_front_age(&q->front);
	(void)qi_refuse_dead(q, "quire_age");
	return 0;
}

static void pass(void *context)
{
	struct quire *q = context;

	(void)qi_front_age(&q->front);
}

static int check_start(const struct quire *q, uint32_t idle_ms)
{
	static const char call[] = "quire_age_start";

	if (!qi_alive(q))
		return qi_refuse_dead(q, call);
	if (idle_ms < 1 || idle_ms > MOST_IDLE_MS)
		return qi_refuse(q, call, -QUIRE_EINVAL, "idle_ms is %u; pass 1 to %u",
				 QI_U(idle_ms), QI_U(MOST_IDLE_MS));
	if (!qp_tickers_offered())
		return qi_refuse(
			q, call, -QUIRE_EOPNOTSUPP,
			"this port has no threads to start; call quire_age() each %u ms yourself",
			QI_U(idle_ms));
	return 0;
}

int quire_age_start(struct quire *q, uint32_t idle_ms)
{
	int error = check_start(q, idle_ms);
	uint32_t now_ms;
	bool runs;

	if (error != 0)
		return error;
	qp_lock(&q->region_lock);
	runs = qp_ticker_runs(&q->ticker);
	now_ms = q->idle_ms;
	if (!runs && qp_ticker_start(&q->ticker, "quire-age", idle_ms, pass, q))
		q->idle_ms = idle_ms;
	else
		error = runs ? -QUIRE_EBUSY : -QUIRE_ENOMEM;
	qp_unlock(&q->region_lock);
	if (error == -QUIRE_EBUSY)
		return qi_refuse(
			q, "quire_age_start", error,
			"the thread runs already, each %u ms; call quire_age_stop() first to change that to %u",
			QI_U(now_ms), QI_U(idle_ms));
	if (error == -QUIRE_ENOMEM)
		return qi_refuse(
			q, "quire_age_start", error,
			"the system has no thread for us; end some, or call quire_age() each %u ms",
			QI_U(idle_ms));
	return 0;
}

/* Held until the thread is gone, so that nobody else starts one or finds it half ended. */
int quire_age_stop(struct quire *q)
{
	if (!qi_alive(q))
		return qi_refuse_dead(q, "quire_age_stop");
	qp_lock(&q->region_lock);
	qp_ticker_stop(&q->ticker);
	qp_unlock(&q->region_lock);
	return 0;
}

/* A pass that is under way has pages in hand, which count as held. */
size_t qi_held_at_rest(struct quire *q)
{
	size_t held;

	qp_ticker_hold(&q->ticker);
	held = quire_held(q);
	qp_ticker_let_go(&q->ticker);
	return held;
}
