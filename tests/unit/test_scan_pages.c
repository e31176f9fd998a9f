/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * scan: which pages of images are looked at, and private memory only where pointers lead.
 */
#include "world.h"

#include <scan/clean_pages.h>
#include <scan/private_tables.h>

#define VIEW  UINT64_C(0x7ff600000000)
#define PAGES 200u

struct process_pages {
	struct vad vad;
	uint64_t bits[PAGES / 64 + 1];
	struct own_pages own;
};

static void make_pages(struct process_pages *p, uint64_t control_area)
{
	*p = (struct process_pages){
		.vad = {.start = VIEW,
			.end = VIEW + PAGES * PAGE_SIZE - 1,
			.kind = VAD_IMAGE,
			.control_area = control_area},
	};
	p->own = (struct own_pages){.vad = &p->vad, .count = PAGES, .bits = p->bits};
}

static void set_own(struct process_pages *p, size_t page)
{
	p->bits[page / 64] |= UINT64_C(1) << page % 64;
}

/* Looks at all pages that are to be; adds those up to `clean`. Returns how many. */
static size_t look(struct clean_section *section, const struct own_pages *own, size_t clean)
{
	size_t count = 0;
	for (size_t page = 0; (page = clean_section_next(section, own, page, PAGES)) < PAGES;
	     page++, count++)
		if (page < clean)
			clean_section_add(section, own, page);
	return count;
}

static void pages_of_a_section_are_looked_at_once(void **state)
{
	(void)state;
	_cleanup_clean_pages_ struct clean_pages *clean = clean_pages_new();
	struct process_pages a, b, c;
	make_pages(&a, 0x1000);
	make_pages(&b, 0x1000);
	make_pages(&c, 0x2000);
	set_own(&a, 3);
	set_own(&b, 3);
	set_own(&b, 64);
	uint64_t size = PAGES * PAGE_SIZE;
	struct clean_section *section = clean_pages_of(clean, &a.own, VIEW, size, 8);
	assert_int_equal(look(section, &a.own, 150), PAGES);
	/* the process's own page is looked at always, what was not clean too */
	assert_int_equal(look(section, &a.own, 0), PAGES - 150 + 1);
	assert_ptr_equal(clean_pages_of(clean, &b.own, VIEW, size, 8), section);
	assert_int_equal(look(section, &b.own, 0), PAGES - 150 + 2);
	/* page 3 of the section itself was not seen: the first process had a copy */
	make_pages(&b, 0x1000);
	assert_int_equal(look(section, &b.own, 0), PAGES - 150 + 1);
	/* another section, be it only by its prototype PTEs, another size */
	make_pages(&b, 0x1000);
	b.vad.first_prototype_pte = 0xffff8000;
	assert_int_equal(look(clean_pages_of(clean, &b.own, VIEW, size, 8), &b.own, 0), PAGES);
	assert_int_equal(look(clean_pages_of(clean, &c.own, VIEW, size, 8), &c.own, 0), PAGES);
	assert_int_equal(look(clean_pages_of(clean, &a.own, VIEW, size - 1, 8), &a.own, 0), PAGES);
}

static void unwritten_pages_are_the_files(void **state)
{
	(void)state;
	_cleanup_clean_pages_ struct clean_pages *clean = clean_pages_new();
	struct pe_section sections[] = {
		{.virtual_address = 0x1000, .virtual_size = 0x9800},
		{.virtual_address = 0xb000, .virtual_size = 0x5000, .characteristics = 0xd0000000},
		{.virtual_address = 0x10000, .virtual_size = 0x2000, .characteristics = 0xc0000000},
		/* its sizes are not to be believed */
		{.virtual_address = 0xf0000000, .virtual_size = 0xf0000000},
	};
	struct pe pe = {.status = PE_OK, .sections = sections, .section_count = 4};
	struct process_pages a, b;
	make_pages(&a, 0x1000);
	make_pages(&b, 0x1000);
	uint64_t size = PAGES * PAGE_SIZE;
	struct clean_section *section = clean_pages_of(clean, &a.own, VIEW, size, 8);
	assert_false(clean_section_told(section));
	assert_int_equal(look(section, &a.own, 0), PAGES);
	clean_section_tell(section, &pe);
	assert_true(clean_section_told(section));
	assert_ptr_equal(clean_pages_of(clean, &b.own, VIEW, size, 8), section);
	/* the tenth has more than that, and what processes share may have been written to */
	assert_int_equal(look(section, &b.own, 0), PAGES - 9 - 2);
	assert_int_equal(clean_section_next(section, &b.own, 11, PAGES), 11);
	assert_int_equal(clean_section_next(section, &b.own, 16, PAGES), 18);
	set_own(&b, 4);
	assert_int_equal(look(section, &b.own, 0), PAGES - 9 - 2 + 1);
	assert_int_equal(clean_section_next(section, &b.own, 1, PAGES), 4);
	assert_int_equal(clean_section_next(section, &b.own, 5, 9), 9);
}

static void files_of_bound_images_have_addresses(void **state)
{
	(void)state;
	_cleanup_clean_pages_ struct clean_pages *clean = clean_pages_new();
	struct pe_section sections[] = {{.virtual_address = 0x1000, .virtual_size = 0x9000}};
	struct pe pe = {.status = PE_OK, .sections = sections, .section_count = 1};
	struct process_pages a;
	make_pages(&a, 0x1000);
	uint64_t size = PAGES * PAGE_SIZE;
	struct clean_section *wide = clean_pages_of(clean, &a.own, VIEW, size, 8);
	struct clean_section *narrow = clean_pages_of(clean, &a.own, VIEW, size, 4);
	clean_section_tell(wide, &pe);
	assert_int_equal(look(wide, &a.own, 0), PAGES - 9);
	/* what is no pointer of 8 bytes may be two of 4 */
	assert_int_equal(look(narrow, &a.own, 0), PAGES);
	pe.directory[PE_DIRECTORY_BOUND_IMPORT].rva = 0x250;
	clean_section_tell(narrow, &pe);
	assert_true(clean_section_told(narrow));
	assert_int_equal(look(narrow, &a.own, 0), PAGES);
}

/* The tables of private memory that a region of it leads to, by the quick way. */
static size_t find_quick(struct world *w, uint64_t base, uint64_t size, uint64_t *first)
{
	struct vad vads[] = {
		{.start = HEAP - 0x5000, .end = HEAP - 0x1001},
		{.start = HEAP, .end = HEAP + HEAP_SIZE - 1},
	};
	struct view view = {.vads = {.items = vads, .count = 2}};
	struct private_tables tables = {0};
	struct rebuild_memory memory = memory_of(w);
	private_tables_find(&tables, &view, w->map, &memory, base, size);
	/* asked again there is nothing new */
	size_t count = tables.found.table_count;
	private_tables_find(&tables, &view, w->map, &memory, base, size);
	assert_int_equal(tables.found.table_count, count);
	if (count)
		*first = tables.found.tables[0].start;
	private_tables_free(&tables);
	return count;
}

static size_t count_uncompared(const struct clean_section *section, const struct own_pages *own,
			       const struct exporters *exporters)
{
	size_t count = 0;
	for (size_t page = 0;
	     (page = clean_section_uncompared(section, own, page, PAGES, exporters)) < PAGES;
	     page++)
		count++;
	return count;
}

static void pages_are_compared_with_each_exporter_once(void **state)
{
	(void)state;
	_cleanup_clean_pages_ struct clean_pages *clean = clean_pages_new();
	const uint64_t size = PAGES * PAGE_SIZE;
	struct pe_exports none = {0};
	_cleanup_export_table_ struct export_table *table = export_table_new(&none, PAGE_SIZE);
	struct exporters first = {0}, second = {0}, both = {0};
	assert_true(exporters_add(&first, clean, 0x10000, PAGE_SIZE, table));
	/* the same DLL elsewhere is another one */
	assert_true(exporters_add(&second, clean, 0x20000, PAGE_SIZE, table));
	assert_memory_not_equal(&first, &second, sizeof(first));
	assert_true(exporters_add(&both, clean, 0x10000, PAGE_SIZE, table));
	assert_memory_equal(&first, &both, sizeof(first));
	assert_true(exporters_add(&both, clean, 0x20000, PAGE_SIZE, table));

	struct process_pages a, b;
	make_pages(&a, 0xffff8000);
	make_pages(&b, 0xffff8000);
	struct clean_section *section = clean_pages_of(clean, &a.own, VIEW, size, 4);
	assert_int_equal(count_uncompared(section, &a.own, &first), PAGES);
	for (size_t page = 0; page < PAGES; page++)
		clean_section_compared(section, &a.own, page, &first);
	clean_section_compared(section, &a.own, 3, &second);
	assert_int_equal(count_uncompared(section, &b.own, &first), 0);
	assert_int_equal(count_uncompared(section, &b.own, &second), PAGES - 1);
	assert_int_equal(count_uncompared(section, &b.own, &both), PAGES - 1);
	/* copies of a process are its own */
	set_own(&b, 3);
	set_own(&b, 5);
	assert_int_equal(count_uncompared(section, &b.own, &first), 2);
	clean_section_compared(section, &b.own, 5, &second);
	assert_int_equal(count_uncompared(section, &a.own, &both), PAGES - 1);
	/* there are so many numbers, and no more */
	size_t more = 0;
	while (more < EXPORTERS_MAX &&
	       exporters_add(&both, clean, 0x30000 + more * PAGE_SIZE, PAGE_SIZE, table))
		more++;
	assert_int_equal(more, EXPORTERS_MAX - 2);
}

static void private_tables_are_found_where_pointers_lead(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	/* over the end of a page */
	uint64_t table = HEAP + 0x4fc0, found = 0;
	for (size_t i = 0; i < 10; i++) {
		uint64_t value = loader_export(&w.loader, "kernel32.dll", kernel32_names[i], 0);
		memcpy(w.heap + (table - HEAP) + i * 8, &value, 8);
	}
	assert_int_equal(find_quick(&w, HEAP, 0x1000, &found), 0);
	/* into it, before it, at any place of an instruction; a slot's length behind is not it */
	static const int64_t offsets[] = {0, 8, 40, 79, -8, -64, -60};
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		uint64_t value = table + (uint64_t)offsets[i];
		memset(w.heap, 0, 0x1000);
		memcpy(w.heap + 0x203, &value, 8);
		assert_int_equal(find_quick(&w, HEAP, 0x1000, &found), 1);
		assert_int_equal(found, table);
	}
	/* mov rcx, [rip+x]: relative to the instruction behind, here and up to the end of the page */
	static const uint64_t places[] = {0x203, 0xff9};
	for (size_t i = 0; i < 2; i++) {
		uint32_t distance = (uint32_t)(table + 8 - (HEAP + places[i] + 7));
		memset(w.heap, 0, 0x1000);
		memcpy(w.heap + places[i], "\x48\x8b\x0d", 3);
		memcpy(w.heap + places[i] + 3, &distance, 4);
		assert_int_equal(find_quick(&w, HEAP, 0x1000, &found), 1);
		assert_int_equal(found, table);
		w.heap[places[i] + 2] = 0x0c; /* another form of operand */
		assert_int_equal(find_quick(&w, HEAP, 0x1000, &found), 0);
	}
	memset(w.heap, 0, 0x1000);
	uint64_t far = table + 0x800, own = HEAP + 0x300;
	memcpy(w.heap + 0x203, &far, 8);
	assert_int_equal(find_quick(&w, HEAP, 0x1000, &found), 0);
	/* a table within the region itself is found there by others */
	memcpy(w.heap + 0x300, w.heap + (table - HEAP), 80);
	memcpy(w.heap + 0x203, &own, 8);
	assert_int_equal(find_quick(&w, HEAP, 0x1000, &found), 0);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_a_section_are_looked_at_once),
		cmocka_unit_test(unwritten_pages_are_the_files),
		cmocka_unit_test(files_of_bound_images_have_addresses),
		cmocka_unit_test(pages_are_compared_with_each_exporter_once),
		cmocka_unit_test(private_tables_are_found_where_pointers_lead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
