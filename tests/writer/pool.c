/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernel memory: pool blocks, objects, lists and strings. See guest.h.
 *
 * Facts: _POOL_HEADER and _OBJECT_HEADER of the published symbols; the order of optional object
 * headers and the cookie in TypeIndex (Windows 10) as described in "Windows Internals", 7th
 * edition, part 2, chapter 8.
 */
#include <writer/guest.h>

enum {
	POOL_TYPE_NONPAGED = 2, /* POOL_TYPE + 1 while allocated */
	POOL_TYPE_PAGED = 3,
	INFO_QUOTA = 0x8, /* OBJECT_HEADER.InfoMask: a quota header in front */
	QUOTA_SIZE = 0x20,
	QUOTA_SIZE_32 = 0x10,
	OBJECT_FLAG_KERNEL = 0x2,
};

void guest_put(struct guest *guest, struct paging *space, uint64_t va, const char *type,
	       const char *member, uint64_t value, unsigned int size)
{
	paging_put(space, va + offset_of(guest->layout, type, member), value, size);
}

void guest_put_if(struct guest *guest, struct paging *space, uint64_t va, const char *type,
		  const char *member, uint64_t value, unsigned int size)
{
	if (layout_has(guest->layout, type, member))
		guest_put(guest, space, va, type, member, value, size);
}

void guest_put_pointer(struct guest *guest, struct paging *space, uint64_t va, const char *type,
		       const char *member, uint64_t value)
{
	guest_put(guest, space, va, type, member, value, paging_arch_of(space)->pointer_size);
}

void guest_put_bits(struct guest *guest, uint64_t va, const char *type, const char *member,
		    uint64_t value)
{
	const struct layout_field *field = layout_find(guest->layout, type, member);
	if (!field || !field->bits)
		util_die("%s has no bit field %s.%s", layout_version(guest->layout), type, member);
	unsigned int size = (unsigned int)(field->bit + field->bits + 7) / 8;
	uint64_t mask = (UINT64_C(1) << field->bits) - 1;
	uint64_t old = paging_get(guest->kernel, va + field->offset, size);
	old = (old & ~(mask << field->bit)) | (value & mask) << field->bit;
	paging_put(guest->kernel, va + field->offset, old, size);
}

static uint32_t pool_unit(const struct guest *guest)
{
	return 2 * guest->pointer;
}

/* x64: bytes, sizes in units of 16; x86: fields of 9 and 7 bits, sizes in units of 8. Alike from
 * Windows XP on (the symbols of some builds leave the type out). */
static void put_pool_header(struct guest *guest, uint64_t va, enum guest_pool pool, uint32_t units,
			    const char *tag)
{
	uint8_t header[16] = {0};
	uint32_t type = pool == GUEST_PAGED ? POOL_TYPE_PAGED : POOL_TYPE_NONPAGED;
	if (guest->pointer == 8) {
		header[0] = (uint8_t)guest->pool_previous[pool];
		header[2] = (uint8_t)units;
		header[3] = (uint8_t)type;
	} else {
		util_put(header, guest->pool_previous[pool] | units << 16 | type << 25, 4);
	}
	memcpy(header + 4, tag, strlen(tag) < 4 ? strlen(tag) : 4);
	paging_write(guest->kernel, va, header, pool_unit(guest));
}

static uint64_t new_pages(struct guest *guest, enum guest_pool pool, uint64_t size)
{
	uint64_t va = guest->pool_area[pool];
	guest->pool_area[pool] += size;
	/* pool was executable before Windows 8 */
	paging_map_new(guest->kernel, va, size,
		       PAGE_WRITE | (guest->build < 9200 ? PAGE_EXECUTE : 0));
	return va;
}

uint64_t guest_pool_alloc(struct guest *guest, enum guest_pool pool, uint32_t size, const char *tag)
{
	const uint32_t unit = pool_unit(guest);
	uint32_t need = (uint32_t)util_round_up(size, unit) + unit;
	if (need > PAGE - unit)
		return new_pages(guest, pool, util_round_up(size, PAGE));
	if (guest->pool_end[pool] - guest->pool_next[pool] < need) {
		guest->pool_next[pool] = new_pages(guest, pool, PAGE);
		guest->pool_end[pool] = guest->pool_next[pool] + PAGE;
		guest->pool_previous[pool] = 0;
	}
	uint64_t va = guest->pool_next[pool];
	put_pool_header(guest, va, pool, need / unit, tag);
	guest->pool_next[pool] += need;
	guest->pool_previous[pool] = need / unit;
	return va + unit;
}

uint64_t guest_object_new(struct guest *guest, enum guest_type type, uint32_t size, const char *tag)
{
	const struct layout *layout = guest->layout;
	char allocated_tag[5] = {0};
	memcpy(allocated_tag, tag, 4);
	if (guest->build < 9200) /* protected from being freed under another tag */
		allocated_tag[3] = (char)(allocated_tag[3] | 0x80);
	uint32_t body = offset_of(layout, "_OBJECT_HEADER", "Body");
	const unsigned int pointer = guest->pointer;
	const uint32_t quota_size = pointer == 8 ? QUOTA_SIZE : QUOTA_SIZE_32;
	uint64_t block =
		guest_pool_alloc(guest, GUEST_NONPAGED, quota_size + body + size, allocated_tag);
	uint64_t header = block + quota_size;
	struct paging *space = guest->kernel;
	paging_put(space, block, 0x1000 + size, 4); /* PagedPoolCharge and NonPagedPoolCharge */
	paging_put(space, block + 4, size, 4);
	guest_put(guest, space, header, "_OBJECT_HEADER", "PointerCount", 0x7fff, pointer);
	guest_put(guest, space, header, "_OBJECT_HEADER", "HandleCount", 3, pointer);
	if (layout_has(layout, "_OBJECT_HEADER", "TypeIndex")) {
		uint64_t index = type;
		if (guest->build >= 10240)
			index ^= ((header >> 8) & 0xff) ^ guest->object_cookie;
		guest_put(guest, space, header, "_OBJECT_HEADER", "TypeIndex", index, 1);
		guest_put(guest, space, header, "_OBJECT_HEADER", "InfoMask", INFO_QUOTA, 1);
	} else { /* before Windows 7: the type's address, and how far before it a header lies */
		guest_put_pointer(guest, space, header, "_OBJECT_HEADER", "Type",
				  guest->types[type]);
		guest_put(guest, space, header, "_OBJECT_HEADER", "QuotaInfoOffset", quota_size, 1);
	}
	guest_put(guest, space, header, "_OBJECT_HEADER", "Flags", OBJECT_FLAG_KERNEL, 1);
	return header + body;
}

void guest_list_init(struct paging *space, uint64_t head)
{
	paging_put_pointer(space, head, head);
	paging_put_pointer(space, head + paging_arch_of(space)->pointer_size, head);
}

void guest_list_append(struct paging *space, uint64_t head, uint64_t entry)
{
	const unsigned int pointer = paging_arch_of(space)->pointer_size;
	uint64_t last = paging_get_pointer(space, head + pointer);
	paging_put_pointer(space, entry, head);
	paging_put_pointer(space, entry + pointer, last);
	paging_put_pointer(space, last, entry);
	paging_put_pointer(space, head + pointer, entry);
}

void guest_put_string(struct paging *space, uint64_t va, uint64_t buffer, const uint8_t *units,
		      size_t size)
{
	static const uint8_t end[2];
	paging_write(space, buffer, units, size);
	paging_write(space, buffer + size, end, sizeof(end));
	paging_put(space, va, size, 2);
	paging_put(space, va + 2, size + 2, 2);
	paging_put_pointer(space, va + paging_arch_of(space)->pointer_size, buffer);
}

void guest_put_kernel_string(struct guest *guest, uint64_t va, const char *utf8)
{
	size_t size;
	uint8_t *units = util_utf16(utf8, &size);
	uint64_t buffer = guest_pool_alloc(guest, GUEST_PAGED, (uint32_t)size + 2, "MmLd");
	guest_put_string(guest->kernel, va, buffer, units, size);
	free(units);
}
