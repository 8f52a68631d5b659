/* SPDX-License-Identifier: MIT */
/*
 * What the small kernel of kernel.c offers the rest of itself. Addresses are physical;
 * QUIRE_NO_OFFSET is none.
 */
#ifndef USE_KERNEL_H
#define USE_KERNEL_H

#include <quire/quire.h>

/* Where the kernel's own image lies in memory: never to be handed out. */
#define IMAGE (UINT64_C(1) << 20)
#define IMAGE_PAGES 300u

int frames_init(const struct quire_region_config *ram, void *metadata, size_t bytes);
uint64_t frame_alloc(unsigned int order);
int frame_free(const struct quire_region_config *ram, uint64_t physical);
uint64_t frames_held(void);
int frames_end(void);

#endif /* USE_KERNEL_H */
