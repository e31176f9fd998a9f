/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Assemblies that lie in memory as in their files: .NET loads them from arrays of bytes, so they
 * are on the managed heap (at multiples of 4 or 8) and in sections of the page file (at the start),
 * and inside of single-file bundles.
 *
 * What a page costs is a look at every fourth byte. What begins with MZ is looked at more closely,
 * in steps that each leave fewer: PE signature, CLR directory, metadata root.
 */
#include <endian.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/wide.h>

#include "dotnet/metadata.h"

enum {
	ALIGNMENT = 4,
	HEAD = 64,	      /* DOS header */
	OPTIONAL = 24,	      /* offset of the optional header from the PE signature */
	NT_MAX = 0x1000,      /* offset of the PE signature: compilers write 0x80 */
	DIRECTORIES_AT = 232, /* end of the CLR directory in the optional header of PE32+ */
	CLR_DIRECTORY = 14,
	STEPS_A_PAGE = 2,
	STEPS_TO_FIND = 8, /* in a page that has MZ somewhere */
	STEPS_A_HEAD = 4,
	STEPS_A_FILE = 40,
	STEPS_A_SECTION = 2,
	SECTIONS_READ = 0x800, /* by pe_open() */
};

static const uint8_t *part_at(const struct pe_reader *reader, uint64_t position, size_t *available)
{
	const struct dotnet_part *part = reader->context;
	const uint8_t *p = part->whole->at(part->whole, part->start + position, available);
	if (p)
		*available = (size_t)min_of((uint64_t)*available, reader->size - position);
	return p;
}

static const char *part_why(const struct pe_reader *reader, uint64_t position)
{
	const struct dotnet_part *part = reader->context;
	return part->whole->why(part->whole, part->start + position);
}

void dotnet_part_init(struct dotnet_part *part, const struct pe_reader *whole, uint64_t start,
		      uint64_t size)
{
	uint64_t rest = start < whole->size ? whole->size - start : 0;
	*part = (struct dotnet_part){.whole = whole, .start = start};
	part->reader = (struct pe_reader){
		.layout = PE_LAYOUT_FILE,
		.size = min_of(size, rest),
		.base = whole->base ? whole->base + start : 0,
		.at = part_at,
		.why = whole->why ? part_why : NULL,
		.context = part,
	};
}

/* Copies `size` bytes of the range, unless some are absent. */
static bool copy(const struct pe_reader *range, uint64_t position, void *buffer, size_t size)
{
	bool absent;
	return pe_reader_copy(range, position, buffer, size, &absent) == size;
}

/* Has what lies here PE headers, with a CLR directory? They count `*sections`. */
static bool has_headers(const struct pe_reader *range, uint64_t position, unsigned int *sections)
{
	uint8_t head[HEAD], nt[OPTIONAL + DIRECTORIES_AT];
	if (!copy(range, position, head, sizeof(head)))
		return false;
	uint32_t at = le32(head + 0x3c);
	if (at < 4 || at > NT_MAX)
		return false;
	/* The section table follows, so that so many bytes are there even with fewer directories. */
	if (!copy(range, position + at, nt, sizeof(nt)) || memcmp(nt, "PE\0\0", 4) != 0)
		return false;
	*sections = le16(nt + 6);
	uint16_t magic = le16(nt + OPTIONAL);
	if (magic != 0x10b && magic != 0x20b)
		return false;
	return le32(nt + OPTIONAL + (magic == 0x20b ? 112 : 96) + 8 * CLR_DIRECTORY) != 0;
}

/* The size of a file by its headers: where the last section ends. */
static uint64_t file_size(const struct pe *pe)
{
	uint64_t size = pe->size_of_headers;
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pe_section *s = &pe->sections[i];
		if (s->size_of_raw_data)
			size = max_of(size, (uint64_t)s->pointer_to_raw_data + s->size_of_raw_data);
	}
	return size;
}

/* Is it an assembly in file layout? A mapped one has its metadata elsewhere. */
static bool is_assembly(const struct pe_reader *range, uint64_t position,
			struct dotnet_place *place)
{
	struct dotnet_part part;
	dotnet_part_init(&part, range, position, PE_RVA_END);
	_cleanup_pe_ struct pe pe;
	if (pe_open(&pe, &part.reader) != PE_OK || !pe.section_count)
		return false;
	enum step step = root_confirmed(&pe);
	*place = (struct dotnet_place){
		.position = position, .size = file_size(&pe), .confirmed = step == STEP_OK};
	if (step == STEP_NOT)
		place->wiped = root_wiped(&pe);
	return step != STEP_NOT || place->wiped;
}

/* Looks at the multiples of 4 in a stretch of bytes. Returns the first that begins with MZ. */
static size_t find_mz(const uint8_t *p, size_t from, size_t size)
{
	for (size_t i = from; i + 1 < size; i += ALIGNMENT)
		if (p[i] == 'M' && p[i + 1] == 'Z')
			return i;
	return size;
}

/*
 * Is there MZ at any multiple of 4? All words of 16 bits are compared, and every second one counts:
 * four vectors a turn. The rest of less than STRIDE bytes is not looked at.
 */
enum { WORDS = 16, VECTORS = 4, STRIDE = 2 * WORDS * VECTORS };
typedef uint16_t words __attribute__((vector_size(2 * WORDS)));

static IMPSCAN_WIDE bool any_mz(const uint8_t *p, size_t size)
{
	const words mz = (words){0} + htole16(0x5a4d);
	words any[VECTORS] = {0};
	for (size_t i = 0; i + STRIDE <= size; i += STRIDE)
		for (size_t k = 0; k < VECTORS; k++) {
			words here;
			memcpy(&here, p + i + k * sizeof(here), sizeof(here));
			any[k] |= (words)(here == mz);
		}
	any[0] |= any[1] | any[2] | any[3];
	uint16_t found = 0;
	for (size_t i = 0; i < WORDS; i += 2)
		found |= any[0][i];
	return found;
}

bool dotnet_may_begin(const uint8_t *bytes, size_t size)
{
	size_t rest = size % STRIDE;
	return any_mz(bytes, size) || find_mz(bytes, size - rest, size / ALIGNMENT * ALIGNMENT) <
					      size / ALIGNMENT * ALIGNMENT;
}

/* Looks for an assembly in `size` bytes at `*position`, which is moved behind one that is found. */
static bool find_in_bytes(const struct pe_reader *range, const uint8_t *p, size_t size,
			  uint64_t *position, struct budget *budget, struct dotnet_place *place)
{
	const uint64_t at = *position;
	size_t i = size / ALIGNMENT * ALIGNMENT;
	if (dotnet_may_begin(p, size)) {
		i = 0;
		if (!budget_spend(budget, STEPS_TO_FIND))
			return false;
	}
	for (; (i = find_mz(p, i, size)) < size; i += ALIGNMENT) {
		unsigned int sections = 0;
		bool headers = has_headers(range, at + i, &sections);
		*position = at + i + ALIGNMENT;
		uint64_t steps = STEPS_A_HEAD;
		if (headers)
			steps += STEPS_A_FILE +
				 STEPS_A_SECTION * min_of(sections, (unsigned int)SECTIONS_READ);
		if (!budget_spend(budget, steps))
			return false;
		if (headers && is_assembly(range, at + i, place))
			return true;
	}
	*position = (at + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return false;
}

bool dotnet_next(const struct pe_reader *range, uint64_t *position, uint64_t end,
		 struct budget *budget, struct dotnet_place *place, size_t *absent)
{
	end = min_of(end, range->size);
	const uint64_t behind = max_of(*position, end);
	*position = (*position + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	while (*position < end) {
		uint64_t next = min_of((*position / PAGE_SIZE + 1) * PAGE_SIZE, end);
		if (!budget_spend(budget, STEPS_A_PAGE))
			return false;
		size_t available;
		const uint8_t *p = range->at(range, *position, &available);
		if (!p) {
			++*absent;
			*position = next;
			continue;
		}
		size_t size = (size_t)min_of((uint64_t)available, next - *position);
		if (find_in_bytes(range, p, size, position, budget, place))
			return true;
		if (budget_exceeded(budget))
			return false;
	}
	*position = behind;
	return false;
}
