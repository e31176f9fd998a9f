/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotnet: assemblies that the writer makes, as files, mapped, damaged and wiped. */
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
#include <impscan/dotnet.h>
#include <impscan/hash.h>
#include <writer/assembly.h>
#include <writer/pe_builder.h>

#include "dotnet/metadata.h"
#include "dotnet_memory.h"

static void read_file(struct dotnet *dotnet, const struct assembly_file *file)
{
	struct pe_reader reader = pe_reader_bytes(file->data, file->size, PE_LAYOUT_FILE);
	read_reader(dotnet, &reader);
}

static void assert_no_lists(const struct dotnet *dotnet)
{
	assert_string_equal(text_string(&dotnet->linguistic), "");
	assert_string_equal(text_string(&dotnet->ordinal), "");
	assert_string_equal(text_string(&dotnet->unsorted), "");
}

static void an_assembly_as_it_was_written(void **state)
{
	(void)state;
	struct assembly assembly = small_assembly();
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	for (unsigned int i = 0; i < 64; i++) {
		assembly.plus = i & 1;
		assembly.heap_bits = (uint8_t)(i >> 1 & 7);
		assembly.decoys = i >> 4 & 1;
		assembly.strings_first = i >> 5 & 1;
		assembly.rows[0x23] = i & 2 ? 0x4000 : 1; /* so the scope of a type has 4 bytes */
		struct assembly_file file = assembly_write(&assembly);
		read_file(&dotnet, &file);
		assert_small(&dotnet);
		assert_string_equal(dotnet.mvid, "12345678-9abc-4ef0-8101-020304050607");
		assert_string_equal(dotnet.runtime, "v4.0.30319");
		assert_int_equal(dotnet.found, DOTNET_BY_HEADER);
		assert_false(dotnet.wiped);
		assert_false(dotnet.order_uncertain);
		assert_int_equal(dotnet.pages, 0);
		free(file.data);
	}
}

static void the_order_of_names(void **state)
{
	(void)state;
	/* As ICU 72 orders them; what is wrong in ordinal order is so by case or by punctuation. */
	static const char *const ordered[] = {
		"",   "_",  "-",  ",",	";", ":", "!",	    "?",	   ".",	 "'",
		"\"", "(",  ")",  "[",	"]", "{", "}",	    "@",	   "*",	 "/",
		"\\", "&",  "#",  "%",	"`", "^", "+",	    "<",	   "=",	 ">",
		"|",  "~",  "$",  "0",	"9", "a", "A",	    "aa",	   "aA", "Aa",
		"AA", "ab", "aB", "Ab", "b", "B", "Task`1", "TaskFactory", "z",	 "Z",
	};
	for (size_t i = 0; i < array_size(ordered); i++)
		for (size_t j = 0; j < array_size(ordered); j++) {
			int expected = (i > j) - (i < j);
			int found = order_compare(ordered[i], ordered[j], ORDER_LINGUISTIC);
			assert_int_equal((found > 0) - (found < 0), expected);
			found = order_compare(ordered[i], ordered[j], ORDER_ORDINAL);
			expected = strcmp(ordered[i], ordered[j]);
			assert_int_equal((found > 0) - (found < 0),
					 (expected > 0) - (expected < 0));
		}
	/* Control characters but for blanks are as if they were not there. */
	assert_int_equal(order_compare("a\x01"
				       "b\x7f",
				       "ab", ORDER_LINGUISTIC),
			 0);
	assert_true(order_compare("a\tb", "ab", ORDER_LINGUISTIC) < 0);
	assert_true(order_compare("\t", " ", ORDER_LINGUISTIC) < 0);
}

static void dashes_make_the_order_uncertain(void **state)
{
	(void)state;
	static struct assembly_type types[] = {{"A", "b-c"}, {"A", "bc"}};
	struct assembly assembly = {.types = types, .type_count = 2, .name = "dashes"};
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	struct assembly_file file = assembly_write(&assembly);
	read_file(&dotnet, &file);
	assert_string_equal(text_string(&dotnet.linguistic), "A-b-c,A-bc");
	assert_true(dotnet.order_uncertain);
	free(file.data);
}

static void no_types_and_no_assembly(void **state)
{
	(void)state;
	struct assembly assembly = {0};
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	struct assembly_file file = assembly_write(&assembly);
	read_file(&dotnet, &file);
	assert_int_equal(dotnet.status, DOTNET_OK);
	assert_int_equal(dotnet.typerefs, 0);
	assert_no_lists(&dotnet);
	assert_string_equal(dotnet.assembly, "");
	assert_string_equal(dotnet.version, "");
	assert_string_equal(dotnet.identity_reason, "");
	free(file.data);
}

/* --- published values: tests/data/typerefs-published.tsv --- */

/* A file that is known by its types. */
struct published {
	struct assembly assembly;
	size_t capacity;
	char *hash;
	char *ordinal;
};

static void check_published(struct published *published)
{
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	char hash[SHA256_SIZE];
	struct assembly_file file = assembly_write(&published->assembly);
	read_file(&dotnet, &file);
	assert_int_equal(dotnet.typerefs, published->assembly.type_count);
	hash_sha256(hash, &dotnet.linguistic);
	assert_string_equal(hash, published->hash);
	hash_sha256(hash, &dotnet.ordinal);
	assert_string_equal(hash, published->ordinal);
	free(file.data);
	free(published->hash);
	free(published->ordinal);
	assembly_free(&published->assembly);
	*published = (struct published){0};
}

static void published_values(void **state)
{
	(void)state;
	struct published published = {0};
	size_t files = 0;
	_cleanup_file_ FILE *f = fopen(TEST_DATA "/typerefs-published.tsv", "r");
	assert_non_null(f);
	char line[512];
	while (fgets(line, sizeof(line), f)) {
		char *rest = line, *first, *second;
		line[strcspn(line, "\n")] = '\0';
		if (*line == '#')
			continue;
		first = strsep(&rest, "\t");
		second = strsep(&rest, "\t");
		assert_non_null(second);
		if (!rest) {
			*array_push(published.assembly.types, published.assembly.type_count,
				    published.capacity) = (struct assembly_type){
				alloc_strdup(first),
				alloc_strdup(second),
			};
			continue;
		}
		if (files++)
			check_published(&published);
		published.assembly.name = alloc_strdup(first);
		published.hash = alloc_strdup(second);
		published.ordinal = alloc_strdup(rest);
	}
	check_published(&published);
	assert_int_equal(files, 4);
}

/* --- what is no assembly --- */

static void a_module_without_clr_header(void **state)
{
	(void)state;
	struct assembly assembly = small_assembly();
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	struct assembly_file file = assembly_write(&assembly);
	uint8_t *optional = file.data + 0x98;
	memset(optional + 96 + 8 * 14, 0, 8);
	read_file(&dotnet, &file);
	assert_string_equal(dotnet_status_name(dotnet.status), "no-metadata");
	assert_string_equal(dotnet.reason, "");
	assert_no_lists(&dotnet);
	/* Somebody has reasons to look closer. */
	dotnet.search = true;
	read_file(&dotnet, &file);
	assert_small(&dotnet);
	assert_int_equal(dotnet.found, DOTNET_BY_ROOT);
	dotnet.search = false;
	memset(file.data, 0, 64);
	read_file(&dotnet, &file);
	assert_string_equal(dotnet_status_name(dotnet.status), "not-pe");
	free(file.data);
}

static void headers_that_count_too_few_directories(void **state)
{
	(void)state;
	struct assembly assembly = small_assembly();
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	for (int plus = 0; plus < 2; plus++) {
		assembly.plus = plus;
		struct assembly_file file = assembly_write(&assembly);
		uint8_t *count = file.data + 0x98 + (plus ? 108 : 92);
		assert_int_equal(le32(count), 16);
		memset(count, 0, 4);
		read_file(&dotnet, &file);
		assert_small(&dotnet);
		/* An entry that leads to nothing of the kind is none. */
		util_put(file.data + file.position + file.root - file.section, 0, 4);
		read_file(&dotnet, &file);
		assert_string_equal(dotnet_status_name(dotnet.status), "no-metadata");
		assert_string_equal(dotnet.reason, "");
		free(file.data);
	}
}

/* --- mapped images --- */

/* Reads an image of which a page is absent or zero. Nothing wrong may come out. */
static void read_without_page(struct dotnet *dotnet, const struct memory *m,
			      const struct dotnet *whole, bool absent)
{
	read_reader(dotnet, &m->reader);
	if (dotnet->status == DOTNET_OK) {
		assert_string_equal(dotnet->reason, "");
		assert_string_equal(text_string(&dotnet->unsorted), text_string(&whole->unsorted));
		assert_string_equal(text_string(&dotnet->ordinal), text_string(&whole->ordinal));
	} else {
		assert_string_not_equal(dotnet->reason, "");
		assert_no_lists(dotnet);
	}
	if (absent && dotnet->status != DOTNET_OK)
		assert_non_null(strstr(dotnet->reason, "not present"));
	if (dotnet->assembly[0]) {
		assert_string_equal(dotnet->assembly, whole->assembly);
		assert_string_equal(dotnet->version, whole->version);
	} else if (whole->assembly[0] && dotnet->status == DOTNET_OK) {
		assert_string_not_equal(dotnet->identity_reason, "");
	}
	if (dotnet->mvid[0])
		assert_string_equal(dotnet->mvid, whole->mvid);
	assert_true(dotnet->pages_found <= dotnet->pages);
}

struct counts {
	size_t ok, partial, unreadable;
};

static void count(struct counts *counts, const struct dotnet *dotnet)
{
	counts->ok += dotnet->status == DOTNET_OK;
	counts->partial += dotnet->status == DOTNET_PARTIAL;
	counts->unreadable += dotnet->status == DOTNET_UNREADABLE;
}

static void without_each_page(const struct assembly *assembly, struct counts *counts)
{
	_cleanup_dotnet_ struct dotnet dotnet = {0}, whole = {0};
	struct assembly_file file = assembly_write(assembly);
	struct memory m;
	size_t size;
	uint8_t *mapped = pe_builder_map(file.data, file.size, 0x400000, &size);
	memory_open(&m, mapped, size, PE_LAYOUT_MEMORY);
	read_reader(&whole, &m.reader);
	assert_int_equal(whole.status, DOTNET_OK);
	assert_true(whole.pages > 0);
	assert_int_equal(whole.pages, whole.pages_found);
	for (size_t i = 0; i < size / PAGE_SIZE; i++) {
		uint8_t kept[PAGE_SIZE], *page = mapped + i * PAGE_SIZE;
		m.absent = i + 1;
		read_without_page(&dotnet, &m, &whole, true);
		count(counts, &dotnet);
		m.absent = 0;
		memcpy(kept, page, PAGE_SIZE);
		memset(page, 0, PAGE_SIZE);
		if (i) {
			read_without_page(&dotnet, &m, &whole, false);
			count(counts, &dotnet);
		}
		memcpy(page, kept, PAGE_SIZE);
	}
	/* As a file, in memory: on the heap, at no page's start. */
	memory_open(&m, file.data, file.size, PE_LAYOUT_FILE);
	for (size_t i = 0; i <= file.size / PAGE_SIZE; i++) {
		m.absent = i + 1;
		read_without_page(&dotnet, &m, &whole, true);
		count(counts, &dotnet);
	}
	free(mapped);
	free(file.data);
}

static void pages_that_are_lost(void **state)
{
	(void)state;
	struct counts counts = {0};
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct assembly assembly;
		assembly_random(&assembly, seed);
		without_each_page(&assembly, &counts);
		assembly_free(&assembly);
	}
	print_message("%zu ok, %zu partial, %zu unreadable\n", counts.ok, counts.partial,
		      counts.unreadable);
	assert_true(counts.ok && counts.partial && counts.unreadable);
}

/* What was wiped in a mapped image, as far as its root is there, is mended by the repairs. */
static void assert_repaired(struct dotnet *dotnet, enum assembly_wipe wipe, uint8_t *image,
			    size_t size)
{
	assert_int_equal(dotnet->repair_count > 0, wipe != ASSEMBLY_NO_ROOT);
	if (wipe == ASSEMBLY_NO_ROOT)
		return;
	for (size_t i = 0; i < dotnet->repair_count; i++) {
		const struct dotnet_repair *repair = &dotnet->repairs[i];
		assert_true(repair->rva + repair->size <= size);
		memcpy(image + repair->rva, repair->bytes, repair->size);
	}
	struct pe_reader reader = pe_reader_bytes(image, size, PE_LAYOUT_MEMORY);
	read_reader(dotnet, &reader);
	assert_small(dotnet);
	assert_false(dotnet->wiped);
	assert_int_equal(dotnet->found, DOTNET_BY_HEADER);
	assert_int_equal(dotnet->repair_count, 0);
	assert_string_equal(dotnet->mvid, "12345678-9abc-4ef0-8101-020304050607");
}

static void what_protectors_wipe(void **state)
{
	(void)state;
	struct assembly assembly = small_assembly();
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	for (unsigned int i = 0; i < 8 * ASSEMBLY_WIPES; i++) {
		enum assembly_wipe wipe = (enum assembly_wipe)(i % ASSEMBLY_WIPES);
		bool mapped = i / ASSEMBLY_WIPES & 1;
		assembly.decoys = i / ASSEMBLY_WIPES & 2;
		assembly.strings_first = i / ASSEMBLY_WIPES & 4;
		struct assembly_file file = assembly_write(&assembly);
		size_t size;
		uint8_t *image = pe_builder_map(file.data, file.size, 0x400000, &size);
		struct pe_reader reader =
			mapped ? pe_reader_bytes(image, size, PE_LAYOUT_MEMORY)
			       : pe_reader_bytes(file.data, file.size, PE_LAYOUT_FILE);
		assembly_wipe(&file, wipe, mapped ? image : file.data, mapped);
		read_reader(&dotnet, &reader);
		if (wipe == ASSEMBLY_ANTI_DUMP && !mapped) {
			/* Sections have lost their sizes, and this one what lies behind its start. */
			free(image);
			free(file.data);
			continue;
		}
		assert_small(&dotnet);
		assert_true(dotnet.wiped);
		assert_int_equal(dotnet.found, wipe == ASSEMBLY_NO_ROOT	  ? DOTNET_BY_TABLES
					       : wipe == ASSEMBLY_RENAMED ? DOTNET_BY_HEADER
									  : DOTNET_BY_ROOT);
		assert_string_equal(dotnet.mvid, wipe == ASSEMBLY_NO_ROOT
							 ? ""
							 : "12345678-9abc-4ef0-8101-020304050607");
		if (mapped)
			assert_repaired(&dotnet, wipe, image, size);
		free(image);
		free(file.data);
	}
}

/* An image whose headers are gone, too. */
static void no_headers_at_all(void **state)
{
	(void)state;
	struct assembly assembly = small_assembly();
	_cleanup_dotnet_ struct dotnet dotnet = {.search = true};
	struct assembly_file file = assembly_write(&assembly);
	size_t size;
	_cleanup_free_ uint8_t *image = pe_builder_map(file.data, file.size, 0x400000, &size);
	assembly_wipe(&file, ASSEMBLY_ANTI_DUMP, image, true);
	memset(image, 0, PAGE_SIZE);
	struct pe_reader reader = pe_reader_bytes(image, size, PE_LAYOUT_MEMORY);
	_cleanup_pe_ struct pe pe;
	pe_assume(&pe, &reader, false, (uint32_t)size);
	dotnet_read(&dotnet, &pe);
	assert_small(&dotnet);
	dotnet.search = false;
	dotnet_read(&dotnet, &pe);
	assert_int_equal(dotnet.status, DOTNET_NONE);
	free(file.data);
}

/* --- what makes no sense --- */

static void put_at(const struct assembly_file *file, uint32_t rva, uint64_t value,
		   unsigned int size)
{
	util_put(file->data + file->position + rva - file->section, value, size);
}

/* Reads a file with `size` bytes changed; it must have no list, and say why. */
static void assert_damaged(uint32_t offset_of_rva, uint32_t plus, uint64_t value, unsigned int size,
			   enum dotnet_status status, const char *why)
{
	struct assembly assembly = small_assembly();
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	struct assembly_file file = assembly_write(&assembly);
	uint32_t rva;
	memcpy(&rva, (const uint8_t *)&file + offset_of_rva, sizeof(rva));
	put_at(&file, rva + plus, value, size);
	read_file(&dotnet, &file);
	assert_string_equal(dotnet_status_name(dotnet.status), dotnet_status_name(status));
	assert_no_lists(&dotnet);
	assert_non_null(strstr(dotnet.reason, why));
	free(file.data);
}
#define assert_damaged(member, ...) \
	assert_damaged((uint32_t)offsetof(struct assembly_file, member), __VA_ARGS__)

static void damaged_metadata(void **state)
{
	(void)state;
	/* names beyond the heap: the last byte of it, and far away */
	assert_damaged(types, 2, 0xffff, 2, DOTNET_PARTIAL, "outside of the #Strings heap");
	assert_damaged(types, 4, 0x4000, 2, DOTNET_PARTIAL, "outside of the #Strings heap");
	/* more rows than there are bytes */
	assert_damaged(tables, 24 + 4, 0x10000, 4, DOTNET_UNREADABLE, "no metadata");
	assert_damaged(tables, 24 + 4, 0xffffffff, 4, DOTNET_UNREADABLE, "no metadata");
	/* no version of a tables stream */
	assert_damaged(tables, 4, 9, 1, DOTNET_UNREADABLE, "no metadata");
	/* no row of Module */
	assert_damaged(tables, 24, 0, 4, DOTNET_UNREADABLE, "no metadata");
}

/* A stream that ends within a name has no end of it. */
static void a_heap_without_an_end(void **state)
{
	(void)state;
	static struct assembly_type types[] = {{"", "last"}};
	struct assembly assembly = {.types = types, .type_count = 1};
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	struct assembly_file file = assembly_write(&assembly);
	uint8_t *header = file.data + file.position + file.stream_headers - file.section;
	header += 12; /* behind "#~" */
	assert_string_equal((char *)header + 8, "#Strings");
	uint32_t last = 0;
	memcpy(&last, file.data + file.position + file.types + 2 - file.section, 2);
	util_put(header + 4, last + 4, 4);
	read_file(&dotnet, &file);
	assert_int_equal(dotnet.status, DOTNET_PARTIAL);
	util_put(header + 4, last + 5, 4);
	read_file(&dotnet, &file);
	assert_string_equal(text_string(&dotnet.unsorted), ".last");
	free(file.data);
}

static void too_many_types(void **state)
{
	(void)state;
	struct assembly assembly = {.type_count = (1 << 18) + 1};
	assembly.types = alloc_zero(assembly.type_count, sizeof(*assembly.types));
	for (size_t i = 0; i < assembly.type_count; i++)
		assembly.types[i] = (struct assembly_type){"A", "b"};
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	struct assembly_file file = assembly_write(&assembly);
	read_file(&dotnet, &file);
	assert_int_equal(dotnet.status, DOTNET_PARTIAL);
	assert_non_null(strstr(dotnet.reason, "too many"));
	free(file.data);
	/* So many are read, but not with long names: they share one of 64 bytes. */
	assembly.type_count--;
	for (size_t i = 0; i < assembly.type_count; i++)
		assembly.types[i].name_space = "0123456789abcdef0123456789abcdef0123456789abcdef";
	file = assembly_write(&assembly);
	read_file(&dotnet, &file);
	assert_int_equal(dotnet.status, DOTNET_PARTIAL);
	assert_non_null(strstr(dotnet.reason, "too long"));
	free(file.data);
	free(assembly.types);
}

static void a_budget_that_ends(void **state)
{
	(void)state;
	struct assembly assembly;
	assembly_random(&assembly, 6);
	struct assembly_file file = assembly_write(&assembly);
	size_t size;
	uint8_t *image = pe_builder_map(file.data, file.size, 0x400000, &size);
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	struct memory m;
	memory_open(&m, image, size, PE_LAYOUT_MEMORY);
	struct budget budget = {.limit = UINT64_MAX};
	dotnet.budget = &budget;
	read_reader(&dotnet, &m.reader);
	assert_int_equal(dotnet.status, DOTNET_OK);
	const uint64_t needed = budget.spent;
	assert_in_range(needed, dotnet.typerefs, 100 * dotnet.typerefs);
	for (uint64_t limit = 0; limit < needed + 10; limit += 7) {
		budget = (struct budget){.limit = limit};
		read_reader(&dotnet, &m.reader);
		if (dotnet.status != DOTNET_OK) {
			assert_no_lists(&dotnet);
			assert_non_null(strstr(dotnet.reason, "takes too long"));
			assert_true(budget_exceeded(&budget));
		}
	}
	free(image);
	free(file.data);
	assembly_free(&assembly);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_assembly_as_it_was_written),
		cmocka_unit_test(the_order_of_names),
		cmocka_unit_test(published_values),
		cmocka_unit_test(dashes_make_the_order_uncertain),
		cmocka_unit_test(no_types_and_no_assembly),
		cmocka_unit_test(a_module_without_clr_header),
		cmocka_unit_test(headers_that_count_too_few_directories),
		cmocka_unit_test(pages_that_are_lost),
		cmocka_unit_test(what_protectors_wipe),
		cmocka_unit_test(no_headers_at_all),
		cmocka_unit_test(damaged_metadata),
		cmocka_unit_test(a_heap_without_an_end),
		cmocka_unit_test(too_many_types),
		cmocka_unit_test(a_budget_that_ends),
	};
	return cmocka_run_group_tests_name("dotnet", tests, NULL, NULL);
}
