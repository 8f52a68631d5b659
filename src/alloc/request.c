/* SPDX-License-Identifier: MIT */
#include "alloc/request.h"

#define KNOWN                                                                                \
	(QUIRE_ZERO | QUIRE_ALL | QUIRE_NORETRY | QUIRE_ATOMIC | QUIRE_NOWAIT | QUIRE_WAIT | \
	 QUIRE_NOFAIL | QUIRE_RETRY_MAYFAIL | QUIRE_HIGH | QUIRE_THISNODE)

/* Names of the flags that are settled and have no engine yet. */
static const struct {
	quire_gfp flag;
	const char *name;
} later[] = {
	{ QUIRE_WAIT, "QUIRE_WAIT" },
	{ QUIRE_NOFAIL, "QUIRE_NOFAIL" },
	{ QUIRE_RETRY_MAYFAIL, "QUIRE_RETRY_MAYFAIL" },
	{ QUIRE_HIGH, "QUIRE_HIGH" },
	{ QUIRE_THISNODE, "QUIRE_THISNODE" },
};

/* Flags that deny each other. */
static const struct {
	quire_gfp one;
	quire_gfp other;
	const char *names;
} contradictions[] = {
	{ QUIRE_ATOMIC, QUIRE_NOWAIT, "QUIRE_ATOMIC (uses the stash) and QUIRE_NOWAIT (does not)" },
	{ QUIRE_ATOMIC | QUIRE_NOWAIT, QUIRE_WAIT, "QUIRE_WAIT and one that may not wait" },
	{ QUIRE_ATOMIC | QUIRE_NOWAIT, QUIRE_NOFAIL, "QUIRE_NOFAIL and one that may not wait" },
	{ QUIRE_ATOMIC | QUIRE_NOWAIT, QUIRE_RETRY_MAYFAIL,
	  "QUIRE_RETRY_MAYFAIL and one that may not wait" },
	{ QUIRE_NORETRY, QUIRE_WAIT, "QUIRE_NORETRY and QUIRE_WAIT" },
	{ QUIRE_NORETRY, QUIRE_NOFAIL, "QUIRE_NORETRY and QUIRE_NOFAIL" },
	{ QUIRE_NORETRY, QUIRE_RETRY_MAYFAIL, "QUIRE_NORETRY and QUIRE_RETRY_MAYFAIL" },
	{ QUIRE_NOFAIL, QUIRE_RETRY_MAYFAIL, "QUIRE_NOFAIL and QUIRE_RETRY_MAYFAIL" },
};

static int check_flags(const struct quire *q, const struct qi_request *request)
{
	quire_gfp gfp = request->gfp;

	if ((gfp & ~KNOWN) != 0)
		return qi_refuse(q, request->call, -QUIRE_EINVAL,
				 "gfp has unknown bits %x; known are %x", QI_U(gfp & ~KNOWN),
				 QI_U(KNOWN));
	for (size_t i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++)
		if ((gfp & contradictions[i].one) != 0 && (gfp & contradictions[i].other) != 0)
			return qi_refuse(q, request->call, -QUIRE_EINVAL,
					 "gfp %x contradicts itself: %s; drop one of them",
					 QI_U(gfp), contradictions[i].names);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		if ((gfp & later[i].flag) != 0)
			return qi_refuse(q, request->call, -QUIRE_EOPNOTSUPP,
					 "%s (gfp bit %x) is not in this version; call without it",
					 later[i].name, QI_U(later[i].flag));
	return 0;
}

bool qi_request_is_mapped(const struct quire *q, const struct qi_request *request,
			  const struct qi_array *array)
{
	if (array->form != QI_FORM_PAGE && (request->gfp & QUIRE_ZERO) == 0)
		return true;
	return request->only != NULL ? request->only->addr != NULL : !qi_has_unmapped(q);
}

int qi_request_check_mapped(const struct quire *q, const struct qi_request *request,
			    const struct qi_array *array)
{
	const char *what = array->form == QI_FORM_PAGE ? "a pointer" : "zeroing";

	if (qi_request_is_mapped(q, request, array))
		return 0;
	return qi_refuse(
		q, request->call, -QUIRE_EFAULT,
		"%s was asked for, and a region has no CPU mapping; use the pfn or offset form "
		"(quire_alloc_pfn(), …) without QUIRE_ZERO, or give unmapped regions an instance of their own",
		what);
}

static int check_region(const struct quire *q, struct qi_request *request, struct qi_array *array,
			const struct quire_region *handle)
{
	array->region = qi_space_region(&q->space, handle->id);
	if (array->region == NULL)
		return qi_refuse(q, request->call, -QUIRE_ENOENT,
				 "region %u does not exist; there are %u, from 1 on",
				 QI_U(handle->id), QI_U(qi_nr_regions(&q->space)));
	/* Not by how many there are: another may be added before the pages are taken. */
	request->only = q->space.max_regions == 1 ? NULL : array->region;
	return 0;
}

int qi_request_check(const struct quire *q, struct qi_request *request, struct qi_array *array,
		     const struct quire_region *handle)
{
	int error;

	request->only = NULL;
	array->region = NULL;
	if (!qi_alive(q))
		return qi_refuse_dead(q, request->call);
	if (request->order > QUIRE_MAX_ORDER)
		return qi_refuse(q, request->call, -QUIRE_EINVAL, "order is %u; the largest is %u",
				 QI_U(request->order), QI_U(QUIRE_MAX_ORDER));
	if (array->n > 0 && array->out.pages == NULL)
		return qi_refuse(q, request->call, -QUIRE_EINVAL,
				 "the array is NULL; pass one of %u slots", QI_U(array->n));
	error = check_flags(q, request);
	if (error == 0 && handle != NULL)
		error = check_region(q, request, array, handle);
	return error != 0 ? error : qi_request_check_mapped(q, request, array);
}
