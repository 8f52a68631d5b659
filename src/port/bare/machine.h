/* SPDX-License-Identifier: MIT */
/*
 * Bare metal: the inline half of port.h. The kernel that links this port supplies the qk_
 * functions: which CPU this is, and interrupts off and on. A ticket lock held with interrupts off
 * is fair, and nobody who holds it is ever preempted.
 */
#ifndef QI_PORT_BARE_MACHINE_H
#define QI_PORT_BARE_MACHINE_H

/* From the kernel. Weak defaults (port.c): one CPU, no interrupts, nowhere to report to. */
unsigned int qk_cpu(void);
unsigned int qk_nr_cpus(void);
/* The thread that runs, for debug builds; 0: not known, nothing is asserted. */
uintptr_t qk_thread(void);
/* Turn interrupts off on this CPU; returns what qk_irq_restore() is to be given. */
unsigned long qk_irq_save(void);
void qk_irq_restore(unsigned long flags);
bool qk_in_interrupt(void);
void qk_print(const char *line, size_t length);
void qk_stop(void);

struct qp_lock {
	_Atomic uint32_t next; /* ticket for whoever comes next */
	_Atomic uint32_t serving; /* ticket of the holder */
	unsigned long flags; /* of the holder's interrupts; protected by the lock */
	uint32_t rank;
};

static inline void qp_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

static inline bool qp_lock_try(struct qp_lock *lock)
{
	unsigned long flags = qk_irq_save();
	uint32_t serving = atomic_load(&lock->serving);

	if (!atomic_compare_exchange_strong(&lock->next, &serving, serving + 1)) {
		qk_irq_restore(flags);
		return false;
	}
	lock->flags = flags;
	return true;
}

static inline bool qp_lock(struct qp_lock *lock)
{
	unsigned long flags = qk_irq_save();
	uint32_t ticket = atomic_fetch_add(&lock->next, 1);
	bool waited = false;

	while (atomic_load(&lock->serving) != ticket) {
		waited = true;
		qp_pause();
	}
	lock->flags = flags;
	return waited;
}

static inline void qp_unlock(struct qp_lock *lock)
{
	unsigned long flags = lock->flags;

	atomic_fetch_add(&lock->serving, 1);
	qk_irq_restore(flags);
}

/* There are no threads that the library could start. */
struct qp_ticker {
	char unused;
};

static inline uintptr_t qp_self(void)
{
	return qk_thread();
}

static inline unsigned int qp_cpu(void)
{
	return qk_cpu();
}

/* There are no sections. */
static inline bool qp_section_known(uintptr_t key)
{
	(void)key;
	return false;
}

/* There is one process. */
static inline uint64_t qp_process(void)
{
	return QP_PROCESS_STEP;
}

static inline bool qp_in_handler(void)
{
	return qk_in_interrupt();
}

#endif /* QI_PORT_BARE_MACHINE_H */
