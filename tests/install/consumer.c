/* SPDX-License-Identifier: MIT */
/* A program that uses an installed Quire: takes pages of its own memory, and gives them back. */
#include <quire/quire.h>

#include <stdio.h>
#include <stdlib.h>

enum {
	PAGE_BYTES = 4096,
	NR_PAGES = 1024,
	NR_BULK = 300,
};

static int failed(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, quire_strerror(err));
	return EXIT_FAILURE;
}

static int use_single(struct quire *q)
{
	unsigned char *page = (unsigned char *)quire_alloc(q, QUIRE_ZERO, 0);
	int err;

	if (page == NULL || page[0] != 0 || page[PAGE_BYTES - 1] != 0)
		return failed("quire_alloc", QUIRE_ENOMEM);
	page[0] = 1;
	err = quire_free(q, page);
	return err == 0 ? EXIT_SUCCESS : failed("quire_free", err);
}

static int use_bulk(struct quire *q)
{
	void *pages[NR_BULK];
	size_t got = quire_alloc_bulk(q, QUIRE_ALL, 0, NR_BULK, pages);

	if (got != NR_BULK)
		return failed("quire_alloc_bulk", QUIRE_ENOMEM);
	for (size_t i = 0; i < got; i++)
		((unsigned char *)pages[i])[0] = (unsigned char)i;
	for (size_t i = 0; i < got; i++)
		if (((unsigned char *)pages[i])[0] != (unsigned char)i)
			return failed("a page was handed out twice", QUIRE_EINVAL);
	if (quire_free_bulk(q, got, pages) != got)
		return failed("quire_free_bulk", QUIRE_EINVAL);
	return EXIT_SUCCESS;
}

static int use_block(struct quire *q)
{
	void *block = NULL;
	int err = quire_alloc_err(q, 0, QUIRE_PAGEBLOCK_ORDER, &block);

	if (err != 0)
		return failed("quire_alloc_err", err);
	err = quire_destroy(q);
	if (err != -QUIRE_EBUSY)
		return failed("quire_destroy with pages out", err);
	err = quire_free(q, block);
	return err == 0 ? EXIT_SUCCESS : failed("quire_free of a block", err);
}

static void discard_report(void *context, const struct quire_report *report)
{
	(void)context;
	(void)report;
}

/* What quire_create_over() does in one call, but with a callback for reports. */
static int create_quietly(void *memory, struct quire **q)
{
	struct quire_config config;
	struct quire_region_config region;
	int err;

	quire_config_init(&config);
	config.max_pages = NR_PAGES;
	config.report = discard_report;
	err = quire_create(&config, q);
	if (err != 0)
		return err;
	quire_region_config_init(&region);
	region.addr = memory;
	region.bytes = (uint64_t)NR_PAGES * PAGE_BYTES;
	return quire_region_add(*q, &region, NULL);
}

static int use_all(struct quire *q)
{
	int status = use_single(q);

	if (status == EXIT_SUCCESS)
		status = use_bulk(q);
	return status;
}

int main(void)
{
	void *memory = aligned_alloc((size_t)512 * PAGE_BYTES, (size_t)NR_PAGES * PAGE_BYTES);
	struct quire *q = NULL;
	int err;

	if (memory == NULL)
		return failed("aligned_alloc", QUIRE_ENOMEM);
	err = quire_create_over(memory, (size_t)NR_PAGES * PAGE_BYTES, &q);
	if (err != 0)
		return failed("quire_create_over", err);
	if (use_all(q) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	err = quire_destroy(q);
	if (err != 0)
		return failed("quire_destroy", err);

	err = create_quietly(memory, &q);
	if (err != 0)
		return failed("quire_create", err);
	if (use_all(q) != EXIT_SUCCESS || use_block(q) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	err = quire_destroy(q);
	if (err != 0)
		return failed("quire_destroy", err);
	free(memory);
	printf("quire %s works\n", quire_version());
	return EXIT_SUCCESS;
}
