/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finding the table of functions. Go's linker puts it into read-only data, before there was such a
 * section (up to Go 1.10 or so) into the code, and a packer wherever it likes: into what can be
 * written.
 *
 * So sections are searched in this order, each for the table's header: read-only data; what can be
 * written, if it was not there; code, unless there is read-only data and nothing says that it is
 * Go.
 *
 * What can be written is also searched for the moduledata, which says where the table is that the
 * program uses: its header may be wiped, and a program may carry another one in its data. Where
 * there is no moduledata (before Go 1.5) or it is not present, the last table counts, as in
 * gimphash's program, since the linker puts what a program carries before its own table.
 */
#include "golang/search.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "golang/build_info.h"
#include "golang/table.h"

/*
 * Go's linkers align large symbols so, and ask the same of other linkers (IMAGE_SCN_ALIGN_32BYTES).
 * A header elsewhere is found through the moduledata.
 */
#define HEADER_ALIGNMENT 32

/* Sections are searched from such an address on; moduledata has the alignment of a pointer. */
#define AREA_ALIGNMENT 8

/* Steps for searching a page that is present: for a header, and for everything. */
#define STEPS_A_PAGE	 2
#define STEPS_EVERYTHING 10

/* A section that can be discarded: relocations, debug information. */
#define IMAGE_SCN_MEM_DISCARDABLE UINT32_C(0x02000000)

/* What of a program is searched. */
enum kind {
	KIND_DATA,
	KIND_WRITABLE,
	KIND_CODE,
	KIND_NOT_SEARCHED,
};

/* A stretch of the program, up to but not including `end`. */
struct area {
	uint64_t start, end;
	enum kind kind;
};

/* What is looked for. */
struct wanted {
	bool header;
	bool others; /* moduledata, build information */
};

static enum kind kind_of(const struct pe *pe, const struct pe_section *section)
{
	uint32_t resources = pe->directory[PE_DIRECTORY_RESOURCE].rva;
	if (section->characteristics & IMAGE_SCN_MEM_WRITE)
		return KIND_WRITABLE;
	if (section->characteristics & IMAGE_SCN_MEM_EXECUTE)
		return KIND_CODE;
	return section->characteristics & IMAGE_SCN_MEM_DISCARDABLE ||
			       (resources && resources == section->virtual_address)
		       ? KIND_NOT_SEARCHED
		       : KIND_DATA;
}

static int compare_areas(const void *a, const void *b)
{
	const struct area *x = a;
	const struct area *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

/*
 * The areas by sections, in ascending order; none begins before the one before it ends. Where there
 * are no headers, all is one area.
 */
static struct area *areas_of(const struct go_program *program, size_t *count)
{
	const struct pe *pe = program->pe;
	*count = pe->section_count ? pe->section_count : 1;
	struct area *areas = alloc_zero(*count, sizeof(*areas));
	areas[0] = (struct area){.end = program->size, .kind = KIND_WRITABLE};
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pe_section *section = &pe->sections[i];
		uint64_t start = section->virtual_address & ~(AREA_ALIGNMENT - 1u);
		uint64_t size = max_of(section->virtual_size, section->size_of_raw_data);
		areas[i].start = min_of(start, program->size);
		areas[i].end = min_of(start + size, program->size);
		areas[i].kind = kind_of(pe, section);
	}
	qsort(areas, *count, sizeof(*areas), compare_areas);
	uint64_t end = 0;
	for (size_t i = 0; i < *count; i++) {
		areas[i].start = max_of(areas[i].start, end);
		areas[i].end = max_of(areas[i].start, areas[i].end);
		end = areas[i].end;
	}
	return areas;
}

static void find_header(struct go_program *program, uint64_t rva, const uint8_t *bytes, size_t size)
{
	for (size_t i = (size_t)(-rva % HEADER_ALIGNMENT); i + GO_HEAD_SIZE <= size;
	     i += HEADER_ALIGNMENT) {
		struct go_table table;
		if (!go_may_be_head(le32(bytes + i + 4)))
			continue;
		if (go_table_by_header(program, rva + i, bytes + i, &table))
			program->table = table;
		if (budget_exceeded(program->budget))
			return;
	}
}

/* Words of a moduledata that tell it from most other things. */
#define MODULEDATA_START 4

/*
 * Are these words the start of a moduledata, perhaps? The address of a header and a slice of names
 * a little behind it; or a slice of the table, and the address of the entries in it.
 */
static inline bool may_be_moduledata(const struct go_program *program, const uint8_t *bytes,
				     unsigned int pointer)
{
	uint64_t first = le_pointer(bytes, pointer);
	if (go_rva(program, first) == UINT64_MAX)
		return false;
	uint64_t second = le_pointer(bytes + pointer, pointer);
	uint64_t third = le_pointer(bytes + 2 * (size_t)pointer, pointer);
	uint64_t fourth = le_pointer(bytes + 3 * (size_t)pointer, pointer);
	return third &&
	       (third == fourth ? second - first - 1 < 0x100
				: second == third && fourth - first == GO_HEAD_SIZE + pointer);
}

/*
 * Returns the first place from `i` on where a moduledata may be, or where too few bytes follow to
 * tell. `pointer` is a constant, so that this is fast.
 */
__attribute__((always_inline)) static inline size_t
next_moduledata(const struct go_program *program, const uint8_t *bytes, size_t size, size_t i,
		unsigned int pointer)
{
	while (i + MODULEDATA_START * (size_t)pointer <= size &&
	       !may_be_moduledata(program, bytes + i, pointer))
		i += pointer;
	return i;
}

/* Takes a table that a moduledata leads to: as its header says, where there is one. */
static void take_leading(struct go_program *program, const struct go_table *table)
{
	uint8_t head[GO_HEAD_SIZE];
	struct go_table headed;
	bool has_head = pe_copy(program->pe, table->start, head, sizeof(head)) == PE_READ_OK &&
			go_table_by_header(program, table->start, head, &headed);
	program->table = has_head ? headed : *table;
	program->led = true;
}

static void find_moduledata(struct go_program *program, uint64_t rva, const uint8_t *bytes,
			    size_t size, unsigned int pointer)
{
	for (size_t i = 0; !program->led && !budget_exceeded(program->budget); i += pointer) {
		uint8_t copy[MODULEDATA_START * 8];
		struct go_table table;
		i = pointer == 8 ? next_moduledata(program, bytes, size, i, 8)
				 : next_moduledata(program, bytes, size, i, 4);
		if (i >= size)
			return;
		size_t least = MODULEDATA_START * (size_t)pointer;
		if (i + least > size && /* it goes on in the next page */
		    (pe_copy(program->pe, rva + i, copy, least) != PE_READ_OK ||
		     !may_be_moduledata(program, copy, pointer)))
			continue;
		if (go_table_by_moduledata(program, rva + i, pointer, &table))
			take_leading(program, &table);
	}
}

static void find_build_info(struct go_program *program, uint64_t rva, const uint8_t *bytes,
			    size_t size)
{
	size_t first = (size_t)(-rva % GO_BUILD_INFO_ALIGNMENT);
	for (size_t i = first; !program->build_info && i + GO_BUILD_INFO_MAGIC_SIZE <= size;
	     i += GO_BUILD_INFO_ALIGNMENT)
		if (go_is_build_info(bytes + i))
			program->build_info = rva + i;
}

/* Searches bytes in one piece. */
static void search_piece(struct go_program *program, uint64_t rva, const uint8_t *bytes,
			 size_t size, const struct wanted *wanted)
{
	if (wanted->header && !program->led)
		find_header(program, rva, bytes, size);
	for (unsigned int pointer = 4; wanted->others && pointer <= 8; pointer += 4)
		if (!program->led && go_may_point(program, pointer))
			find_moduledata(program, rva, bytes, size, pointer);
	if (wanted->others && !program->build_info)
		find_build_info(program, rva, bytes, size);
}

/* Searches up to `end`. Returns false when the budget has ended. */
static bool search_area(struct go_program *program, uint64_t rva, uint64_t end,
			const struct wanted *wanted)
{
	while (rva < end && !(wanted->others && program->led && program->build_info)) {
		size_t available = 0;
		enum pe_read how;
		const uint8_t *bytes = pe_at(program->pe, rva, &available, &how);
		if (!bytes && how == PE_READ_OUTSIDE)
			return true;
		uint64_t next = (rva / PAGE_SIZE + 1) * PAGE_SIZE;
		if (!bytes && !program->absent++)
			program->first_absent = rva;
		if (bytes) {
			available = (size_t)min_of((uint64_t)available, min_of(next, end) - rva);
			next = rva + available;
		}
		uint64_t steps = wanted->others ? STEPS_EVERYTHING : STEPS_A_PAGE;
		if (!budget_spend(program->budget, bytes ? steps : 1))
			return false;
		if (bytes)
			search_piece(program, rva, bytes, available, wanted);
		rva = next;
	}
	return !budget_exceeded(program->budget);
}

/* Searches all areas of a kind. Returns false when the budget has ended. */
static bool search_kind(struct go_program *program, const struct area *areas, size_t count,
			enum kind kind, const struct wanted *wanted)
{
	for (size_t i = 0; i < count; i++) {
		if (wanted->others && program->led && program->build_info)
			return true;
		if (areas[i].kind == kind &&
		    !search_area(program, areas[i].start, areas[i].end, wanted))
			return false;
	}
	return true;
}

/* Searches as the head of this file says. */
static bool search_all(struct go_program *program)
{
	size_t count;
	_cleanup_free_ struct area *areas = areas_of(program, &count);
	bool data = false;
	for (size_t i = 0; i < count; i++)
		data |= areas[i].kind == KIND_DATA;
	struct wanted wanted = {.header = true};
	if (!search_kind(program, areas, count, KIND_DATA, &wanted))
		return false;
	wanted =
		(struct wanted){.header = program->table.found == GOLANG_NOT_FOUND, .others = true};
	if (!search_kind(program, areas, count, KIND_WRITABLE, &wanted))
		return false;
	if (program->table.found != GOLANG_NOT_FOUND || (data && !program->build_info))
		return true;
	wanted = (struct wanted){.header = true};
	return search_kind(program, areas, count, KIND_CODE, &wanted);
}

bool go_search(struct go_program *program)
{
	bool searched = search_all(program);
	/* The program's own table, or what says where it is, may be on an absent page. */
	if (program->table.found != GOLANG_NOT_FOUND && !program->led && program->absent &&
	    !go_table_is_own(program, &program->table)) {
		program->table.found = GOLANG_NOT_FOUND;
		program->foreign = true;
	}
	return searched;
}
