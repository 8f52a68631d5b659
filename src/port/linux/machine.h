/* SPDX-License-Identifier: MIT */
/* Linux: the inline half of port.h. */
#ifndef QI_PORT_LINUX_MACHINE_H
#define QI_PORT_LINUX_MACHINE_H

static inline void qp_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

/*
 * Word: 0 free, 1 held, 2 held and somebody may sleep on it. Rank is written once, before first
 * use, and read by debug builds only.
 */
struct qp_lock {
	_Atomic uint32_t word;
	uint32_t rank;
	_Atomic uintptr_t owner; /* thread pointer of the holder; debug builds only */
};

void qp_lock_wait(struct qp_lock *lock);
void qp_lock_wake(struct qp_lock *lock);
void qp_lock_note_wanted(const struct qp_lock *lock);
void qp_lock_note_taken(struct qp_lock *lock);
void qp_lock_note_dropped(struct qp_lock *lock);
void qp_lock_note_fork(bool begins);

/*
 * A thread of the library's own, and what it is told. It lies in metadata, where nothing of the C
 * library's can be: hence a word to sleep on, and a lock of ours.
 */
struct qp_ticker {
	_Atomic uint32_t word; /* enum in ticker.c; the thread sleeps on it */
	_Atomic uint32_t nr_holds; /* while there are any, ticks are left out */
	struct qp_lock busy; /* held by the thread during a tick */
	/* constant while it runs */
	uint32_t period_ms;
	void (*tick)(void *context);
	void *context;
	const char *name;
	uintptr_t thread; /* for those who join it */
};

/* Make the calling thread known as the library's own, and end that. */
void qp_thread_own(bool begins);
/* Whether that thread is known so. */
bool qp_thread_is_own(int thread);
void qp_threads_after_fork(void);

/* This thread, as the owner of a lock in debug builds; never 0. */
static inline uintptr_t qp_self(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

static inline bool qp_lock_try(struct qp_lock *lock)
{
	uint32_t unlocked = 0;

	/* Look before asking for the line: a failed exchange would take it from its owner. */
	if (atomic_load(&lock->word) != 0 ||
	    !atomic_compare_exchange_strong(&lock->word, &unlocked, 1))
		return false;
	if (QI_DEBUG)
		qp_lock_note_taken(lock);
	return true;
}

static inline bool qp_lock(struct qp_lock *lock)
{
	uint32_t unlocked = 0;
	bool waited = false;

	if (QI_DEBUG)
		qp_lock_note_wanted(lock);
	if (qp_unlikely(!atomic_compare_exchange_strong(&lock->word, &unlocked, 1))) {
		qp_lock_wait(lock);
		waited = true;
	}
	if (QI_DEBUG)
		qp_lock_note_taken(lock);
	return waited;
}

static inline void qp_unlock(struct qp_lock *lock)
{
	if (QI_DEBUG)
		qp_lock_note_dropped(lock);
	if (qp_unlikely(atomic_exchange(&lock->word, 0) == 2))
		qp_lock_wake(lock);
}

/*
 * The area that the C library registered with the kernel (glibc 2.35 on): its second word is
 * cpu_id, kept up to date by the kernel. Offset 0 with size 0: none, and qp_cpu_ask() is used.
 *
 * A processor takes a load for one of what was just stored if the lowest 12 bits of both addresses
 * are the same, and holds it up. Single calls read the offset first of all, and store headers of
 * lists, which are aligned to cache lines: so the offset is never aligned as much.
 */
struct qp_rseq_area {
	_Alignas(2 * sizeof(ptrdiff_t)) bool registered;
	ptrdiff_t offset; /* of the area from the thread pointer */
};

extern QP_HIDDEN struct qp_rseq_area qp_rseq_area;
unsigned int qp_cpu_ask(void);

static inline unsigned int qp_cpu(void)
{
	const char *area = (const char *)__builtin_thread_pointer() + qp_rseq_area.offset;

	if (qp_unlikely(!qp_rseq_area.registered))
		return qp_cpu_ask();
	return *(const volatile uint32_t *)(area + sizeof(uint32_t));
}

/*
 * This thread's own thread pointer plus the last key of its process (lists.h), once it is known
 * that the kernel watches its area; else 0, or somebody else's in a thread that was given a copy of
 * thread-local memory, or its parent's in a forked child. One comparison says that sections may be
 * used, and that an instance of that process is alive: thread pointers are further apart than the
 * keys of a process.
 */
extern QP_HIDDEN _Thread_local uintptr_t qp_section_thread
	__attribute__((tls_model("initial-exec")));

static inline bool qp_section_known(uintptr_t key)
{
	return qp_section_thread - (uintptr_t)__builtin_thread_pointer() - key <= QP_KEY_MASK;
}

/* The area that sections of this thread use, if it is known. */
static inline char *qp_section_area(void)
{
	return (char *)__builtin_thread_pointer() + qp_rseq_area.offset;
}

void qp_sections_after_fork(void);
/* Make this thread known without asking the kernel. */
void qp_section_assume(void);

/* Grows with each fork on the way from the first process to this one. Written in a forked child only. */
extern QP_HIDDEN _Atomic uint64_t qp_process_number;

static inline uint64_t qp_process(void)
{
	return atomic_load_explicit(&qp_process_number, memory_order_relaxed);
}

bool qp_in_handler(void);

#endif /* QI_PORT_LINUX_MACHINE_H */
