/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The steps of reading an assembly: metadata root, streams, type references, identity.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/damage.h>

#include "dotnet/metadata.h"

const char *dotnet_status_name(enum dotnet_status status)
{
	switch (status) {
	case DOTNET_OK:
		return "ok";
	case DOTNET_NONE:
		return "no-metadata";
	case DOTNET_PARTIAL:
		return "partial";
	case DOTNET_UNREADABLE:
		return "unreadable";
	case DOTNET_NOT_PE:
		return "not-pe";
	}
	return "?";
}

static void free_lists(struct dotnet *dotnet)
{
	text_free(&dotnet->linguistic);
	text_free(&dotnet->ordinal);
	text_free(&dotnet->unsorted);
}

void dotnet_free(struct dotnet *dotnet)
{
	struct dotnet_scratch *s = dotnet->scratch;
	if (s) {
		text_free(&s->names);
		free(s->rows);
		free(s->seen);
		free(s);
	}
	free_lists(dotnet);
	*dotnet = (struct dotnet){.search = dotnet->search, .budget = dotnet->budget};
}

/* Empties what an earlier call left; the memory of its lists is kept unless it is much. */
static void reset(struct dotnet *dotnet)
{
	struct dotnet clean = {
		.search = dotnet->search,
		.budget = dotnet->budget,
		.linguistic = dotnet->linguistic,
		.ordinal = dotnet->ordinal,
		.unsorted = dotnet->unsorted,
		.scratch = dotnet->scratch,
	};
	*dotnet = clean;
	if (dotnet->unsorted.capacity > (size_t)1 << 20)
		free_lists(dotnet);
	text_clear(&dotnet->linguistic);
	text_clear(&dotnet->ordinal);
	text_clear(&dotnet->unsorted);
	if (!dotnet->scratch)
		dotnet->scratch = alloc_new(struct dotnet_scratch);
}

/* Is there enough to tell that this is, or was, an assembly? */
static enum step find(struct metadata *m)
{
	enum step step = root_by_header(m);
	if (step == STEP_OK)
		step = streams_choose(m);
	if (step != STEP_NOT)
		return step;
	if (m->dotnet->status == DOTNET_NONE && !m->dotnet->search)
		return step;
	return metadata_search(m);
}

static void fail(struct dotnet *dotnet, enum dotnet_status status)
{
	dotnet->status = status;
	if (status == DOTNET_UNREADABLE)
		damage_once(dotnet->reason, "the CLR header leads to no metadata");
	if (status == DOTNET_NONE)
		dotnet->reason[0] = '\0';
	dotnet->wiped = false;
	dotnet->repair_count = 0;
	dotnet->found = DOTNET_BY_HEADER;
	dotnet->runtime[0] = '\0';
}

static void read_assembly(struct metadata *m)
{
	struct dotnet *dotnet = m->dotnet;
	enum step step = find(m);
	if (step != STEP_OK) {
		bool none = step == STEP_NOT && dotnet->status == DOTNET_NONE;
		fail(dotnet, none ? DOTNET_NONE : DOTNET_UNREADABLE);
		return;
	}
	dotnet->status = typerefs_read(m) == STEP_OK ? DOTNET_OK : DOTNET_PARTIAL;
	if (dotnet->status != DOTNET_OK) {
		text_clear(&dotnet->linguistic);
		text_clear(&dotnet->ordinal);
		text_clear(&dotnet->unsorted);
	}
	identity_read(m);
	metadata_repair(m);
}

void dotnet_read(struct dotnet *dotnet, const struct pe *pe)
{
	reset(dotnet);
	if (pe->status != PE_OK) {
		dotnet->status = pe->status == PE_NOT_PE ? DOTNET_NOT_PE : DOTNET_UNREADABLE;
		snprintf(dotnet->reason, sizeof(dotnet->reason), "%s", pe->reason);
		return;
	}
	if (!dotnet->search && !root_named(pe)) {
		dotnet->status = DOTNET_NONE;
		return;
	}
	struct metadata m = {
		.dotnet = dotnet,
		.pe = pe,
		.in_memory = pe->reader->layout == PE_LAYOUT_MEMORY || pe->reader->why,
	};
	pe_cursor_init(&m.cursor, pe);
	if (m.in_memory)
		pe_cursor_count_pages(&m.cursor, &dotnet->scratch->seen,
				      &dotnet->scratch->seen_size);
	if (net_spend(&m, 1))
		read_assembly(&m);
	else
		dotnet->status = DOTNET_UNREADABLE;
	dotnet->pages = m.cursor.pages;
	dotnet->pages_found = m.cursor.pages_found;
	free(m.streams);
}
