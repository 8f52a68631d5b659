/* SPDX-License-Identifier: MIT */
/* C++17: a page that is given back when its owner ends, moved but never copied. */
#include <quire/quire.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

// use begins
struct GiveBack {
	quire *q;
	void operator()(void *page) const
	{
		quire_free(q, page);
	}
};
using Page = std::unique_ptr<void, GiveBack>;

Page take(quire *q, unsigned order = 0)
{
	void *page = nullptr;
	if (int err = quire_alloc_err(q, 0, order, &page))
		throw std::runtime_error(quire_strerror(err));
	return Page(page, GiveBack{ q });
}
// use ends

static int failures;

static void expect(bool condition, const char *what)
{
	if (condition)
		return;
	std::printf("# %s\n", what);
	failures++;
}

static void scopes(quire *q)
{
	{
		Page one = take(q), block = take(q, 3);
		expect(quire_held(q) == 9, "nine pages are held");
		std::memset(block.get(), 7, 8 * 4096);
		Page moved = std::move(one);
		expect(!one && moved && quire_held(q) == 9, "moving holds the same page");
	}
	expect(quire_held(q) == 0, "all is back at the end of the scope");
}

static void exhaustion(quire *q)
{
	std::vector<Page> pages;
	bool thrown = false;
	try {
		for (;;)
			pages.push_back(take(q));
	} catch (const std::runtime_error &e) {
		thrown = std::strlen(e.what()) > 0;
	}
	expect(thrown && pages.size() == 256, "all 256 pages, then an exception");
	std::thread([&pages] { pages.clear(); }).join();
	expect(quire_held(q) == 0, "given back by another thread");
}

int main()
{
	void *memory = std::aligned_alloc(4096, 256 * 4096);
	quire *q = nullptr;
	std::puts("1..1");
	expect(memory && quire_create_over(memory, 256 * 4096, &q) == 0, "an instance");
	if (q) {
		scopes(q);
		exhaustion(q);
		expect(quire_destroy(q) == 0, "destroyed");
	}
	std::free(memory);
	std::printf("%s 1 - a page is given back by its owner's end\n", failures ? "not ok" : "ok");
	return failures != 0;
}
