/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables of functions. Facts: Go's src/debug/gosym/pclntab.go and src/runtime/symtab.go, in which
 * the table is "pclntab", its header pcHeader, the entries ftab, the records _func;
 * cmd/link/internal/ld (pcln.go) writes the parts in the order in which they are checked here.
 *
 *	Go 1.2	head, count, entries; everything is counted from the head
 *	1.16	head, count, files, then places from the head: names, units, files, PCs, entries
 *	1.18	head, count, files, address of the code, the same places
 *
 * Entries are pairs of pointers, since 1.18 of 32-bit numbers; records are counted from them since
 * 1.16.
 */
#include "golang/table.h"

#include <impscan/bytes.h>

#define MAGIC_1_2  UINT32_C(0xfffffffb)
#define MAGIC_1_16 UINT32_C(0xfffffffa)
#define MAGIC_1_18 UINT32_C(0xfffffff0)
#define MAGIC_1_20 UINT32_C(0xfffffff1)

/* Words behind the head: all of 1.18. */
#define HEADER_WORDS 8

/* Words of a moduledata that are read: an address and six slices. */
#define MODULEDATA_WORDS 19

/* Functions that are looked at to tell a table from something else. */
#define SAMPLES 8

/* A step for each read that a look at a table takes, three for a function. */
#define STEPS_A_LOOK   (3 * SAMPLES)
#define STEPS_A_HEADER 8 /* for reading its words, or those of a moduledata */

static enum go_read read_number(struct go_program *program, uint64_t rva, unsigned int size,
				uint64_t *number)
{
	enum pe_read how;
	const uint8_t *p = pe_cursor_data(&program->cursor, rva, size, &how);
	if (!p)
		return how == PE_READ_ABSENT ? GO_READ_ABSENT : GO_READ_DAMAGED;
	*number = le_pointer(p, size);
	return GO_READ_OK;
}

enum go_read go_table_name(struct go_program *program, const struct go_table *table,
			   uint32_t number, uint64_t *rva)
{
	unsigned int word = table->word;
	uint64_t place, name;
	*rva = table->entries + 2 * (uint64_t)word * number + word;
	enum go_read how = read_number(program, *rva, word, &place);
	if (how != GO_READ_OK)
		return how;
	uint64_t room = table->records_end - table->records;
	if (!range_within(place, word + 4, room))
		return GO_READ_DAMAGED;
	*rva = table->records + place + word;
	how = read_number(program, *rva, 4, &name);
	if (how != GO_READ_OK)
		return how;
	if (name >= table->names_end - table->names)
		return GO_READ_DAMAGED;
	*rva = table->names + name;
	return GO_READ_OK;
}

/* Is what lies there the name of a function: printable, and not too long? */
static enum go_read check_name(struct go_program *program, const struct go_table *table,
			       uint64_t rva)
{
	enum pe_read how;
	size_t length;
	size_t limit = (size_t)min_of((uint64_t)PE_CURSOR_STRING, table->names_end - rva);
	const char *name = pe_cursor_string(&program->cursor, rva, limit, &length, &how);
	if (!name)
		return GO_READ_ABSENT;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f)
			return GO_READ_DAMAGED;
	return length || how == PE_READ_OK ? GO_READ_OK : GO_READ_DAMAGED;
}

/* Looks at a function, whose entry must not be below `*entry`; sets that. */
static enum go_read check_function(struct go_program *program, const struct go_table *table,
				   uint32_t number, uint64_t *entry)
{
	uint64_t rva, own;
	uint64_t pair = table->entries + 2 * (uint64_t)table->word * number;
	enum go_read how = read_number(program, pair, table->word, &own);
	if (how != GO_READ_OK)
		return how;
	if (own < *entry)
		return GO_READ_DAMAGED;
	*entry = own;
	how = go_table_name(program, table, number, &rva);
	return how == GO_READ_OK ? check_name(program, table, rva) : how;
}

/* Are there bounds, and do the entries lie within them? */
static bool has_room(const struct go_table *table)
{
	return table->count && table->count <= GOLANG_FUNCTIONS_MAX &&
	       table->names < table->names_end && table->records < table->records_end &&
	       table->entries >= table->records &&
	       range_within(table->entries, (2 * (uint64_t)table->count + 1) * table->word,
			    table->records_end);
}

/*
 * Looks at the first functions and the last one. Where something of them is not present, the table
 * is one unless nothing but its structure says so.
 */
static bool check_table(struct go_program *program, const struct go_table *table)
{
	uint64_t first = 0, entry = 0;
	(void)budget_spend(program->budget, STEPS_A_LOOK);
	if (!has_room(table))
		return false;
	for (uint32_t i = 0; i <= SAMPLES; i++) {
		bool last = i == SAMPLES || i >= table->count;
		enum go_read how =
			check_function(program, table, last ? table->count - 1 : i, &entry);
		if (how == GO_READ_ABSENT)
			return table->found != GOLANG_BY_STRUCTURE;
		if (how == GO_READ_DAMAGED)
			return false;
		if (!i)
			first = entry;
		if (last)
			break;
	}
	return table->found == GOLANG_BY_HEADER || entry > first;
}

/* The first words behind a head; what is not needed of them may lie outside of the program. */
struct header {
	uint64_t words[HEADER_WORDS];
	size_t count;
};

static void read_header(struct go_program *program, uint64_t rva, unsigned int pointer,
			struct header *header)
{
	header->count = 0;
	while (header->count < HEADER_WORDS &&
	       read_number(program, rva + GO_HEAD_SIZE + header->count * pointer, pointer,
			   &header->words[header->count]) == GO_READ_OK)
		header->count++;
}

/*
 * Fills a table whose header names its parts: since Go 1.16. `skip` words stand between the count
 * and the place of the names.
 */
static bool parts_by_header(const struct go_program *program, uint64_t rva,
			    const struct header *header, size_t skip, struct go_table *table)
{
	const uint64_t *part = header->words + 1 + skip; /* names, units, files, PCs, entries */
	uint64_t room = program->size - rva;
	if (header->count < 6 + skip || header->words[0] > GOLANG_FUNCTIONS_MAX || part[0] < 16 ||
	    part[0] >= room)
		return false;
	for (size_t i = 1; i < 5; i++)
		if (part[i] < part[i - 1] || part[i] >= room)
			return false;
	table->count = (uint32_t)header->words[0];
	table->names = rva + part[0];
	table->names_end = rva + part[1];
	table->entries = table->records = rva + part[4];
	table->records_end = program->size;
	return true;
}

/* The same for Go 1.2 to 1.15, where entries stand behind the count. */
static bool parts_by_count(const struct go_program *program, uint64_t rva,
			   const struct header *header, unsigned int pointer,
			   struct go_table *table)
{
	if (!header->count || header->words[0] > GOLANG_FUNCTIONS_MAX)
		return false;
	table->count = (uint32_t)header->words[0];
	table->records = table->names = rva;
	table->entries = rva + GO_HEAD_SIZE + pointer;
	table->records_end = table->names_end = program->size;
	return true;
}

static bool has_form(struct go_program *program, uint64_t rva, const struct header *header,
		     unsigned int pointer, enum golang_table form, struct go_table *table)
{
	table->form = form;
	table->word = form >= GOLANG_TABLE_1_18 ? 4 : pointer;
	bool has = form == GOLANG_TABLE_1_2
			   ? parts_by_count(program, rva, header, pointer, table)
			   : parts_by_header(program, rva, header,
					     form == GOLANG_TABLE_1_16 ? 1 : 2, table);
	return has && check_table(program, table);
}

static enum golang_table form_of(uint32_t magic)
{
	switch (magic) {
	case MAGIC_1_2:
		return GOLANG_TABLE_1_2;
	case MAGIC_1_16:
		return GOLANG_TABLE_1_16;
	case MAGIC_1_18:
		return GOLANG_TABLE_1_18;
	case MAGIC_1_20:
		return GOLANG_TABLE_1_20;
	default:
		return GOLANG_TABLE_UNKNOWN;
	}
}

bool go_table_by_header(struct go_program *program, uint64_t rva, const uint8_t *head,
			struct go_table *table)
{
	/* What is tried where the magic was changed; 1.20 has the form of 1.18. */
	static const enum golang_table forms[] = {GOLANG_TABLE_1_18, GOLANG_TABLE_1_16,
						  GOLANG_TABLE_1_2};
	unsigned int quantum = head[6], pointer = head[7];
	if (head[4] || head[5] || (quantum != 1 && quantum != 4) ||
	    !go_may_point(program, pointer) || (pointer != 4 && pointer != 8))
		return false;
	enum golang_table form = form_of(le32(head));
	struct header header;
	(void)budget_spend(program->budget, STEPS_A_HEADER);
	read_header(program, rva, pointer, &header);
	*table = (struct go_table){.found = GOLANG_BY_HEADER, .start = rva};
	if (form != GOLANG_TABLE_UNKNOWN)
		return has_form(program, rva, &header, pointer, form, table);
	table->found = GOLANG_BY_STRUCTURE;
	for (size_t i = 0; i < array_size(forms); i++)
		if (has_form(program, rva, &header, pointer, forms[i], table))
			return true;
	return false;
}

bool go_table_is_own(struct go_program *program, const struct go_table *table)
{
	unsigned int pointer = table->word; /* of an entry, which is an address before 1.18 */
	uint64_t rva = table->entries;
	uint64_t code;
	if (table->form >= GOLANG_TABLE_1_18) {
		uint8_t head[GO_HEAD_SIZE];
		if (pe_copy(program->pe, table->start, head, sizeof(head)) != PE_READ_OK)
			return false;
		pointer = head[7];
		rva = table->start + GO_HEAD_SIZE + 2 * pointer;
	}
	/* Some versions leave the address of the code out of the header. */
	return read_number(program, rva, pointer, &code) == GO_READ_OK &&
	       (go_rva(program, code) != UINT64_MAX || (!code && table->form >= GOLANG_TABLE_1_18));
}

/* A slice: address, length, capacity. Returns whether it is one, within the program. */
static bool slice_at(const struct go_program *program, const uint64_t *words, unsigned int width,
		     uint64_t *rva)
{
	*rva = go_rva(program, words[0]);
	return *rva != UINT64_MAX && words[1] && words[1] == words[2] &&
	       words[1] <= (program->size - *rva) / width;
}

/*
 * moduledata since Go 1.16: address of the header, then slices of names, units (32-bit), files,
 * PCs, records, entries.
 */
static bool moduledata_of_parts(struct go_program *program, const uint64_t *words,
				unsigned int pointer, struct go_table *table)
{
	static const unsigned int widths[] = {1, 4, 1, 1, 1, 4}; /* an entry has 8 bytes or more */
	uint64_t parts[array_size(widths)];
	for (size_t i = 0; i < array_size(widths); i++)
		if (!slice_at(program, words + 1 + 3 * i, widths[i], &parts[i]))
			return false;
	uint64_t start = go_rva(program, words[0]);
	uint64_t count = words[17] - 1;
	if (parts[0] <= start || parts[5] != parts[4] || !count || count > GOLANG_FUNCTIONS_MAX)
		return false;
	*table = (struct go_table){
		.found = GOLANG_BY_MODULEDATA,
		.count = (uint32_t)count,
		.start = start,
		.entries = parts[5],
		.records = parts[4],
		.records_end = parts[4] + words[14],
		.names = parts[0],
		.names_end = parts[0] + words[2],
	};
	table->form = GOLANG_TABLE_1_18;
	table->word = 4;
	if (check_table(program, table))
		return true;
	table->form = GOLANG_TABLE_1_16;
	table->word = pointer;
	return check_table(program, table);
}

/* Before: slices of the table, and of the entries in it. */
static bool moduledata_of_table(struct go_program *program, const uint64_t *words,
				unsigned int pointer, struct go_table *table)
{
	uint64_t start, entries;
	if (!slice_at(program, words, 1, &start) ||
	    !slice_at(program, words + 3, 2 * pointer, &entries) ||
	    entries != start + GO_HEAD_SIZE + pointer || words[4] - 1 > GOLANG_FUNCTIONS_MAX)
		return false;
	*table = (struct go_table){
		.form = GOLANG_TABLE_1_2,
		.found = GOLANG_BY_MODULEDATA,
		.word = pointer,
		.count = (uint32_t)(words[4] - 1),
		.start = start,
		.entries = entries,
		.records = start,
		.records_end = start + words[1],
		.names = start,
		.names_end = start + words[1],
	};
	return check_table(program, table);
}

bool go_table_by_moduledata(struct go_program *program, uint64_t rva, unsigned int pointer,
			    struct go_table *table)
{
	uint64_t words[MODULEDATA_WORDS];
	(void)budget_spend(program->budget, STEPS_A_HEADER);
	for (size_t i = 0; i < MODULEDATA_WORDS; i++)
		if (read_number(program, rva + i * pointer, pointer, &words[i]) != GO_READ_OK)
			return false;
	return words[2] == words[3] ? moduledata_of_parts(program, words, pointer, table)
				    : moduledata_of_table(program, words, pointer, table);
}
