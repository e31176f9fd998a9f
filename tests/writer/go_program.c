/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See go_program.h. Structures by Go's sources: cmd/link/internal/ld (pcln.go, data.go, pe.go) and
 * runtime/symtab.go of 1.4, 1.15, 1.16, 1.18 and 1.20.
 */
#include <writer/go_program.h>

#include <writer/util.h>

#define PAGE 0x1000u

/* Bytes of a function's code, and what of a record the tests need no more of. */
#define CODE_SIZE   16
#define RECORD_REST 32

struct writing {
	const struct go_plan *plan;
	struct go_program_file *file;
	size_t next; /* RVA of the next free byte */
	unsigned int pointer;
	unsigned int word; /* of entries */
	uint32_t *places;  /* of names, from file->names on */
};

static void make_room(struct writing *w, size_t end)
{
	if (end <= w->file->size)
		return;
	size_t size = util_round_up(end, PAGE);
	uint8_t *data = util_alloc(size, 1);
	if (w->file->size)
		memcpy(data, w->file->data, w->file->size);
	free(w->file->data);
	w->file->data = data;
	w->file->size = size;
}

static uint32_t reserve(struct writing *w, size_t size, size_t unit)
{
	size_t at = util_round_up(w->next, unit);
	w->next = at + size;
	make_room(w, w->next);
	return (uint32_t)at;
}

static void put(struct writing *w, size_t at, uint64_t value, unsigned int size)
{
	util_put(w->file->data + at, value, size);
}

static uint32_t add(struct writing *w, const void *bytes, size_t size)
{
	uint32_t at = reserve(w, size, 1);
	memcpy(w->file->data + at, bytes, size);
	return at;
}

static bool has_parts(const struct writing *w)
{
	return w->plan->version >= GO_1_16;
}

static uint32_t magic_of(enum go_version version)
{
	return version == GO_1_2    ? 0xfffffffb
	       : version == GO_1_16 ? 0xfffffffa
	       : version == GO_1_18 ? 0xfffffff0
				    : 0xfffffff1;
}

/* Names, each once; functions of one name share it. */
static void write_names(struct writing *w)
{
	const struct go_plan *plan = w->plan;
	w->places = util_alloc(plan->count, sizeof(*w->places));
	if (has_parts(w))
		w->file->names = (uint32_t)w->next;
	for (size_t i = 0; i < plan->count; i++) {
		size_t same = 0;
		while (same < i && strcmp(plan->names[same], plan->names[i]) != 0)
			same++;
		w->places[i] = same < i ? w->places[same]
					: add(w, plan->names[i], strlen(plan->names[i]) + 1) -
						  w->file->names;
	}
	if (has_parts(w))
		w->file->names_end = (uint32_t)w->next;
}

/* The entries, the last of which is the end of the code, and behind them the records. */
static void write_functions(struct writing *w)
{
	const struct go_plan *plan = w->plan;
	uint64_t code = w->word == 4 && plan->version >= GO_1_18 ? 0 : plan->base + w->file->text;
	for (size_t i = 0; i < plan->count; i++) {
		uint32_t record = reserve(w, w->word + 4 + RECORD_REST, w->pointer);
		put(w, record, code + i * CODE_SIZE, w->word);
		put(w, record + w->word, w->places[i], 4);
		uint32_t entry = w->file->entries + (uint32_t)(2 * i * w->word);
		put(w, entry, code + i * CODE_SIZE, w->word);
		put(w, entry + w->word, record - w->file->records, w->word);
	}
	put(w, w->file->entries + 2 * plan->count * w->word, code + plan->count * CODE_SIZE,
	    w->word);
}

static void write_head(struct writing *w, size_t words)
{
	w->file->table = reserve(w, 8 + words * w->pointer, 32);
	w->file->header_size = (uint32_t)(8 + words * w->pointer);
	put(w, w->file->table, magic_of(w->plan->version), 4);
	put(w, w->file->table + 6, 1, 1);
	put(w, w->file->table + 7, w->pointer, 1);
	put(w, w->file->table + 8, w->plan->count, w->pointer);
}

static void put_word(struct writing *w, size_t number, uint64_t value)
{
	put(w, w->file->table + 8 + number * w->pointer, value, w->pointer);
}

static void write_table(struct writing *w)
{
	const struct go_plan *plan = w->plan;
	w->word = plan->version >= GO_1_18 ? 4 : w->pointer;
	size_t entries = (2 * plan->count + 1) * w->word;
	if (!has_parts(w)) {
		write_head(w, 1);
		w->file->names = w->file->records = w->file->table;
		w->file->entries = reserve(w, entries + 4, w->pointer);
		write_names(w);
		write_functions(w);
		w->file->names_end = (uint32_t)w->next;
		return;
	}
	size_t number = plan->version >= GO_1_18 ? 3 : 2;
	write_head(w, number + 5);
	put_word(w, 1, 1);
	if (plan->version >= GO_1_18)
		put_word(w, 2, plan->base + w->file->text);
	write_names(w);
	put_word(w, number, w->file->names - w->file->table);
	for (size_t i = 1; i < 4; i++) /* units, files, PCs */
		put_word(w, number + i, reserve(w, 24, 8) - w->file->table);
	w->file->entries = w->file->records = reserve(w, entries, 8);
	put_word(w, number + 4, w->file->entries - w->file->table);
	write_functions(w);
}

static size_t put_slice(struct writing *w, size_t at, uint64_t rva, uint64_t length)
{
	put(w, at, w->plan->base + rva, w->pointer);
	put(w, at + w->pointer, length, w->pointer);
	put(w, at + 2 * w->pointer, length, w->pointer);
	return at + 3 * w->pointer;
}

static void write_moduledata(struct writing *w, uint32_t table_end)
{
	const struct go_program_file *f = w->file;
	size_t entries = w->plan->count + 1;
	size_t at = reserve(w, 40 * w->pointer, 32);
	w->file->moduledata = (uint32_t)at;
	if (!has_parts(w)) {
		at = put_slice(w, at, f->table, table_end - f->table);
		at = put_slice(w, at, f->entries, entries);
		put_slice(w, at, f->table, 1);
		return;
	}
	put(w, at, w->plan->base + f->table, w->pointer);
	at = put_slice(w, at + w->pointer, f->names, f->names_end - f->names);
	at = put_slice(w, at, f->names_end, 6);
	at = put_slice(w, at, f->names_end + 24, 24);
	at = put_slice(w, at, f->names_end + 48, 24);
	at = put_slice(w, at, f->records, table_end - f->records);
	put_slice(w, at, f->entries, entries);
}

static uint32_t add_varint(struct writing *w, size_t value)
{
	uint32_t at = (uint32_t)w->next;
	for (; value >= 0x80; value >>= 7)
		add(w, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
	add(w, &(uint8_t){(uint8_t)value}, 1);
	return at;
}

static void write_build_info(struct writing *w)
{
	static const char before[] = "0w\xaf\f\x92t\b\x02"
				     "A\xe1\xc1\a\xe6\xd6\x18\xe6";
	static const char behind[] = "\xf9"
				     "2C1\x86\x18 r\0\x82"
				     "B\x10"
				     "A\x16\xd8\xf2";
	const struct go_plan *plan = w->plan;
	size_t version = strlen(plan->go_version);
	size_t lines = strlen(plan->lines) + 32;
	uint32_t at = reserve(w, 32, 16);
	w->file->build_info = at;
	memcpy(w->file->data + at, "\xff Go buildinf:", 14);
	put(w, at + 14, plan->build_info == GO_BUILD_INFO_INLINE ? 0 : w->pointer, 1);
	put(w, at + 15, plan->build_info == GO_BUILD_INFO_INLINE ? 2 : 0, 1);
	if (plan->build_info == GO_BUILD_INFO_INLINE)
		add_varint(w, version);
	uint32_t texts[2] = {add(w, plan->go_version, version), 0};
	if (plan->build_info == GO_BUILD_INFO_INLINE)
		add_varint(w, lines);
	texts[1] = add(w, before, 16);
	add(w, plan->lines, lines - 32);
	add(w, behind, 16);
	if (plan->build_info == GO_BUILD_INFO_INLINE)
		return;
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t string = reserve(w, 2 * w->pointer, 8);
		put(w, string, plan->base + texts[i], w->pointer);
		put(w, string + w->pointer, i ? lines : version, w->pointer);
		put(w, at + 16 + i * w->pointer, plan->base + string, w->pointer);
	}
}

static void write_section(struct writing *w, unsigned int number, const char *name, uint32_t start,
			  uint32_t end, uint32_t characteristics)
{
	size_t at = 0x98 + (w->plan->plus ? 240u : 224u) + 40 * number;
	memcpy(w->file->data + at, name, strlen(name));
	put(w, at + 8, end - start, 4);
	put(w, at + 12, start, 4);
	put(w, at + 16, util_round_up(end, PAGE) - start, 4);
	put(w, at + 20, start, 4);
	put(w, at + 36, characteristics, 4);
}

/* What Go's runtime imports, some of it, as cmd/link/internal/ld/pe.go writes it. */
static void write_imports(struct writing *w)
{
	static const char *const functions[] = {
		"WriteFile",
		"WriteConsoleW",
		"WaitForSingleObject",
		"VirtualQuery",
		"VirtualFree",
		"VirtualAlloc",
		"SetWaitableTimer",
		"SetUnhandledExceptionFilter",
		"SetProcessPriorityBoost",
		"SetEvent",
		"LoadLibraryA",
		"GetSystemInfo",
		"GetStdHandle",
		"GetProcAddress",
		"ExitProcess",
		"CreateThread",
		"CreateEventA",
		"CloseHandle",
	};
	enum { COUNT = sizeof(functions) / sizeof(functions[0]), DESCRIPTOR = 20 };
	uint32_t directory = reserve(w, 2 * DESCRIPTOR, 4);
	uint32_t names = reserve(w, (COUNT + 1) * w->pointer, w->pointer);
	uint32_t slots = reserve(w, (COUNT + 1) * w->pointer, w->pointer);
	for (size_t i = 0; i < COUNT; i++) {
		uint32_t name = reserve(w, 2, 2);
		add(w, functions[i], strlen(functions[i]) + 1);
		put(w, names + i * w->pointer, name, w->pointer);
		put(w, slots + i * w->pointer, name, w->pointer);
	}
	put(w, directory, names, 4);
	put(w, directory + 12, add(w, "kernel32.dll", 13), 4);
	put(w, directory + 16, slots, 4);
	size_t entry = 0x98 + (w->plan->plus ? 112 : 96) + 8;
	put(w, entry, directory, 4);
	put(w, entry + 4, 2 * DESCRIPTOR, 4);
}

static void write_headers(struct writing *w, unsigned int sections)
{
	bool plus = w->plan->plus;
	put(w, 0, 0x5a4d, 2);
	put(w, 0x3c, 0x80, 4);
	put(w, 0x80, 0x4550, 4);
	put(w, 0x84, plus ? 0x8664 : 0x14c, 2);
	put(w, 0x86, sections, 2);
	put(w, 0x94, plus ? 240 : 224, 2);
	put(w, 0x96, plus ? 0x22 : 0x102, 2);
	put(w, 0x98, plus ? 0x20b : 0x10b, 2);
	put(w, 0x9a, 3, 1); /* the version of Go's linker */
	put(w, 0x98 + 16, w->file->text, 4);
	put(w, 0x98 + (plus ? 24 : 28), w->plan->base, w->pointer);
	put(w, 0x98 + 32, PAGE, 4);
	put(w, 0x98 + 36, PAGE, 4);
	put(w, 0x98 + 48, 4, 2);
	put(w, 0x98 + 56, w->file->size, 4);
	put(w, 0x98 + 60, PAGE, 4);
	put(w, 0x98 + 68, 3, 2);
	put(w, 0x98 + (plus ? 108 : 92), 16, 4);
}

void go_program_write(const struct go_plan *plan, struct go_program_file *file)
{
	struct writing w = {.plan = plan, .file = file, .pointer = plan->plus ? 8 : 4};
	uint32_t table_end = 0;
	*file = (struct go_program_file){0};
	reserve(&w, PAGE, 1);
	file->text = reserve(&w, util_round_up(plan->count * CODE_SIZE + 1, PAGE), PAGE);
	if (plan->place == GO_IN_TEXT)
		write_table(&w);
	if (plan->place != GO_IN_RDATA)
		table_end = (uint32_t)w.next;
	uint32_t text_end = (uint32_t)w.next;
	uint32_t rdata_end = 0;
	if (plan->place != GO_IN_TEXT) {
		file->rdata = reserve(&w, 0x60, PAGE);
		memset(file->data + file->rdata, 'c', 0x60);
		if (plan->carried) {
			uint32_t at = reserve(&w, plan->carried_size, PAGE);
			memcpy(file->data + at, plan->carried, plan->carried_size);
		}
		if (plan->place == GO_IN_RDATA)
			write_table(&w);
		table_end = rdata_end = (uint32_t)w.next;
	}
	file->data_section = reserve(&w, 16, PAGE);
	if (plan->build_info != GO_BUILD_INFO_NONE)
		write_build_info(&w);
	if (plan->place == GO_IN_DATA) {
		write_table(&w);
		table_end = (uint32_t)w.next;
	}
	if (!plan->no_moduledata)
		write_moduledata(&w, table_end);
	uint32_t data_end = (uint32_t)w.next, idata = 0, symtab = 0;
	if (plan->linked) {
		idata = reserve(&w, 0, PAGE);
		write_imports(&w);
		symtab = reserve(&w, 4, PAGE);
	}
	unsigned int sections = 0;
	write_headers(&w, (plan->place == GO_IN_TEXT ? 2u : 3u) + (plan->linked ? 2u : 0u));
	write_section(&w, sections++, ".text", file->text, text_end, 0x60000020);
	if (rdata_end)
		write_section(&w, sections++, ".rdata", file->rdata, rdata_end, 0x40000040);
	write_section(&w, sections++, ".data", file->data_section, data_end, 0xc0000040);
	if (plan->linked) {
		write_section(&w, sections++, ".idata", idata, symtab, 0xc0000040);
		write_section(&w, sections++, ".symtab", symtab, (uint32_t)w.next, 0x42000000);
	}
	free(w.places);
}
