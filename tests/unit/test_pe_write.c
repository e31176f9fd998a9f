/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pe: files made of what lies in memory, from modules of every kind and from hostile headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/imports.h>
#include <impscan/pe_exports.h>
#include <impscan/pe_write.h>
#include <writer/pe_builder.h>

#define BASE UINT64_C(0x10000000)

/* A DLL as its file and as the loader maps it, address table filled. */
struct mapped {
	uint8_t *file;
	size_t file_size;
	uint8_t *data;
	size_t size;
	uint64_t absent; /* page + 1 */
	uint32_t slot;	 /* of the first import; the second's follows */
	struct pe_reader reader;
	struct pe pe;
};

static const uint8_t *mapped_at(const struct pe_reader *reader, uint64_t position,
				size_t *available)
{
	const struct mapped *m = reader->context;
	if (position / 4096 + 1 == m->absent)
		return NULL;
	*available = (size_t)min_of(4096 - position % 4096, reader->size - position);
	return m->data + position;
}

static void put_pointer(struct mapped *m, bool plus, uint32_t rva, uint64_t value)
{
	for (unsigned int i = 0; i < (plus ? 8u : 4u); i++)
		m->data[rva + i] = (uint8_t)(value >> 8 * i);
}

static void put32(uint8_t *p, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static void mapped_make(struct mapped *m, bool plus)
{
	*m = (struct mapped){0};
	struct pe_builder *b = pe_builder_new(plus, true, "Module.dll");
	pe_builder_import(b, "KERNEL32.dll", "Sleep");
	pe_builder_import(b, "KERNEL32.dll", "CreateFileW");
	pe_builder_import_ordinal(b, "WS2_32.dll", 115);
	pe_builder_export_data(b, "data", 64);
	pe_builder_code(b, 3000, 7);
	pe_builder_pdb(b, (const uint8_t *)"0123456789abcdef", 1, "module.pdb");
	m->file = pe_builder_build(b, &m->file_size);
	m->data = pe_builder_map(m->file, m->file_size, BASE, &m->size);
	m->slot = pe_builder_slot(b, "KERNEL32.dll", "Sleep", 0);
	/* What the loader makes of the slots. */
	put_pointer(m, plus, m->slot, 0x76543210);
	put_pointer(m, plus, m->slot + (plus ? 8 : 4), 0x76543450);
	put_pointer(m, plus, pe_builder_slot(b, "WS2_32.dll", NULL, 115), 0x71234560);
	pe_builder_free(b);
	m->reader = (struct pe_reader){
		.layout = PE_LAYOUT_MEMORY,
		.size = m->size,
		.at = mapped_at,
		.context = m,
	};
}

static void mapped_free(struct mapped *m)
{
	pe_close(&m->pe);
	free(m->data);
	free(m->file);
}
#define _cleanup_mapped_ __attribute__((cleanup(mapped_free)))

/* Opens and writes it. */
static void write_it(struct mapped *m, struct pe_written *written,
		     const struct pe_write_import *imports, size_t count)
{
	pe_close(&m->pe);
	pe_open(&m->pe, &m->reader);
	pe_write(&m->pe,
		 &(struct pe_write_options){
			 .base = BASE,
			 .pointer_size = 8,
			 .entry_point = BASE + 0x1040,
			 .imports = imports,
			 .import_count = count,
		 },
		 written);
}

/* The import string of a PE; the caller frees it. */
static char *imports_by(const struct pe_reader *reader)
{
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, reader);
	_cleanup_imports_ struct imports imports = {0};
	imports_declared(&imports, &pe);
	if (imports.status != IMPORTS_OK)
		return alloc_strdup(imports_status_name(imports.status));
	assert_false(imports.fuzzy_differs); /* unbound */
	return alloc_strdup(text_string(&imports.string));
}

static char *imports_of(const void *bytes, size_t size)
{
	struct pe_reader reader = pe_reader_bytes(bytes, size, PE_LAYOUT_FILE);
	return imports_by(&reader);
}

static void assert_imports(const struct pe_written *written, const char *expected)
{
	_cleanup_free_ uint8_t *bytes = pe_written_copy(written);
	_cleanup_free_ char *found = imports_of(bytes, (size_t)written->size);
	_cleanup_free_ char *again = imports_by(&written->reader);
	assert_string_equal(again, found);
	assert_string_equal(found, expected);
}

#define LIST "kernel32.sleep,kernel32.createfilew,ws2_32.wsastartup"

static void modules_become_their_files(void **state)
{
	(void)state;
	for (int plus = 0; plus < 2; plus++) {
		_cleanup_mapped_ struct mapped m;
		mapped_make(&m, plus);
		_cleanup_pe_written_ struct pe_written written;
		write_it(&m, &written, NULL, 0);
		assert_int_equal(written.layout, PE_WRITTEN_SECTIONS);
		assert_int_equal(written.pages_absent, 0);
		assert_int_equal(written.slots_restored, 3);
		assert_false(written.cut);
		assert_imports(&written, LIST);
		/* But for fixups and ImageBase it is the file. */
		assert_int_equal(written.size, m.file_size);
		struct pe_reader reader = written.reader;
		_cleanup_pe_ struct pe pe;
		assert_int_equal(pe_open(&pe, &reader), PE_OK);
		assert_int_equal(pe.image_base, BASE);
		uint32_t rdata = pe.sections[2].pointer_to_raw_data;
		_cleanup_free_ uint8_t *bytes = pe_written_copy(&written);
		assert_memory_equal(bytes + rdata, m.file + rdata, pe.sections[2].size_of_raw_data);
		struct pe_pdb pdb;
		assert_true(pe_pdb(&pe, &pdb));
		struct pe_exports exports;
		pe_exports_read(&pe, &exports);
		assert_int_equal(exports.count, 1);
		pe_exports_free(&exports);
	}
}

static void sections_grow_by_what_was_unpacked(void **state)
{
	(void)state;
	_cleanup_mapped_ struct mapped m;
	mapped_make(&m, true);
	/* .data, without raw data, and something in its last page: what UPX0 becomes. */
	pe_open(&m.pe, &m.reader);
	uint32_t rva = m.pe.sections[1].virtual_address;
	uint32_t next = m.pe.sections[2].virtual_address;
	uint64_t header = m.pe.nt_headers + 24 + 0xf0 + 40;
	assert_memory_equal(m.data + header, ".data", 5);
	put32(m.data + header + 16, 0);
	put32(m.data + header + 20, 0);
	m.data[next - 3] = 0x42;
	m.data[rva] = 0x43;
	_cleanup_pe_written_ struct pe_written written;
	write_it(&m, &written, NULL, 0);
	assert_int_equal(written.layout, PE_WRITTEN_SECTIONS);
	struct pe_reader reader = written.reader;
	_cleanup_pe_ struct pe pe;
	assert_int_equal(pe_open(&pe, &reader), PE_OK);
	assert_int_equal(pe.sections[1].size_of_raw_data, next - rva);
	uint8_t byte;
	assert_int_equal(pe_copy(&pe, next - 3, &byte, 1), PE_READ_OK);
	assert_int_equal(byte, 0x42);
	assert_int_equal(pe_copy(&pe, rva, &byte, 1), PE_READ_OK);
	assert_int_equal(byte, 0x43);
	assert_imports(&written, LIST);
}

static void absent_pages_are_zeros(void **state)
{
	(void)state;
	_cleanup_mapped_ struct mapped m;
	mapped_make(&m, true);
	m.absent = 2; /* .text */
	_cleanup_pe_written_ struct pe_written written;
	write_it(&m, &written, NULL, 0);
	assert_int_equal(written.pages_absent, 1);
	assert_true(written.pages > 5);
	assert_imports(&written, LIST);
	struct pe_reader reader = written.reader;
	_cleanup_pe_ struct pe pe;
	assert_int_equal(pe_open(&pe, &reader), PE_OK);
	uint8_t bytes[4];
	assert_int_equal(pe_copy(&pe, 0x1000, bytes, 4), PE_READ_OK);
	assert_memory_equal(bytes, "\0\0\0\0", 4);
}

/* The header page up to within the third section header. */
static const uint8_t *cut_at(const struct pe_reader *reader, uint64_t position, size_t *available)
{
	const struct mapped *m = reader->context;
	uint64_t cut = le32(m->data + 0x3c) + 24u + 0xf0 + 2 * 40 + 24;
	if (position >= cut && position < 4096)
		return NULL;
	const uint8_t *bytes = mapped_at(reader, position, available);
	if (position < cut)
		*available = (size_t)(cut - position);
	return bytes;
}

static void cut_section_headers_are_none(void **state)
{
	(void)state;
	_cleanup_mapped_ struct mapped m;
	mapped_make(&m, true);
	m.reader.at = cut_at;
	_cleanup_pe_written_ struct pe_written written;
	write_it(&m, &written, NULL, 0);
	assert_int_equal(written.layout, PE_WRITTEN_SECTIONS);
	struct pe_reader reader = written.reader;
	_cleanup_pe_ struct pe pe;
	assert_int_equal(pe_open(&pe, &reader), PE_OK);
	assert_int_equal(pe.section_count, 2);
	_cleanup_free_ uint8_t *bytes = pe_written_copy(&written);
	assert_int_equal(le16(bytes + pe.nt_headers + 6), 2);
}

/* Header words that no linker writes; the file has to be one all the same. */
static void hostile_headers_give_sane_files(void **state)
{
	(void)state;
	static const struct {
		uint32_t section; /* number, or UINT32_MAX: the optional header */
		uint32_t offset;
		uint32_t value;
	} changes[] = {
		{0, 8, 0},
		{0, 8, UINT32_MAX},
		{1, 16, UINT32_MAX},
		{1, 20, UINT32_MAX},
		{2, 20, 0x400},
		{3, 12, 0x1000},
		{3, 12, 0xfffff000},
		{1, 12, 0x11},
		{0, 12, 0},
		{UINT32_MAX, 32, 0},
		{UINT32_MAX, 32, 3},
		{UINT32_MAX, 36, UINT32_MAX},
		{UINT32_MAX, 36, 0},
		{UINT32_MAX, 60, 0},
		{UINT32_MAX, 60, UINT32_MAX},
		{UINT32_MAX, 56, 0},
		{UINT32_MAX, 56, UINT32_MAX},
		{UINT32_MAX, 32, 16},
		{UINT32_MAX, 36, 0x10000},
	};
	for (size_t i = 0; i < array_size(changes); i++) {
		_cleanup_mapped_ struct mapped m;
		mapped_make(&m, i & 1);
		uint32_t nt = le32(m.data + 0x3c);
		uint32_t at = nt + 24 + changes[i].offset;
		if (changes[i].section != UINT32_MAX)
			at += (i & 1 ? 0xf0 : 0xe0) + 40 * changes[i].section;
		put32(m.data + at, changes[i].value);
		_cleanup_pe_written_ struct pe_written written;
		write_it(&m, &written, NULL, 0);
		assert_true(written.size > 0);
		assert_true(written.size <= m.size + 0x10000);
		assert_imports(&written, LIST);
		struct pe_reader reader = written.reader;
		_cleanup_pe_ struct pe pe;
		assert_int_equal(pe_open(&pe, &reader), PE_OK);
		for (size_t s = 0; s < pe.section_count; s++)
			assert_true(range_within(pe.sections[s].pointer_to_raw_data,
						 pe.sections[s].size_of_raw_data, written.size));
	}
}

static void headers_are_made(void **state)
{
	(void)state;
	_cleanup_mapped_ struct mapped m;
	mapped_make(&m, true);
	uint8_t code[16];
	memcpy(code, m.data + 0x1000, sizeof(code));
	for (int overwritten = 0; overwritten < 2; overwritten++) {
		memset(m.data, overwritten ? 0x90 : 0, 0x1000);
		_cleanup_pe_written_ struct pe_written written;
		write_it(&m, &written, NULL, 0);
		assert_int_equal(written.layout, PE_WRITTEN_MADE);
		struct pe_reader reader = written.reader;
		_cleanup_pe_ struct pe pe;
		assert_int_equal(pe_open(&pe, &reader), PE_OK);
		/* Every byte keeps its address. */
		uint64_t shift = BASE - pe.image_base;
		assert_int_equal(shift, overwritten ? 0x10000 : 0);
		assert_int_equal(pe.address_of_entry_point, 0x1040 + shift);
		uint8_t bytes[16];
		assert_int_equal(pe_copy(&pe, 0x1000 + shift, bytes, 16), PE_READ_OK);
		assert_memory_equal(bytes, code, 16);
		if (overwritten) {
			assert_int_equal(pe_copy(&pe, shift, bytes, 4), PE_READ_OK);
			assert_memory_equal(bytes, "\x90\x90\x90\x90", 4);
		}
		assert_imports(&written, "no-imports");
	}
	/* Nothing present at all: no file. */
	m.reader.size = 0x800;
	m.absent = 1;
	struct pe_written written;
	write_it(&m, &written, NULL, 0);
	assert_int_equal(written.size, 0);
	assert_null(pe_written_copy(&written));
	assert_int_equal(written.pages, 1);
	assert_int_equal(written.pages_absent, 1);
}

static void imports_are_declared_again(void **state)
{
	(void)state;
	_cleanup_mapped_ struct mapped m;
	mapped_make(&m, true);
	struct pe_write_import imports[] = {
		{.dll = "ADVAPI32.dll", .name = "RegOpenKeyExW", .position = m.slot},
		{.dll = "ADVAPI32.dll", .name = "RegCloseKey", .position = m.slot + 8},
		{.dll = "ws2_32.dll", .ordinal = 3, .position = m.slot + 32},
		{.dll = "head.dll", .name = "kept", .position = 0}, /* not over the header */
		{.dll = "lost.dll", .name = "outside", .position = UINT64_MAX - 3},
		{.dll = "", .name = "nameless", .position = m.slot},
	};
	static const char list[] =
		"advapi32.regopenkeyexw,advapi32.regclosekey,ws2_32.closesocket,head.kept";
	for (int made = 0; made < 3; made++) {
		if (made)
			memset(m.data, made == 2 ? 0x90 : 0, 0x1000);
		_cleanup_pe_written_ struct pe_written written;
		write_it(&m, &written, imports, array_size(imports));
		assert_int_equal(written.layout, made ? PE_WRITTEN_MADE : PE_WRITTEN_SECTIONS);
		assert_int_equal(written.imports_added, 4);
		assert_int_equal(written.imports_lost, 2);
		assert_imports(&written, list);
	}
}

static void imports_of_mapped_files(void **state)
{
	(void)state;
	_cleanup_mapped_ struct mapped m;
	mapped_make(&m, false);
	/* Alignments that no section keeps, so that offsets are RVAs. */
	uint32_t nt = le32(m.data + 0x3c);
	put32(m.data + nt + 24 + 32, 0x200);
	struct pe_write_import import = {.dll = "a.dll", .name = "b", .position = m.slot};
	_cleanup_pe_written_ struct pe_written written;
	write_it(&m, &written, &import, 1);
	assert_int_equal(written.layout, PE_WRITTEN_MAPPED);
	assert_int_equal(written.imports_added, 1);
	assert_imports(&written, "a.b");
}

static void files_in_memory_are_copied(void **state)
{
	(void)state;
	_cleanup_mapped_ struct mapped m;
	mapped_make(&m, true);
	struct pe_reader reader = pe_reader_bytes(m.file, m.file_size, PE_LAYOUT_FILE);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	_cleanup_pe_written_ struct pe_written written;
	pe_write(&pe, &(struct pe_write_options){.base = BASE}, &written);
	assert_int_equal(written.layout, PE_WRITTEN_FILE);
	assert_int_equal(written.size, m.file_size);
	_cleanup_free_ uint8_t *bytes = pe_written_copy(&written);
	assert_memory_equal(bytes, m.file, m.file_size);
}

/* 3 GiB of the same page, as a hostile page table can have them. */
static const uint8_t *endless_at(const struct pe_reader *reader, uint64_t position,
				 size_t *available)
{
	const struct mapped *m = reader->context;
	*available = 4096 - position % 4096;
	if (position < m->size)
		return m->data + position;
	return position % (UINT64_C(64) << 20) < 4096 ? m->data : NULL;
}

static void huge_images_are_cut(void **state)
{
	(void)state;
	_cleanup_mapped_ struct mapped m;
	mapped_make(&m, true);
	m.reader.at = endless_at;
	m.reader.size = UINT64_C(3) << 30;
	_cleanup_pe_written_ struct pe_written written;
	write_it(&m, &written, NULL, 0);
	assert_true(written.cut);
	assert_true(written.size <= PE_WRITE_MAX + 0x10000);
	assert_imports(&written, LIST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modules_become_their_files),
		cmocka_unit_test(sections_grow_by_what_was_unpacked),
		cmocka_unit_test(absent_pages_are_zeros),
		cmocka_unit_test(cut_section_headers_are_none),
		cmocka_unit_test(hostile_headers_give_sane_files),
		cmocka_unit_test(headers_are_made),
		cmocka_unit_test(imports_are_declared_again),
		cmocka_unit_test(imports_of_mapped_files),
		cmocka_unit_test(files_in_memory_are_copied),
		cmocka_unit_test(huge_images_are_cut),
	};
	return cmocka_run_group_tests_name("pe_write", tests, NULL, NULL);
}
