/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading at an RVA, and cursors. In memory layout an RVA is a position. In file layout the section
 * table translates it, by the rules of pefile 2023.2.7 (SectionStructure.contains_rva and get_data,
 * PE.get_data, get_offset_from_rva, get_string_at_rva), since they define the import hashes:
 *
 * - PointerToRawData is rounded down to 0x200, unless FileAlignment is smaller. VirtualAddress is
 *   rounded down to SectionAlignment, or to FileAlignment where SectionAlignment is less than a
 *   page.
 * - A section has the larger one of its two sizes, or VirtualSize when its raw data would pass the
 *   end of the file. It ends where the next section starts.
 * - Its bytes end at PointerToRawData (not rounded) + SizeOfRawData.
 * - The section that was used last is tried first, then all sections by VirtualAddress. At first,
 *   the section of the entry point counts as the one used last.
 * - An RVA in no section is a file offset. A structure that begins in the headers ends with them; a
 *   string doesn't.
 */
#include "rva.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/pe_cursor.h>

uint32_t pe_align_raw(const struct pe *pe, uint32_t value)
{
	return pe->file_alignment < 0x200 ? value : value & ~UINT32_C(0x1ff);
}

uint32_t pe_align_virtual(const struct pe *pe, uint32_t value)
{
	uint32_t alignment = pe->section_alignment;
	if (alignment < PAGE_SIZE)
		alignment = pe->file_alignment;
	return alignment ? value - value % alignment : value;
}

static int compare_sections(const void *a, const void *b)
{
	const struct pe_section *const *x = a;
	const struct pe_section *const *y = b;
	if ((*x)->virtual_address != (*y)->virtual_address)
		return (*x)->virtual_address < (*y)->virtual_address ? -1 : 1;
	return (*x > *y) - (*x < *y); /* as in the table */
}

void pe_find_extents(struct pe *pe, uint64_t table, size_t count)
{
	uint64_t size = pe->reader->size;
	size_t n = pe->section_count;
	_cleanup_free_ const struct pe_section **sorted =
		alloc_zero(n, sizeof(struct pe_section *));
	for (size_t i = 0; i < n; i++)
		sorted[i] = &pe->sections[i];
	if (n)
		qsort(sorted, n, sizeof(struct pe_section *), compare_sections);

	pe->extents = alloc_zero(n, sizeof(*pe->extents));
	pe->extent_count = n;
	uint64_t lowest = UINT64_MAX; /* raw data of any section */
	for (size_t i = 0; i < n; i++) {
		const struct pe_section *s = sorted[i];
		uint64_t start = pe_align_virtual(pe, s->virtual_address);
		uint64_t raw = pe_align_raw(pe, s->pointer_to_raw_data);
		uint64_t length = s->virtual_size;
		if (raw + s->size_of_raw_data <= size)
			length = max_of(s->size_of_raw_data, s->virtual_size);
		if (i + 1 < n) {
			uint64_t next = sorted[i + 1]->virtual_address;
			if (next > s->virtual_address && start + length > next)
				length = next - start;
		}
		pe->extents[i] = (struct pe_extent){
			.start = start,
			.end = start + length,
			.raw = raw,
			.raw_end = (uint64_t)s->pointer_to_raw_data + s->size_of_raw_data,
		};
		if (s->pointer_to_raw_data)
			lowest = min_of(lowest, raw);
	}
	uint64_t headers = n ? table + 40 * (uint64_t)count : table;
	if (lowest != UINT64_MAX && lowest && lowest >= headers)
		headers = lowest;
	pe->header_length = min_of(headers, size);
}

static bool contains(const struct pe_extent *extent, uint64_t rva)
{
	return rva >= extent->start && rva < extent->end;
}

/*
 * Returns the extent of an RVA, trying number `*last` first, and sets `*last`. NULL when none has
 * it.
 */
static const struct pe_extent *find_extent(const struct pe *pe, uint64_t rva, size_t *last)
{
	if (*last < pe->extent_count && contains(&pe->extents[*last], rva))
		return &pe->extents[*last];
	for (size_t i = 0; i < pe->extent_count; i++) {
		if (!contains(&pe->extents[i], rva))
			continue;
		*last = i;
		return &pe->extents[i];
	}
	return NULL;
}

/*
 * Finds the position of an RVA. `*end` is the position at which the bytes there end by the rules
 * above: at most the reader's size, and possibly below `*position`. Returns false when the PE has
 * no such RVA. Rules for structures and strings differ, see above.
 */
static bool locate(const struct pe *pe, uint64_t rva, bool string, size_t *last, uint64_t *position,
		   uint64_t *end)
{
	uint64_t size = pe->reader->size;
	*position = rva;
	*end = size;
	if (pe->reader->layout == PE_LAYOUT_MEMORY) {
		*end = min_of(size, (uint64_t)PE_RVA_END);
		return rva < *end;
	}
	const struct pe_extent *extent = find_extent(pe, rva, last);
	if (extent) {
		*position = rva - extent->start + extent->raw;
		*end = min_of(extent->raw_end, size);
		return true;
	}
	if (!string && rva < pe->header_length)
		*end = pe->header_length;
	return rva < size;
}

const uint8_t *pe_at(const struct pe *pe, uint64_t rva, size_t *available, enum pe_read *how)
{
	size_t last = pe->extent_count;
	uint64_t position;
	uint64_t end;
	*how = PE_READ_OUTSIDE;
	if (!locate(pe, rva, true, &last, &position, &end) || position >= end)
		return NULL;
	const uint8_t *p = pe->reader->at(pe->reader, position, available);
	if (!p) {
		*how = PE_READ_ABSENT;
		return NULL;
	}
	*available = (size_t)min_of((uint64_t)*available, end - position);
	*how = PE_READ_OK;
	return p;
}

enum pe_read pe_copy(const struct pe *pe, uint64_t rva, void *buffer, size_t size)
{
	uint8_t *out = buffer;
	while (size) {
		size_t available;
		enum pe_read how;
		const uint8_t *p = pe_at(pe, rva, &available, &how);
		if (!p)
			return how;
		size_t n = min_of(available, size);
		memcpy(out, p, n);
		out += n;
		rva += n;
		size -= n;
	}
	return PE_READ_OK;
}

enum pe_read pe_string(const struct pe *pe, uint64_t rva, char *buffer, size_t size)
{
	size_t length = 0;
	enum pe_read how = PE_READ_OK;
	while (length + 1 < size) {
		size_t available;
		const uint8_t *p = pe_at(pe, rva + length, &available, &how);
		if (!p)
			break;
		size_t n = min_of(available, size - 1 - length);
		const uint8_t *end = memchr(p, 0, n);
		size_t part = end ? (size_t)(end - p) : n;
		memcpy(buffer + length, p, part);
		length += part;
		if (end)
			break;
	}
	buffer[length] = '\0';
	return length && how == PE_READ_OUTSIDE ? PE_READ_OK : how;
}

void pe_cursor_init(struct pe_cursor *cursor, const struct pe *pe)
{
	cursor->pe = pe;
	cursor->last = pe->extent_count;
	cursor->seen = NULL;
	cursor->seen_end = 0;
	cursor->pages = 0;
	cursor->pages_found = 0;
	memset(cursor->cache, 0, sizeof(cursor->cache));
	if (pe->extent_count)
		find_extent(pe, pe->address_of_entry_point, &cursor->last);
}

bool pe_cursor_exists(struct pe_cursor *cursor, uint64_t rva)
{
	uint64_t position;
	uint64_t end;
	return locate(cursor->pe, rva, false, &cursor->last, &position, &end);
}

uint64_t pe_cursor_position(struct pe_cursor *cursor, uint64_t rva)
{
	uint64_t position;
	uint64_t end;
	locate(cursor->pe, rva, false, &cursor->last, &position, &end);
	return position;
}

void pe_cursor_count_pages(struct pe_cursor *cursor, uint8_t **seen, size_t *size)
{
	uint64_t end = min_of(cursor->pe->reader->size, (uint64_t)PE_RVA_END * 2);
	size_t wanted = (size_t)(end / PAGE_SIZE / 8 + 1);
	if (wanted > *size) {
		*seen = alloc_resize(*seen, wanted, 1);
		*size = wanted;
	}
	memset(*seen, 0, wanted);
	cursor->seen = *seen;
	cursor->seen_end = end;
}

static void count_page(struct pe_cursor *cursor, uint64_t page, bool found)
{
	if (!cursor->seen || page * PAGE_SIZE >= cursor->seen_end ||
	    cursor->seen[page / 8] & 1u << page % 8)
		return;
	cursor->seen[page / 8] |= (uint8_t)(1u << page % 8);
	cursor->pages++;
	cursor->pages_found += found;
}

/* As reader->at(), with the cursor's cache of pages. `position` is below the reader's size. */
static const uint8_t *fetch(struct pe_cursor *cursor, uint64_t position, size_t *available)
{
	const struct pe_reader *reader = cursor->pe->reader;
	if (reader->layout == PE_LAYOUT_FILE) {
		const uint8_t *bytes = reader->at(reader, position, available);
		count_page(cursor, position / PAGE_SIZE, bytes != NULL);
		return bytes;
	}
	uint64_t page = position / PAGE_SIZE;
	size_t offset = position % PAGE_SIZE;
	__auto_type slot = &cursor->cache[page % PE_CURSOR_PAGES];
	if (slot->page != page + 1) {
		slot->page = page + 1;
		slot->bytes = reader->at(reader, page * PAGE_SIZE, &slot->available);
		slot->available = slot->bytes ? min_of(slot->available, (size_t)PAGE_SIZE) : 0;
		count_page(cursor, page, slot->bytes != NULL);
	}
	if (offset >= slot->available) /* a page that is there in part */
		return reader->at(reader, position, available);
	*available = slot->available - offset;
	return slot->bytes + offset;
}

void pe_cursor_count(struct pe_cursor *cursor, uint64_t position)
{
	size_t available;
	if (position < cursor->pe->reader->size)
		fetch(cursor, position, &available);
}

const uint8_t *pe_cursor_data(struct pe_cursor *cursor, uint64_t rva, size_t size,
			      enum pe_read *how)
{
	uint64_t position;
	uint64_t end;
	*how = PE_READ_OUTSIDE;
	if (!locate(cursor->pe, rva, false, &cursor->last, &position, &end) ||
	    !range_within(position, size, end) || size > sizeof(cursor->copy))
		return NULL;
	for (size_t done = 0; done < size;) {
		size_t available;
		const uint8_t *p = fetch(cursor, position + done, &available);
		if (!p) {
			*how = PE_READ_ABSENT;
			return NULL;
		}
		if (!done && available >= size) {
			*how = PE_READ_OK;
			return p;
		}
		size_t n = min_of(available, size - done);
		memcpy(cursor->copy + done, p, n);
		done += n;
	}
	*how = PE_READ_OK;
	return cursor->copy;
}

const uint8_t *pe_cursor_bytes(struct pe_cursor *cursor, uint64_t rva, size_t *available)
{
	uint64_t position;
	uint64_t end;
	if (!locate(cursor->pe, rva, false, &cursor->last, &position, &end) || position >= end)
		return NULL;
	const uint8_t *p = fetch(cursor, position, available);
	*available = p ? (size_t)min_of((uint64_t)*available, end - position) : 0;
	return p;
}

const char *pe_cursor_string(struct pe_cursor *cursor, uint64_t rva, size_t limit, size_t *length,
			     enum pe_read *how)
{
	uint64_t position;
	uint64_t end;
	*length = 0;
	*how = PE_READ_OUTSIDE;
	if (!locate(cursor->pe, rva, true, &cursor->last, &position, &end) || position >= end)
		return "";
	limit = min_of(limit, sizeof(cursor->copy));
	limit = (size_t)min_of((uint64_t)limit, end - position);
	*how = PE_READ_OK;
	size_t done = 0;
	while (done < limit) {
		size_t available;
		const uint8_t *p = fetch(cursor, position + done, &available);
		if (!p) {
			*how = PE_READ_ABSENT;
			return NULL;
		}
		size_t n = min_of(available, limit - done);
		const uint8_t *nul = memchr(p, 0, n);
		size_t part = nul ? (size_t)(nul - p) : n;
		if (!done && (nul || n == limit)) {
			*length = part;
			return (const char *)p;
		}
		memcpy(cursor->copy + done, p, part);
		done += part;
		if (nul)
			break;
	}
	*length = done;
	return (const char *)cursor->copy;
}
