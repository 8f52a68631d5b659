/* SPDX-License-Identifier: MIT */
/* The shortest whole program: memory of your own, pages out of it, pages back. */
#include <quire/quire.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int main(void)
{
	size_t bytes = 64u << 20;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	struct quire *q;
	void *pages[32];

	if (memory == MAP_FAILED || quire_create_over(memory, bytes, &q) != 0)
		return EXIT_FAILURE;
	size_t got = quire_alloc_bulk(q, 0, 0, 32, pages);
	printf("%zu pages, the first at %zu bytes into the memory\n", got,
	       (size_t)((char *)pages[0] - (char *)memory));
	quire_free_bulk(q, got, pages);
	return quire_destroy(q) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
