/* SPDX-License-Identifier: MIT */
/* Numbers in words. */
#include "alloc/instance.h"

const char *quire_strerror(int err)
{
	static const struct {
		int err;
		const char *words;
	} errors[] = {
		{ QUIRE_OK, "success" },
		{ QUIRE_ENOENT, "no such region, CPU or page" },
		{ QUIRE_E2BIG, "a structure is newer than this library" },
		{ QUIRE_EAGAIN, "may not wait, and a lock was held" },
		{ QUIRE_ENOMEM, "out of pages, or out of memory for metadata" },
		{ QUIRE_EFAULT, "a region has no CPU mapping" },
		{ QUIRE_EBUSY, "pages are held" },
		{ QUIRE_EEXIST, "overlaps a registered region" },
		{ QUIRE_EINVAL, "argument out of its limits" },
		{ QUIRE_ENOSPC, "no room left for regions, pages or metadata" },
		{ QUIRE_EOPNOTSUPP, "not supported by this machine or version" },
		{ QUIRE_EALREADY, "the page is free already" },
		{ QUIRE_EOWNERDEAD, "used in a forked child" },
	};

	if (err < 0 && err >= -QUIRE_EOWNERDEAD)
		err = -err;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].err == err)
			return errors[i].words;
	return "unknown error";
}

const char *quire_cache_name(uint32_t cache)
{
	static const char *const names[] = { "default", "none", "locked", "pcp", "magazine" };

	return cache < sizeof(names) / sizeof(names[0]) ? names[cache] : "unknown";
}

const char *quire_check_name(uint32_t check)
{
	static const char *const names[] = { "on", "off", "strict" };

	return check < sizeof(names) / sizeof(names[0]) ? names[check] : "unknown";
}

const char *quire_state_name(uint32_t state)
{
	if (state == QI_STATE_FREE)
		return "free";
	if (state == QI_STATE_RESERVED)
		return "reserved";
	if (state == QI_STATE_HOLE)
		return "hole";
	if ((state & QI_STATE_HELD) != 0)
		return (state & QI_STATE_FROM_STASH) != 0 ? "held, from the stash" : "held";
	if ((state & QI_STATE_DEFERRED) != 0)
		return "deferred";
	return (state & QI_STATE_CLAIMED) != 0 ? "claimed" : "unknown";
}

#define TEXT_OF(number) #number
#define DOTTED(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *quire_version(void)
{
	return DOTTED(QUIRE_VERSION_MAJOR, QUIRE_VERSION_MINOR, QUIRE_VERSION_PATCH);
}
