/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * windows: the command line behind a PEB, whole, long, of both pointer sizes, and damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine.h"

#include <impscan/process.h>

/* Addresses: of a 64-bit PEB, its parameters, a 32-bit PEB, its parameters, and the text. */
enum { PEB64 = 0x10000, PARAMETERS64 = 0x10200, PEB32 = 0x10400, PARAMETERS32 = 0x10600 };
enum { TEXT = 0x10800, AT = 0x20000 - PEB64, PAGES = 4, FRAMES = 64 };

static int set_up(void **state)
{
	struct machine *m = test_calloc(1, sizeof(*m));
	machine_init(m);
	machine_frames(m, FRAMES - m->size / PAGE_SIZE);
	for (uint64_t i = 0; i < PAGES; i++)
		machine_put(m, machine_entry(m, MACHINE_PML4, PEB64 + i * PAGE_SIZE, 12),
			    (AT + PEB64 + i * PAGE_SIZE) | VALID, 8);
	machine_put(m, AT + PEB64 + 0x20, PARAMETERS64, 8);
	machine_put(m, AT + PARAMETERS64 + 8, 1, 4);
	machine_put(m, AT + PARAMETERS64 + 0x70, 6, 2);
	machine_put(m, AT + PARAMETERS64 + 0x78, TEXT, 8);
	machine_put(m, AT + PEB32 + 0x10, PARAMETERS32, 4);
	machine_put(m, AT + PARAMETERS32 + 8, 1, 4);
	machine_put(m, AT + PARAMETERS32 + 0x40, 2, 2);
	machine_put(m, AT + PARAMETERS32 + 0x44, TEXT, 4);
	for (uint64_t i = 0; i < 5000; i++)
		machine_put(m, AT + TEXT + i * 2, 'a' + i % 26, 2);
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	machine_free(*state);
	test_free(*state);
	return 0;
}

static char *read_line(struct machine *m, const struct process *process, unsigned int pointer)
{
	const struct windows windows = {.pointer_size = pointer};
	if (!m->space)
		machine_power_on(m);
	return process_command_line(&windows, process, m->space);
}

static void of_both_pointer_sizes(void **state)
{
	const struct process wide = {.peb = PEB64, .peb32 = PEB32}, narrow = {.peb = PEB32};
	_cleanup_free_ char *text64 = read_line(*state, &wide, 8);
	_cleanup_free_ char *text32 = read_line(*state, &narrow, 4);
	assert_string_equal(text64, "abc");
	assert_string_equal(text32, "a");
}

/* A dump by a 32-bit tool has the 32-bit side alone. */
static void of_the_other_peb(void **state)
{
	const struct process process = {.peb = 0x90000, .peb32 = PEB32};
	_cleanup_free_ char *text = read_line(*state, &process, 8);
	assert_string_equal(text, "a");
}

/* Before the process runs, its pointers are distances. */
static void not_normalised(void **state)
{
	struct machine *m = *state;
	const struct process process = {.peb = PEB64};
	machine_put(m, AT + PARAMETERS64 + 8, 0, 4);
	machine_put(m, AT + PARAMETERS64 + 0x78, TEXT - PARAMETERS64, 8);
	_cleanup_free_ char *text = read_line(m, &process, 8);
	assert_string_equal(text, "abc");
}

/* What is left out is told. */
static void of_any_length(void **state)
{
	struct machine *m = *state;
	const struct process process = {.peb = PEB64};
	machine_put(m, AT + PARAMETERS64 + 0x70, 2 * 515, 2);
	_cleanup_free_ char *text = read_line(m, &process, 8);
	assert_int_equal(strlen(text), 512 + strlen(" (3 more characters)"));
	assert_string_equal(text + 512, " (3 more characters)");
}

static void damaged(void **state)
{
	struct machine *m = *state;
	const struct process none = {0}, absent = {.peb = 0x90000}, process = {.peb = PEB64};
	assert_null(read_line(m, &none, 8));
	assert_null(read_line(m, &absent, 8));
	static const struct {
		uint64_t at, value;
	} damages[] = {
		{AT + PEB64 + 0x20, 0},	       {AT + PEB64 + 0x20, UINT64_MAX - 4},
		{AT + PARAMETERS64 + 0x70, 0}, {AT + PARAMETERS64 + 0x70, 3},
		{AT + PARAMETERS64 + 0x78, 0}, {AT + PARAMETERS64 + 0x78, UINT64_MAX},
	};
	for (size_t i = 0; i < array_size(damages); i++) {
		uint64_t before = machine_get(m, damages[i].at, 8);
		machine_put(m, damages[i].at, damages[i].value, 8);
		space_free(m->space);
		m->space = space_new(m->memory, MACHINE_PML4);
		assert_null(read_line(m, &process, 8));
		machine_put(m, damages[i].at, before, 8);
	}
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(of_both_pointer_sizes), test(of_the_other_peb), test(not_normalised),
		test(of_any_length),	     test(damaged),
	};
	return cmocka_run_group_tests_name("command_line", tests, NULL, NULL);
}
