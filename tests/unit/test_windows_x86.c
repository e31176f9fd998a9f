/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * windows, discover: 32-bit machines of every shipped layout, with PAE and without: the kernel is
 * found, the profile chosen by itself, processes and modules are read.
 */
#include "x86_windows.h"

#include <impscan/discover.h>
#include <impscan/module.h>
#include <impscan/process.h>
#include <impscan/vad.h>
#include <impscan/view.h>
#include <impscan/windows.h>

/* Opens it and checks all that can be known. */
static void check_machine(struct x86_machine *m, struct profiles *profiles,
			  const struct windows_options *options)
{
	_cleanup_discovery_ struct discovery discovery;
	_cleanup_processes_ struct processes processes;
	_cleanup_error_ struct error *error = windows_open(m->image, profiles, options, &discovery);
	if (error)
		fail_msg("%s: %s", m->profile->name, error_message(error));
	const struct windows *windows = discovery.windows;
	assert_string_equal(windows->profile->name, m->profile->name);
	assert_int_equal(windows->architecture, ARCHITECTURE_X86);
	assert_int_equal(windows->pointer_size, 4);
	assert_int_equal(memory_paging(windows->memory), m->pae ? PAGING_PAE : PAGING_X86);
	assert_int_equal(windows->dtb, m->dtb[0]);
	assert_int_equal(windows->kernel_base, m->kernel_base);
	assert_int_equal(windows->kernel_size, m->kernel_size);
	assert_string_equal(windows->kernel_name, "ntoskrnl.exe");
	assert_int_equal(windows->build, m->profile->build_first);
	assert_int_equal(windows->system, m->system);
	assert_int_equal(windows->ps_loaded_module_list, m->modules);

	windows_processes(windows, false, 1, &processes);
	assert_int_equal(processes.count, PROCESSES);
	assert_string_equal(processes.damage, "");
	assert_int_equal(processes.ps_active_process_head, m->head);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		const struct process *process = &processes.items[i];
		assert_int_equal(process->pid, 4 + 0x100 * i);
		assert_string_equal(process->name, names[i]);
		assert_int_equal(process->dtb, m->dtb[i]);
		assert_int_equal(process->create_time, CREATE_TIME + i);
		assert_false(process_hidden(process));
		if (!i)
			continue;
		_cleanup_view_ struct view view;
		_cleanup_modules_ struct modules modules;
		view_open(&view, windows, process, NULL);
		assert_int_equal(view.vads.count, 2);
		assert_int_equal(view.vads.items[0].kind, VAD_IMAGE);
		assert_string_equal(view.vads.items[0].file, "\\Windows\\a.exe");
		assert_int_equal(view.vads.items[1].start, PEB_ADDRESS);
		process_modules(windows, process, &view, &modules);
		assert_int_equal(modules.count, 1);
		assert_string_equal(modules.items[0].name, names[i]);
		assert_int_equal(modules.items[0].base, IMAGE_BASE);
	}
}

static bool is_x86(const struct profiles *profiles, size_t i)
{
	return profiles_summary(profiles, i).architecture == ARCHITECTURE_X86;
}

/* Sweeps take for a process only what has the header of one. */
static void pool_headers_are_no_processes(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	struct discovery discovery;
	const struct profile *profile;
	const uint32_t size = KPROCESS_SIZE / 4 << 16, tag = 0x63614d43;
	assert_null(profiles_new(&profiles));
	size_t i = 0;
	while (!is_x86(profiles, i))
		i++;
	assert_null(profiles_get(profiles, i, &profile));
	struct x86_machine *m = machine_new(profile, &(struct x86_damage){0});
	uint64_t hidden = make_lonely(m, 0x1000, 3 | size, 0);
	make_lonely(m, 0x1004, 3 | size | 0x0a000000, 0);      /* PoolType */
	make_lonely(m, 0x1008, 3 | (size + 0x10000), 0);       /* BlockSize */
	make_lonely(m, 0x100c, 3 | size, tag);		       /* PoolTag */
	make_lonely(m, 0x1010, 3 | 0x12 << 16 | 4 << 24, tag); /* all of a pool header */
	make_lonely(m, 2972002024u, 3 | size, 0);	       /* no PID */
	uint64_t exiting = make_lonely(m, 0x1014, 3 | size, 1);
	power_on(m);
	assert_null(windows_open(m->image, profiles, &(struct windows_options){0}, &discovery));
	for (unsigned int deep = 0; deep < 2; deep++) {
		_cleanup_processes_ struct processes processes;
		windows_processes(discovery.windows, deep, 2, &processes);
		assert_int_equal(processes.count, PROCESSES + 2);
		assert_int_equal(processes.items[PROCESSES].eprocess, hidden);
		assert_int_equal(processes.items[PROCESSES + 1].eprocess, exiting);
		assert_int_equal(processes.items[PROCESSES].sources,
				 SOURCE_NEAR | (deep ? SOURCE_DEEP : 0));
		assert_string_equal(processes.damage, "");
	}
	discovery_free(&discovery);
	x86_machine_free(m);
}

static void every_layout_is_found(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	size_t checked = 0;
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile;
		if (!is_x86(profiles, i))
			continue;
		assert_null(profiles_get(profiles, i, &profile));
		struct x86_machine *m = machine_new(profile, &(struct x86_damage){0});
		power_on(m);
		check_machine(m, profiles, &(struct windows_options){0});
		x86_machine_free(m);
		checked++;
	}
	assert_true(checked >= 27);
}

/* Not even System is left of what was found: nothing is listed. */
static void a_machine_that_is_gone_has_no_processes(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	struct discovery discovery;
	_cleanup_processes_ struct processes processes = {0};
	const struct profile *profile;
	size_t i = 0;
	while (!is_x86(profiles, i))
		i++;
	assert_null(profiles_get(profiles, i, &profile));
	struct x86_machine *m = machine_new(profile, &(struct x86_damage){0});
	power_on(m);
	assert_null(windows_open(m->image, profiles, &(struct windows_options){0}, &discovery));
	/* The image is a mapping of the file. */
	memset(m->machine.bytes, 0, m->machine.size);
	assert_int_equal(pwrite(m->fd, m->machine.bytes, m->machine.size, 0), m->machine.size);
	windows_processes(discovery.windows, true, 1, &processes);
	assert_int_equal(processes.count, 0);
	discovery_free(&discovery);
	x86_machine_free(m);
}

static const struct profile *shipped(struct profiles *profiles, const char *name)
{
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile = NULL;
		if (strcmp(profiles_summary(profiles, i).name, name) != 0)
			continue;
		assert_null(profiles_get(profiles, i, &profile));
		return profile;
	}
	fail_msg("%s is not shipped", name);
	return NULL;
}

static void system_is_found_in_other_ways(void **state)
{
	(void)state;
	static const char *const layouts[] = {"windows-xp-2600-x86", "windows-7-7601-x86-pae"};
	static const struct x86_damage damages[] = {
		{.no_export = true},		      /* by KDBG */
		{.no_export = true, .no_kdbg = true}, /* by sweeping */
		{.kernel_base = 0xe0a00000},	      /* /3GB */
		{.kernel_base = 0xf7000000, .no_export = true},
	};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	for (size_t i = 0; i < array_size(layouts); i++)
		for (size_t d = 0; d < array_size(damages); d++) {
			struct x86_machine *m =
				machine_new(shipped(profiles, layouts[i]), &damages[d]);
			power_on(m);
			check_machine(m, profiles, &(struct windows_options){0});
			x86_machine_free(m);
		}
}

static void the_user_knows_the_page_map(void **state)
{
	(void)state;
	static const char *const layouts[] = {"windows-xp-2600-x86", "windows-7-7601-x86-pae"};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	for (size_t i = 0; i < array_size(layouts); i++) {
		const struct profile *profile = shipped(profiles, layouts[i]);
		struct x86_machine *m =
			machine_new(profile, &(struct x86_damage){.broken_map = true});
		power_on(m);
		struct discovery discovery;
		_cleanup_error_ struct error *error =
			windows_open(m->image, profiles, &(struct windows_options){0}, &discovery);
		assert_non_null(error); /* nothing to scan for */
		assert_null(discovery.windows);
		check_machine(m, profiles, &(struct windows_options){.dtb = m->dtb[0]});
		check_machine(m, profiles,
			      &(struct windows_options){.dtb = m->dtb[1], .profile = profile});
		x86_machine_free(m);
	}
}

static void the_header_of_a_dump_knows(void **state)
{
	(void)state;
	static const char *const layouts[] = {"windows-xp-2600-x86", "windows-7-7601-x86-pae"};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	for (size_t i = 0; i < array_size(layouts); i++)
		for (int lie = 0; lie < 2; lie++) {
			/* Nothing else leads to System, nor to the page map if the header is right. */
			struct x86_machine *m = machine_new(shipped(profiles, layouts[i]),
							    &(struct x86_damage){.broken_map = !lie,
										 .no_export = true,
										 .no_kdbg = true});
			power_on_dump(m, m->pae != lie);
			check_machine(m, profiles, &(struct windows_options){0});
			x86_machine_free(m);
		}
}

static void a_profile_for_other_page_maps_is_declined(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	struct x86_machine *m =
		machine_new(shipped(profiles, "windows-7-7601-x86"), &(struct x86_damage){0});
	struct windows_options options = {.profile = shipped(profiles, "windows-7-7601-x86-pae")};
	struct discovery discovery;
	power_on(m);
	_cleanup_error_ struct error *error =
		windows_open(m->image, profiles, &options, &discovery);
	assert_non_null(error);
	assert_non_null(strstr(error_message(error), "windows-7-7601-x86-pae is for"));
	assert_null(discovery.windows);
	x86_machine_free(m);
}

/* A page that is not a kernel's, whatever it looks like, ends in an error and nothing else. */
static void noise_is_declined(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	for (int kind = 0; kind < 3; kind++) {
		struct x86_machine *m = machine_new(shipped(profiles, "windows-xp-2600-x86-pae"),
						    &(struct x86_damage){.no_export = true});
		uint32_t seed = 7;
		fill_up(m);
		if (kind == 0) /* the kernel's headers are gone */
			memset(byte_at(m, m->dtb[0], m->kernel_base), 0, PAGE_SIZE);
		if (kind == 1) /* all but the page tables is noise */
			for (size_t i = 0x60000; i < RAM; i++)
				m->machine.bytes[i] =
					(uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		if (kind == 2) /* System is gone */
			memset(byte_at(m, m->dtb[0], m->system & ~(PAGE_SIZE - 1)), 0, PAGE_SIZE);
		struct discovery discovery;
		power_on(m);
		_cleanup_error_ struct error *error =
			windows_open(m->image, profiles, &(struct windows_options){0}, &discovery);
		assert_non_null(error);
		assert_null(discovery.windows);
		x86_machine_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_headers_are_no_processes),
		cmocka_unit_test(a_machine_that_is_gone_has_no_processes),
		cmocka_unit_test(every_layout_is_found),
		cmocka_unit_test(system_is_found_in_other_ways),
		cmocka_unit_test(the_user_knows_the_page_map),
		cmocka_unit_test(the_header_of_a_dump_knows),
		cmocka_unit_test(a_profile_for_other_page_maps_is_declined),
		cmocka_unit_test(noise_is_declined),
	};
	return cmocka_run_group_tests_name("windows_x86", tests, NULL, NULL);
}
