/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See pefile.h. Source of the format: Microsoft's PE/COFF specification. */
#include <writer/pefile.h>

#include <writer/util.h>

/* Bytes of the mapped image, checked. */
static uint8_t *at(const struct pefile *pe, uint64_t rva, uint64_t size)
{
	if (rva > pe->size || size > pe->size - rva)
		util_die("PE: RVA %#llx is outside of the image", (unsigned long long)rva);
	return pe->mapped + rva;
}

static uint32_t get32(const struct pefile *pe, uint64_t rva)
{
	return (uint32_t)util_get(at(pe, rva, 4), 4);
}

static uint32_t get16(const struct pefile *pe, uint64_t rva)
{
	return (uint32_t)util_get(at(pe, rva, 2), 2);
}

static const char *string(const struct pefile *pe, uint32_t rva)
{
	const char *s = (const char *)at(pe, rva, 1);
	if (!memchr(s, '\0', pe->size - rva))
		util_die("PE: a string without an end at RVA %#x", rva);
	return s;
}

uint32_t pefile_directory(const struct pefile *pe, unsigned int index, uint32_t *size)
{
	uint32_t optional = pe->nt + 24;
	uint32_t count = get32(pe, optional + (pe->pe32_plus ? 108 : 92));
	if (index >= count)
		return *size = 0;
	uint32_t entry = optional + (pe->pe32_plus ? 112 : 96) + index * 8;
	*size = get32(pe, entry + 4);
	return *size ? get32(pe, entry) : 0;
}

uint32_t pefile_image_base_field(const struct pefile *pe)
{
	return pe->nt + 24 + (pe->pe32_plus ? 24 : 28);
}

static int compare_exports(const void *a, const void *b)
{
	const struct pefile_export *x = a, *y = b;
	if (!x->name || !y->name)
		return x->name	 ? -1
		       : y->name ? 1
				 : (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
	return strcmp(x->name, y->name);
}

static void read_exports(struct pefile *pe)
{
	uint32_t size, directory = pefile_directory(pe, 0, &size);
	if (!directory)
		return;
	uint32_t base = get32(pe, directory + 16), count = get32(pe, directory + 20);
	uint32_t names = get32(pe, directory + 24), addresses = get32(pe, directory + 28);
	uint32_t name_table = get32(pe, directory + 32), ordinals = get32(pe, directory + 36);
	size_t capacity = 0;
	bool *named = util_alloc(count, sizeof(*named));
	for (uint32_t i = 0; i < names + count; i++) {
		uint32_t index = i < names ? get16(pe, ordinals + 2 * i) : i - names;
		if (index >= count)
			util_die("PE: export ordinal %u of %u", index, count);
		uint32_t rva = get32(pe, addresses + 4 * index);
		if (!rva || (i >= names && named[index]))
			continue;
		named[index] = true;
		struct pefile_export *e = util_push(pe->exports, pe->export_count, capacity);
		e->name = i < names ? string(pe, get32(pe, name_table + 4 * i)) : NULL;
		e->ordinal = base + index;
		e->rva = rva;
		if (rva - directory < size)
			e->forward = string(pe, rva);
	}
	free(named);
	if (pe->export_count)
		qsort(pe->exports, pe->export_count, sizeof(*pe->exports), compare_exports);
}

static void read_imports(struct pefile *pe)
{
	uint32_t size, directory = pefile_directory(pe, 1, &size);
	size_t capacity = 0;
	const uint32_t width = pe->pe32_plus ? 8 : 4;
	for (; directory && get32(pe, directory + 12); directory += 20) {
		uint32_t names = get32(pe, directory), slots = get32(pe, directory + 16);
		const char *dll = string(pe, get32(pe, directory + 12));
		for (uint32_t i = 0;; i++) {
			uint64_t thunk =
				util_get(at(pe, (names ? names : slots) + i * width, width), width);
			if (!thunk)
				break;
			struct pefile_import *import =
				util_push(pe->imports, pe->import_count, capacity);
			import->dll = dll;
			import->slot = slots + i * width;
			if (thunk >> (8 * width - 1))
				import->ordinal = thunk & 0xffff;
			else
				import->function = string(pe, (uint32_t)thunk + 2);
		}
	}
}

static void mark(bool *needed, uint64_t rva, uint64_t size)
{
	for (uint64_t page = rva / 0x1000; page <= (rva + size - 1) / 0x1000; page++)
		needed[page] = true;
}

void pefile_import_pages(const struct pefile *pe, bool *needed)
{
	uint32_t size, directory = pefile_directory(pe, 1, &size);
	const uint32_t width = pe->pe32_plus ? 8 : 4;
	mark(needed, 0, pe->headers);
	if (!directory)
		return;
	for (;; directory += 20) {
		mark(needed, directory, 20);
		if (!get32(pe, directory + 12))
			break;
		uint32_t names = get32(pe, directory);
		uint32_t table = names ? names : get32(pe, directory + 16), count = 0;
		while (util_get(at(pe, table + count * width, width), width))
			count++;
		mark(needed, table, (uint64_t)(count + 1) * width);
		const char *dll = string(pe, get32(pe, directory + 12));
		mark(needed, get32(pe, directory + 12), strlen(dll) + 1);
	}
	for (size_t i = 0; i < pe->import_count; i++) {
		const char *name = pe->imports[i].function;
		if (name)
			mark(needed, (uint64_t)((const uint8_t *)name - pe->mapped),
			     strlen(name) + 1);
	}
}

struct pefile *pefile_parse(const uint8_t *data, size_t size, const char *name)
{
	uint64_t nt = size >= 0x40 ? util_get(data + 0x3c, 4) : size;
	if (size < 0x40 || nt > size - 0x18 || memcmp(data, "MZ", 2) ||
	    memcmp(data + nt, "PE\0", 4))
		util_die("%s is not a PE file", name);
	const uint8_t *optional = data + nt + 24;
	uint64_t sections = util_get(data + nt + 6, 2), optional_size = util_get(data + nt + 20, 2);
	if (nt + 24 + optional_size + 40 * sections > size || optional_size < 96)
		util_die("%s: its headers are cut", name);
	struct pefile *pe = util_alloc(1, sizeof(*pe));
	pe->nt = (uint32_t)nt;
	pe->machine = (uint16_t)util_get(data + nt + 4, 2);
	pe->time_stamp = (uint32_t)util_get(data + nt + 8, 4);
	pe->pe32_plus = util_get(optional, 2) == 0x20b;
	pe->entry_point = (uint32_t)util_get(optional + 16, 4);
	pe->image_base = pe->pe32_plus ? util_get(optional + 24, 8) : util_get(optional + 28, 4);
	pe->size = (uint32_t)util_round_up(util_get(optional + 56, 4), 0x1000);
	pe->headers = (uint32_t)util_get(optional + 60, 4);
	if (pe->headers > size || pe->headers > pe->size || pe->size > 1u << 30)
		util_die("%s: its sizes contradict each other", name);
	pe->mapped = util_alloc(pe->size, 1);
	memcpy(pe->mapped, data, pe->headers);
	pe->sections = util_alloc(sections, sizeof(*pe->sections));
	pe->section_count = sections;
	for (uint64_t i = 0; i < sections; i++) {
		const uint8_t *header = optional + optional_size + 40 * i;
		struct pefile_section *section = &pe->sections[i];
		uint64_t raw_size = util_get(header + 16, 4), raw = util_get(header + 20, 4);
		section->size = (uint32_t)util_get(header + 8, 4);
		section->rva = (uint32_t)util_get(header + 12, 4);
		section->flags = (uint32_t)util_get(header + 36, 4);
		if (!section->size)
			section->size = (uint32_t)raw_size;
		if (section->rva > pe->size || section->size > pe->size - section->rva ||
		    raw > size || raw_size > size - raw)
			util_die("%s: a section lies outside of it", name);
		memcpy(pe->mapped + section->rva, data + raw,
		       raw_size < section->size ? raw_size : section->size);
	}
	read_exports(pe);
	read_imports(pe);
	return pe;
}

void pefile_free(struct pefile *pe)
{
	free(pe->mapped);
	free(pe->sections);
	free(pe->exports);
	free(pe->imports);
	free(pe);
}

void pefile_relocate(const struct pefile *pe, uint8_t *mapped, uint64_t base)
{
	uint32_t size, directory = pefile_directory(pe, 5, &size);
	const uint64_t delta = base - pe->image_base;
	uint32_t end = directory + size;
	while (directory && directory + 8 <= end) {
		uint32_t page = get32(pe, directory), block = get32(pe, directory + 4);
		if (block < 8)
			break;
		for (uint32_t i = 8; i + 2 <= block; i += 2) {
			uint32_t entry = get16(pe, directory + i);
			unsigned int type = entry >> 12;
			/* 10: DIR64, 3: HIGHLOW; 0 pads the block */
			unsigned int width = type == 10 ? 8 : type == 3 ? 4 : 0;
			uint32_t rva = page + (entry & 0xfff);
			if (!width)
				continue;
			at(pe, rva, width);
			util_put(mapped + rva, util_get(mapped + rva, width) + delta, width);
		}
		directory += block;
	}
	util_put(mapped + pefile_image_base_field(pe), base, pe->pe32_plus ? 8 : 4);
}

const struct pefile_export *pefile_find_export(const struct pefile *pe, const char *name)
{
	size_t low = 0, high = pe->export_count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct pefile_export *e = &pe->exports[middle];
		int order = e->name ? strcmp(name, e->name) : -1;
		if (!order)
			return e;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct pefile_export *pefile_find_ordinal(const struct pefile *pe, uint32_t ordinal)
{
	for (size_t i = 0; i < pe->export_count; i++) {
		if (pe->exports[i].ordinal == ordinal)
			return &pe->exports[i];
	}
	return NULL;
}
