/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Handle tables (HANDLE_TABLE): per process, and PspCidTable of all process and thread IDs. See
 * guest.h.
 *
 * Facts: TableCode's low two bits are the level; a page of entries is a leaf, 256 of them on x64,
 * the first unused; a handle is index * 4. Windows 7 stores the pointer with bit 0 set (unlocked),
 * from Windows 8.1 on ObjectPointerBits holds it shifted by 4 ("Windows Internals", 7th edition,
 * part 2; the bit positions are those of the published symbols).
 */
#include <writer/guest.h>

enum { HANDLE_STEP = 4, LEVEL_MASK = 3, UNLOCKED = 1 };

static uint64_t leaf_entries(const struct guest *guest)
{
	return PAGE / size_of(guest->layout, "_HANDLE_TABLE_ENTRY");
}

static uint64_t new_page(struct guest *guest)
{
	return guest_pool_alloc(guest, GUEST_PAGED, (uint32_t)PAGE, "Obtb");
}

uint64_t guest_handle_table_new(struct guest *guest, uint32_t pid, uint64_t owner)
{
	uint64_t table = guest_pool_alloc(guest, GUEST_PAGED,
					  size_of(guest->layout, "_HANDLE_TABLE"), "Obtb");
	struct paging *space = guest->kernel;
	guest_put(guest, space, table, "_HANDLE_TABLE", "TableCode", new_page(guest),
		  guest->pointer);
	guest_put_if(guest, space, table, "_HANDLE_TABLE", "UniqueProcessId", pid, 4);
	guest_put_if(guest, space, table, "_HANDLE_TABLE", "QuotaProcess", owner, guest->pointer);
	guest_put_if(guest, space, table, "_HANDLE_TABLE", "NextHandleNeedingPool",
		     leaf_entries(guest) * HANDLE_STEP, 4);
	return table;
}

/* The leaf page that holds entry `index`; makes it, and a second level, when needed. */
static uint64_t leaf_for(struct guest *guest, uint64_t table, uint64_t index)
{
	struct paging *space = guest->kernel;
	uint64_t code_at = table + offset_of(guest->layout, "_HANDLE_TABLE", "TableCode");
	uint64_t code = paging_get(space, code_at, guest->pointer), n = index / leaf_entries(guest);
	if (!(code & LEVEL_MASK)) {
		if (!n)
			return code;
		uint64_t second = new_page(guest);
		paging_put(space, second, code, guest->pointer);
		code = second | 1;
		paging_put(space, code_at, code, guest->pointer);
	}
	if (n >= PAGE / guest->pointer)
		util_die("handle index %llu needs a third level", (unsigned long long)index);
	uint64_t slot = (code & ~(uint64_t)LEVEL_MASK) + n * guest->pointer;
	if (!paging_get(space, slot, guest->pointer))
		paging_put(space, slot, new_page(guest), guest->pointer);
	return paging_get(space, slot, guest->pointer);
}

void guest_handle_set(struct guest *guest, uint64_t table, uint32_t handle, uint64_t object)
{
	const struct layout *layout = guest->layout;
	uint32_t entry_size = size_of(layout, "_HANDLE_TABLE_ENTRY");
	uint64_t index = handle / HANDLE_STEP;
	uint64_t va = leaf_for(guest, table, index) + index % leaf_entries(guest) * entry_size;
	const struct layout_field *field =
		layout_find(layout, "_HANDLE_TABLE_ENTRY", "ObjectPointerBits");
	uint64_t value = object | UNLOCKED;
	if (field && field->bits) {
		/* Objects lie on 16 bytes, 32-bit kernels' on 8. */
		unsigned int alignment = guest->pointer == 8 ? 4 : 3;
		uint64_t mask = (UINT64_C(1) << field->bits) - 1;
		value = (((object >> alignment) & mask) << field->bit) | UNLOCKED;
	}
	paging_put(guest->kernel, va, value, guest->pointer);
	paging_put(guest->kernel, va + guest->pointer, 0x1fffff,
		   4); /* GrantedAccess: all of a process */
}
