/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The API set schema that PEB.ApiSetMap leads to: a view of one section in every process. See
 * guest.h.
 *
 * Facts: the namespace of Windows 7 and 8 (version 2), 8.1 (4) and 10 on (6), as the public symbols
 * name its members (API_SET_NAMESPACE and so on); names are UTF-16 without an end, offsets count
 * from the namespace, 2 and 4 leave out the "api-" in front. A second value is for one importer.
 * The loader compares names up to the last hyphen.
 *
 * Which sets there are is a few of the common ones, or options.api_sets: a line for each, the name
 * and behind tabs IMPORTER=HOST, the first without an importer.
 */
#include <writer/guest.h>

#include <strings.h>

enum { HASH_FACTOR = 31, PROTECTION_READONLY = 1 };

/* In alphabetical order, as the schema has them. */
static const char *const common[] = {
	"api-ms-win-core-com-l1-1-0",	  "api-ms-win-core-file-l1-1-0",
	"api-ms-win-core-heap-l1-1-0",	  "api-ms-win-core-processthreads-l1-1-0",
	"api-ms-win-core-synch-l1-1-0",	  "api-ms-win-crt-runtime-l1-1-0",
	"api-ms-win-service-core-l1-1-0", "api-ms-win-vendor-open-l1-1-0",
};

/* The hosts of the common ones and of others, by how they begin. */
static const struct {
	const char *prefix;
	const char *host;
} hosts[] = {
	{"api-ms-win-crt-", "ucrtbase.dll"},	 {"api-ms-win-security-", "sechost.dll"},
	{"api-ms-win-service-", "sechost.dll"},	 {"api-ms-win-eventing-", "sechost.dll"},
	{"api-ms-win-core-com-", "combase.dll"}, {"api-ms-win-core-winrt-", "combase.dll"},
	{"api-ms-win-vendor-", "vendor.dll"},	 {"api-ms-win-", "kernelbase.dll"},
	{"ext-ms-win-", "user32.dll"},
};

/* Letters of a name that count: those before the last hyphen. */
static size_t hashed_length(const char *name)
{
	const char *hyphen = strrchr(name, '-');
	return hyphen ? (size_t)(hyphen - name) : strlen(name);
}

static const char *host_for(const struct guest_api_set *set, const char *importer)
{
	for (size_t i = 1; i < set->value_count; i++) {
		if (util_same_name(set->values[i].importer, importer))
			return set->values[i].host;
	}
	return set->values[0].host;
}

const char *guest_api_set_host(const struct guest *guest, const char *dll, const char *importer)
{
	size_t length = hashed_length(dll);
	for (size_t i = 0; guest->options.api_sets && i < guest->contract_count; i++) {
		const struct guest_api_set *set = &guest->contracts[i];
		if (length == hashed_length(set->name) && !strncasecmp(dll, set->name, length))
			return *host_for(set, importer) ? host_for(set, importer) : dll;
	}
	for (size_t i = 0; !guest->options.api_sets && i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		if (!strncasecmp(dll, hosts[i].prefix, strlen(hosts[i].prefix)))
			return hosts[i].host;
	}
	return dll;
}

static void add_value(struct guest_api_set *set, const char *importer, const char *host)
{
	*util_push(set->values, set->value_count, set->value_capacity) =
		(struct guest_api_set_value){util_strdup(importer), util_strdup(host)};
}

static struct guest_api_set *add_set(struct guest *guest, const char *name)
{
	struct guest_api_set *set =
		util_push(guest->contracts, guest->contract_count, guest->contract_capacity);
	set->name = util_strdup(name);
	return set;
}

static void read_sets(struct guest *guest, const char *path)
{
	size_t size;
	char *text = (char *)util_read_file(path, &size), *rest = text;
	text[size - 1] = '\0'; /* the last newline */
	for (char *line; (line = strsep(&rest, "\n"));) {
		struct guest_api_set *set = add_set(guest, strsep(&line, "\t"));
		for (char *value; (value = strsep(&line, "\t"));) {
			const char *importer = strsep(&value, "=");
			add_value(set, importer, value ? value : "");
		}
		if (!set->value_count)
			add_value(set, "", "");
	}
	free(text);
}

void guest_api_sets_new(struct guest *guest)
{
	if (guest->options.api_sets) {
		read_sets(guest, guest->options.api_sets);
		return;
	}
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		struct guest_api_set *set = add_set(guest, common[i]);
		add_value(set, "", guest_api_set_host(guest, common[i], ""));
		add_value(set, "kernel32.dll", "kernelbase.dll");
	}
}

void guest_api_sets_free(struct guest *guest)
{
	for (size_t i = 0; i < guest->contract_count; i++) {
		struct guest_api_set *set = &guest->contracts[i];
		for (size_t k = 0; k < set->value_count; k++) {
			free(set->values[k].importer);
			free(set->values[k].host);
		}
		free(set->values);
		free(set->name);
	}
	free(guest->contracts);
}

struct schema {
	const struct guest *guest;
	uint8_t *data;
	uint32_t size, room;
};

static uint32_t take(struct schema *s, uint32_t size)
{
	uint32_t at = s->size;
	s->size += (uint32_t)util_round_up(size, 4);
	if (s->size > s->room)
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

/* The values of a set, `size` bytes each: the host, and others for single importers. */
static void put_values(struct schema *s, const struct guest_api_set *set, uint32_t at,
		       uint32_t size)
{
	for (uint32_t i = 0; i < set->value_count; i++) {
		uint32_t value = at + i * size + (size == 20 ? 4 : 0);
		put_name(s, value, set->values[i].importer);
		put_name(s, value + 8, set->values[i].host);
	}
}

static void build_old(struct schema *s, unsigned int version)
{
	const uint32_t head = version == 2 ? 8 : 16, entry_size = version == 2 ? 12 : 24;
	const uint32_t value_size = version == 2 ? 16 : 20;
	const uint32_t count = (uint32_t)s->guest->contract_count;
	take(s, head + entry_size * count);
	util_put(s->data, version, 4);
	util_put(s->data + head - 4, count, 4);
	for (uint32_t i = 0; i < count; i++) {
		const struct guest_api_set *set = &s->guest->contracts[i];
		uint32_t entry = head + i * entry_size, n = (uint32_t)set->value_count;
		uint32_t values = take(s, (version == 2 ? 4 : 8) + n * value_size);
		put_name(s, entry + (version == 2 ? 0 : 4), set->name + strlen("api-"));
		util_put(s->data + entry + entry_size - 4, values, 4);
		values += version == 2 ? 0 : 4;
		util_put(s->data + values, n, 4);
		put_values(s, set, values + 4, value_size);
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
	const uint32_t count = (uint32_t)s->guest->contract_count;
	take(s, HEAD);
	uint32_t entries = take(s, ENTRY * count), hash_table = take(s, 8 * count);
	struct hash *hashes = util_alloc(count, sizeof(*hashes));
	for (uint32_t i = 0; i < count; i++) {
		const struct guest_api_set *set = &s->guest->contracts[i];
		uint32_t n = (uint32_t)set->value_count;
		uint32_t entry = entries + i * ENTRY, values = take(s, n * VALUE);
		size_t hashed = hashed_length(set->name);
		hashes[i] = (struct hash){.index = i};
		for (size_t k = 0; k < hashed; k++)
			hashes[i].hash = hashes[i].hash * HASH_FACTOR + (uint8_t)set->name[k];
		put_name(s, entry + 4, set->name);
		util_put(s->data + entry + 12, hashed * 2, 4);
		util_put(s->data + entry + 16, values, 4);
		util_put(s->data + entry + 20, n, 4);
		put_values(s, set, values, VALUE);
	}
	qsort(hashes, count, sizeof(*hashes), compare_hashes);
	for (uint32_t i = 0; i < count; i++) {
		util_put(s->data + hash_table + 8 * i, hashes[i].hash, 4);
		util_put(s->data + hash_table + 8 * i + 4, hashes[i].index, 4);
	}
	free(hashes);
	const uint32_t head[] = {6, s->size, 0, count, entries, hash_table, HASH_FACTOR};
	for (unsigned int i = 0; i < HEAD / 4; i++)
		util_put(s->data + 4 * i, head[i], 4);
}

/* Bytes that all of it surely fits into. */
static uint32_t room_for(const struct guest *guest)
{
	enum { HEAD = 64, ENTRY = 64, VALUE = 32 };
	size_t room = HEAD;
	for (size_t i = 0; i < guest->contract_count; i++) {
		const struct guest_api_set *set = &guest->contracts[i];
		room += ENTRY + 2 * strlen(set->name);
		for (size_t k = 0; k < set->value_count; k++)
			room += VALUE + 2 * strlen(set->values[k].importer) +
				2 * strlen(set->values[k].host);
	}
	return (uint32_t)util_round_up(room, PAGE);
}

static struct guest_section *new_section(struct guest *guest)
{
	struct schema schema = {.guest = guest, .room = room_for(guest)};
	schema.data = util_alloc(schema.room, 1);
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
