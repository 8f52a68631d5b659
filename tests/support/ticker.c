/* SPDX-License-Identifier: MIT */
#include "ticker.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

bool qt_ticker_start(timer_t *timer, int signal, uint64_t ns)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal };
	struct itimerspec spec = { 0 };

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	spec.it_interval.tv_sec = (time_t)(ns / 1000000000u);
	spec.it_interval.tv_nsec = (long)(ns % 1000000000u);
	spec.it_value = spec.it_interval;
	return timer_create(CLOCK_MONOTONIC, &event, timer) == 0 &&
	       timer_settime(*timer, 0, &spec, NULL) == 0;
}
