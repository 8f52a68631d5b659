/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: nothing is assumed but a compiler. Memory for metadata comes from the kernel by
 * quire_init().
 */
#include "port/port.h"

#define WEAK __attribute__((weak))

WEAK unsigned int qk_cpu(void)
{
	return 0;
}

WEAK unsigned int qk_nr_cpus(void)
{
	return 1;
}

WEAK uintptr_t qk_thread(void)
{
	return 0;
}

WEAK unsigned long qk_irq_save(void)
{
	return 0;
}

WEAK void qk_irq_restore(unsigned long flags)
{
	(void)flags;
}

WEAK bool qk_in_interrupt(void)
{
	return false;
}

WEAK void qk_print(const char *line, size_t length)
{
	(void)line;
	(void)length;
}

WEAK void qk_stop(void)
{
}

unsigned int qp_nr_cpus(void)
{
	return qk_nr_cpus();
}

/* Nobody knows. */
void qp_cpus_allowed(const unsigned char *wanted, unsigned char *allowed, size_t bytes)
{
	(void)wanted;
	memset(allowed, 0xff, bytes);
}

void qp_yield(unsigned int attempt)
{
	(void)attempt;
	qp_pause();
}

void *qp_memory_map(size_t bytes)
{
	(void)bytes;
	return NULL;
}

void qp_memory_unmap(void *memory, size_t bytes)
{
	(void)memory;
	(void)bytes;
}

bool qp_memory_offered(void)
{
	return false;
}

enum qp_vectors qp_vectors(void)
{
	return QP_VECTORS_PLAIN;
}

bool qp_sections_offered(const char **why)
{
	*why = "this port has no sections; locked is the nearest";
	return false;
}

bool qp_section_enter(void)
{
	return false;
}

bool qp_fence_cpu(unsigned int cpu)
{
	(void)cpu;
	return false;
}

void qp_report(const char *line, size_t length)
{
	qk_print(line, length);
}

static size_t length_of(const char *string)
{
	size_t length = 0;

	while (string[length] != '\0')
		length++;
	return length;
}

_Noreturn void qp_panic(const char *why)
{
	qk_print(why, length_of(why));
	for (;;)
		qk_stop();
}

bool qp_tickers_offered(void)
{
	return false;
}

bool qp_ticker_start(struct qp_ticker *ticker, const char *name, uint32_t period_ms,
		     void (*tick)(void *context), void *context)
{
	(void)ticker;
	(void)name;
	(void)period_ms;
	(void)tick;
	(void)context;
	return false;
}

bool qp_ticker_runs(const struct qp_ticker *ticker)
{
	(void)ticker;
	return false;
}

void qp_ticker_stop(struct qp_ticker *ticker)
{
	(void)ticker;
}

void qp_ticker_hold(struct qp_ticker *ticker)
{
	(void)ticker;
}

void qp_ticker_let_go(struct qp_ticker *ticker)
{
	(void)ticker;
}

void qp_ticker_forget(struct qp_ticker *ticker)
{
	(void)ticker;
}

/* qk_in_interrupt() knows. */
void qp_handler_enter(void)
{
}

void qp_handler_exit(void)
{
}

/* Nothing forks. */
bool qp_fork_register(struct qp_fork_link *link)
{
	(void)link;
	return true;
}

void qp_fork_unregister(struct qp_fork_link *link)
{
	(void)link;
}

/* No checking tools. */
void qp_aid_allocated(uint32_t aids, void *memory, size_t bytes, size_t page_bytes)
{
	(void)page_bytes;
	(void)aids;
	(void)memory;
	(void)bytes;
}

void qp_aid_kept(uint32_t aids, void *memory, size_t bytes, size_t page_bytes)
{
	(void)page_bytes;
	(void)aids;
	(void)memory;
	(void)bytes;
}

void qp_aid_freed(uint32_t aids, void *memory, size_t bytes, size_t page_bytes)
{
	(void)page_bytes;
	(void)aids;
	(void)memory;
	(void)bytes;
}
