/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directories of a PE file being built: imports, delay imports, exports, debug. */
#include <writer/pe_builder_parts.h>

/* The DLL whose address table comes next. */
static struct dll *next_table(struct pe_builder *b)
{
	struct dll *next = NULL;
	for (size_t i = 0; i < b->imports.count; i++) {
		struct dll *dll = &b->imports.items[i];
		if (!dll->placed && (!next || dll->place < next->place))
			next = dll;
	}
	next->placed = true;
	return next;
}

/* Address tables at the start of .rdata, a DLL after the other, each ended by a zero. */
void pe_builder_place_iat(struct pe_builder *b)
{
	unsigned int word = b->pe32_plus ? 8 : 4;
	uint32_t start = 0;
	uint32_t total = 0;
	for (size_t i = 0; i < b->imports.count; i++)
		b->imports.items[i].placed = false;
	for (size_t i = 0; i < b->imports.count; i++) {
		struct dll *dll = next_table(b);
		uint32_t size = (uint32_t)(dll->count + 1) * word;
		uint32_t rva = reserve(b, SECTION_RDATA, size, word);
		if (!i)
			start = rva;
		for (size_t k = 0; k < dll->count; k++)
			dll->functions[k].slot = rva + (uint32_t)k * word;
		total = rva + size - start;
	}
	b->directory[12][0] = start;
	b->directory[12][1] = total;
}

/* Hint and name, or the ordinal with the top bit: what a thunk holds before binding. */
static uint64_t thunk_value(struct pe_builder *b, const struct function *f)
{
	if (!f->name)
		return f->ordinal | (b->pe32_plus ? UINT64_C(1) << 63 : UINT64_C(1) << 31);
	uint32_t rva = reserve(b, SECTION_RDATA, 2 + strlen(f->name) + 1, 2);
	memcpy(at(b, SECTION_RDATA, rva) + 2, f->name, strlen(f->name));
	return rva;
}

void pe_builder_place_imports(struct pe_builder *b)
{
	if (!b->imports.count)
		return;
	unsigned int word = b->pe32_plus ? 8 : 4;
	uint32_t size = (uint32_t)(b->imports.count + 1) * 20;
	uint32_t directory = reserve(b, SECTION_RDATA, size, 4);
	b->directory[1][0] = directory;
	b->directory[1][1] = size;
	for (size_t i = 0; i < b->imports.count; i++) {
		uint32_t rva =
			reserve(b, SECTION_RDATA, (b->imports.items[i].count + 1) * word, word);
		put(at(b, SECTION_RDATA, directory + (uint32_t)i * 20), rva, 4);
	}
	for (size_t i = 0; i < b->imports.count; i++) {
		const struct dll *dll = &b->imports.items[i];
		uint32_t descriptor = directory + (uint32_t)i * 20;
		uint32_t names = (uint32_t)get(at(b, SECTION_RDATA, descriptor), 4);
		for (size_t k = 0; k < dll->count; k++) {
			uint64_t value = thunk_value(b, &dll->functions[k]);
			put(at(b, SECTION_RDATA, names + (uint32_t)k * word), value, word);
			put(at(b, SECTION_RDATA, dll->functions[k].slot), value, word);
		}
		uint32_t name = add_string(b, dll->name);
		put(at(b, SECTION_RDATA, descriptor + 12), name, 4);
		put(at(b, SECTION_RDATA, descriptor + 16), dll->functions[0].slot, 4);
	}
}

/* ImgDelayDescr with RVAs; the address table lies in .data and leads to stubs in .text. */
void pe_builder_place_delay_imports(struct pe_builder *b)
{
	if (!b->delayed.count)
		return;
	unsigned int word = b->pe32_plus ? 8 : 4;
	uint32_t size = (uint32_t)(b->delayed.count + 1) * 32;
	uint32_t directory = reserve(b, SECTION_RDATA, size, 4);
	b->directory[13][0] = directory;
	b->directory[13][1] = size;
	for (size_t i = 0; i < b->delayed.count; i++) {
		struct dll *dll = &b->delayed.items[i];
		uint32_t table = (uint32_t)(dll->count + 1) * word;
		uint32_t handle = reserve(b, SECTION_DATA, word, word);
		uint32_t addresses = reserve(b, SECTION_DATA, table, word);
		uint32_t names = reserve(b, SECTION_RDATA, table, word);
		for (size_t k = 0; k < dll->count; k++) {
			struct function *f = &dll->functions[k];
			f->slot = addresses + (uint32_t)k * word;
			put_pointer(b, SECTION_DATA, f->slot, f->stub);
			uint64_t value = thunk_value(b, f);
			put(at(b, SECTION_RDATA, names + (uint32_t)k * word), value, word);
			/* mov eax, slot number; ret: what a real one does is of no matter here */
			uint8_t *stub = at(b, SECTION_TEXT, f->stub);
			stub[0] = 0xb8;
			put(stub + 1, k, 4);
			stub[5] = 0xc3;
		}
		uint32_t name = add_string(b, dll->name);
		uint8_t *d = at(b, SECTION_RDATA, directory + (uint32_t)i * 32);
		put(d, 1, 4); /* Attributes: RVAs */
		put(d + 4, name, 4);
		put(d + 8, handle, 4);
		put(d + 12, addresses, 4);
		put(d + 16, names, 4);
	}
}

static int compare_exports(const void *a, const void *b)
{
	const struct export *const *x = a;
	const struct export *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static bool ordinal_taken(const struct pe_builder *b, uint32_t ordinal)
{
	for (size_t i = 0; i < b->export_count; i++)
		if (b->exports[i].ordinal == ordinal)
			return true;
	return false;
}

/* Named exports get the lowest ordinals that are free, in the order of addition. */
static uint32_t number_exports(struct pe_builder *b)
{
	uint32_t next = 1;
	uint32_t last = 0;
	for (size_t i = 0; i < b->export_count; i++) {
		struct export *export = &b->exports[i];
		if (!export->ordinal) {
			while (ordinal_taken(b, next))
				next++;
			if (next > 0xffff)
				fail("too many exports");
			export->ordinal = (uint16_t)next++;
		}
		if (export->ordinal > last)
			last = export->ordinal;
	}
	return last;
}

void pe_builder_place_exports(struct pe_builder *b)
{
	if (!b->export_count && !b->dll_name)
		return;
	uint32_t addresses = number_exports(b);
	struct export **named = resize(NULL, b->export_count, sizeof(*named));
	size_t names = 0;
	for (size_t i = 0; i < b->export_count; i++)
		if (b->exports[i].name)
			named[names++] = &b->exports[i];
	if (names)
		qsort(named, names, sizeof(*named), compare_exports);

	uint32_t directory = reserve(b, SECTION_RDATA, 40, 4);
	uint32_t eat = reserve(b, SECTION_RDATA, addresses * 4, 4);
	uint32_t name_table = reserve(b, SECTION_RDATA, names * 4, 4);
	uint32_t ordinals = reserve(b, SECTION_RDATA, names * 2, 2);
	uint32_t name = add_string(b, b->dll_name ? b->dll_name : "");
	uint8_t *d = at(b, SECTION_RDATA, directory);
	put(d + 4, b->stamp, 4);
	put(d + 12, name, 4);
	put(d + 16, 1, 4); /* Base */
	put(d + 20, addresses, 4);
	put(d + 24, names, 4);
	put(d + 28, addresses ? eat : 0, 4);
	put(d + 32, names ? name_table : 0, 4);
	put(d + 36, names ? ordinals : 0, 4);
	for (size_t i = 0; i < b->export_count; i++) {
		const struct export *export = &b->exports[i];
		uint32_t rva = export->forward ? add_string(b, export->forward) : export->rva;
		put(at(b, SECTION_RDATA, eat + (export->ordinal - 1u) * 4), rva, 4);
	}
	for (size_t i = 0; i < names; i++) {
		uint32_t rva = add_string(b, named[i]->name);
		put(at(b, SECTION_RDATA, name_table + (uint32_t)i * 4), rva, 4);
		put(at(b, SECTION_RDATA, ordinals + (uint32_t)i * 2), named[i]->ordinal - 1u, 2);
	}
	free(named);
	b->directory[0][0] = directory;
	b->directory[0][1] =
		b->rva[SECTION_RDATA] + (uint32_t)b->section[SECTION_RDATA].size - directory;
}

void pe_builder_place_debug(struct pe_builder *b)
{
	if (!b->pdb)
		return;
	uint32_t directory = reserve(b, SECTION_RDATA, 28, 4);
	uint32_t size = 24 + (uint32_t)strlen(b->pdb) + 1;
	uint32_t record = reserve(b, SECTION_RDATA, size, 4);
	uint8_t *r = at(b, SECTION_RDATA, record);
	memcpy(r, "RSDS", 4);
	memcpy(r + 4, b->guid, 16);
	put(r + 20, b->age, 4);
	memcpy(r + 24, b->pdb, strlen(b->pdb));
	uint8_t *d = at(b, SECTION_RDATA, directory);
	put(d + 4, b->stamp, 4);
	put(d + 12, 2, 4); /* IMAGE_DEBUG_TYPE_CODEVIEW */
	put(d + 16, size, 4);
	put(d + 20, record, 4);
	b->pdb_record = record;
	b->directory[6][0] = directory;
	b->directory[6][1] = 28;
}
