/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pages that are not there, in written images: an own reading of entries and prototype PTEs of
 * every state leads back to the bytes that were put in, or to what only the file on disk has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "written.h"

/* An entry of the lowest table; the tables above are there. */
static uint64_t leaf_entry(const struct written *raw, uint64_t dtb, uint64_t va)
{
	uint64_t table = dtb & ~UINT64_C(0xfff);
	for (int shift = 39; shift > 12; shift -= 9) {
		uint64_t entry = get(raw, table + ((va >> shift) & 511) * 8, 8);
		if (!(entry & 1))
			return 0;
		assert_false(entry & 0x80);
		table = entry & UINT64_C(0xfffffffff000);
	}
	return get(raw, table + ((va >> 12) & 511) * 8, 8);
}

static uint64_t field(const struct guest *guest, uint64_t entry, const char *type, const char *name)
{
	const struct layout_field *f = layout_find(guest->layout, type, name);
	assert_non_null(f);
	return entry >> f->bit & (f->bits == 64 ? UINT64_MAX : (UINT64_C(1) << f->bits) - 1);
}

/* The page of a private entry or a prototype PTE; NULL: only the file has it. */
static const uint8_t *follow(const struct guest *guest, const struct written *raw, uint64_t entry)
{
	if (entry & 1)
		return raw->data + (entry & UINT64_C(0xfffffffff000));
	if (!(entry & 0x10))
		entry &= ~guest->swizzle.mask;
	if (entry & 0x400)
		return NULL;
	if (entry & 0x800)
		return raw->data +
		       field(guest, entry, "_MMPTE_TRANSITION", "PageFrameNumber") * PAGE;
	assert_int_equal(field(guest, entry, "_MMPTE_SOFTWARE", "PageFileLow"), 0);
	uint64_t page = field(guest, entry, "_MMPTE_SOFTWARE", "PageFileHigh");
	assert_true(page > 0 && page < guest->pagefile_pages);
	return guest->pagefile + page * PAGE;
}

/* A page of a process as a reader of the image would find it. */
static const uint8_t *fetch(const struct guest *guest, const struct written *raw,
			    const struct guest_process *process, uint64_t va, size_t counts[4])
{
	uint64_t dtb = paging_root(process->space);
	uint64_t entry = leaf_entry(raw, dtb, va), prototype = 0;
	const struct guest_vad *vad = guest_vad_find(process, va);
	assert_non_null(vad);
	if (!(entry & 1) && (entry & 0x400)) {
		uint64_t plain = entry & 0x10 ? entry : entry & ~guest->swizzle.mask;
		prototype = (uint64_t)((int64_t)plain >> 16);
		counts[1]++;
		if (entry >> 32 == UINT32_MAX) {
			prototype = 0;
			counts[2]++;
		}
	} else if (entry) {
		counts[0]++;
		return follow(guest, raw, entry);
	}
	if (!prototype) {
		assert_non_null(vad->section);
		uint64_t first = read_at(
			raw, dtb,
			vad->node + offset_of(guest->layout, "_MMVAD", "FirstPrototypePte"), 8);
		prototype = first + (va - vad->start) / PAGE * 8;
		counts[3]++;
	}
	return follow(guest, raw, read_at(raw, dtb, prototype, 8));
}

/* Every page of every module but those with address tables holds what its file says. */
static void check_pages(const struct guest *guest, const struct written *raw, bool file_gone)
{
	size_t counts[4] = {0}, gone = 0;
	for (size_t i = 0; i < guest->process_count; i++) {
		const struct guest_process *process = guest->processes[i];
		for (size_t k = 0; k < process->module_count; k++) {
			const struct guest_module *module = process->modules[k];
			for (size_t page = 0; page < module->image->pe->size / PAGE; page++) {
				const uint8_t *bytes = fetch(guest, raw, process,
							     module->base + page * PAGE, counts);
				gone += !bytes;
				if (bytes && !module->image->patched[page])
					assert_memory_equal(bytes,
							    module->image->relocated + page * PAGE,
							    PAGE);
			}
		}
	}
	assert_int_equal(gone > 0, file_gone);
	for (size_t i = 0; i < 4; i++)
		assert_true(counts[i] > 0);
}

static void every_state_leads_to_the_page(void **state)
{
	(void)state;
	static const char *const builds[] = {"6001", "7600",  "7601",  "9200",
					     "9600", "15063", "19041", "26100"};
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		struct guest *guest = new_guest(builds[i], "absent");
		struct written raw = write_as(guest, "raw");
		check_pages(guest, &raw, true);
		drop(&raw);
		guest_free(guest);
	}
}

static void half_of_all_pages_can_be_out(void **state)
{
	(void)state;
	static const char *const builds[] = {"7601", "9200", "18362"};
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		struct guest *guest = guest_new(&(struct guest_options){
			.structs = STRUCTS,
			.build = builds[i],
			.arch = "x64",
			.memory = UINT64_C(64) << 20,
			.seed = 5,
		});
		scenario_find("plain")->build(guest);
		absent_at_random(guest, 50);
		guest_finish(guest);
		struct written raw = write_as(guest, "raw");
		check_pages(guest, &raw, false);
		/* no module's page was left to the file; many are not valid */
		size_t absent = 0, all = 0;
		for (size_t k = 0; k < guest->process_count; k++) {
			const struct guest_process *process = guest->processes[k];
			for (size_t m = 0; m < process->module_count; m++) {
				const struct guest_module *module = process->modules[m];
				for (uint64_t rva = 0; rva < module->image->pe->size; rva += PAGE) {
					uint64_t entry =
						paging_entry(process->space, module->base + rva);
					all++;
					absent += !(entry & 1);
				}
			}
		}
		assert_true(absent * 100 > all * 45 && absent * 100 < all * 60);
		drop(&raw);
		guest_free(guest);
	}
}

/* The truth's words for pages: what was asked for is what the image has. */
static void file_names_are_paged_out(void **state)
{
	(void)state;
	struct guest *guest = new_guest("19041", "absent");
	struct written raw = write_as(guest, "raw");
	const struct guest_section *section = module_of(guest, 2212, "ole32.dll")->image->section;
	uint64_t dtb = paging_root(guest->kernel);
	uint64_t name = section->file_object + offset_of(guest->layout, "_FILE_OBJECT", "FileName");
	uint64_t buffer = read_at(&raw, dtb, name + 8, 8);
	assert_int_equal(walk(&raw, dtb, buffer), 0);
	const uint8_t *page = follow(guest, &raw, leaf_entry(&raw, dtb, buffer));
	size_t size;
	uint8_t *units = util_utf16("\\Windows\\System32\\ole32.dll", &size);
	assert_memory_equal(page + buffer % PAGE, units, size);
	free(units);
	drop(&raw);
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_leads_to_the_page),
		cmocka_unit_test(half_of_all_pages_can_be_out),
		cmocka_unit_test(file_names_are_paged_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
