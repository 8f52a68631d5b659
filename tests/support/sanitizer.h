/* SPDX-License-Identifier: MIT */
/*
 * How much slower a sanitizer makes a test: stress tests divide their number of operations by it.
 */
#ifndef QT_SANITIZER_H
#define QT_SANITIZER_H

#if defined(__SANITIZE_THREAD__)
#define QT_SLOWER 20u
#elif defined(__SANITIZE_ADDRESS__)
#define QT_SLOWER 5u
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define QT_SLOWER 20u
#elif __has_feature(address_sanitizer)
#define QT_SLOWER 5u
#endif
#endif
#ifndef QT_SLOWER
#define QT_SLOWER 1u
#endif

#endif /* QT_SANITIZER_H */
