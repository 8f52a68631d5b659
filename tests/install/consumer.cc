/* SPDX-License-Identifier: MIT */
/* The same from C++17: the header as it is, with ownership in the types. */
#include <quire/quire.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace
{

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t nr_pages = 1024;
constexpr std::size_t nr_bulk = 300;

struct destroy {
	void operator()(quire *q) const
	{
		if (quire_destroy(q) != 0)
			std::abort();
	}
};

struct release {
	quire *q;

	void operator()(void *page) const
	{
		if (quire_free(q, page) != 0)
			std::abort();
	}
};

struct unmap {
	void operator()(void *memory) const
	{
		std::free(memory);
	}
};

bool use(quire *q)
{
	std::unique_ptr<void, release> page(quire_alloc(q, QUIRE_ZERO, 0), release{ q });
	std::vector<void *> pages(nr_bulk);

	if (!page || *static_cast<unsigned char *>(page.get()) != 0)
		return false;
	if (quire_alloc_bulk(q, 0, 0, pages.size(), pages.data()) != pages.size())
		return false;
	return quire_free_bulk(q, pages.size(), pages.data()) == pages.size();
}

} // namespace

int main()
{
	std::unique_ptr<void, unmap> memory(
		std::aligned_alloc(512 * page_bytes, nr_pages * page_bytes));
	quire *created = nullptr;

	if (!memory || quire_create_over(memory.get(), nr_pages * page_bytes, &created) != 0)
		return EXIT_FAILURE;
	std::unique_ptr<quire, destroy> q(created);
	if (!use(q.get()))
		return EXIT_FAILURE;
	std::printf("quire %s works\n", quire_version());
	return EXIT_SUCCESS;
}
