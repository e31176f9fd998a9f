/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The imports of a file that is made of an image in memory.
 *
 * The loader overwrote each slot of FirstThunk with an address. Where the table of names
 * (OriginalFirstThunk) is whole, the slots are restored from it: that is what an unbound file has.
 * Where the import directory is lost, a new one is made from a rebuilt list, in a section at the
 * end.
 */
#include "write.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>

enum {
	DESCRIPTOR_SIZE = 20, /* IMAGE_IMPORT_DESCRIPTOR */
	DESCRIPTORS_MAX = 0x1000,
	THUNKS_MAX = 0x10000, /* of all descriptors */
	NAME_MAX_LENGTH = 0x1000,
	INITIALIZED_DATA = 0x40, /* IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_READ */
	READ = 0x40000000,
};

/* Bytes of the new section at most: enough for the names of a hundred thousand functions. */
#define SECTION_MAX (UINT64_C(16) << 20)

static uint64_t ordinal_flag(const struct writing *w)
{
	return w->pe32_plus ? UINT64_C(1) << 63 : UINT64_C(1) << 31;
}

static unsigned int pointer_size(const struct writing *w)
{
	return w->pe32_plus ? 8 : 4;
}

static bool read_thunk(const struct writing *w, uint64_t rva, uint64_t *value)
{
	uint8_t bytes[8];
	unsigned int size = pointer_size(w);
	if (pe_copy(w->pe, rva, bytes, size) != PE_READ_OK)
		return false;
	*value = le_pointer(bytes, size);
	return true;
}

/* Returns whether a file can have this value as a thunk. */
static bool is_name_or_ordinal(const struct writing *w, uint64_t value)
{
	uint64_t flag = ordinal_flag(w);
	return value & flag ? (value & ~flag) <= 0xffff : value < w->reader->size;
}

/*
 * Returns how many thunks a table has, or 0 when it isn't whole. Counts them down from `*budget`.
 */
static size_t count_thunks(const struct writing *w, uint64_t table, size_t *budget)
{
	uint64_t value;
	for (size_t i = 0; *budget; i++, --*budget) {
		if (!read_thunk(w, table + i * pointer_size(w), &value))
			return 0;
		if (!value)
			return i;
		if (!is_name_or_ordinal(w, value))
			return 0;
	}
	return 0;
}

/* Changes a slot of the file, unless it lies in the headers: those of hostile files could do so. */
static void put_thunk(struct writing *w, uint64_t rva, uint64_t value)
{
	unsigned int size = pointer_size(w);
	uint64_t offset;
	if (!write_offset(w, rva, size, &offset) ||
	    offset < w->table + w->sections * WRITE_SECTION_HEADER)
		return;
	uint8_t slot[8];
	if (!write_get(w, offset, slot, size) || le_pointer(slot, size) == value)
		return;
	put64(slot, value);
	w->written->slots_restored += write_put(w, offset, slot, size);
}

void write_restore_slots(struct writing *w)
{
	size_t budget = THUNKS_MAX;
	uint64_t rva = w->import_directory;
	for (size_t d = 0; rva && d < DESCRIPTORS_MAX && budget; d++, rva += DESCRIPTOR_SIZE) {
		uint8_t descriptor[DESCRIPTOR_SIZE];
		if (pe_copy(w->pe, rva, descriptor, sizeof(descriptor)) != PE_READ_OK)
			return;
		uint64_t names = le32(descriptor);
		uint64_t addresses = le32(descriptor + 16);
		if (!addresses || !le32(descriptor + 12))
			return;
		if (!names || names == addresses)
			continue;
		size_t count = count_thunks(w, names, &budget);
		for (size_t i = 0; i < count; i++) {
			uint64_t value;
			if (read_thunk(w, names + i * pointer_size(w), &value))
				put_thunk(w, addresses + i * pointer_size(w), value);
		}
	}
}

/* The new section while it is made: descriptors, then the tables of names, then names. */
struct new_section {
	struct writing *w;
	uint8_t *bytes;
	uint64_t rva;
	uint64_t descriptor; /* offsets of what is written next */
	uint64_t thunk;
	uint64_t string;
};

static bool is_usable(const struct writing *w, const struct pe_write_import *import)
{
	return import->dll && *import->dll && import->position < w->end &&
	       w->end - import->position >= pointer_size(w) && (!import->name || *import->name) &&
	       w->written->imports_added < THUNKS_MAX;
}

/* Returns whether an import belongs to the descriptor of the one before. */
static bool follows(const struct writing *w, const struct pe_write_import *before,
		    const struct pe_write_import *import)
{
	return before && import->position == before->position + pointer_size(w) &&
	       !strcmp(before->dll, import->dll);
}

/* Writes a string behind `lead` zeros (a hint), at an even place; its RVA. */
static uint64_t add_string(struct new_section *to, const char *string, size_t lead)
{
	size_t length = strnlen(string, NAME_MAX_LENGTH);
	uint64_t at = to->string;
	memcpy(to->bytes + at + lead, string, length);
	to->string = align_up(at + lead + length + 1, 2);
	return to->rva + at;
}

static void add_import(struct new_section *to, const struct pe_write_import *import, bool new_dll)
{
	struct writing *w = to->w;
	unsigned int size = pointer_size(w);
	uint64_t slot = import->position + w->shift;
	if (new_dll) {
		if (to->descriptor)
			to->thunk += size; /* the zero that ends the table before */
		uint8_t *descriptor = to->bytes + to->descriptor;
		put32(descriptor, to->rva + to->thunk);
		put32(descriptor + 12, add_string(to, import->dll, 0));
		put32(descriptor + 16, slot);
		to->descriptor += DESCRIPTOR_SIZE;
	}
	uint64_t value =
		import->name ? add_string(to, import->name, 2) : ordinal_flag(w) | import->ordinal;
	if (size == 8)
		put64(to->bytes + to->thunk, value);
	else
		put32(to->bytes + to->thunk, value);
	to->thunk += size;
	put_thunk(w, slot, value);
}

/* Room for one more section header, which the headers have and nothing uses? */
static bool has_header_room(const struct writing *w)
{
	uint64_t at = w->table + w->sections * WRITE_SECTION_HEADER;
	uint8_t p[WRITE_SECTION_HEADER];
	if (!write_get(w, at, p, sizeof(p)) || at + WRITE_SECTION_HEADER > w->table_room ||
	    w->sections >= WRITE_SECTIONS_MAX ||
	    w->optional_size < write_optional_fixed(w) + 8 * (PE_DIRECTORY_IMPORT + 1))
		return false;
	/*
	 * In front of a linker's first section only the bound imports can be, gone with the rest.
	 */
	for (size_t i = 0; i < WRITE_SECTION_HEADER; i++)
		if (p[i] && w->written->layout != PE_WRITTEN_SECTIONS)
			return false;
	return true;
}

static void declare_section(struct writing *w, uint64_t rva, uint64_t size, uint64_t offset)
{
	uint8_t header[WRITE_SECTION_HEADER] = {0};
	memcpy(header, ".imports", 8);
	put32(header + 12, rva);
	put32(header + 36, INITIALIZED_DATA | READ);
	write_put(w, w->table + w->sections * WRITE_SECTION_HEADER, header, sizeof(header));
	write_section_place(w, w->sections, size, align_up(size, w->file_alignment), offset);
	w->sections++;
	write_put16(w, w->nt + 6, w->sections);
	uint64_t optional = w->nt + WRITE_FILE_HEADER;
	uint64_t directories = optional + write_optional_fixed(w);
	write_put32(w, optional + 56, align_up(rva + size, w->section_alignment));
	uint8_t count[4];
	if (write_get(w, directories - 4, count, sizeof(count)) &&
	    le32(count) <= PE_DIRECTORY_IMPORT)
		write_put32(w, directories - 4, PE_DIRECTORY_IMPORT + 1);
	write_put32(w, directories + 8 * PE_DIRECTORY_IMPORT, rva);
	write_put32(w, directories + 8 * PE_DIRECTORY_IMPORT + 4, size);
}

void write_add_imports(struct writing *w)
{
	const struct pe_write_options *options = w->options;
	struct pe_written *written = w->written;
	size_t groups = 0;
	uint64_t strings = 0;
	const struct pe_write_import *before = NULL;
	for (size_t i = 0; i < options->import_count; i++) {
		const struct pe_write_import *import = &options->imports[i];
		if (!is_usable(w, import))
			continue;
		written->imports_added++;
		if (!follows(w, before, import)) {
			groups++;
			strings += strnlen(import->dll, NAME_MAX_LENGTH) + 2;
		}
		strings += import->name ? strnlen(import->name, NAME_MAX_LENGTH) + 4 : 0;
		before = import;
	}
	size_t added = written->imports_added;
	written->imports_lost = options->import_count - added;
	/* A place for the section, by offset and by RVA the same where the file is as in memory. */
	uint64_t alignment = max_of(w->section_alignment, (uint32_t)PAGE_SIZE);
	bool mapped = written->layout == PE_WRITTEN_MAPPED;
	uint64_t rva = align_up(mapped ? written->size : w->image_end, alignment);
	uint64_t offset = mapped ? rva : align_up(written->size, w->file_alignment);
	uint64_t tables = align_up((groups + 1) * DESCRIPTOR_SIZE, 8);
	uint64_t size = tables + (added + groups) * pointer_size(w) + strings;
	uint64_t end = align_up(offset + size, w->file_alignment);
	if (!added || !has_header_room(w) || size > SECTION_MAX || rva + size > INT32_MAX ||
	    end > INT32_MAX) {
		written->imports_added = 0;
		written->imports_lost = options->import_count;
		return;
	}
	uint8_t *tail = write_add_tail(w, offset, end - offset);
	declare_section(w, rva, size, offset);
	struct new_section to = {
		.w = w,
		.bytes = tail,
		.rva = rva,
		.thunk = tables,
		.string = tables + (added + groups) * pointer_size(w),
	};
	before = NULL;
	written->imports_added = 0;
	for (size_t i = 0; i < options->import_count; i++) {
		const struct pe_write_import *import = &options->imports[i];
		if (!is_usable(w, import))
			continue;
		written->imports_added++;
		add_import(&to, import, !follows(w, before, import));
		before = import;
	}
}
