/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * memory: what it asks of a compressed store through struct page_store_ops, by a store that only
 * counts its calls. The store itself: test_store.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine.h"

#define NUMBER	  2 /* of the virtual page file */
#define PAGES	  9 /* that the store has, numbered from 1 */
#define NOT_THERE 20

/* What was called, how often. */
struct calls {
	unsigned int readers, readers_freed, reads, states_freed;
};

static const char absent[] = "page not in it";

static void *new_reader(const void *state, const struct memory *memory)
{
	(void)memory;
	((struct calls *)(uintptr_t)state)->readers++;
	return (void *)(uintptr_t)state;
}

static void free_reader(void *reader)
{
	((struct calls *)reader)->readers_freed++;
}

static const char *read_page(void *reader, unsigned int page_file, uint64_t offset, uint8_t *buffer)
{
	((struct calls *)reader)->reads++;
	if (page_file != NUMBER || offset > PAGES)
		return absent;
	memset(buffer, (int)offset, PAGE_SIZE);
	return NULL;
}

static void free_state(void *state)
{
	((struct calls *)state)->states_freed++;
}

static const struct page_store_ops ops = {
	.new_reader = new_reader,
	.free_reader = free_reader,
	.read = read_page,
	.free_state = free_state,
	.absent = absent,
};

static uint64_t entry_of(unsigned int page_file, uint64_t offset)
{
	return offset << 32 | (uint64_t)page_file << 12 | 0x80;
}

static void make_machine(struct machine *m)
{
	machine_init(m);
	for (uint64_t i = 1; i <= PAGES; i++)
		machine_set(m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE, entry_of(NUMBER, i));
	machine_set(m, MACHINE_PML4, 0x30000, entry_of(NUMBER, NOT_THERE));
	machine_set(m, MACHINE_PML4, 0x31000, entry_of(1, 1));
	machine_power_on(m);
}

static const char *why(struct space *space, uint64_t address)
{
	static char buffer[96];
	struct page page;
	space_page(space, address, &page);
	assert_null(page.data);
	return page_why(&page, buffer, sizeof(buffer));
}

static void a_space_reads_each_page_once(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m = {0};
	struct calls calls = {0};
	make_machine(&m);
	memory_set_store(m.memory, NUMBER, &ops, &calls, NULL);
	assert_ptr_equal(memory_store_state(m.memory, &ops), &calls);
	for (int again = 0; again < 2; again++) {
		for (uint64_t i = 1; i <= PAGES; i++) {
			struct page page;
			space_page(m.space, 0x10000 + i * PAGE_SIZE, &page);
			assert_non_null(page.data);
			assert_true(page.compressed);
			assert_int_equal(page.data[PAGE_SIZE - 1], i);
		}
		assert_string_equal(why(m.space, 0x30000), "compressed store: page not in it");
		assert_string_equal(why(m.space, 0x31000), "page file 1 not given");
	}
	assert_int_equal(calls.readers, 1);
	assert_int_equal(calls.reads, PAGES + 1);
	/* Another space has a reader of its own, which is freed with it. */
	struct space *other = space_new(m.memory, MACHINE_PML4);
	size_t available;
	assert_non_null(space_at(other, 0x11000, &available));
	assert_int_equal(calls.readers, 2);
	space_free(other);
	assert_int_equal(calls.readers_freed, 1);
}

static void the_memory_owns_the_state(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m = {0};
	struct calls first = {0}, second = {0};
	make_machine(&m);
	memory_set_store(m.memory, NUMBER, &ops, &first, NULL);
	memory_set_store(m.memory, NUMBER, NULL, NULL, "not found");
	assert_int_equal(first.states_freed, 1);
	assert_null(memory_store_state(m.memory, &ops));
	assert_string_equal(why(m.space, 0x11000), "compressed store: not found");
	memory_set_store(m.memory, NUMBER, &ops, &second, NULL);
	machine_free(&m);
	assert_int_equal(first.states_freed, 1);
	assert_int_equal(second.states_freed, 1);
}

/* The store's own structures are never read from the store. */
static void a_space_can_leave_the_store_out(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m = {0};
	struct calls calls = {0};
	make_machine(&m);
	memory_set_store(m.memory, NUMBER, &ops, &calls, NULL);
	space_leave_out_store(m.space);
	assert_string_equal(why(m.space, 0x11000), "compressed store: itself compressed");
	assert_int_equal(calls.reads, 0);
	assert_int_equal(calls.readers, 0);
}

/* Then every page of a page file that was not given may be the store's. */
static void the_number_may_not_be_known(void **state)
{
	(void)state;
	_cleanup_machine_ struct machine m = {0};
	struct calls calls = {0};
	struct page page;
	make_machine(&m);
	memory_set_store(m.memory, -1, &ops, &calls, NULL);
	space_page(m.space, 0x11000, &page);
	assert_non_null(page.data);
	assert_string_equal(why(m.space, 0x31000), "page file 1 not given");
	assert_string_equal(why(m.space, 0x30000), "page file 2 not given");
	assert_int_equal(calls.reads, 3);
	space_leave_out_store(m.space);
	assert_string_equal(why(m.space, 0x11000), "page file 2 not given");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_space_reads_each_page_once),
		cmocka_unit_test(the_memory_owns_the_state),
		cmocka_unit_test(a_space_can_leave_the_store_out),
		cmocka_unit_test(the_number_may_not_be_known),
	};
	return cmocka_run_group_tests_name("memory store", tests, NULL, NULL);
}
