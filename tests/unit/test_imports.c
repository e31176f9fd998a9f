/* SPDX-License-Identifier: GPL-3.0-or-later */
/* imports: the declared list against golden values, of files, of memory, of damaged memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/hash.h>
#include <impscan/imports.h>
#include <writer/pe_builder.h>
#include <writer/pe_cases.h>

/* --- golden values: see tests/oracle.py --- */

struct golden {
	char name[64];
	bool plus;
	char status[16];
	size_t imports;
	char imphash[IMPHASH_SIZE];
	char impfuzzy[IMPFUZZY_SIZE];
};

/* Splits a line at its tabs, in place. */
static size_t split(char *line, char **fields, size_t room)
{
	size_t count = 0;
	line[strcspn(line, "\n")] = '\0';
	while (count < room && line)
		fields[count++] = strsep(&line, "\t");
	return count;
}

static struct golden *read_golden(size_t *count)
{
	struct golden *rows = NULL;
	size_t capacity = 0;
	*count = 0;
	_cleanup_file_ FILE *f = fopen(TEST_DATA "/golden-hashes.tsv", "r");
	assert_non_null(f);
	char line[1024];
	while (fgets(line, sizeof(line), f)) {
		char *field[5];
		if (line[0] == '#')
			continue;
		assert_int_equal(split(line, field, 5), 5);
		char *end = strrchr(field[0], '.');
		assert_non_null(end);
		*end = '\0';
		struct golden *row = array_push(rows, *count, capacity);
		snprintf(row->name, sizeof(row->name), "%s", field[0]);
		row->plus = !strcmp(end + 1, "pe64");
		snprintf(row->status, sizeof(row->status), "%s", field[1]);
		row->imports = strtoul(field[2], NULL, 10);
		snprintf(row->imphash, sizeof(row->imphash), "%s", field[3]);
		snprintf(row->impfuzzy, sizeof(row->impfuzzy), "%s", field[4]);
	}
	return rows;
}

static size_t find_case(const char *name)
{
	for (size_t i = 0; i < pe_case_count(); i++)
		if (!strcmp(pe_case(i)->name, name))
			return i;
	return pe_case_count();
}

static void files_have_the_golden_values(void **state)
{
	(void)state;
	size_t count;
	size_t seen = 0;
	_cleanup_free_ struct golden *rows = read_golden(&count);
	_cleanup_imports_ struct imports imports = {0}; /* one for all: nothing may be left over */
	for (size_t i = 0; i < count; i++) {
		const struct golden *row = &rows[i];
		size_t number = find_case(row->name);
		if (number == pe_case_count())
			continue;
		size_t size;
		_cleanup_free_ uint8_t *data = pe_case_build(number, row->plus, &size);
		struct pe_reader reader = pe_reader_bytes(data, size, PE_LAYOUT_FILE);
		_cleanup_pe_ struct pe pe;
		pe_open(&pe, &reader);
		imports_declared(&imports, &pe);
		struct hashes hashes;
		hash_imports(&hashes, &imports.string, imports_fuzzy_string(&imports));
		print_message("%s %s\n", row->name, row->plus ? "pe64" : "pe32");
		assert_string_equal(imports_status_name(imports.status), row->status);
		assert_int_equal(imports.count, row->imports);
		assert_string_equal(hashes.imphash, row->imphash);
		assert_string_equal(hashes.impfuzzy, row->impfuzzy);
		assert_int_equal(imports.pages, 0);
		assert_int_equal(imports.reason[0] != 0, imports.status == IMPORTS_NOT_PE);
		seen++;
	}
	assert_int_equal(seen, 2 * pe_case_count());
}

/* --- memory --- */

/* A mapped image of which some pages are absent. */
struct memory {
	struct pe_reader reader;
	uint8_t *image;
	size_t size;
	uint64_t absent[8]; /* page numbers */
	size_t absent_count;
};

static const uint8_t *memory_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	const struct memory *m = reader->context;
	for (size_t i = 0; i < m->absent_count; i++)
		if (m->absent[i] == position / 4096)
			return NULL;
	*available = (size_t)min_of(4096 - position % 4096, reader->size - position);
	return m->image + position;
}

static const char *memory_why(const struct pe_reader *reader, uint64_t position)
{
	(void)reader;
	(void)position;
	return "page file 0 not given";
}

/* Puts addresses where the loader would: into every table that has a name table beside it. */
static void bind_image(uint8_t *image, size_t size, uint32_t directory, bool plus, bool all)
{
	static const uint8_t zeros[20];
	unsigned int word = plus ? 8 : 4;
	for (uint64_t d = directory; d && d + 20 <= size && memcmp(image + d, zeros, 20); d += 20) {
		uint64_t slot = le32(image + d + 16);
		if ((!le32(image + d) && !all) || !slot)
			continue;
		for (uint64_t n = 0; slot + word <= size && le_pointer(image + slot, word); n++) {
			uint64_t address = (plus ? 0x7ff812340000 : 0x76540000) + 16 * n;
			uint64_t little = htole64(address);
			memcpy(image + slot, &little, word);
			slot += word;
		}
	}
}

static uint32_t import_directory(const uint8_t *image, bool plus)
{
	uint32_t optional = le32(image + 0x3c) + 24;
	if (le32(image + optional + (plus ? 108 : 92)) < 2)
		return 0;
	return le32(image + optional + (plus ? 112 : 96) + 8);
}

/* Takes `file`. */
static void memory_map(struct memory *m, uint8_t *file, size_t size, bool plus, bool all)
{
	*m = (struct memory){0};
	m->image = pe_builder_map(file, size, plus ? 0x7ff700000000 : 0x5000000, &m->size);
	free(file);
	bind_image(m->image, m->size, import_directory(m->image, plus), plus, all);
	m->reader = (struct pe_reader){
		.layout = PE_LAYOUT_MEMORY,
		.size = m->size,
		.at = memory_at,
		.why = memory_why,
		.context = m,
	};
}

static void memory_free(struct memory *m)
{
	free(m->image);
}

static void read_memory(struct memory *m, struct imports *imports)
{
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &m->reader);
	imports_declared(imports, &pe);
}

static void memory_gives_the_string_of_the_file(void **state)
{
	(void)state;
	_cleanup_imports_ struct imports of_file = {0};
	_cleanup_imports_ struct imports of_memory = {0};
	size_t compared = 0;
	for (size_t i = 0; i < 2 * pe_case_count(); i++) {
		const struct pe_case *info = pe_case(i / 2);
		bool plus = i % 2;
		if (!info->memory)
			continue;
		print_message("%s %s\n", info->name, plus ? "pe64" : "pe32");
		size_t size;
		uint8_t *file = pe_case_build(i / 2, plus, &size);
		struct pe_reader reader = pe_reader_bytes(file, size, PE_LAYOUT_FILE);
		_cleanup_pe_ struct pe pe;
		pe_open(&pe, &reader);
		imports_declared(&of_file, &pe);
		struct memory __attribute__((cleanup(memory_free))) m;
		memory_map(&m, file, size, plus, false);
		read_memory(&m, &of_memory);
		assert_string_equal(of_memory.reason, "");
		assert_string_equal(text_string(&of_memory.string), text_string(&of_file.string));
		assert_int_equal(of_memory.status, of_file.status);
		assert_false(of_memory.fuzzy_differs);
		assert_int_equal(of_memory.pages, of_memory.pages_found);
		compared++;
	}
	assert_true(compared > 60);
}

/*
 * A module of known layout: .text 0x1000, .data 0x2000, .rdata 0x3000. Its names fill several
 * pages.
 */
static void map_module(struct memory *m, bool plus)
{
	struct pe_builder *b = pe_builder_new(plus, true, "m.dll");
	pe_builder_room(b, 0x1000, 0x1000);
	for (int i = 0; i < 600; i++) {
		char name[32];
		snprintf(name, sizeof(name), "Function%04d", i);
		pe_builder_import(b, i < 300 ? "first.dll" : "second.dll", name);
	}
	pe_builder_import_ordinal(b, "ws2_32.dll", 23);
	size_t size;
	uint8_t *file = pe_builder_build(b, &size);
	pe_builder_free(b);
	memory_map(m, file, size, plus, false);
}

#define _cleanup_memory_ __attribute__((cleanup(memory_free)))

/* RVA of the name of a thunk: descriptor `d`, thunk `i`. */
static uint32_t name_rva(const struct memory *m, bool plus, unsigned int d, unsigned int i)
{
	const uint8_t *p = m->image + import_directory(m->image, plus) + 20 * d;
	return (uint32_t)le_pointer(m->image + le32(p) + (plus ? 8 : 4) * i, plus ? 8 : 4);
}

static void absent_names_make_it_partial(void **state)
{
	(void)state;
	_cleanup_memory_ struct memory m;
	map_module(&m, true);
	_cleanup_imports_ struct imports imports = {0};
	read_memory(&m, &imports);
	assert_int_equal(imports.status, IMPORTS_OK);
	assert_int_equal(imports.count, 601);
	assert_int_equal(imports.pages, imports.pages_found);
	size_t pages = imports.pages;

	uint32_t rva = name_rva(&m, true, 1, 0);
	m.absent[m.absent_count++] = rva / 4096;
	read_memory(&m, &imports);
	assert_int_equal(imports.status, IMPORTS_PARTIAL);
	assert_non_null(strstr(imports.reason, "import name at 0x"));
	assert_non_null(strstr(imports.reason, " not present: page file 0 not given (and "));
	assert_true(imports.count > 0 && imports.count < 601);
	assert_int_equal(imports.pages, pages);
	assert_int_equal(imports.pages_found, pages - 1);
	assert_non_null(strstr(text_string(&imports.string), "ws2_32.socket"));
}

static void absent_directory_is_unreadable(void **state)
{
	(void)state;
	_cleanup_memory_ struct memory m;
	map_module(&m, false);
	_cleanup_imports_ struct imports imports = {0};
	m.absent[m.absent_count++] = import_directory(m.image, false) / 4096;
	read_memory(&m, &imports);
	assert_int_equal(imports.status, IMPORTS_UNREADABLE);
	assert_non_null(strstr(imports.reason, "import directory at 0x"));
	assert_int_equal(imports.pages_found, imports.pages - 1);
	m.absent[0] = 0;
	read_memory(&m, &imports);
	assert_int_equal(imports.status, IMPORTS_UNREADABLE);
	assert_string_equal(imports.reason, "header at 0x0 not present: page file 0 not given");
	assert_string_equal(text_string(&imports.string), "");
}

/* Every page of the list in turn absent, zeroed, or overwritten: never a hash, never another one. */
static void damage_never_gives_another_hash(void **state)
{
	(void)state;
	for (int kind = 0; kind < 6; kind++) {
		_cleanup_memory_ struct memory m;
		map_module(&m, kind % 2);
		_cleanup_imports_ struct imports whole = {0};
		_cleanup_imports_ struct imports imports = {0};
		read_memory(&m, &whole);
		assert_int_equal(whole.status, IMPORTS_OK);
		size_t hit = 0;
		for (uint64_t page = 1; page < m.size / 4096; page++) {
			uint8_t saved[4096];
			memcpy(saved, m.image + page * 4096, sizeof(saved));
			if (kind / 2 == 0)
				m.absent[m.absent_count++] = page;
			else
				memset(m.image + page * 4096, kind / 2 == 1 ? 0 : 0xcc, 4096);
			read_memory(&m, &imports);
			memcpy(m.image + page * 4096, saved, sizeof(saved));
			m.absent_count = 0;
			if (imports.status == IMPORTS_OK) {
				assert_string_equal(text_string(&imports.string),
						    text_string(&whole.string));
				continue;
			}
			assert_true(imports.status == IMPORTS_PARTIAL ||
				    imports.status == IMPORTS_UNREADABLE);
			assert_true(strlen(imports.reason) > 10);
			hit++;
		}
		assert_int_equal(hit, whole.pages - 1); /* all but the header's */
	}
}

static void names_replaced_by_addresses(void **state)
{
	(void)state;
	for (int plus = 0; plus < 2; plus++) {
		size_t size;
		uint8_t *file = pe_case_build(find_case("09-first-absent"), plus, &size);
		_cleanup_memory_ struct memory m;
		memory_map(&m, file, size, plus, false); /* its first descriptor still has names */
		_cleanup_imports_ struct imports imports = {.keep_entries = true};
		read_memory(&m, &imports);
		assert_int_equal(imports.status, IMPORTS_OK);
		assert_string_equal(text_string(&imports.string), "a.one,a.two,a.ord3,b.three");
		bind_image(m.image, m.size, import_directory(m.image, plus), plus, true);
		read_memory(&m, &imports);
		assert_int_equal(imports.status, IMPORTS_PARTIAL);
		assert_non_null(strstr(imports.reason, "names replaced by addresses"));
		assert_string_equal(text_string(&imports.string), "b.three");
		/* The slots and the DLL are still known. */
		assert_int_equal(imports.entry_count, 4);
		assert_int_equal(imports.entries[2].kind, IMPORT_UNKNOWN);
		assert_string_equal(imports_entry_dll(&imports, &imports.entries[2]), "a.dll");
		assert_null(imports_entry_name(&imports, &imports.entries[2]));
	}
}

/*
 * A driver of `count` imports by name and one by ordinal, mapped at a kernel address, whose name
 * table has the names' addresses by `names_base`; 0: by where the module is.
 */
static void map_driver(struct memory *m, bool plus, int count, uint64_t names_base)
{
	const unsigned int word = plus ? 8 : 4;
	struct pe_builder *b = pe_builder_new(plus, true, "m.sys");
	pe_builder_room(b, 0x1000, 0x1000);
	for (int i = 0; i < count; i++) {
		char name[32];
		snprintf(name, sizeof(name), "Function%04d", i);
		pe_builder_import(b, "ntoskrnl.exe", name);
	}
	pe_builder_import_ordinal(b, "hal.dll", 5);
	size_t size;
	uint8_t *file = pe_builder_build(b, &size);
	pe_builder_free(b);
	memory_map(m, file, size, plus, false);
	m->reader.base = plus ? UINT64_C(0xfffff88001230000) : 0xf8530000;
	uint32_t directory = import_directory(m->image, plus);
	uint32_t table = le32(m->image + directory);
	for (int i = 0; i < count; i++) {
		uint8_t *thunk = m->image + table + (size_t)i * word;
		uint64_t little = htole64(le_pointer(thunk, word) +
					  (names_base ? names_base : m->reader.base));
		memcpy(thunk, &little, word);
	}
}

static void names_are_addresses_in_drivers(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		bool plus = i & 1, boot = i & 2, many = i & 4;
		const uint64_t base = plus ? UINT64_C(0xfffff80000812000) : 0x80812000;
		_cleanup_imports_ struct imports imports = {.keep_entries = true};
		struct memory __attribute__((cleanup(memory_free))) m;
		map_driver(&m, plus, many ? 600 : 1, boot ? base : 0);
		read_memory(&m, &imports);
		assert_string_equal(imports.reason, "");
		assert_int_equal(imports.status, IMPORTS_OK);
		assert_int_equal(imports.count, many ? 601 : 2);
		assert_string_equal(imports_entry_name(&imports, &imports.entries[0]),
				    "Function0000");
		/* Without .text few names may as well lie there, as far as one knows. */
		m.absent[m.absent_count++] = 1;
		read_memory(&m, &imports);
		assert_int_equal(imports.status, many || !boot ? IMPORTS_OK : IMPORTS_PARTIAL);
		/* A module of a process has no such names. */
		m.absent_count = 0;
		m.reader.base = 0x400000;
		read_memory(&m, &imports);
		assert_int_equal(imports.status, IMPORTS_PARTIAL);
		assert_non_null(strstr(imports.reason, "neither name nor ordinal"));
	}
}

/* A name that fits by two bases is none. */
static void names_by_two_bases_are_lost(void **state)
{
	(void)state;
	_cleanup_imports_ struct imports imports = {0};
	struct memory __attribute__((cleanup(memory_free))) m;
	map_driver(&m, true, 1, UINT64_C(0xfffff80000812000));
	uint64_t name = le64(m.image + le32(m.image + import_directory(m.image, true))) % 4096;
	memset(m.image + 0x1000, 0, 4096);
	memcpy(m.image + 0x1000 + name + 2, "Another", 8);
	read_memory(&m, &imports);
	assert_int_equal(imports.status, IMPORTS_PARTIAL);
	assert_string_equal(text_string(&imports.string), "hal.ord5");
}

/* GNU ld gives a DLL without imports a directory of one descriptor, a section of zeros. */
static void a_directory_of_zeros_is_none(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		bool plus = i & 1;
		const uint32_t sizes[] = {0x14, 0x18, 0x28};
		struct pe_builder *b = pe_builder_new(plus, true, "m.dll");
		pe_builder_room(b, 0x1000, 0x1000);
		size_t size;
		uint8_t *file = pe_builder_build(b, &size);
		pe_builder_free(b);
		_cleanup_imports_ struct imports imports = {0};
		struct memory __attribute__((cleanup(memory_free))) m;
		memory_map(&m, file, size, plus, false);
		/* .data becomes that section */
		uint32_t optional = le32(m.image + 0x3c) + 24;
		uint8_t *section = m.image + optional + le16(m.image + optional - 4) + 40;
		assert_int_equal(le32(section + 12), 0x2000);
		uint32_t data[2] = {htole32(0x2000), htole32(sizes[i / 2])};
		memcpy(section + 8, &data[1], 4);
		memcpy(m.image + optional + (plus ? 112 : 96) + 8, data, 8);
		memset(m.image + 0x2000, 0, 4096);
		read_memory(&m, &imports);
		/* where a descriptor has room, it may have been there */
		assert_int_equal(imports.status,
				 sizes[i / 2] < 0x28 ? IMPORTS_NONE : IMPORTS_UNREADABLE);
	}
}

static void entries_tell_slots(void **state)
{
	(void)state;
	for (int plus = 0; plus < 2; plus++) {
		struct pe_builder *b = pe_builder_new(plus, false, NULL);
		pe_builder_import(b, "KERNEL32.dll", "CreateFileW");
		pe_builder_import(b, "KERNEL32.dll", "bad name");
		pe_builder_import_ordinal(b, "WS2_32.dll", 23);
		size_t size;
		_cleanup_free_ uint8_t *file = pe_builder_build(b, &size);
		struct pe_reader reader = pe_reader_bytes(file, size, PE_LAYOUT_FILE);
		_cleanup_pe_ struct pe pe;
		assert_int_equal(pe_open(&pe, &reader), PE_OK);
		_cleanup_imports_ struct imports imports = {.keep_entries = true};
		imports_declared(&imports, &pe);
		imports_declared(&imports, &pe);
		assert_int_equal(imports.entry_count, 3);
		const struct import_entry *e = imports.entries;
		assert_string_equal(imports_entry_dll(&imports, &e[0]), "KERNEL32.dll");
		assert_string_equal(imports_entry_name(&imports, &e[0]), "CreateFileW");
		assert_int_equal(e[0].slot, pe_builder_slot(b, "KERNEL32.dll", "CreateFileW", 0));
		assert_true(e[0].hashed);
		assert_string_equal(imports_entry_name(&imports, &e[1]), "bad name");
		assert_false(e[1].hashed);
		assert_int_equal(e[2].kind, IMPORT_ORDINAL);
		assert_int_equal(e[2].ordinal, 23);
		assert_int_equal(e[2].descriptor, 1);
		assert_int_equal(e[2].slot, pe_builder_slot(b, "WS2_32.dll", NULL, 23));
		assert_string_equal(text_string(&imports.string),
				    "kernel32.createfilew,ws2_32.socket");
		pe_builder_free(b);
	}
}

static void bound_files_have_a_second_string(void **state)
{
	(void)state;
	size_t size;
	_cleanup_free_ uint8_t *file = pe_case_build(find_case("12-some"), true, &size);
	struct pe_reader reader = pe_reader_bytes(file, size, PE_LAYOUT_FILE);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	_cleanup_imports_ struct imports imports = {0};
	imports_declared(&imports, &pe);
	assert_string_equal(
		text_string(&imports.string),
		"x.before,a.n0,a.n1,a.n2,a.n3,a.n4,a.n5,y.behind,y.ord4,b.n0,b.n1,b.n2");
	assert_string_equal(text_string(imports_fuzzy_string(&imports)),
			    "x.before,a.n0,a.n2,a.n4,y.behind,y.ord4,b.n0,b.n1");
}

static void ordinals_have_frozen_names(void **state)
{
	(void)state;
	assert_string_equal(imports_ordinal_name("ws2_32.dll", 1), "accept");
	assert_string_equal(imports_ordinal_name("wsock32.dll", 500), "WEP");
	assert_string_equal(imports_ordinal_name("oleaut32.dll", 2), "SysAllocString");
	assert_null(imports_ordinal_name("ws2_32.dll", 0));
	assert_null(imports_ordinal_name("ws2_32.dll", 65535));
	assert_null(imports_ordinal_name("ws2_32", 1));
	assert_null(imports_ordinal_name("mfc42.dll", 1));
	size_t ws2_32 = 0;
	size_t oleaut32 = 0;
	for (uint32_t i = 0; i < 65536; i++) {
		ws2_32 += imports_ordinal_name("ws2_32.dll", i) != NULL;
		oleaut32 += imports_ordinal_name("oleaut32.dll", i) != NULL;
	}
	assert_int_equal(ws2_32, 117);
	assert_int_equal(oleaut32, 398);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_have_the_golden_values),
		cmocka_unit_test(memory_gives_the_string_of_the_file),
		cmocka_unit_test(absent_names_make_it_partial),
		cmocka_unit_test(absent_directory_is_unreadable),
		cmocka_unit_test(damage_never_gives_another_hash),
		cmocka_unit_test(names_replaced_by_addresses),
		cmocka_unit_test(names_are_addresses_in_drivers),
		cmocka_unit_test(names_by_two_bases_are_lost),
		cmocka_unit_test(a_directory_of_zeros_is_none),
		cmocka_unit_test(entries_tell_slots),
		cmocka_unit_test(bound_files_have_a_second_string),
		cmocka_unit_test(ordinals_have_frozen_names),
	};
	return cmocka_run_group_tests_name("imports", tests, NULL, NULL);
}
