/* SPDX-License-Identifier: MIT */
/*
 * Sizes of metadata straight from the library, for the test that compares them with `quire info`:
 * "pages CPUs bytes list-bytes", a line for each pair of arguments PAGES CPUS.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <quire/quire.h>

static int print_size(uint64_t pages, uint32_t cpus)
{
	struct quire_info info = { .size = sizeof(info) };
	struct quire_config config;
	struct quire *q;
	size_t bytes;
	void *buffer;
	int error;

	quire_config_init(&config);
	config.max_pages = pages;
	config.nr_cpus = cpus;
	error = quire_metadata_size(&config, &bytes);
	if (error)
		return error;
	buffer = calloc(1, bytes);
	config.flags = QUIRE_CONFIG_ZEROED;
	error = buffer ? quire_init(&config, buffer, bytes, &q) : -QUIRE_ENOMEM;
	if (!error)
		error = quire_info_get(q, &info);
	if (!error)
		error = quire_destroy(q);
	free(buffer);
	printf("%" PRIu64 " %" PRIu32 " %zu %" PRIu64 "\n", pages, cpus, bytes, info.list_bytes);
	return error;
}

int main(int argc, char **argv)
{
	int i, error = 0;

	for (i = 1; i + 1 < argc && !error; i += 2)
		error = print_size(strtoull(argv[i], NULL, 10),
				   (uint32_t)strtoul(argv[i + 1], NULL, 10));
	if (error)
		fprintf(stderr, "sizes: %s\n", quire_strerror(error));
	return error ? 1 : 0;
}
