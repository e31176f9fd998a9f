/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compressed stores in hostile memory: a sound machine of one of several builds, to which the
 * input does damage, 8 bytes here and there, page tables included. The store may not be found,
 * pages may not be had, but nothing else may happen.
 *
 *	input	byte 0: build; then pieces of 12 bytes: place (24 bits), kind (8), value (64)
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/store_machine.h"

#define PAGES  24
#define BUILDS 4
#define PIECES 64

static struct store_machine templates[BUILDS];

static uint64_t offset_of_page(uint64_t i)
{
	return 1 + i * 977;
}

static void build(struct store_machine *s, const char *profile)
{
	uint8_t page[PAGE_SIZE];
	struct util_random random = {3};
	store_machine_init(
		s, profile,
		(struct store_options){.stores = 2, .node_limit = 3, .detours = 3, .seed = 1});
	for (uint64_t i = 0; i < PAGES; i++) {
		memset(page, 0, sizeof(page));
		for (size_t k = 0; k < i * 40; k++)
			page[util_random_below(&random, sizeof(page))] = (uint8_t)k;
		store_writer_add(s->writer, VIRTUAL_STORE, offset_of_page(i), page);
		machine_set(&s->m, MACHINE_PML4, 0x10000 + i * PAGE_SIZE,
			    offset_of_page(i) << 32 | VIRTUAL_STORE << 12 | 0x80);
	}
	store_machine_finish(s);
}

/* What was there before, to mend a machine: making one takes longer than using it. */
struct before {
	uint64_t place, value;
};

/* A word at a physical place: any value, or one that leads somewhere. */
static struct before damage(struct machine *m, const uint8_t *piece)
{
	/* Not in the first page, where the image would become that of another format. */
	uint64_t place =
		PAGE_SIZE + (le32(piece) & 0xffffff) * UINT64_C(4) % (m->size - PAGE_SIZE - 8);
	uint64_t value = le64(piece + 4);
	switch (piece[3] & 7) {
	case 0: /* kernel memory */
		value = MACHINE_KERNEL + value % 0x200000;
		break;
	case 1: /* a page of it */
		value = MACHINE_KERNEL + value % 0x200 * PAGE_SIZE;
		break;
	case 2: /* a frame, as an entry */
		value = value % (m->size / PAGE_SIZE) * PAGE_SIZE | VALID;
		break;
	case 3: /* a small change */
		value = le64(m->bytes + place) ^ UINT64_C(1) << (value & 63);
		break;
	case 4: /* into the store */
		value = offset_of_page(value % PAGES) << 32 | VIRTUAL_STORE << 12 | 0x80;
		break;
	default:
		break;
	}
	struct before before = {place, le64(m->bytes + place)};
	machine_put(m, place, value, piece[3] & 8 ? 4 : 8);
	return before;
}

static void use(struct store_machine *s)
{
	uint8_t page[PAGE_SIZE], both[2 * PAGE_SIZE];
	struct store *store =
		store_find(s->m.space, &s->layout, s->image, IMAGE_PAGES * PAGE_SIZE, NULL);
	if (!store)
		return;
	struct store_reader *reader = store_reader_new(store, s->m.memory);
	/* Each page once, this way or that: decompressing takes most of the time. */
	for (uint64_t i = 0; i < PAGES; i += 2) {
		const char *why = store_page(reader, VIRTUAL_STORE, offset_of_page(i), page);
		if (why && !*why)
			abort();
	}
	store_page(reader, VIRTUAL_STORE, 5, page);
	store_reader_free(reader);
	store_attach(store, s->m.memory, VIRTUAL_STORE);
	for (uint64_t i = 1; i < PAGES; i += 2) {
		struct page found;
		char buffer[96];
		space_page(s->m.space, 0x10000 + i * PAGE_SIZE, &found);
		if (!found.data && !page_why(&found, buffer, sizeof(buffer))[0])
			abort();
	}
	space_read(s->m.space, 0x10800, both, sizeof(both));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const profiles[BUILDS] = {"windows-10-14393-x64", "windows-10-19041-x64",
						     "windows-11-22621-x64",
						     "windows-11-26100-x64"};
	if (!size)
		return 0;
	struct store_machine *template = &templates[data[0] % BUILDS];
	if (!template->writer)
		build(template, profiles[data[0] % BUILDS]);
	struct store_machine s = *template;
	struct before before[PIECES];
	size_t pieces = 0;
	for (size_t at = 1; at + 12 <= size && pieces < PIECES; at += 12)
		before[pieces++] = damage(&s.m, data + at);
	machine_power_on(&s.m);
	use(&s);
	s.m.bytes = NULL; /* the template's */
	machine_free(&s.m);
	while (pieces--)
		machine_put(&template->m, before[pieces].place, before[pieces].value, 8);
	return 0;
}
