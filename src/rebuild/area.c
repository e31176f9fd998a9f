/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The area that is searched for address tables: its bytes, its sections, and which of its slots are
 * known already.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/search.h>

#include "rebuild/rebuilding.h"

bool rebuild_read(struct rebuilding *r, uint64_t address, void *buffer, size_t size)
{
	uint8_t *to = buffer;
	while (size) {
		size_t available;
		const uint8_t *p = r->memory->at(r->memory, address, &available);
		if (!p)
			return false;
		size_t n = min_of(size, available);
		memcpy(to, p, n);
		to += n;
		address += n;
		size -= n;
	}
	return true;
}

bool rebuild_slot(struct rebuilding *r, uint64_t address, uint64_t *value)
{
	uint64_t page = address / PAGE_SIZE + 1;
	size_t offset = (size_t)(address % PAGE_SIZE);
	if (page != r->page) {
		r->page = page;
		r->page_bytes = r->memory->at(r->memory, address - offset, &r->page_available);
	}
	if (r->page_bytes && offset + r->pointer_size <= r->page_available) {
		*value = le_pointer(r->page_bytes + offset, r->pointer_size);
		return true;
	}
	uint8_t bytes[8];
	if (!rebuild_read(r, address, bytes, r->pointer_size))
		return false;
	*value = le_pointer(bytes, r->pointer_size);
	return true;
}

uint32_t rebuild_section(const struct rebuilding *r, uint64_t address)
{
	uint64_t rva = address - r->area->base;
	for (size_t i = 0; r->pe && i < r->pe->section_count; i++) {
		const struct pe_section *section = &r->pe->sections[i];
		uint64_t size = max_of(section->virtual_size, section->size_of_raw_data);
		if (rva >= section->virtual_address && rva - section->virtual_address < size)
			return (uint32_t)i;
	}
	return UINT32_MAX;
}

uint64_t rebuild_section_steps(const struct rebuilding *r)
{
	return r->pe ? r->pe->section_count / SECTIONS_A_STEP : 0;
}

bool rebuild_stands_alone(struct rebuilding *r, uint64_t slot)
{
	uint64_t next;
	uint32_t section = rebuild_section(r, slot);
	if (section == UINT32_MAX || !rebuild_slot(r, slot + r->pointer_size, &next) || next)
		return false;
	const struct pe_section *s = &r->pe->sections[section];
	return !(s->characteristics & IMAGE_SCN_MEM_WRITE) || !strcmp(s->name, ".idata");
}

/* Offset of MajorLinkerVersion from the PE signature, and the first version of Visual Studio 2015. */
enum { MAJOR_LINKER_VERSION = 4 + 20 + 2, VISUAL_STUDIO_2015 = 14 };

/* Microsoft's linker leaves its mark, the "Rich" record, between the DOS stub and the signature. */
enum linker rebuild_find_linker(struct rebuilding *r)
{
	bool rich = false;
	uint8_t bytes[4], version;
	if (!r->pe)
		return LINKER_UNKNOWN;
	for (uint32_t rva = 0x40; !rich && rva + 8 <= min_of(r->pe->nt_headers, 0x1000u); rva += 4)
		rich = rebuild_read(r, r->area->base + rva, bytes, sizeof(bytes)) &&
		       !memcmp(bytes, "Rich", sizeof(bytes));
	if (!rich ||
	    !rebuild_read(r, r->area->base + r->pe->nt_headers + MAJOR_LINKER_VERSION, &version, 1))
		return LINKER_OTHER;
	return version < VISUAL_STUDIO_2015 ? LINKER_OLD_MICROSOFT : LINKER_MICROSOFT;
}

void rebuild_add_known(struct rebuilding *r, uint64_t start, uint64_t end)
{
	struct rebuild_scratch *s = r->scratch;
	struct slot_range *last = s->known_count ? &s->known[s->known_count - 1] : NULL;
	if (last && last->end == start)
		last->end = end;
	else
		*array_push(s->known, s->known_count, s->known_capacity) =
			(struct slot_range){start, end};
}

static int compare_ranges(const void *a, const void *b)
{
	const struct slot_range *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Also joins ranges that overlap or touch. */
void rebuild_sort_known(struct rebuild_scratch *s)
{
	if (!s->known_count)
		return;
	qsort(s->known, s->known_count, sizeof(*s->known), compare_ranges);
	size_t kept = 1;
	for (size_t i = 1; i < s->known_count; i++) {
		struct slot_range *last = &s->known[kept - 1];
		if (s->known[i].start <= last->end)
			last->end = max_of(last->end, s->known[i].end);
		else
			s->known[kept++] = s->known[i];
	}
	s->known_count = kept;
}

size_t rebuild_first_known(const struct rebuild_scratch *s, uint64_t address)
{
	return search_first(i, 0, s->known_count, s->known[i].end > address);
}

bool rebuild_is_known(const struct rebuild_scratch *s, uint64_t address)
{
	size_t at = rebuild_first_known(s, address);
	return at < s->known_count && s->known[at].start <= address;
}
