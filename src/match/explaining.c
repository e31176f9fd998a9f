/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory of explain.c, kept from one module to the next.
 */
#include "explaining.h"

#include <stdlib.h>

#include <impscan/alloc.h>

void explaining_free(struct explaining *e)
{
	if (!e)
		return;
	free(e->shared);
	free(e->counted);
	free(e->renamed);
	free(e->found);
	free(e->address_of);
	free(e->next);
	free(e->descriptor);
	free(e->used);
	free(e->of_descriptor);
	free(e->first);
	free(e->position);
	free(e->blocks);
	free(e->rebuilt_name);
	free(e->named);
	free(e->renames);
	text_free(&e->list);
	free(e->rebuilt.names);
	for (size_t i = 0; i < HASHED_LISTS; i++)
		free(e->hashed[i].names);
	free(e->hits);
	free(e);
}

static void *make_room(void *old, size_t count, size_t size)
{
	free(old);
	return alloc_zero(count, size);
}

struct explaining *explaining_prepare(struct explaining **explaining,
				      const struct sample_imports *imports,
				      const struct module_slots *slots)
{
	if (!*explaining)
		*explaining = alloc_new(struct explaining);
	struct explaining *e = *explaining;
	if (e->lists < imports->list_count) {
		e->lists = imports->list_count;
		e->shared = make_room(e->shared, e->lists, sizeof(*e->shared));
		e->counted = make_room(e->counted, e->lists, sizeof(*e->counted));
		e->renamed = make_room(e->renamed, e->lists, sizeof(*e->renamed));
		e->found = make_room(e->found, e->lists, sizeof(*e->found));
	}
	if (e->symbols < imports->symbol_count) {
		e->symbols = imports->symbol_count;
		e->address_of = make_room(e->address_of, e->symbols, sizeof(*e->address_of));
	}
	if (e->positions < imports->longest) {
		e->positions = imports->longest;
		e->next = make_room(e->next, e->positions, sizeof(*e->next));
		e->descriptor = make_room(e->descriptor, e->positions, sizeof(*e->descriptor));
		e->of_descriptor =
			make_room(e->of_descriptor, e->positions, sizeof(*e->of_descriptor));
		e->used = make_room(e->used, e->positions, sizeof(*e->used));
	}
	if (e->addresses < slots->addresses) {
		e->addresses = slots->addresses;
		e->first = make_room(e->first, e->addresses, sizeof(*e->first));
	}
	if (e->slots < slots->count) {
		e->slots = slots->count;
		e->position = make_room(e->position, e->slots, sizeof(*e->position));
		e->blocks = make_room(e->blocks, e->slots, sizeof(*e->blocks));
		e->rebuilt_name = make_room(e->rebuilt_name, e->slots, sizeof(*e->rebuilt_name));
		e->named = make_room(e->named, e->slots, sizeof(*e->named));
	}
	if (e->renames_room < slots->symbol_count) {
		e->renames_room = slots->symbol_count;
		e->renames = make_room(e->renames, e->renames_room, sizeof(*e->renames));
	}
	return e;
}
