/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The declared import list: what the import directory says. The hashed string is the one of pefile
 * 2023.2.7 (parse_import_directory, get_imphash) for any file, however odd:
 *
 * - Descriptors follow each other from the directory's RVA to one that is all zero, or to where
 *   nothing can be read. The directory's size is ignored.
 * - A descriptor without imports, or with an empty DLL name, is skipped. After more than 5 of them
 *   the next descriptor ends the list.
 * - A DLL name with characters that file names don't have becomes "*invalid*".
 * - Names are lower case. The DLL's extension is cut if it is ocx, sys or dll. An ordinal becomes
 *   the name that a table gives it, otherwise "ord<N>".
 *
 * In memory the same bytes lie at their RVAs, so the same rules give the same string. But a page
 * may be absent, or hold something else by now. That must not give another hash: it is noted, and
 * the list is partial. Where pefile's rules depend on file offsets, memory is read as the loader
 * mapped it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "imports/import_names.h"
#include "imports/reading.h"

enum {
	DESCRIPTOR_SIZE = 20,
	/* Steps of a budget. */
	STEPS_A_THUNK = 2,
	STEPS_A_PAGE = 4,
	EXTENTS_A_STEP = 64, /* of a file, searched for each read */
	BYTES_A_STEP = 8,    /* of the strings, for making and hashing them twice */
};

/* Bytes of a string's memory that are kept for the next list: more than any real list has. */
#define KEPT_TEXT ((size_t)1 << 20)

static const char too_much[] = "reading the import lists of this process takes too long: stopped";

const char *imports_status_name(enum imports_status status)
{
	switch (status) {
	case IMPORTS_OK:
		return "ok";
	case IMPORTS_NONE:
		return "no-imports";
	case IMPORTS_PARTIAL:
		return "partial";
	case IMPORTS_UNREADABLE:
		return "unreadable";
	case IMPORTS_NOT_PE:
		return "not-pe";
	}
	return "?";
}

const struct text *imports_fuzzy_string(const struct imports *imports)
{
	return imports->fuzzy_differs ? &imports->fuzzy_string : &imports->string;
}

const char *imports_entry_dll(const struct imports *imports, const struct import_entry *entry)
{
	return imports->names.data + entry->dll;
}

const char *imports_entry_name(const struct imports *imports, const struct import_entry *entry)
{
	return entry->kind == IMPORT_NAME ? imports->names.data + entry->name : NULL;
}

void imports_free(struct imports *imports)
{
	struct imports_scratch *s = imports->scratch;
	if (s) {
		free(s->by_name.values);
		free(s->by_address.values);
		free(s->set.table.slots);
		free(s->thunks);
		text_free(&s->copies);
		text_free(&s->dll);
		free(s->seen);
		free(s);
	}
	text_free(&imports->string);
	text_free(&imports->fuzzy_string);
	text_free(&imports->names);
	free(imports->entries);
	*imports = (struct imports){
		.keep_entries = imports->keep_entries,
		.budget = imports->budget,
	};
}

/*
 * Counts against the budget: `thunks` that were read, the pages read since the last call, and
 * `bytes` of text to be hashed. Returns false, and notes it, when the budget is used up.
 */
static bool spend(struct import_reading *r, size_t thunks, size_t bytes)
{
	uint64_t steps = thunks * (STEPS_A_THUNK + r->pe->extent_count / EXTENTS_A_STEP) +
			 (r->cursor.pages - r->pages_counted) * STEPS_A_PAGE + bytes / BYTES_A_STEP;
	r->pages_counted = r->cursor.pages;
	if (budget_spend(r->imports->budget, steps))
		return true;
	if (!r->stopped && !r->trouble++)
		snprintf(r->imports->reason, sizeof(r->imports->reason), "%s", too_much);
	r->stopped = true;
	return false;
}

/*
 * Is there no room for anything but the end of a list: one descriptor of zeros, which is all of its
 * section? GNU ld gives such a directory, of 0x14 or 0x18 bytes, to a DLL that imports nothing.
 * Then a page of zeros is as the file has it.
 */
static bool is_end_alone(const struct import_reading *r)
{
	const struct pe *pe = r->pe;
	const struct pe_data_directory *directory = &pe->directory[PE_DIRECTORY_IMPORT];
	if (directory->size < DESCRIPTOR_SIZE || directory->size >= 2 * DESCRIPTOR_SIZE)
		return false;
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pe_section *section = &pe->sections[i];
		if (section->virtual_address == directory->rva)
			return section->virtual_size < 2 * DESCRIPTOR_SIZE;
	}
	return false;
}

/* Reads a descriptor. Returns false at the end of the list, whatever ended it. */
static bool read_descriptor(struct import_reading *r, uint64_t rva, struct descriptor *d)
{
	enum pe_read how;
	const uint8_t *p = pe_cursor_data(&r->cursor, rva, DESCRIPTOR_SIZE, &how);
	if (!p) {
		if (how == PE_READ_ABSENT)
			trouble_absent(r, "import directory", rva);
		else if (r->memory)
			trouble_damage(r, "import directory", rva, "outside the module");
		return false;
	}
	static const uint8_t zeros[DESCRIPTOR_SIZE];
	if (!memcmp(p, zeros, sizeof(zeros))) {
		bool alone = !r->descriptor && is_end_alone(r);
		if (r->memory && !alone && page_is_zero(r, rva))
			trouble_damage(r, "import directory", rva, "in a page of zeros");
		return false;
	}
	*d = (struct descriptor){
		.rva = (uint32_t)rva,
		.original_first_thunk = le32(p),
		.name = le32(p + 12),
		.first_thunk = le32(p + 16),
	};
	if (r->memory && (!d->name || !d->first_thunk)) {
		uint64_t last = rva + DESCRIPTOR_SIZE - 1;
		if (rva / PAGE_SIZE != last / PAGE_SIZE && page_is_zero(r, last))
			trouble_damage(r, "import directory", last, "in a page of zeros");
		r->beyond = true;
	}
	int64_t next = (int64_t)rva + DESCRIPTOR_SIZE;
	int64_t behind_names = next - d->original_first_thunk;
	int64_t behind_addresses = next - d->first_thunk;
	if (behind_names > 0 || behind_addresses > 0)
		d->max_length = max_of(behind_names, behind_addresses);
	else
		d->max_length =
			(int64_t)(r->pe->reader->size - pe_cursor_position(&r->cursor, rva));
	return true;
}

/* Returns the DLL's name; NULL when it can't be read, which is then noted. */
static const char *read_dll(struct import_reading *r, const struct descriptor *d, size_t *length)
{
	enum pe_read how;
	const char *name = pe_cursor_string(&r->cursor, d->name, NAME_MAX_LENGTH, length, &how);
	if (!name) {
		trouble_absent(r, "DLL name", d->name);
		return NULL;
	}
	if (!r->memory || r->beyond)
		return name;
	uint64_t nul = d->name + *length;
	const char *why = NULL;
	if (how != PE_READ_OK)
		why = "outside the module";
	else if ((!*length || (*length < NAME_MAX_LENGTH && nul % PAGE_SIZE == 0)) &&
		 page_is_zero(r, nul))
		why = "in a page of zeros";
	else if (names_garbage(name, *length))
		why = "not a name";
	if (why)
		trouble_damage(r, "DLL name", d->name, why);
	return why ? NULL : name;
}

static size_t text_length(const struct imports *imports)
{
	return imports->string.length + imports->fuzzy_string.length + imports->names.length;
}

static void read_list(struct import_reading *r)
{
	uint64_t rva = r->pe->directory[PE_DIRECTORY_IMPORT].rva;
	unsigned int errors = 0;
	struct descriptor d;
	for (; read_descriptor(r, rva, &d); rva += DESCRIPTOR_SIZE, r->descriptor++) {
		size_t trouble = r->trouble, thunks = r->thunks;
		size_t kept;
		size_t count = thunks_read(r, &d, &kept);
		if (!spend(r, r->thunks - thunks + 1, 0))
			break;
		if (errors > ERRORS_MAX)
			break;
		if (!kept && r->trouble == trouble) {
			errors++;
			continue;
		}
		size_t length;
		const char *dll = read_dll(r, &d, &length);
		size_t text = text_length(r->imports);
		names_add(r, &d, count, dll, dll ? length : 0);
		if (!spend(r, 0, text_length(r->imports) - text))
			break;
	}
}

static void clear_text(struct text *text)
{
	if (text->capacity > KEPT_TEXT)
		text_free(text);
	text_clear(text);
}

/* Empties what an earlier call left, keeping its memory. */
static void reset(struct imports *imports)
{
	imports->status = IMPORTS_OK;
	imports->reason[0] = '\0';
	imports->count = 0;
	imports->pages = 0;
	imports->pages_found = 0;
	imports->fuzzy_differs = false;
	imports->name_addresses = false;
	imports->entry_count = 0;
	clear_text(&imports->string);
	clear_text(&imports->fuzzy_string);
	clear_text(&imports->names);
	if (!imports->scratch)
		imports->scratch = alloc_new(struct imports_scratch);
}

/* Makes the cursor count the pages that it reads, and counts those of the headers. */
static void count_pages(struct import_reading *r)
{
	struct imports_scratch *s = r->scratch;
	pe_cursor_count_pages(&r->cursor, &s->seen, &s->seen_size);
	const uint64_t nt = r->pe->nt_headers;
	const uint64_t header[] = {0, 63, nt, nt + 23, nt + 24 + 223};
	for (size_t i = 0; i < array_size(header); i++)
		pe_cursor_count(&r->cursor, header[i]);
}

static void finish(struct import_reading *r)
{
	struct imports *imports = r->imports;
	imports->pages = r->cursor.pages;
	imports->pages_found = r->cursor.pages_found;
	if (!r->trouble) {
		imports->status = imports->count ? IMPORTS_OK : IMPORTS_NONE;
		return;
	}
	imports->status = r->descriptor || imports->count ? IMPORTS_PARTIAL : IMPORTS_UNREADABLE;
	size_t length = strlen(imports->reason);
	if (r->trouble > 1)
		snprintf(imports->reason + length, sizeof(imports->reason) - length,
			 " (and %zu more)", r->trouble - 1);
}

void imports_declared(struct imports *imports, const struct pe *pe)
{
	reset(imports);
	if (pe->status != PE_OK) {
		imports->status = pe->status == PE_NOT_PE ? IMPORTS_NOT_PE : IMPORTS_UNREADABLE;
		snprintf(imports->reason, sizeof(imports->reason), "%s", pe->reason);
		return;
	}
	if (!pe->directory[PE_DIRECTORY_IMPORT].rva) {
		imports->status = IMPORTS_NONE;
		return;
	}
	struct import_reading r = {
		.imports = imports,
		.scratch = imports->scratch,
		.pe = pe,
		.memory = pe->reader->layout == PE_LAYOUT_MEMORY,
	};
	pe_cursor_init(&r.cursor, pe);
	/* Of a file on disk every page is present. */
	if (r.memory || pe->reader->why)
		count_pages(&r);
	if (spend(&r, 1, 0))
		read_list(&r);
	finish(&r);
}
