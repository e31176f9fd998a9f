/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pe: headers, sections, RVAs, exports, debug records, of files and of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/machine_type.h>
#include <impscan/pe.h>
#include <impscan/pe_cursor.h>
#include <impscan/pe_exports.h>
#include <writer/pe_builder.h>

/* A DLL with exports of every kind, as a file or mapped. */
struct module {
	uint8_t *data;
	size_t size;
	struct pe_reader reader;
	struct pe pe;
	uint32_t zeta;
	uint32_t alpha;
	uint64_t absent; /* page + 1 */
};

static const uint8_t *module_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	const struct module *m = reader->context;
	if (position / 4096 + 1 == m->absent)
		return NULL;
	*available = (size_t)min_of(4096 - position % 4096, reader->size - position);
	return m->data + position;
}

static void module_make(struct module *m, bool plus, enum pe_layout layout)
{
	*m = (struct module){0};
	struct pe_builder *b = pe_builder_new(plus, true, "Module.dll");
	pe_builder_image_base(b, plus ? 0x7ff654320000 : 0x6b800000);
	pe_builder_time_date_stamp(b, 0x12345678);
	pe_builder_import(b, "KERNEL32.dll", "Sleep");
	m->zeta = pe_builder_export(b, "zeta");
	m->alpha = pe_builder_export_data(b, "alpha", 64);
	pe_builder_export_at(b, "alias", m->alpha);
	pe_builder_export_forward(b, "middle", "NTDLL.RtlAllocateHeap");
	pe_builder_export_ordinal_only(b, 40);
	pe_builder_pdb(b, (const uint8_t *)"\1\2\3\4\5\6\7\10\21\22\23\24\25\26\27\30", 3,
		       "D:\\build\\module.pdb");
	m->data = pe_builder_build(b, &m->size);
	pe_builder_free(b);
	if (layout == PE_LAYOUT_MEMORY) {
		uint8_t *file = m->data;
		m->data = pe_builder_map(file, m->size, 0x10000000, &m->size);
		free(file);
	}
	m->reader = (struct pe_reader){
		.layout = layout,
		.size = m->size,
		.at = module_at,
		.context = m,
	};
	assert_int_equal(pe_open(&m->pe, &m->reader), PE_OK);
}

static void module_free(struct module *m)
{
	pe_close(&m->pe);
	free(m->data);
}
#define _cleanup_module_ __attribute__((cleanup(module_free)))

static void headers_are_read(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		bool plus = i & 1;
		enum pe_layout layout = i & 2 ? PE_LAYOUT_MEMORY : PE_LAYOUT_FILE;
		_cleanup_module_ struct module m;
		module_make(&m, plus, layout);
		assert_int_equal(m.pe.pe32_plus, plus);
		assert_int_equal(m.pe.machine, plus ? 0x8664 : 0x14c);
		assert_int_equal(m.pe.time_date_stamp, 0x12345678);
		assert_int_equal(m.pe.section_count, 4);
		assert_string_equal(m.pe.sections[2].name, ".rdata");
		assert_int_equal(m.pe.sections[0].virtual_address, 0x1000);
		assert_int_equal(m.pe.image_base, layout == PE_LAYOUT_MEMORY ? 0x10000000
						  : plus		     ? 0x7ff654320000
									     : 0x6b800000);
		assert_int_equal(m.pe.address_of_entry_point, 0x1000);
		assert_int_equal(m.pe.subsystem, 3);
		assert_true(m.pe.characteristics & 0x2000);
		if (layout == PE_LAYOUT_MEMORY)
			assert_int_equal(m.pe.size_of_image, m.size);
	}
}

static void rvas_lead_to_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		_cleanup_module_ struct module m;
		module_make(&m, true, i ? PE_LAYOUT_MEMORY : PE_LAYOUT_FILE);
		uint8_t code[4];
		assert_int_equal(pe_copy(&m.pe, m.zeta, code, 4), PE_READ_OK);
		assert_memory_equal(code, "\x33\xc0\xc3\xcc", 4);
		assert_int_equal(pe_copy(&m.pe, 0x7fffffff, code, 4), PE_READ_OUTSIDE);
		assert_int_equal(pe_copy(&m.pe, UINT64_MAX, code, 4), PE_READ_OUTSIDE);
		size_t available;
		enum pe_read how;
		assert_non_null(pe_at(&m.pe, 0, &available, &how));
		assert_true(available > 0);
	}
	_cleanup_module_ struct module m;
	module_make(&m, false, PE_LAYOUT_MEMORY);
	m.absent = m.zeta / 4096 + 1;
	uint8_t byte;
	assert_int_equal(pe_copy(&m.pe, m.zeta, &byte, 1), PE_READ_ABSENT);
	char buffer[64];
	assert_int_equal(pe_string(&m.pe, m.zeta, buffer, sizeof(buffer)), PE_READ_ABSENT);
}

static void cursors_read_across_pages(void **state)
{
	(void)state;
	_cleanup_module_ struct module m;
	module_make(&m, true, PE_LAYOUT_MEMORY);
	memset(m.data + 0x1f00, 'x', 0x200);
	m.data[0x2100] = '\0';
	struct pe_cursor cursor;
	pe_cursor_init(&cursor, &m.pe);
	enum pe_read how;
	size_t length;
	const char *s = pe_cursor_string(&cursor, 0x1ff0, 512, &length, &how);
	assert_int_equal(length, 0x110);
	assert_memory_equal(s, m.data + 0x1ff0, 0x110);
	s = pe_cursor_string(&cursor, 0x1ff0, 0x20, &length, &how);
	assert_int_equal(length, 0x20);
	assert_memory_equal(pe_cursor_data(&cursor, 0x1ffc, 8, &how), "xxxxxxxx", 8);
	assert_null(pe_cursor_data(&cursor, m.size - 4, 8, &how));
	assert_int_equal(how, PE_READ_OUTSIDE);
	m.absent = 3;
	pe_cursor_init(&cursor, &m.pe);
	assert_null(pe_cursor_string(&cursor, 0x1ff0, 512, &length, &how));
	assert_int_equal(how, PE_READ_ABSENT);
	assert_non_null(pe_cursor_string(&cursor, 0x1ff0, 0x10, &length, &how));
}

static const struct pe_export *by_name(const struct pe_exports *exports, const char *name)
{
	for (size_t i = 0; i < exports->count; i++)
		if (exports->items[i].name && !strcmp(exports->items[i].name, name))
			return &exports->items[i];
	return NULL;
}

static void exports_are_read(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		_cleanup_module_ struct module m;
		module_make(&m, i & 1, i & 2 ? PE_LAYOUT_MEMORY : PE_LAYOUT_FILE);
		_cleanup_pe_exports_ struct pe_exports exports;
		pe_exports_read(&m.pe, &exports);
		assert_string_equal(exports.name, "Module.dll");
		assert_int_equal(exports.count, 5);
		assert_int_equal(exports.unreadable, 0);
		assert_string_equal(exports.items[0].name, "alias"); /* sorted, as linkers do */
		assert_int_equal(by_name(&exports, "zeta")->rva, m.zeta);
		assert_int_equal(by_name(&exports, "alpha")->rva, m.alpha);
		assert_int_equal(by_name(&exports, "alias")->rva, m.alpha);
		assert_string_equal(by_name(&exports, "middle")->forwarder,
				    "NTDLL.RtlAllocateHeap");
		assert_null(by_name(&exports, "zeta")->forwarder);
		assert_null(exports.items[4].name);
		assert_int_equal(exports.items[4].ordinal, 40);

		char name[64];
		assert_true(pe_export_name(&m.pe, name, sizeof(name)));
		assert_string_equal(name, "Module.dll");
		assert_int_equal(pe_export_find(&m.pe, "zeta"), m.zeta);
		assert_int_equal(pe_export_find(&m.pe, "alias"), m.alpha);
		assert_int_equal(pe_export_find(&m.pe, "middle"), 0);
		assert_int_equal(pe_export_find(&m.pe, "nothing"), 0);
	}
}

static void absent_exports_are_counted(void **state)
{
	(void)state;
	/* The directory's page is there, the code's is not: nothing is lost. */
	_cleanup_module_ struct module m;
	module_make(&m, true, PE_LAYOUT_MEMORY);
	uint32_t directory = m.pe.directory[PE_DIRECTORY_EXPORT].rva;
	m.absent = m.zeta / 4096 + 1;
	_cleanup_pe_exports_ struct pe_exports exports;
	pe_exports_read(&m.pe, &exports);
	assert_int_equal(exports.count, 5);
	pe_exports_free(&exports);
	/* A name that lies elsewhere. */
	uint8_t *names = m.data + le32(m.data + directory + 32);
	memcpy(names, "\x00\x10\x00\x00", 4);
	pe_exports_read(&m.pe, &exports);
	assert_int_equal(exports.count, 4);
	assert_int_equal(exports.unreadable, 1);
	pe_exports_free(&exports);
	/* Found although the probes of a binary search meet it. */
	assert_int_equal(pe_export_find(&m.pe, "zeta"), m.zeta);
	/* More than ordinals can number. */
	memcpy(m.data + directory + 20, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	pe_exports_read(&m.pe, &exports);
	assert_true(exports.unreadable >= 2 * (UINT32_MAX - (size_t)PE_EXPORTS_MAX));
	pe_exports_free(&exports);
	/* The directory itself. */
	m.absent = directory / 4096 + 1;
	pe_exports_read(&m.pe, &exports);
	assert_int_equal(exports.count, 0);
	assert_int_equal(pe_export_find(&m.pe, "zeta"), 0);
}

static void set32(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, sizeof(value));
}

/*
 * There are as many strings as names and functions, the most there can be. All names are of one
 * forwarded export, so that its string is looked up once more after the last one was added.
 */
static void every_string_may_be_used_again(void **state)
{
	(void)state;
	enum { BASE = 0x1000, NAMES = 31 };
	enum { FUNCTIONS = 0x28, ORDINALS = 0x100, POINTERS = 0x200, STRINGS = 0x400 };
	uint8_t image[0x1800] = {0};
	uint8_t *directory = image + BASE;
	set32(directory + 20, 1); /* NumberOfFunctions */
	set32(directory + 24, NAMES);
	set32(directory + 28, BASE + FUNCTIONS);
	set32(directory + 32, BASE + POINTERS);
	set32(directory + 36, BASE + ORDINALS); /* all are 0 */
	set32(directory + FUNCTIONS, BASE + STRINGS);
	memcpy(directory + STRINGS, "A.B", 4);
	for (uint32_t i = 0; i < NAMES; i++) {
		set32(directory + POINTERS + 4 * i, BASE + STRINGS + 8 * (i + 1));
		memcpy(directory + STRINGS + 8 * (i + 1), "name", 5);
	}
	/* The last one again has the first one's name, which was read before any came twice. */
	set32(directory + POINTERS + 4 * (NAMES - 1), BASE + STRINGS + 8);
	struct pe_reader reader = pe_reader_bytes(image, sizeof(image), PE_LAYOUT_MEMORY);
	_cleanup_pe_ struct pe pe;
	pe_assume(&pe, &reader, true, sizeof(image));
	pe.directory[PE_DIRECTORY_EXPORT] = (struct pe_data_directory){BASE, 0x800};
	_cleanup_pe_exports_ struct pe_exports exports;
	pe_exports_read(&pe, &exports);
	assert_int_equal(exports.count, NAMES);
	assert_int_equal(exports.unreadable, 0);
	for (size_t i = 0; i < NAMES; i++)
		assert_ptr_equal(exports.items[i].forwarder, exports.items[0].forwarder);
	assert_string_equal(exports.items[NAMES - 2].name, "name");
	assert_ptr_not_equal(exports.items[NAMES - 2].name, exports.items[0].name);
	assert_ptr_equal(exports.items[NAMES - 1].name, exports.items[0].name);
	assert_string_equal(exports.items[NAMES - 1].forwarder, "A.B");
}

static void debug_record_is_read(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		_cleanup_module_ struct module m;
		module_make(&m, true, i ? PE_LAYOUT_MEMORY : PE_LAYOUT_FILE);
		struct pe_pdb pdb;
		assert_true(pe_pdb(&m.pe, &pdb));
		assert_string_equal(pdb.guid_age, "04030201060508071112131415161718-3");
		assert_string_equal(pdb.name, "D:\\build\\module.pdb");
	}
}

static void what_is_no_pe_is_told(void **state)
{
	(void)state;
	static const char text[200] = "This is a text and not a program";
	struct pe_reader reader = pe_reader_bytes(text, sizeof(text), PE_LAYOUT_FILE);
	_cleanup_pe_ struct pe pe;
	assert_int_equal(pe_open(&pe, &reader), PE_NOT_PE);
	assert_string_equal(pe.reason, "no MZ signature");
	reader.size = 0;
	assert_int_equal(pe_open(&pe, &reader), PE_NOT_PE);
	assert_string_equal(pe.reason, "too short for a PE");

	_cleanup_module_ struct module m;
	module_make(&m, true, PE_LAYOUT_MEMORY);
	pe_close(&m.pe);
	m.absent = 1;
	assert_int_equal(pe_open(&m.pe, &m.reader), PE_UNREADABLE);
	assert_string_equal(m.pe.reason, "header at 0x0 not present");
	m.absent = 0;
	memset(m.data, 0, 0x1000);
	assert_int_equal(pe_open(&m.pe, &m.reader), PE_NOT_PE);
	assert_string_equal(m.pe.reason, "no MZ signature: header is all zero");
}

/* Older forms of programs are called by their names; what is cut short or not present is told. */
static void other_programs_are_told(void **state)
{
	(void)state;
	static const struct {
		const char *signature, *reason;
	} others[] = {
		{"NE", "a 16-bit (NE) program, not a PE"},
		{"LE", "a linear (LE, LX) program, not a PE"},
		{"LX", "a linear (LE, LX) program, not a PE"},
		{"VZ", "a terse (TE) image, not a PE"},
		{"PX", "no PE signature"},
	};
	uint8_t program[0x2000] = "MZ";
	struct pe_reader reader = pe_reader_bytes(program, sizeof(program), PE_LAYOUT_FILE);
	for (size_t i = 0; i < array_size(others); i++) {
		_cleanup_pe_ struct pe pe;
		set32(program + 0x3c, 0x80);
		memcpy(program + 0x80, others[i].signature, 3);
		assert_int_equal(pe_open(&pe, &reader), PE_NOT_PE);
		assert_string_equal(pe.reason, others[i].reason);
	}
	_cleanup_pe_ struct pe pe;
	memcpy(program + 0x80, "PE\0", 4);
	reader.size = 0x80 + 4 + 19;
	assert_int_equal(pe_open(&pe, &reader), PE_NOT_PE);
	assert_string_equal(pe.reason, "file header cut short");
}

/* The headers begin in a page that is not there. */
static void headers_may_be_absent(void **state)
{
	(void)state;
	static const struct {
		uint32_t nt, absent;
		const char *reason;
	} cases[] = {
		{0x1000, 0x1000, "PE header at 0x1000 not present"},
		{0xffc, 0x1000, "PE header at 0x1000 not present"},
		{0xfe8, 0x1000, "optional header at 0x1000 not present"},
	};
	for (size_t i = 0; i < array_size(cases); i++) {
		_cleanup_module_ struct module m;
		module_make(&m, true, PE_LAYOUT_MEMORY);
		pe_close(&m.pe);
		set32(m.data + 0x3c, cases[i].nt);
		memcpy(m.data + cases[i].nt, "PE\0", 4);
		m.absent = cases[i].absent / 4096 + 1;
		assert_int_equal(pe_open(&m.pe, &m.reader), PE_UNREADABLE);
		assert_string_equal(m.pe.reason, cases[i].reason);
	}
}

static void damaged_optional_magic_in_memory(void **state)
{
	(void)state;
	_cleanup_module_ struct module m;
	module_make(&m, true, PE_LAYOUT_MEMORY);
	pe_close(&m.pe);
	memset(m.data + m.pe.nt_headers + 24, 0, 2);
	assert_int_equal(pe_open(&m.pe, &m.reader), PE_OK);
	assert_true(m.pe.pe32_plus); /* the machine tells */
}

static void files_are_mapped(void **state)
{
	(void)state;
	_cleanup_pe_file_ struct pe_file file;
	_cleanup_error_ struct error *error = pe_file_open(&file, TEST_DATA "/golden-hashes.tsv");
	assert_null(error);
	_cleanup_pe_ struct pe pe;
	assert_int_equal(pe_open(&pe, &file.reader), PE_NOT_PE);
	struct pe_file none;
	error = pe_file_open(&none, TEST_DATA);
	assert_non_null(strstr(error_message(error), "is a folder"));
	error_free(error);
	error = pe_file_open(&none, TEST_DATA "/no such file");
	assert_non_null(strstr(error_message(error), "can't open '"));
	error_free(error);
	error = pe_file_open(&none, "/dev/null");
	assert_non_null(strstr(error_message(error), "not a regular file"));
}

/* By a page's first bytes alone: a header, none, or what lies behind them would tell. */
static void first_bytes_are_looked_at(void **state)
{
	(void)state;
	static uint8_t bytes[PAGE_SIZE];
	uint16_t machine = 0;
	const struct {
		uint32_t nt; /* e_lfanew */
		size_t available;
		uint32_t most;
		enum pe_look look;
	} cases[] = {
		{0x80, sizeof(bytes), 0x10000, PE_LOOK_MACHINE},
		{0x84, sizeof(bytes), 0x10000, PE_LOOK_NONE},
		{0, sizeof(bytes), 0x10000, PE_LOOK_NONE},
		{3, sizeof(bytes), 0x10000, PE_LOOK_NONE},
		{0xffffffff, sizeof(bytes), 0x10000, PE_LOOK_NONE},
		{0x10001, sizeof(bytes), 0x10000, PE_LOOK_NONE},
		{0x10000, sizeof(bytes), 0x10000, PE_LOOK_BEYOND},
		{0x1000, sizeof(bytes), 0xfff, PE_LOOK_NONE},
		{0xfff, sizeof(bytes), 0xfff, PE_LOOK_BEYOND},
		{0x80, 0x80 + 23, 0x10000, PE_LOOK_BEYOND},
		{0x80, 0x80 + 24, 0x10000, PE_LOOK_MACHINE},
		{0x80, 63, 0x10000, PE_LOOK_BEYOND},
	};
	memcpy(bytes + 0x80, "PE\0\0\x64\x86", 6);
	for (size_t i = 0; i < array_size(cases); i++) {
		memcpy(bytes + 0x3c, &cases[i].nt, 4);
		assert_int_equal(pe_first_look(bytes, cases[i].available, cases[i].most, &machine),
				 cases[i].look);
	}
	assert_int_equal(machine, IMAGE_FILE_MACHINE_AMD64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(rvas_lead_to_bytes),
		cmocka_unit_test(cursors_read_across_pages),
		cmocka_unit_test(exports_are_read),
		cmocka_unit_test(absent_exports_are_counted),
		cmocka_unit_test(every_string_may_be_used_again),
		cmocka_unit_test(debug_record_is_read),
		cmocka_unit_test(what_is_no_pe_is_told),
		cmocka_unit_test(other_programs_are_told),
		cmocka_unit_test(headers_may_be_absent),
		cmocka_unit_test(first_bytes_are_looked_at),
		cmocka_unit_test(damaged_optional_magic_in_memory),
		cmocka_unit_test(files_are_mapped),
	};
	return cmocka_run_group_tests_name("pe", tests, NULL, NULL);
}
