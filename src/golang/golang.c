/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a program by Go: finding the table of functions, reading all names, hashing those that
 * gimphash takes, and those that gimpfuzzy does.
 */
#include <impscan/golang.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <impscan/bytes.h>

#include "golang/build_info.h"
#include "golang/names.h"
#include "golang/program.h"
#include "golang/search.h"
#include "golang/table.h"

/* Steps for reading a name, and bytes that are hashed in one. */
#define STEPS_A_NAME 3
#define BYTES_A_STEP 10

const char *golang_status_name(enum golang_status status)
{
	static const char *const names[] = {"ok", "no-go", "absent", "damaged", "stopped"};
	return names[status];
}

const char *golang_table_name(enum golang_table table)
{
	static const char *const names[] = {"", "1.2-1.15", "1.16-1.17", "1.18-1.19",
					    "1.20 or later"};
	return names[table];
}

static void stop(struct golang *golang, enum golang_status status, const char *reason)
{
	golang->status = status;
	snprintf(golang->reason, sizeof(golang->reason), "%s", reason);
}

/* The same where something at `rva`, or in the next page, is not present. */
static void is_absent(struct golang *golang, const struct go_program *program, const char *what,
		      uint64_t rva)
{
	size_t available;
	enum pe_read how;
	if (pe_at(program->pe, rva, &available, &how)) /* what is read goes on there */
		rva = (rva / PAGE_SIZE + 1) * PAGE_SIZE;
	const struct pe_reader *reader = program->pe->reader;
	const char *why = reader->why && rva < reader->size ? reader->why(reader, rva) : NULL;
	golang->status = GOLANG_ABSENT;
	snprintf(golang->reason, sizeof(golang->reason), "%s at 0x%" PRIx64 " not present%s%s",
		 what, rva, why ? ": " : "", why ? why : "");
}

static void is_damaged(struct golang *golang, const char *what, uint64_t rva)
{
	golang->status = GOLANG_DAMAGED;
	snprintf(golang->reason, sizeof(golang->reason), "%s at 0x%" PRIx64, what, rva);
}

/* Reads the name at `*rva` to `name`, which is replaced. Sets `*rva` to how far it came. */
static enum go_read read_name(struct go_program *program, uint64_t *rva, struct text *name)
{
	uint64_t end = min_of(program->table.names_end, *rva + GOLANG_NAME_MAX);
	text_clear(name);
	while (*rva < end) {
		enum pe_read how;
		size_t length;
		size_t limit = (size_t)min_of((uint64_t)PE_CURSOR_STRING, end - *rva);
		const char *part = pe_cursor_string(&program->cursor, *rva, limit, &length, &how);
		if (!part)
			return GO_READ_ABSENT;
		if (how != PE_READ_OK)
			return GO_READ_DAMAGED;
		text_add(name, part, length);
		*rva += length;
		if (length < limit) { /* at its NUL, unless a section has ended */
			const uint8_t *nul = pe_cursor_data(&program->cursor, *rva, 1, &how);
			return nul && !*nul ? GO_READ_OK : GO_READ_DAMAGED;
		}
	}
	return GO_READ_DAMAGED;
}

/* What the packages of the functions are. */
struct packages {
	size_t standard, other;
};

/* Takes the name of one function. */
static void take_name(struct golang *golang, const char *name, struct packages *packages)
{
	enum package_kind kind = golang_package_kind(name);
	const char *kept;
	packages->standard += kind == PACKAGE_STANDARD;
	packages->other += kind == PACKAGE_OTHER;
	if (kind == PACKAGE_MAIN || kind == PACKAGE_OTHER) {
		const char *slash = strrchr(name, '/');
		if (golang->own++)
			text_add_char(&golang->own_names, ',');
		text_add_string(&golang->own_names, slash ? slash + 1 : name);
	}
	if (golang_keeps(name, &kept)) {
		golang->kept++;
		text_add_string(&golang->names, kept);
	}
}

/* Reads the name of one function. Returns false when it could not be read; the status is set. */
static bool read_function(struct golang *golang, struct go_program *program, uint32_t number,
			  struct text *name)
{
	uint64_t rva;
	enum go_read how = go_table_name(program, &program->table, number, &rva);
	bool entry = how != GO_READ_OK;
	if (how == GO_READ_OK)
		how = read_name(program, &rva, name);
	if (how == GO_READ_ABSENT)
		is_absent(golang, program, entry ? "table of functions" : "names of functions",
			  rva);
	else if (how == GO_READ_DAMAGED)
		is_damaged(golang,
			   entry ? "table of functions leads out of itself"
				 : "name of a function without an end",
			   rva);
	return how == GO_READ_OK;
}

static void read_names(struct golang *golang, struct go_program *program)
{
	_cleanup_text_ struct text name = {0};
	struct packages packages = {0};
	for (uint32_t i = 0; i < program->table.count; i++) {
		if (!read_function(golang, program, i, &name))
			return;
		take_name(golang, text_string(&name), &packages);
		if (golang->names.length + golang->own_names.length > GOLANG_NAMES_MAX) {
			stop(golang, GOLANG_DAMAGED,
			     "more names of functions than any program has");
			return;
		}
		if (!budget_spend(program->budget, STEPS_A_NAME + name.length / BYTES_A_STEP)) {
			stop(golang, GOLANG_STOPPED, "names of functions: the budget has ended");
			return;
		}
	}
	golang->garbled = packages.other && !packages.standard;
	(void)budget_spend(program->budget,
			   (golang->names.length + golang->own_names.length) / BYTES_A_STEP);
	hash_sha256(golang->gimphash, &golang->names);
	hash_fuzzy(golang->gimpfuzzy, &golang->own_names);
}

/* What there is to say where no table was found. */
static void without_table(struct golang *golang, const struct go_program *program, bool searched)
{
	bool linked = golang_likely_by_sections(program->pe);
	if (!searched)
		stop(golang, GOLANG_STOPPED,
		     "search for the table of functions: the budget has ended");
	else if (program->absent && (program->build_info || program->foreign || linked))
		is_absent(golang, program, "table of functions not found; what was searched",
			  program->first_absent);
	else if (program->build_info)
		stop(golang, GOLANG_DAMAGED, "build information of Go, but no table of functions");
	else if (linked)
		stop(golang, GOLANG_DAMAGED,
		     "sections as Go's linker makes them, but no table of functions");
}

static void clear(struct golang *golang)
{
	struct text *texts[] = {&golang->version, &golang->module, &golang->names,
				&golang->own_names};
	struct golang empty = {.status = GOLANG_NONE,
			       .version = golang->version,
			       .module = golang->module,
			       .names = golang->names,
			       .own_names = golang->own_names};
	*golang = empty;
	for (size_t i = 0; i < array_size(texts); i++)
		text_clear(texts[i]);
}

void golang_read(struct golang *golang, const struct pe *pe, struct budget *budget)
{
	clear(golang);
	if (pe->status != PE_OK)
		return;
	struct go_program program = {
		.pe = pe,
		.budget = budget,
		.base = pe->image_base,
		.size = pe->size_of_image,
	};
	if (pe->reader->layout == PE_LAYOUT_MEMORY) {
		program.base = pe->reader->base ? pe->reader->base : pe->image_base;
		program.size = min_of(program.size, pe->reader->size);
	}
	pe_cursor_init(&program.cursor, pe);
	bool searched = go_search(&program);
	go_build_info_read(&program, golang);
	if (program.table.found == GOLANG_NOT_FOUND) {
		without_table(golang, &program, searched);
		return;
	}
	golang->status = GOLANG_OK;
	golang->table = program.table.form;
	golang->found = program.table.found;
	golang->table_rva = (uint32_t)program.table.start;
	golang->functions = program.table.count;
	read_names(golang, &program);
}

void golang_free(struct golang *golang)
{
	text_free(&golang->version);
	text_free(&golang->module);
	text_free(&golang->names);
	text_free(&golang->own_names);
	memset(golang, 0, sizeof(*golang));
}
