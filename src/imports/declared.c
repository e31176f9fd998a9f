/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The declared import list: what the import directory says. Its hashed form is that of pefile
 * 2023.2.7 (parse_import_directory, get_imphash) for any file, however odd:
 *
 * - Descriptors follow each other from the directory's RVA up to one of zeros or to where nothing
 *   can be read; the directory's size is ignored.
 * - One that gives no import is passed over, also one with an empty DLL name; when more than 5 gave
 *   none, the next one ends the list.
 * - A DLL name with characters that file names don't have counts as "*invalid*".
 * - Names are lower case; of the DLL's the extension is cut if it is ocx, sys or dll; ordinals have
 *   names where a table knows them, otherwise "ord<N>".
 *
 * In memory the same bytes lie at their RVAs, and the same rules give the same string. But there
 * they may be gone: a page that is not present, or that can't hold what the file held, must not turn
 * into another hash, so it is noted, and the list is partial. Where a rule of pefile's depends on
 * file offsets, memory has no equal: what is read is what the loader mapped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "internal.h"

enum {
	DESCRIPTOR_SIZE = 20,
	/* What is counted, in steps of a budget. */
	STEPS_A_THUNK = 2,
	STEPS_A_PAGE = 4,
	EXTENTS_A_STEP = 64, /* of a file, looked through for every read */
	BYTES_A_STEP = 8,    /* of text that is made, and hashed twice */
};

/* Memory kept for the next list: more than any but made-up ones need. */
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
		free(s->set.slots);
		free(s->found);
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

/* The first trouble is told, the others are counted: see finish(). */
void trouble_absent(struct reading *r, const char *what, uint64_t rva)
{
	if (r->trouble++)
		return;
	const struct pe_reader *reader = r->pe->reader;
	uint64_t position = rva;
	if (!r->memory)
		position = pe_cursor_position(&r->cursor, rva);
	/* What crosses a page's end begins in one and is missed in the next. */
	size_t available;
	if (reader->at(reader, position, &available)) {
		uint64_t next = (position / PAGE_SIZE + 1) * PAGE_SIZE;
		rva += next - position;
		position = next;
	}
	const char *why = reader->why ? reader->why(reader, position) : NULL;
	snprintf(r->imports->reason, sizeof(r->imports->reason), "%s at 0x%llx not present%s%s",
		 what, (unsigned long long)rva, why ? ": " : "", why ? why : "");
}

/*
 * Counts `thunks` looked at, the pages read since it was called last, and `bytes` of text to be
 * hashed; false, and noted, when the budget ends.
 */
static bool spend(struct reading *r, size_t thunks, size_t bytes)
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

void trouble_damage(struct reading *r, const char *what, uint64_t rva, const char *why)
{
	if (!r->beyond && !r->trouble++)
		snprintf(r->imports->reason, sizeof(r->imports->reason), "%s at 0x%llx: %s", what,
			 (unsigned long long)rva, why);
}

bool page_is_zero(struct reading *r, uint64_t rva)
{
	uint64_t page = rva / PAGE_SIZE + 1;
	if (page == r->other_page)
		return false;
	if (page == r->zero_page)
		return true;
	uint64_t start = rva - rva % PAGE_SIZE;
	uint64_t end = min_of(start + PAGE_SIZE, r->pe->reader->size);
	while (start < end) {
		size_t available;
		const uint8_t *p = r->pe->reader->at(r->pe->reader, start, &available);
		if (!p)
			return false;
		size_t n = (size_t)min_of((uint64_t)available, end - start);
		if (*p || memcmp(p, p + 1, n - 1) != 0) {
			r->other_page = page;
			return false;
		}
		start += n;
	}
	r->zero_page = page;
	return true;
}

/* Reads a descriptor; false at the end of the list, whatever ended it. */
static bool read_descriptor(struct reading *r, uint64_t rva, struct descriptor *d)
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
		if (r->memory && page_is_zero(r, rva))
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

/* The DLL's name; NULL when it is not there, which has been noted. */
static const char *read_dll(struct reading *r, const struct descriptor *d, size_t *length)
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

static void read_list(struct reading *r)
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

/* Clears what an earlier call left, keeping its memory. */
static void reset(struct imports *imports)
{
	imports->status = IMPORTS_OK;
	imports->reason[0] = '\0';
	imports->count = 0;
	imports->pages = 0;
	imports->pages_found = 0;
	imports->fuzzy_differs = false;
	imports->entry_count = 0;
	clear_text(&imports->string);
	clear_text(&imports->fuzzy_string);
	clear_text(&imports->names);
	if (!imports->scratch)
		imports->scratch = alloc_new(struct imports_scratch);
}

/* Has the cursor count pages, those of the headers first. */
static void count_pages(struct reading *r)
{
	struct imports_scratch *s = r->scratch;
	uint64_t end = min_of(r->pe->reader->size, (uint64_t)PE_RVA_END * 2);
	size_t size = (size_t)(end / PAGE_SIZE / 8 + 1);
	if (size > s->seen_size) {
		s->seen = alloc_resize(s->seen, size, 1);
		s->seen_size = size;
	}
	memset(s->seen, 0, size);
	r->cursor.seen = s->seen;
	r->cursor.seen_end = end;
	const uint64_t nt = r->pe->nt_headers;
	const uint64_t header[] = {0, 63, nt, nt + 23, nt + 24 + 223};
	for (size_t i = 0; i < array_size(header); i++)
		pe_cursor_count(&r->cursor, header[i]);
}

static void finish(struct reading *r)
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
	struct reading r = {
		.imports = imports,
		.scratch = imports->scratch,
		.pe = pe,
		.memory = pe->reader->layout == PE_LAYOUT_MEMORY,
	};
	pe_cursor_init(&r.cursor, pe);
	/* Of a file on disk every page is there. */
	if (r.memory || pe->reader->why)
		count_pages(&r);
	if (spend(&r, 1, 0))
		read_list(&r);
	finish(&r);
}
