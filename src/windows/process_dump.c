/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What there is in a dump of a process in place of the kernel's structures.
 */
#include <impscan/process_dump.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

/* VADs that are copied in a step. */
#define COPIED 16

struct process process_dump_process(const struct process_dump *dump)
{
	struct process process = dump->process;
	process.name = alloc_strdup(process.name);
	return process;
}

bool process_dump_vads(const struct process_dump *dump, struct budget *budget, struct vads *vads)
{
	const struct vads *known = &dump->vads;
	*vads = (struct vads){.count = known->count, .capacity = known->count};
	memcpy(vads->damage, known->damage, sizeof(vads->damage));
	vads->items = alloc_zero(known->count, sizeof(*vads->items));
	if (known->count)
		memcpy(vads->items, known->items, known->count * sizeof(*vads->items));
	return budget_spend(budget, known->count / COPIED);
}

void process_dump_free(struct process_dump *dump)
{
	if (!dump)
		return;
	free(dump->process.name);
	free(dump->vads.items); /* they have no names */
	free(dump);
}
