/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * VAD trees and sections in written images: an own walk of the trees of every shape finds each
 * range, in order and balanced, with its file, and prototype PTEs lead to the pages of the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "written.h"

struct walk_state {
	const struct guest *guest;
	const struct written *raw;
	const struct guest_process *process;
	uint64_t dtb;
	size_t found;
};

static uint64_t member(const struct walk_state *w, uint64_t va, const char *type, const char *name,
		       unsigned int size)
{
	return read_at(w->raw, w->dtb, va + offset_of(w->guest->layout, type, name), size);
}

static uint64_t bits(const struct walk_state *w, uint64_t va, const char *type, const char *name)
{
	const struct layout_field *field = layout_find(w->guest->layout, type, name);
	assert_non_null(field);
	uint64_t value = read_at(w->raw, w->dtb, va + field->offset, 8);
	return value >> field->bit & ((UINT64_C(1) << field->bits) - 1);
}

/* The name of a section's file is in its file object, and what it maps is the file. */
static void check_section(const struct walk_state *w, uint64_t node, const struct guest_vad *vad)
{
	const struct guest_section *section = vad->section;
	uint64_t subsection = member(w, node, "_MMVAD", "Subsection", 8);
	uint64_t control = member(w, subsection, "_SUBSECTION", "ControlArea", 8);
	uint64_t file = member(w, control, "_CONTROL_AREA", "FilePointer", 8);
	uint64_t first = member(w, node, "_MMVAD", "FirstPrototypePte", 8);
	uint64_t last = member(w, node, "_MMVAD", "LastContiguousPte", 8);
	assert_int_equal(last - first, (section->pages - 1) * 8);
	uint64_t segment = member(w, control, "_CONTROL_AREA", "Segment", 8);
	assert_int_equal(member(w, segment, "_SEGMENT", "PrototypePte", 8), first);
	if (!section->file) {
		assert_int_equal(file, 0);
		return;
	}
	uint64_t name =
		(file & ~UINT64_C(15)) + offset_of(w->guest->layout, "_FILE_OBJECT", "FileName");
	size_t size;
	uint8_t *units = util_utf16(section->file, &size);
	uint64_t buffer = read_at(w->raw, w->dtb, name + 8, 8);
	assert_int_equal(read_at(w->raw, w->dtb, name, 2), size);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(read_at(w->raw, w->dtb, buffer + i, 1), units[i]);
	free(units);
}

static unsigned int check_tree(struct walk_state *w, uint64_t node, uint64_t parent)
{
	const struct layout *l = w->guest->layout;
	if (!node)
		return 0;
	bool core = layout_has(l, "_MMVAD_SHORT", "VadNode");
	bool rtl = w->guest->build >= 9600;
	const char *type = !core ? "_MMVAD_SHORT" : rtl ? "_RTL_BALANCED_NODE" : "_MM_AVL_NODE";
	uint64_t above = member(w, node, type, rtl ? "ParentValue" : "u1", 8);
	assert_int_equal(above & ~UINT64_C(3), parent);
	unsigned int left =
		check_tree(w, member(w, node, type, rtl ? "Left" : "LeftChild", 8), node);
	assert_true(w->found < w->process->vad_count);
	const struct guest_vad *vad = w->process->vads[w->found++];
	uint64_t start = member(w, node, "_MMVAD_SHORT", "StartingVpn", core ? 4 : 8);
	uint64_t end = member(w, node, "_MMVAD_SHORT", "EndingVpn", core ? 4 : 8);
	if (rtl) {
		start |= member(w, node, "_MMVAD_SHORT", "StartingVpnHigh", 1) << 32;
		end |= member(w, node, "_MMVAD_SHORT", "EndingVpnHigh", 1) << 32;
	}
	assert_int_equal(start * PAGE, vad->start);
	assert_int_equal((end + 1) * PAGE - 1, vad->end);
	uint64_t flags = node + offset_of(l, "_MMVAD_SHORT", "u");
	assert_int_equal(bits(w, flags, "_MMVAD_FLAGS", "Protection"), vad->protection);
	assert_int_equal(bits(w, flags, "_MMVAD_FLAGS", "PrivateMemory"), !vad->section);
	assert_int_equal(bits(w, flags, "_MMVAD_FLAGS", "VadType"),
			 vad->section && vad->section->image ? 2 : 0);
	/* the pool header's tag */
	assert_int_equal(read_at(w->raw, w->dtb, node - 12, 4),
			 vad->section ? 0x20646156 : 0x53646156);
	if (vad->section)
		check_section(w, node, vad);
	unsigned int right =
		check_tree(w, member(w, node, type, rtl ? "Right" : "RightChild", 8), node);
	assert_true(left <= right + 1 && right <= left + 1);
	unsigned int balance = above & 3;
	assert_int_equal(balance, (right - left) & 3);
	return 1 + (left > right ? left : right);
}

static void check_process(struct walk_state *w)
{
	const struct layout *l = w->guest->layout;
	uint64_t root = w->process->eprocess + offset_of(l, "_EPROCESS", "VadRoot");
	w->dtb = paging_root(w->process->space);
	w->found = 0;
	if (w->guest->build >= 9600) {
		check_tree(w, read_at(w->raw, w->dtb, root, 8), 0);
	} else {
		bool avl = layout_has(l, "_MM_AVL_NODE", "RightChild");
		check_tree(
			w,
			member(w, root, avl ? "_MM_AVL_NODE" : "_MMADDRESS_NODE", "RightChild", 8),
			root);
		assert_int_equal(bits(w, root, "_MM_AVL_TABLE", "NumberGenericTableElements"),
				 w->process->vad_count);
	}
	assert_int_equal(w->found, w->process->vad_count);
}

static void trees_hold_every_range(void **state)
{
	(void)state;
	static const char *const builds[] = {"6001", "7600",  "7601",  "9200",
					     "9600", "15063", "19041", "26100"};
	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]); i++) {
		struct guest *guest = new_guest(builds[i], "demo");
		struct written raw = write_as(guest, "raw");
		struct walk_state w = {.guest = guest, .raw = &raw};
		size_t ranges = 0;
		for (size_t k = 0; k < guest->process_count; k++) {
			w.process = guest->processes[k];
			check_process(&w);
			ranges += w.found;
		}
		assert_true(ranges > 150);
		drop(&raw);
		guest_free(guest);
	}
}

/* Every page of a program is described by some range. */
static void no_page_is_outside_of_ranges(void **state)
{
	(void)state;
	struct guest *guest = new_guest("19041", "demo");
	const struct guest_process *process = scenario_process(guest, 2212);
	for (uint64_t i = 0; i < process->module_count; i++)
		assert_non_null(guest_vad_find(process, process->modules[i]->base));
	assert_non_null(guest_vad_find(process, process->peb));
	assert_non_null(guest_vad_find(process, process->ldr));
	assert_non_null(guest_vad_find(process, 0x7ffe0000));
	guest_free(guest);
}

/* What a prototype PTE leads to is the file's page at its base; one without is of its subsection. */
static void prototypes_lead_to_the_file(void **state)
{
	(void)state;
	struct guest *guest = new_guest("18362", "plain");
	struct written raw = write_as(guest, "raw");
	uint64_t dtb = paging_root(guest->kernel);
	size_t there = 0, on_disk = 0;
	for (size_t i = 0; i < guest->section_count; i++) {
		const struct guest_section *section = guest->sections[i];
		for (size_t page = 0; section->image && page < section->pages; page++) {
			uint64_t pte = read_at(&raw, dtb, section->prototypes + page * 8, 8);
			if (pte & 0x400) {
				uint64_t subsection = (uint64_t)((int64_t)unswizzled(pte) >> 16);
				assert_int_equal(
					read_at(&raw, dtb,
						subsection + offset_of(guest->layout, "_SUBSECTION",
								       "ControlArea"),
						8),
					section->control_area);
				uint64_t base =
					read_at(&raw, dtb,
						subsection + offset_of(guest->layout, "_SUBSECTION",
								       "SubsectionBase"),
						8);
				uint64_t ptes =
					read_at(&raw, dtb,
						subsection + offset_of(guest->layout, "_SUBSECTION",
								       "PtesInSubsection"),
						4);
				uint64_t at = section->prototypes + page * 8;
				assert_true(at >= base && at < base + ptes * 8);
				on_disk++;
				continue;
			}
			assert_true(pte & 0x801);
			assert_memory_equal(raw.data + (unswizzled(pte) & UINT64_C(0xfffffffff000)),
					    section->image->relocated + page * PAGE, PAGE);
			there++;
		}
	}
	assert_true(there > 100 && on_disk > 10);
	drop(&raw);
	guest_free(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees_hold_every_range),
		cmocka_unit_test(no_page_is_outside_of_ranges),
		cmocka_unit_test(prototypes_lead_to_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
