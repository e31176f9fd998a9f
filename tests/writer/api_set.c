/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The API set schema that PEB.ApiSetMap leads to: a view of one section in every process. See
 * guest.h.
 *
 * Facts: the namespace of Windows 7 and 8 (version 2), 8.1 (4) and 10 on (6), as the public symbols
 * name its members (API_SET_NAMESPACE and so on); names are UTF-16 without an end, offsets count
 * from the namespace, 2 and 4 leave out the "api-" in front. A second value is for one importer.
 */
#include <writer/guest.h>

enum { HASH_FACTOR = 31, PROTECTION_READONLY = 1, SCHEMA_MAX = 0x4000 };

/* In alphabetical order, as the schema has them. */
static const char *const contracts[] = {
	"api-ms-win-core-com-l1-1-0",	  "api-ms-win-core-file-l1-1-0",
	"api-ms-win-core-heap-l1-1-0",	  "api-ms-win-core-processthreads-l1-1-0",
	"api-ms-win-core-synch-l1-1-0",	  "api-ms-win-crt-runtime-l1-1-0",
	"api-ms-win-service-core-l1-1-0", "api-ms-win-vendor-open-l1-1-0",
};

enum { CONTRACTS = sizeof(contracts) / sizeof(contracts[0]) };

struct schema {
	uint8_t *data;
	uint32_t size;
};

static uint32_t take(struct schema *s, uint32_t size)
{
	uint32_t at = s->size;
	s->size += (uint32_t)util_round_up(size, 4);
	if (s->size > SCHEMA_MAX)
		util_die("the API set schema has no room for its contracts");
	return at;
}

/* Stores offset and length of a name at `at`. */
static void put_name(struct schema *s, uint32_t at, const char *name)
{
	size_t size;
	uint8_t *units = util_utf16(name, &size);
	uint32_t to = take(s, (uint32_t)size);
	memcpy(s->data + to, units, size);
	util_put(s->data + at, size ? to : 0, 4);
	util_put(s->data + at + 4, size, 4);
	free(units);
}

/* The values of a contract: the host, and another for kernel32 itself. */
static void put_values(struct schema *s, const char *contract, uint32_t at, uint32_t size)
{
	const char *const importers[] = {"", "kernel32.dll"};
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t value = at + i * size + (size == 20 ? 4 : 0);
		put_name(s, value, importers[i]);
		put_name(s, value + 8, i ? "kernelbase.dll" : guest_api_set_host(contract));
	}
}

static void build_old(struct schema *s, unsigned int version)
{
	const uint32_t head = version == 2 ? 8 : 16, entry_size = version == 2 ? 12 : 24;
	const uint32_t value_size = version == 2 ? 16 : 20;
	take(s, head + entry_size * CONTRACTS);
	util_put(s->data, version, 4);
	util_put(s->data + head - 4, CONTRACTS, 4);
	for (uint32_t i = 0; i < CONTRACTS; i++) {
		uint32_t entry = head + i * entry_size;
		uint32_t values = take(s, (version == 2 ? 4 : 8) + 2 * value_size);
		put_name(s, entry + (version == 2 ? 0 : 4), contracts[i] + strlen("api-"));
		util_put(s->data + entry + entry_size - 4, values, 4);
		values += version == 2 ? 0 : 4;
		util_put(s->data + values, 2, 4);
		put_values(s, contracts[i], values + 4, value_size);
	}
	if (version == 4)
		util_put(s->data + 4, s->size, 4);
}

struct hash {
	uint32_t hash, index;
};

static int compare_hashes(const void *a, const void *b)
{
	const struct hash *x = a, *y = b;
	return (x->hash > y->hash) - (x->hash < y->hash);
}

static void build_new(struct schema *s)
{
	enum { HEAD = 28, ENTRY = 24, VALUE = 20 };
	take(s, HEAD);
	uint32_t entries = take(s, ENTRY * CONTRACTS), hash_table = take(s, 8 * CONTRACTS);
	struct hash hashes[CONTRACTS];
	for (uint32_t i = 0; i < CONTRACTS; i++) {
		uint32_t entry = entries + i * ENTRY, values = take(s, 2 * VALUE);
		size_t hashed = (size_t)(strrchr(contracts[i], '-') - contracts[i]);
		hashes[i] = (struct hash){.index = i};
		for (size_t k = 0; k < hashed; k++)
			hashes[i].hash = hashes[i].hash * HASH_FACTOR + (uint8_t)contracts[i][k];
		put_name(s, entry + 4, contracts[i]);
		util_put(s->data + entry + 12, hashed * 2, 4);
		util_put(s->data + entry + 16, values, 4);
		util_put(s->data + entry + 20, 2, 4);
		put_values(s, contracts[i], values, VALUE);
	}
	qsort(hashes, CONTRACTS, sizeof(*hashes), compare_hashes);
	for (uint32_t i = 0; i < CONTRACTS; i++) {
		util_put(s->data + hash_table + 8 * i, hashes[i].hash, 4);
		util_put(s->data + hash_table + 8 * i + 4, hashes[i].index, 4);
	}
	const uint32_t head[] = {6, s->size, 0, CONTRACTS, entries, hash_table, HASH_FACTOR};
	for (unsigned int i = 0; i < HEAD / 4; i++)
		util_put(s->data + 4 * i, head[i], 4);
}

static struct guest_section *new_section(struct guest *guest)
{
	struct schema schema = {.data = util_alloc(SCHEMA_MAX, 1)};
	if (guest->build >= 10240)
		build_new(&schema);
	else
		build_old(&schema, guest->build >= 9600 ? 4 : 2);
	size_t pages = util_round_up(schema.size, PAGE) / PAGE;
	struct guest_section *section = guest_section_new(guest, NULL, pages, PROTECTION_READONLY);
	for (size_t i = 0; i < pages; i++) {
		section->frames[i] = ram_take(guest->ram);
		memcpy(ram_at(guest->ram, section->frames[i]), schema.data + i * PAGE, PAGE);
	}
	free(schema.data);
	return section;
}

void guest_api_sets_map(struct guest_process *process)
{
	struct guest *guest = process->guest;
	if (!layout_has(guest->layout, "_PEB", "ApiSetMap"))
		return;
	if (!guest->api_sets)
		guest->api_sets = new_section(guest);
	uint64_t va = guest_area(process, guest->api_sets->pages * PAGE);
	guest_vad_add_view(process, va, guest->api_sets);
	for (size_t i = 0; i < guest->api_sets->pages; i++)
		paging_map(process->space, va + i * PAGE, guest->api_sets->frames[i], PAGE_USER);
	guest_put_pointer(guest, process->space, process->peb, "_PEB", "ApiSetMap", va);
}
