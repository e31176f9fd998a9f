/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What hides in written images: own walks of the kernel's and the loaders' lists find what should
 * be found there and nothing else, and injected code is where and as the machine says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "written.h"

static const char *const builds[] = {"7600", "7601", "9200", "9600", "10240", "19041", "26100"};

enum { BUILDS = sizeof(builds) / sizeof(builds[0]) };

/* Is `entry` met when following Flink from `head`? */
static bool in_list(const struct written *raw, uint64_t dtb, uint64_t head, uint64_t entry)
{
	uint64_t at = read_at(raw, dtb, head, 8);
	for (unsigned int n = 0; at != head; n++) {
		assert_true(n < 1000);
		if (at == entry)
			return true;
		at = read_at(raw, dtb, at, 8);
	}
	return false;
}

static void processes_hide_from_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < BUILDS; i++) {
		struct guest *guest = new_guest(builds[i], "hidden");
		struct written raw = write_as(guest, "raw");
		const struct layout *l = guest->layout;
		uint64_t dtb = paging_root(guest->kernel);
		uint64_t active = guest_symbol(guest, "PsActiveProcessHead");
		uint64_t memory = guest_symbol(guest, "MmProcessList");
		for (size_t k = 0; k < guest->process_count; k++) {
			const struct guest_process *p = guest->processes[k];
			uint64_t links =
				p->eprocess + offset_of(l, "_EPROCESS", "ActiveProcessLinks");
			assert_int_equal(in_list(&raw, dtb, active, links), !p->hidden);
			links = p->eprocess + offset_of(l, "_EPROCESS", "MmProcessLinks");
			assert_int_equal(in_list(&raw, dtb, memory, links),
					 p->pid != 4104 && p->pid != 4108);
			uint64_t ended = read_at(
				&raw, dtb, p->eprocess + offset_of(l, "_EPROCESS", "ExitTime"), 8);
			assert_int_equal(ended != 0, p->exited);
			/* the object's tag, behind quota header and object header */
			uint64_t block =
				p->eprocess - offset_of(l, "_OBJECT_HEADER", "Body") - 0x30;
			assert_int_equal(read_at(&raw, dtb, block + 4, 4) & 0x7fffffff, 0x636f7250);
		}
		const struct guest_process *ended = scenario_process(guest, 4108);
		assert_int_equal(walk(&raw, ended->dtb, 0x7ffe0000), 0);
		assert_true(walk(&raw, ended->dtb, guest->kernel_base) != 0);
		drop(&raw);
		guest_free(guest);
	}
}

static const struct guest_injection *injection_of(struct guest *guest, uint32_t pid,
						  const char *name)
{
	const struct guest_process *process = scenario_process(guest, pid);
	for (size_t i = 0; i < process->injection_count; i++) {
		if (!strcmp(process->injections[i].name, name))
			return &process->injections[i];
	}
	fail_msg("%u has no %s", pid, name);
	return NULL;
}

static bool is_executable(const struct guest_process *process, uint64_t va)
{
	return !(paging_entry(process->space, va) >> 63);
}

/* Every slot of an injected PE holds the address of an export of some module of its bits. */
static void check_table(const struct guest_process *process,
			const struct guest_injection *injection)
{
	const struct pefile *pe = injection->image->pe;
	assert_true(pe->import_count > 10);
	for (size_t i = 0; i < pe->import_count; i++) {
		uint64_t target = paging_get(process->space, injection->base + pe->imports[i].slot,
					     pe->pe32_plus ? 8 : 4);
		bool found = false;
		for (size_t k = 0; k < process->module_count && !found; k++) {
			const struct guest_module *m = process->modules[k];
			for (size_t e = 0; e < m->image->pe->export_count && !found; e++)
				found = m->wow64 == !pe->pe32_plus &&
					m->base + m->image->pe->exports[e].rva == target;
		}
		assert_true(found);
	}
}

static void injected_code_is_as_described(void **state)
{
	(void)state;
	for (size_t i = 0; i < BUILDS; i++) {
		struct guest *guest = new_guest(builds[i], "hidden");
		size_t tables = 0;
		for (size_t k = 0; k < guest->process_count; k++) {
			const struct guest_process *p = guest->processes[k];
			for (size_t n = 0; n < p->injection_count; n++) {
				const struct guest_injection *in = &p->injections[n];
				const struct guest_vad *vad = guest_vad_find(p, in->base);
				assert_non_null(vad);
				assert_int_equal(vad->start, in->region);
				assert_int_equal(vad->protection, in->protection);
				assert_int_equal(vad->section != NULL, in->mapped);
				assert_int_equal(paging_get(p->space, in->base, 2),
						 in->wiped ? 0 : 0x5a4d);
				assert_int_equal(is_executable(p, in->base + 0x1000), !in->data);
				if (in->raw) {
					uint8_t *bytes = util_alloc(in->size, 1);
					paging_read(p->space, in->base, bytes, in->size);
					assert_memory_equal(bytes, in->image->data, in->size);
					free(bytes);
				} else {
					check_table(p, in);
					tables++;
				}
			}
			for (size_t n = 0; n < p->decoy_count; n++)
				assert_true(is_executable(p, p->decoys[n].start));
		}
		assert_true(tables >= 9);
		const struct guest_injection *odd = injection_of(guest, 3344, "odd-offset");
		assert_int_equal(odd->base % 0x1000 % 16, 0);
		assert_int_not_equal(odd->base % 0x1000, 0);
		/* read-write when allocated; by its entries the code runs and can't be written */
		const struct guest_injection *changed =
			injection_of(guest, 3120, "virtual-protect");
		uint64_t entry =
			paging_entry(scenario_process(guest, 3120)->space, changed->base + 0x1000);
		assert_int_equal(entry & 2, 0);
		guest_free(guest);
	}
}

static void modules_hide_from_lists(void **state)
{
	(void)state;
	struct guest *guest = new_guest("19041", "hidden");
	struct written raw = write_as(guest, "raw");
	const struct layout *l = guest->layout;
	static const struct {
		uint32_t pid;
		const char *name;
		bool in[3];
		bool mapped;
	} cases[] = {
		{3344, "helper.dll", {false, false, false}, true},
		{2212, "CRYPT32.dll", {false, true, true}, true},
		{616, "WS2_32.dll", {true, false, true}, true},
		{604, "OLEAUT32.dll", {true, true, true}, false},
		{616, "CRYPT32.dll", {true, true, true}, true},
	};
	static const char *const heads[] = {"InLoadOrderModuleList", "InMemoryOrderModuleList",
					    "InInitializationOrderModuleList"};
	static const char *const links[] = {"InLoadOrderLinks", "InMemoryOrderLinks",
					    "InInitializationOrderLinks"};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct guest_process *p = scenario_process(guest, cases[i].pid);
		const struct guest_module *m = module_of(guest, cases[i].pid, cases[i].name);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(
				in_list(&raw, p->dtb,
					p->ldr + offset_of(l, "_PEB_LDR_DATA", heads[k]),
					m->entry + offset_of(l, "_LDR_DATA_TABLE_ENTRY", links[k])),
				cases[i].in[k]);
		assert_int_equal(guest_vad_find(p, m->base) != NULL, cases[i].mapped);
		assert_int_equal(walk(&raw, p->dtb, m->base) != 0, cases[i].mapped);
	}
	/* the stomped module: two pages of code are not those of its section */
	const struct guest_process *p = scenario_process(guest, 616);
	const struct guest_module *m = module_of(guest, 616, "CRYPT32.dll");
	unsigned int copies = 0;
	for (size_t page = 0; page < m->image->pe->size / PAGE; page++) {
		uint64_t at = walk(&raw, p->dtb, m->base + page * PAGE);
		copies += (m->image->flags[page] & PAGE_EXECUTE) &&
			  at != m->image->section->frames[page];
	}
	assert_int_equal(copies, 2);
	drop(&raw);
	guest_free(guest);
}

static void hollowed_programs_disagree(void **state)
{
	(void)state;
	struct guest *guest = new_guest("9600", "hidden");
	struct written raw = write_as(guest, "raw");
	const struct layout *l = guest->layout;
	for (uint32_t pid = 1400; pid <= 1412; pid += 12) {
		const struct guest_process *p = scenario_process(guest, pid);
		uint64_t peb =
			read_at(&raw, p->dtb, p->peb + offset_of(l, "_PEB", "ImageBaseAddress"), 8);
		uint64_t section =
			read_at(&raw, p->dtb,
				p->eprocess + offset_of(l, "_EPROCESS", "SectionBaseAddress"), 8);
		assert_int_equal(peb == section, pid == 1400);
		assert_null(guest_vad_find(p, peb)->section);
		assert_int_equal(guest_vad_find(p, section)->section != NULL, pid == 1412);
	}
	drop(&raw);
	guest_free(guest);
}

/* The 32-bit lists, from the EPROCESS on. */
static void wow64_processes_have_32_bit_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < BUILDS; i++) {
		struct guest *guest = new_guest(builds[i], "hidden");
		struct written raw = write_as(guest, "raw");
		const struct layout *l = guest->layout;
		const struct guest_process *p = scenario_process(guest, 4400);
		uint64_t peb = read_at(&raw, p->dtb,
				       p->eprocess + offset_of(l, "_EPROCESS", "WoW64Process"), 8);
		if (guest->build >= 10586)
			peb = read_at(&raw, p->dtb, peb + offset_of(l, "_EWOW64PROCESS", "Peb"), 8);
		assert_int_equal(peb, p->peb32);
		uint64_t ldr = read_at(&raw, p->dtb, peb + 0xc, 4);
		size_t counts[3] = {0};
		for (unsigned int list = 0; list < 3; list++) {
			uint64_t head = ldr + 0xc + 8 * list, at = read_at(&raw, p->dtb, head, 4);
			for (; at != head; at = read_at(&raw, p->dtb, at, 4)) {
				uint64_t base = read_at(&raw, p->dtb, at - 8 * list + 0x18, 4);
				assert_int_equal(read_at(&raw, p->dtb, base, 2), 0x5a4d);
				assert_true(++counts[list] < 100);
			}
		}
		assert_true(counts[0] > 8);
		assert_int_equal(counts[0], counts[1]);
		assert_int_equal(counts[0], counts[2] + 1);
		drop(&raw);
		guest_free(guest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_hide_from_lists),
		cmocka_unit_test(injected_code_is_as_described),
		cmocka_unit_test(modules_hide_from_lists),
		cmocka_unit_test(hollowed_programs_disagree),
		cmocka_unit_test(wow64_processes_have_32_bit_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
