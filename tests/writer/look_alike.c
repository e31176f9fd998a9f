/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Freed blocks of x86's pool that look like processes. Their POOL_HEADER of 8 bytes has a
 * PreviousSize of 3, as a DISPATCHER_HEADER has Type 3 (ProcessObject); the links of the free list
 * lie behind it, where that has WaitListHead. What was in the block before lies behind them.
 */
#include <writer/guest.h>

#include <stdio.h>

enum { PREVIOUS_SIZE = 3 };

/* What is left in a block. */
struct leftover {
	uint32_t tag;
	bool other_size; /* BlockSize is not what KPROCESS has in Size */
	uint32_t pid;
	const char *name;
	bool data_map;	    /* DirectoryTableBase is a page of data, else none */
	uint64_t exit_time; /* CreateTime is less */
};

static void put_pool_header(struct guest *guest, uint64_t va, const struct leftover *leftover)
{
	uint32_t size = size_of(guest->layout, "_KPROCESS") / 4 % 256;
	uint8_t header[8] = {PREVIOUS_SIZE};
	header[2] = (uint8_t)(size + leftover->other_size);
	util_put(header + 4, leftover->tag, 4);
	paging_write(guest->kernel, va, header, sizeof(header));
}

static void new_look_alike(struct guest *guest, const struct leftover *leftover)
{
	struct paging *space = guest->kernel;
	const struct layout *layout = guest->layout;
	uint64_t head = guest_pool_alloc(guest, GUEST_NONPAGED, 8, "Pool");
	uint64_t va = guest_pool_alloc(guest, GUEST_NONPAGED, size_of(layout, "_EPROCESS"), "Free");
	put_pool_header(guest, va, leftover);
	guest_list_init(space, head);
	guest_list_append(space, head, va + 8);
	guest_put(guest, space, va, "_EPROCESS", "UniqueProcessId", leftover->pid, 4);
	if (leftover->data_map)
		guest_put(guest, space, va, "_KPROCESS", "DirectoryTableBase",
			  guest_frame_of_text(guest), 4);
	char name[16] = {0};
	snprintf(name, sizeof(name), "%s", leftover->name);
	paging_write(space, va + offset_of(layout, "_EPROCESS", "ImageFileName"), name, 15);
	guest_put(guest, space, va, "_EPROCESS", "CreateTime", leftover->exit_time / 2, 8);
	guest_put(guest, space, va, "_EPROCESS", "ExitTime", leftover->exit_time, 8);
}

void guest_look_alikes_new(struct guest *guest)
{
	static const struct leftover leftovers[] = {
		{.tag = 0x206d6150, .other_size = true, .pid = 2972002024, .name = "Pool"},
		{.tag = 1, .other_size = true, .pid = 3000, .name = "size", .data_map = true},
		{.tag = 0x206d6150, .pid = 3004, .name = "tag", .data_map = true},
		{.tag = 0, .pid = 3008, .name = "map", .data_map = true},
		{.tag = 1, .pid = 3012, .name = "map 1", .data_map = true},
		{.tag = 0, .pid = 3016, .name = "exited", .exit_time = 0x1234},
		{.tag = 0, .pid = 3020, .name = "none"},
	};
	if (!guest->options.look_alikes)
		return;
	if (guest->pointer != 4)
		util_die("--look-alikes: headers of 64-bit pool don't look like processes");
	for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++)
		new_look_alike(guest, &leftovers[i]);
}
