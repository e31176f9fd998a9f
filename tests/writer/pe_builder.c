/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a PE file is to have, see pe_builder.h. Structures and constants, here and in the other
 * files of the builder, are those of Microsoft's "PE Format"
 * (learn.microsoft.com/windows/win32/debug/pe-format).
 */
#include <writer/pe_builder_parts.h>

struct pe_builder *pe_builder_new(bool pe32_plus, bool dll, const char *dll_name)
{
	struct pe_builder *b = resize(NULL, 1, sizeof(*b));
	*b = (struct pe_builder){
		.pe32_plus = pe32_plus,
		.dll = dll,
		.dll_name = copy_string(dll_name),
		.stamp = 0x5f000000,
		.subsystem = 3,
		.room = {0x10000, 0x10000},
		.used = {16, 16}, /* an entry point; a few bytes of data */
	};
	if (pe32_plus)
		b->image_base = dll ? 0x180000000 : 0x140000000;
	else
		b->image_base = dll ? 0x10000000 : 0x400000;
	return b;
}

static void free_dlls(struct dlls *dlls)
{
	for (size_t i = 0; i < dlls->count; i++) {
		for (size_t k = 0; k < dlls->items[i].count; k++)
			free(dlls->items[i].functions[k].name);
		free(dlls->items[i].functions);
		free(dlls->items[i].name);
	}
	free(dlls->items);
}

void pe_builder_free(struct pe_builder *b)
{
	if (!b)
		return;
	free_dlls(&b->imports);
	free_dlls(&b->delayed);
	for (size_t i = 0; i < b->export_count; i++) {
		free(b->exports[i].name);
		free(b->exports[i].forward);
	}
	free(b->exports);
	free(b->codes);
	free(b->pdb);
	free(b->dll_name);
	for (int i = 0; i < SECTION_COUNT; i++)
		free(b->section[i].data);
	free(b->fixups);
	free(b);
}

void pe_builder_room(struct pe_builder *b, uint32_t text, uint32_t data)
{
	if (b->used[SECTION_TEXT] != 16 || b->used[SECTION_DATA] != 16)
		fail("the room can't change any more");
	b->room[SECTION_TEXT] = align_up(text, PAGE);
	b->room[SECTION_DATA] = align_up(data, PAGE);
}

void pe_builder_image_base(struct pe_builder *b, uint64_t base)
{
	b->image_base = base;
}

void pe_builder_time_date_stamp(struct pe_builder *b, uint32_t stamp)
{
	b->stamp = stamp;
}

void pe_builder_subsystem(struct pe_builder *b, uint16_t subsystem)
{
	b->subsystem = subsystem;
}

/* Takes room in .text or .data; its RVA. */
static uint32_t take(struct pe_builder *b, int section, size_t size)
{
	uint32_t start = align_up(b->used[section], 16);
	if (size > b->room[section] || start > b->room[section] - size)
		fail("a section's room is used up: pe_builder_room()");
	b->used[section] = start + (uint32_t)size;
	return PE_BUILDER_TEXT + (section == SECTION_DATA ? b->room[SECTION_TEXT] : 0) + start;
}

static struct function *add_function(struct dlls *dlls, const char *name)
{
	size_t i = dlls->count; /* the last one of that name */
	while (i && strcmp(dlls->items[i - 1].name, name) != 0)
		i--;
	if (!i) {
		push(dlls->items, dlls->count)->name = copy_string(name);
		i = dlls->count;
	}
	struct dll *dll = &dlls->items[i - 1];
	return push(dll->functions, dll->count);
}

void pe_builder_descriptor(struct pe_builder *b, const char *dll, unsigned int place)
{
	struct dll *added = push(b->imports.items, b->imports.count);
	added->name = copy_string(dll);
	added->place = place;
}

void pe_builder_import(struct pe_builder *b, const char *dll, const char *function)
{
	add_function(&b->imports, dll)->name = copy_string(function);
}

void pe_builder_import_ordinal(struct pe_builder *b, const char *dll, uint16_t ordinal)
{
	add_function(&b->imports, dll)->ordinal = ordinal;
}

void pe_builder_delay_import(struct pe_builder *b, const char *dll, const char *function)
{
	struct function *f = add_function(&b->delayed, dll);
	f->name = copy_string(function);
	f->stub = take(b, SECTION_TEXT, 16);
}

void pe_builder_export_at(struct pe_builder *b, const char *name, uint32_t rva)
{
	struct export *export = push(b->exports, b->export_count);
	export->name = copy_string(name);
	export->rva = rva;
}

uint32_t pe_builder_export(struct pe_builder *b, const char *name)
{
	uint32_t rva = take(b, SECTION_TEXT, 16);
	pe_builder_export_at(b, name, rva);
	return rva;
}

uint32_t pe_builder_export_data(struct pe_builder *b, const char *name, size_t size)
{
	uint32_t rva = take(b, SECTION_DATA, size);
	pe_builder_export_at(b, name, rva);
	return rva;
}

void pe_builder_export_forward(struct pe_builder *b, const char *name, const char *target)
{
	struct export *export = push(b->exports, b->export_count);
	export->name = copy_string(name);
	export->forward = copy_string(target);
}

void pe_builder_export_forward_ordinal(struct pe_builder *b, uint16_t ordinal, const char *target)
{
	struct export *export = push(b->exports, b->export_count);
	export->ordinal = ordinal;
	export->forward = copy_string(target);
}

void pe_builder_export_ordinal_only(struct pe_builder *b, uint16_t ordinal)
{
	struct export *export = push(b->exports, b->export_count);
	export->ordinal = ordinal;
	export->rva = take(b, SECTION_TEXT, 16);
}

void pe_builder_code(struct pe_builder *b, size_t size, uint32_t seed)
{
	uint32_t rva = take(b, SECTION_TEXT, size);
	*push(b->codes, b->code_count) = (struct code){rva, (uint32_t)size, seed};
}

void pe_builder_pdb(struct pe_builder *b, const uint8_t guid[16], uint32_t age, const char *pdb)
{
	free(b->pdb);
	b->pdb = copy_string(pdb);
	memcpy(b->guid, guid, 16);
	b->age = age;
}

uint32_t pe_builder_slot(const struct pe_builder *b, const char *dll, const char *function,
			 uint16_t ordinal)
{
	for (size_t i = 0; i < b->imports.count; i++) {
		const struct dll *d = &b->imports.items[i];
		if (strcmp(d->name, dll) != 0)
			continue;
		for (size_t k = 0; k < d->count; k++) {
			const struct function *f = &d->functions[k];
			if (function ? f->name && !strcmp(f->name, function)
				     : !f->name && f->ordinal == ordinal)
				return f->slot;
		}
	}
	return 0;
}

uint32_t pe_builder_size_of_image(const struct pe_builder *b)
{
	return b->size_of_image;
}
