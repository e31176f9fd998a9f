/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * 32-bit machines in written images, with and without PAE: own walks of both kinds of page tables
 * lead to processes, modules, VADs and pages in every state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "written.h"

static const struct {
	const char *build;
	const char *variant;
	bool pae;
} machines[] = {
	{"2600", NULL, true},
	{"6002", NULL, true},
	{"2600", NULL, false},
	{"3790", NULL, false},
	{"6001", NULL, false},
	{"7600", NULL, false},
	{"7601", "win7_sp1_x86_24000", true},
	{"9200", NULL, true},
	{"9600", NULL, true},
	{"10240", NULL, true},
	{"19041", NULL, true},
};

enum { MACHINES = sizeof(machines) / sizeof(machines[0]) };

static struct guest *new_machine(size_t n, const char *scenario)
{
	struct guest *guest = guest_new(&(struct guest_options){
		.structs = STRUCTS,
		.build = machines[n].build,
		.arch = "x86",
		.variant = machines[n].variant,
		.pae = machines[n].pae,
		.memory = UINT64_C(64) << 20,
		.seed = 4,
	});
	scenario_find(scenario)->build(guest);
	guest_finish(guest);
	return guest;
}

/* The manual's walks: two levels of 32-bit entries, or four directories of 64-bit ones. Returns
 * the leaf entry; 0: no table. */
static uint64_t leaf(const struct written *raw, bool pae, uint64_t dtb, uint64_t va)
{
	if (!pae) {
		uint64_t directory = get(raw, (dtb & 0xfffff000) + (va >> 22) * 4, 4);
		if (!(directory & 1))
			return 0;
		return get(raw, (directory & 0xfffff000) + (va >> 12 & 1023) * 4, 4);
	}
	uint64_t pointer = get(raw, (dtb & 0xffffffe0) + (va >> 30) * 8, 8);
	if (!(pointer & 1))
		return 0;
	assert_int_equal(pointer & 0xfe, 0); /* reserved: the processor would fault */
	uint64_t directory = get(raw, (pointer & UINT64_C(0xffffff000)) + (va >> 21 & 511) * 8, 8);
	if (!(directory & 1))
		return 0;
	return get(raw, (directory & UINT64_C(0xffffff000)) + (va >> 12 & 511) * 8, 8);
}

static uint64_t physical(const struct written *raw, bool pae, uint64_t dtb, uint64_t va)
{
	uint64_t entry = leaf(raw, pae, dtb, va);
	if (!(entry & 1) && (entry & 0xc00) != 0x800)
		return 0;
	return (entry & (pae ? UINT64_C(0xffffff000) : 0xfffff000)) + va % PAGE;
}

static uint64_t read32(const struct written *raw, bool pae, uint64_t dtb, uint64_t va)
{
	uint64_t at = physical(raw, pae, dtb, va);
	assert_true(at != 0);
	return get(raw, at, 4);
}

static void page_tables_map_themselves(void **state)
{
	(void)state;
	for (size_t n = 0; n < MACHINES; n++) {
		struct guest *guest = new_machine(n, "plain");
		struct written raw = write_as(guest, "raw");
		for (size_t i = 0; i < guest->process_count; i++) {
			uint64_t root = paging_root(guest->processes[i]->space);
			uint64_t first = leaf(&raw, machines[n].pae, root, 0xc0300000);
			if (machines[n].pae) {
				assert_int_equal(root % 32, 0);
				uint64_t self = leaf(&raw, true, root, 0xc0600000 + 3 * 0x1000);
				assert_int_equal(self & UINT64_C(0xffffff000),
						 get(&raw, root + 24, 8) & UINT64_C(0xffffff000));
			} else {
				assert_int_equal(first & 0xfffff000, root);
			}
		}
		drop(&raw);
		guest_free(guest);
	}
}

static void lists_lead_to_modules(void **state)
{
	(void)state;
	for (size_t n = 0; n < MACHINES; n++) {
		struct guest *guest = new_machine(n, "demo");
		struct written raw = write_as(guest, "raw");
		const struct layout *l = guest->layout;
		bool pae = machines[n].pae;
		uint64_t head = guest_symbol(guest, "PsActiveProcessHead");
		uint64_t at = read32(&raw, pae, paging_root(guest->kernel), head);
		for (size_t i = 0; i < guest->process_count; i++) {
			const struct guest_process *p = guest->processes[i];
			uint64_t e = at - offset_of(l, "_EPROCESS", "ActiveProcessLinks");
			assert_int_equal(e, p->eprocess);
			uint64_t dtb = read32(&raw, pae, paging_root(guest->kernel),
					      e + offset_of(l, "_KPROCESS", "DirectoryTableBase"));
			assert_int_equal(dtb, paging_root(p->space));
			at = read32(&raw, pae, dtb, at);
			if (!p->peb)
				continue;
			uint64_t peb = read32(&raw, pae, dtb, e + offset_of(l, "_EPROCESS", "Peb"));
			uint64_t ldr = read32(&raw, pae, dtb, peb + 0xc);
			uint64_t list = ldr + 0xc, entry = read32(&raw, pae, dtb, list);
			for (size_t k = 0; k < p->module_count; k++) {
				assert_int_equal(read32(&raw, pae, dtb, entry + 0x18),
						 p->modules[k]->base);
				assert_int_equal(read32(&raw, pae, dtb, p->modules[k]->base) &
							 0xffff,
						 0x5a4d);
				entry = read32(&raw, pae, dtb, entry);
			}
			assert_int_equal(entry, list);
		}
		assert_int_equal(at, head);
		drop(&raw);
		guest_free(guest);
	}
}

/* In-order walk; every version has both children next to each other. */
static size_t count_ranges(const struct guest *guest, const struct written *raw, size_t n,
			   const struct guest_process *p, uint64_t node, size_t found)
{
	const struct layout *l = guest->layout;
	bool pae = machines[n].pae;
	uint64_t dtb = paging_root(p->space);
	if (!node)
		return found;
	assert_true(found < p->vad_count);
	uint32_t left, right;
	if (layout_has(l, "_MMVAD_SHORT", "LeftChild")) {
		left = offset_of(l, "_MMVAD_SHORT", "LeftChild");
		right = offset_of(l, "_MMVAD_SHORT", "RightChild");
	} else {
		left = guest->build < 9600 ? offset_of(l, "_MM_AVL_NODE", "LeftChild") : 0;
		right = left + 4;
	}
	found = count_ranges(guest, raw, n, p, read32(raw, pae, dtb, node + left), found);
	const struct guest_vad *vad = p->vads[found++];
	assert_int_equal(read32(raw, pae, dtb, node + offset_of(l, "_MMVAD_SHORT", "StartingVpn")) *
				 PAGE,
			 vad->start);
	assert_int_equal(read32(raw, pae, dtb, node + offset_of(l, "_MMVAD_SHORT", "EndingVpn")) *
				 PAGE,
			 vad->end + 1 - PAGE);
	assert_int_equal(read32(raw, pae, dtb, node - 4), vad->section ? 0x20646156 : 0x53646156);
	return count_ranges(guest, raw, n, p, read32(raw, pae, dtb, node + right), found);
}

static void trees_hold_every_range(void **state)
{
	(void)state;
	for (size_t n = 0; n < MACHINES; n++) {
		struct guest *guest = new_machine(n, "demo");
		struct written raw = write_as(guest, "raw");
		for (size_t i = 0; i < guest->process_count; i++) {
			const struct guest_process *p = guest->processes[i];
			uint64_t root =
				p->eprocess + offset_of(guest->layout, "_EPROCESS", "VadRoot");
			/* XP, 8.1 on: a pointer; between them a node whose right child is the tree */
			if (layout_has(guest->layout, "_MM_AVL_TABLE", "BalancedRoot") &&
			    guest->build < 9600)
				root += 8;
			uint64_t top = read32(&raw, machines[n].pae, paging_root(p->space), root);
			assert_int_equal(count_ranges(guest, &raw, n, p, top, 0), p->vad_count);
		}
		drop(&raw);
		guest_free(guest);
	}
}

/* With PAE: every state leads back to the bytes. */
static void states_lead_to_pages(void **state)
{
	(void)state;
	for (size_t n = 0; n < MACHINES; n++) {
		if (!machines[n].pae)
			continue;
		struct guest *guest = new_machine(n, "absent");
		struct written raw = write_as(guest, "raw");
		size_t seen = 0;
		for (size_t i = 0; i < guest->state_count; i++) {
			const struct guest_state *wish = &guest->states[i];
			const struct guest_vad *vad = guest_vad_find(wish->process, wish->va);
			if (!vad->section || !vad->section->image)
				continue;
			size_t page = (wish->va - vad->start) / PAGE;
			uint64_t dtb = paging_root(wish->process->space);
			uint64_t entry = leaf(&raw, true, dtb, wish->va);
			if (!(entry & 0xc01) && entry) { /* page file */
				seen++;
				assert_true(entry >> 32 < guest->pagefile_pages);
				continue;
			}
			if (entry & 1 || (entry & 0xc00) == 0x800)
				continue;
			uint64_t pte = vad->section->prototypes + page * 8;
			if (entry && entry >> 32 != UINT32_MAX)
				assert_int_equal(entry >> 32, pte);
			entry = leaf(&raw, true, paging_root(guest->kernel), pte);
			uint64_t prototype =
				get(&raw, (entry & UINT64_C(0xffffff000)) + pte % PAGE, 8);
			if (prototype & 0x400)
				continue;
			assert_memory_equal(raw.data + (prototype & UINT64_C(0xffffff000)),
					    vad->section->image->relocated + page * PAGE, PAGE);
			seen++;
		}
		assert_true(seen > 10);
		drop(&raw);
		guest_free(guest);
	}
}

static void dump_header_leads_to_the_lists(void **state)
{
	(void)state;
	for (size_t n = 0; n < MACHINES; n++) {
		struct guest *guest = new_machine(n, "plain");
		struct written raw = write_as(guest, "raw"), file = write_as(guest, "dump");
		assert_memory_equal(file.data, "PAGEDUMP", 8);
		assert_int_equal(get(&file, 0x10, 4), paging_root(guest->kernel));
		assert_int_equal(get(&file, 0x1c, 4), guest_symbol(guest, "PsActiveProcessHead"));
		assert_int_equal(get(&file, 0x20, 4), 0x14c);
		assert_int_equal(get(&file, 0x5c, 1), machines[n].pae);
		uint64_t at = 0x1000;
		for (uint64_t i = 0; i < get(&file, 0x64, 4); i++) {
			uint64_t first = get(&file, 0x6c + 8 * i, 4),
				 count = get(&file, 0x70 + 8 * i, 4);
			assert_memory_equal(file.data + at, raw.data + first * PAGE, count * PAGE);
			at += count * PAGE;
		}
		assert_int_equal(at, file.size);
		drop(&raw);
		drop(&file);
		guest_free(guest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_tables_map_themselves),
		cmocka_unit_test(lists_lead_to_modules),
		cmocka_unit_test(trees_hold_every_range),
		cmocka_unit_test(states_lead_to_pages),
		cmocka_unit_test(dump_header_leads_to_the_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
