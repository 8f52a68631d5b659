/* SPDX-License-Identifier: MIT */
/* A timer that signals one thread again and again: interruptions at any instruction. */
#ifndef QT_TICKER_H
#define QT_TICKER_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Signal the calling thread every so many nanoseconds, until timer_delete(*timer). */
bool qt_ticker_start(timer_t *timer, int signal, uint64_t ns);

#endif /* QT_TICKER_H */
