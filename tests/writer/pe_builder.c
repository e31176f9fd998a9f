/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The PE file builder of the tests, see pe_builder.h. Structures and constants are those of
 * Microsoft's "PE Format" (learn.microsoft.com/windows/win32/debug/pe-format).
 */
#include <writer/pe_builder.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 0x1000, FILE_ALIGNMENT = 0x200, HEADERS = 0x400 };

enum { SECTION_TEXT, SECTION_DATA, SECTION_RDATA, SECTION_RELOC, SECTION_COUNT };

struct blob {
	uint8_t *data;
	size_t size;
};

struct function {
	char *name; /* NULL: by ordinal */
	uint16_t ordinal;
	uint32_t slot; /* RVA in the address table, once built */
	uint32_t stub; /* delay imports: RVA of the code that loads it */
};

struct dll {
	char *name;
	struct function *functions;
	size_t count;
};

struct dlls {
	struct dll *items;
	size_t count;
};

struct export
{
	char *name;    /* NULL: by ordinal only */
	char *forward; /* NULL: at rva */
	uint32_t rva;
	uint16_t ordinal; /* 0: to be given */
};

struct code {
	uint32_t rva;
	uint32_t size;
	uint32_t seed;
};

struct pe_builder {
	bool pe32_plus;
	bool dll;
	char *dll_name;
	uint64_t image_base;
	uint32_t stamp;
	uint16_t subsystem;
	uint32_t room[2]; /* of .text and .data */
	uint32_t used[2];
	struct dlls imports;
	struct dlls delayed;
	struct export *exports;
	size_t export_count;
	struct code *codes;
	size_t code_count;
	char *pdb;
	uint8_t guid[16];
	uint32_t age;
	/* While building: */
	struct blob section[SECTION_COUNT];
	uint32_t rva[SECTION_COUNT];
	uint32_t directory[16][2];
	uint32_t pdb_record; /* RVA; 0: none */
	uint32_t *fixups;    /* RVAs of pointers to be relocated */
	size_t fixup_count;
	uint32_t size_of_image;
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "pe_builder: %s\n", what);
	abort();
}

static void *resize(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count ? count : 1, size);
	if (!p)
		fail("out of memory");
	return p;
}

/* Room for one more zeroed element. */
#define push(items, count)                                                   \
	((items) = resize((items), (count) + 1, sizeof(*(items))),           \
	 (void)memset(&(items)[(count)], 0, sizeof(*(items))), /* the new */ \
	 &(items)[(count)++])

static char *copy_string(const char *s)
{
	char *copy = s ? strdup(s) : NULL;
	if (s && !copy)
		fail("out of memory");
	return copy;
}

static uint32_t align_up(uint32_t value, uint32_t alignment)
{
	return (value + alignment - 1) / alignment * alignment;
}

static void put(uint8_t *p, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *p, unsigned int bytes)
{
	uint64_t value = 0;
	for (unsigned int i = 0; i < bytes; i++)
		value |= (uint64_t)p[i] << 8 * i;
	return value;
}

/* Zeroed bytes at the end of a section being built; their RVA. */
static uint32_t reserve(struct pe_builder *b, int section, size_t size, uint32_t alignment)
{
	struct blob *blob = &b->section[section];
	size_t start = align_up((uint32_t)blob->size, alignment);
	blob->data = resize(blob->data, start + size, 1);
	memset(blob->data + blob->size, 0, start + size - blob->size);
	blob->size = start + size;
	return b->rva[section] + (uint32_t)start;
}

/* Where an RVA of a section being built lies; valid until the next reserve(). */
static uint8_t *at(struct pe_builder *b, int section, uint32_t rva)
{
	if (rva < b->rva[section] || rva - b->rva[section] >= b->section[section].size)
		fail("RVA outside its section");
	return b->section[section].data + (rva - b->rva[section]);
}

static uint32_t add_string(struct pe_builder *b, const char *s)
{
	uint32_t rva = reserve(b, SECTION_RDATA, strlen(s) + 1, 1);
	memcpy(at(b, SECTION_RDATA, rva), s, strlen(s));
	return rva;
}

static void put_pointer(struct pe_builder *b, int section, uint32_t rva, uint32_t target)
{
	put(at(b, section, rva), b->image_base + target, b->pe32_plus ? 8 : 4);
	*push(b->fixups, b->fixup_count) = rva;
}

/* --- what is to be built --- */

struct pe_builder *pe_builder_new(bool pe32_plus, bool dll, const char *dll_name)
{
	struct pe_builder *b = resize(NULL, 1, sizeof(*b));
	*b = (struct pe_builder){
		.pe32_plus = pe32_plus,
		.dll = dll,
		.dll_name = copy_string(dll_name),
		.stamp = 0x5f000000,
		.subsystem = 3,
		.room = {0x10000, 0x10000},
		.used = {16, 16}, /* an entry point; a few bytes of data */
	};
	if (pe32_plus)
		b->image_base = dll ? 0x180000000 : 0x140000000;
	else
		b->image_base = dll ? 0x10000000 : 0x400000;
	return b;
}

static void free_dlls(struct dlls *dlls)
{
	for (size_t i = 0; i < dlls->count; i++) {
		for (size_t k = 0; k < dlls->items[i].count; k++)
			free(dlls->items[i].functions[k].name);
		free(dlls->items[i].functions);
		free(dlls->items[i].name);
	}
	free(dlls->items);
}

void pe_builder_free(struct pe_builder *b)
{
	if (!b)
		return;
	free_dlls(&b->imports);
	free_dlls(&b->delayed);
	for (size_t i = 0; i < b->export_count; i++) {
		free(b->exports[i].name);
		free(b->exports[i].forward);
	}
	free(b->exports);
	free(b->codes);
	free(b->pdb);
	free(b->dll_name);
	for (int i = 0; i < SECTION_COUNT; i++)
		free(b->section[i].data);
	free(b->fixups);
	free(b);
}

void pe_builder_room(struct pe_builder *b, uint32_t text, uint32_t data)
{
	if (b->used[SECTION_TEXT] != 16 || b->used[SECTION_DATA] != 16)
		fail("the room can't change any more");
	b->room[SECTION_TEXT] = align_up(text, PAGE);
	b->room[SECTION_DATA] = align_up(data, PAGE);
}

void pe_builder_image_base(struct pe_builder *b, uint64_t base)
{
	b->image_base = base;
}

void pe_builder_time_date_stamp(struct pe_builder *b, uint32_t stamp)
{
	b->stamp = stamp;
}

void pe_builder_subsystem(struct pe_builder *b, uint16_t subsystem)
{
	b->subsystem = subsystem;
}

/* Takes room in .text or .data; its RVA. */
static uint32_t take(struct pe_builder *b, int section, size_t size)
{
	uint32_t start = align_up(b->used[section], 16);
	if (size > b->room[section] || start > b->room[section] - size)
		fail("a section's room is used up: pe_builder_room()");
	b->used[section] = start + (uint32_t)size;
	return PE_BUILDER_TEXT + (section == SECTION_DATA ? b->room[SECTION_TEXT] : 0) + start;
}

static struct function *add_function(struct dlls *dlls, const char *name)
{
	size_t i = 0;
	while (i < dlls->count && strcmp(dlls->items[i].name, name) != 0)
		i++;
	if (i == dlls->count)
		push(dlls->items, dlls->count)->name = copy_string(name);
	struct dll *dll = &dlls->items[i];
	return push(dll->functions, dll->count);
}

void pe_builder_import(struct pe_builder *b, const char *dll, const char *function)
{
	add_function(&b->imports, dll)->name = copy_string(function);
}

void pe_builder_import_ordinal(struct pe_builder *b, const char *dll, uint16_t ordinal)
{
	add_function(&b->imports, dll)->ordinal = ordinal;
}

void pe_builder_delay_import(struct pe_builder *b, const char *dll, const char *function)
{
	struct function *f = add_function(&b->delayed, dll);
	f->name = copy_string(function);
	f->stub = take(b, SECTION_TEXT, 16);
}

void pe_builder_export_at(struct pe_builder *b, const char *name, uint32_t rva)
{
	struct export *export = push(b->exports, b->export_count);
	export->name = copy_string(name);
	export->rva = rva;
}

uint32_t pe_builder_export(struct pe_builder *b, const char *name)
{
	uint32_t rva = take(b, SECTION_TEXT, 16);
	pe_builder_export_at(b, name, rva);
	return rva;
}

uint32_t pe_builder_export_data(struct pe_builder *b, const char *name, size_t size)
{
	uint32_t rva = take(b, SECTION_DATA, size);
	pe_builder_export_at(b, name, rva);
	return rva;
}

void pe_builder_export_forward(struct pe_builder *b, const char *name, const char *target)
{
	struct export *export = push(b->exports, b->export_count);
	export->name = copy_string(name);
	export->forward = copy_string(target);
}

void pe_builder_export_forward_ordinal(struct pe_builder *b, uint16_t ordinal, const char *target)
{
	struct export *export = push(b->exports, b->export_count);
	export->ordinal = ordinal;
	export->forward = copy_string(target);
}

void pe_builder_export_ordinal_only(struct pe_builder *b, uint16_t ordinal)
{
	struct export *export = push(b->exports, b->export_count);
	export->ordinal = ordinal;
	export->rva = take(b, SECTION_TEXT, 16);
}

void pe_builder_code(struct pe_builder *b, size_t size, uint32_t seed)
{
	uint32_t rva = take(b, SECTION_TEXT, size);
	*push(b->codes, b->code_count) = (struct code){rva, (uint32_t)size, seed};
}

void pe_builder_pdb(struct pe_builder *b, const uint8_t guid[16], uint32_t age, const char *pdb)
{
	free(b->pdb);
	b->pdb = copy_string(pdb);
	memcpy(b->guid, guid, 16);
	b->age = age;
}

/* --- building --- */

/* Address tables at the start of .rdata, a DLL after the other, each ended by a zero. */
static void place_iat(struct pe_builder *b)
{
	unsigned int word = b->pe32_plus ? 8 : 4;
	uint32_t start = 0;
	uint32_t total = 0;
	for (size_t i = 0; i < b->imports.count; i++) {
		struct dll *dll = &b->imports.items[i];
		uint32_t size = (uint32_t)(dll->count + 1) * word;
		uint32_t rva = reserve(b, SECTION_RDATA, size, word);
		if (!i)
			start = rva;
		for (size_t k = 0; k < dll->count; k++)
			dll->functions[k].slot = rva + (uint32_t)k * word;
		total = rva + size - start;
	}
	b->directory[12][0] = start;
	b->directory[12][1] = total;
}

/* Hint and name, or the ordinal with the top bit: what a thunk holds before binding. */
static uint64_t thunk_value(struct pe_builder *b, const struct function *f)
{
	if (!f->name)
		return f->ordinal | (b->pe32_plus ? UINT64_C(1) << 63 : UINT64_C(1) << 31);
	uint32_t rva = reserve(b, SECTION_RDATA, 2 + strlen(f->name) + 1, 2);
	memcpy(at(b, SECTION_RDATA, rva) + 2, f->name, strlen(f->name));
	return rva;
}

static void place_imports(struct pe_builder *b)
{
	if (!b->imports.count)
		return;
	unsigned int word = b->pe32_plus ? 8 : 4;
	uint32_t size = (uint32_t)(b->imports.count + 1) * 20;
	uint32_t directory = reserve(b, SECTION_RDATA, size, 4);
	b->directory[1][0] = directory;
	b->directory[1][1] = size;
	for (size_t i = 0; i < b->imports.count; i++) {
		uint32_t rva =
			reserve(b, SECTION_RDATA, (b->imports.items[i].count + 1) * word, word);
		put(at(b, SECTION_RDATA, directory + (uint32_t)i * 20), rva, 4);
	}
	for (size_t i = 0; i < b->imports.count; i++) {
		const struct dll *dll = &b->imports.items[i];
		uint32_t descriptor = directory + (uint32_t)i * 20;
		uint32_t names = (uint32_t)get(at(b, SECTION_RDATA, descriptor), 4);
		for (size_t k = 0; k < dll->count; k++) {
			uint64_t value = thunk_value(b, &dll->functions[k]);
			put(at(b, SECTION_RDATA, names + (uint32_t)k * word), value, word);
			put(at(b, SECTION_RDATA, dll->functions[k].slot), value, word);
		}
		uint32_t name = add_string(b, dll->name);
		put(at(b, SECTION_RDATA, descriptor + 12), name, 4);
		put(at(b, SECTION_RDATA, descriptor + 16), dll->functions[0].slot, 4);
	}
}

/* ImgDelayDescr with RVAs; the address table lies in .data and leads to stubs in .text. */
static void place_delay_imports(struct pe_builder *b)
{
	if (!b->delayed.count)
		return;
	unsigned int word = b->pe32_plus ? 8 : 4;
	uint32_t size = (uint32_t)(b->delayed.count + 1) * 32;
	uint32_t directory = reserve(b, SECTION_RDATA, size, 4);
	b->directory[13][0] = directory;
	b->directory[13][1] = size;
	for (size_t i = 0; i < b->delayed.count; i++) {
		struct dll *dll = &b->delayed.items[i];
		uint32_t table = (uint32_t)(dll->count + 1) * word;
		uint32_t handle = reserve(b, SECTION_DATA, word, word);
		uint32_t addresses = reserve(b, SECTION_DATA, table, word);
		uint32_t names = reserve(b, SECTION_RDATA, table, word);
		for (size_t k = 0; k < dll->count; k++) {
			struct function *f = &dll->functions[k];
			f->slot = addresses + (uint32_t)k * word;
			put_pointer(b, SECTION_DATA, f->slot, f->stub);
			uint64_t value = thunk_value(b, f);
			put(at(b, SECTION_RDATA, names + (uint32_t)k * word), value, word);
			/* mov eax, slot number; ret: what a real one does is of no matter here */
			uint8_t *stub = at(b, SECTION_TEXT, f->stub);
			stub[0] = 0xb8;
			put(stub + 1, k, 4);
			stub[5] = 0xc3;
		}
		uint32_t name = add_string(b, dll->name);
		uint8_t *d = at(b, SECTION_RDATA, directory + (uint32_t)i * 32);
		put(d, 1, 4); /* Attributes: RVAs */
		put(d + 4, name, 4);
		put(d + 8, handle, 4);
		put(d + 12, addresses, 4);
		put(d + 16, names, 4);
	}
}

static int compare_exports(const void *a, const void *b)
{
	const struct export *const *x = a;
	const struct export *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static bool ordinal_taken(const struct pe_builder *b, uint32_t ordinal)
{
	for (size_t i = 0; i < b->export_count; i++)
		if (b->exports[i].ordinal == ordinal)
			return true;
	return false;
}

/* Named exports get the lowest ordinals that are free, in the order of addition. */
static uint32_t number_exports(struct pe_builder *b)
{
	uint32_t next = 1;
	uint32_t last = 0;
	for (size_t i = 0; i < b->export_count; i++) {
		struct export *export = &b->exports[i];
		if (!export->ordinal) {
			while (ordinal_taken(b, next))
				next++;
			if (next > 0xffff)
				fail("too many exports");
			export->ordinal = (uint16_t)next++;
		}
		if (export->ordinal > last)
			last = export->ordinal;
	}
	return last;
}

static void place_exports(struct pe_builder *b)
{
	if (!b->export_count && !b->dll_name)
		return;
	uint32_t addresses = number_exports(b);
	struct export **named = resize(NULL, b->export_count, sizeof(*named));
	size_t names = 0;
	for (size_t i = 0; i < b->export_count; i++)
		if (b->exports[i].name)
			named[names++] = &b->exports[i];
	if (names)
		qsort(named, names, sizeof(*named), compare_exports);

	uint32_t directory = reserve(b, SECTION_RDATA, 40, 4);
	uint32_t eat = reserve(b, SECTION_RDATA, addresses * 4, 4);
	uint32_t name_table = reserve(b, SECTION_RDATA, names * 4, 4);
	uint32_t ordinals = reserve(b, SECTION_RDATA, names * 2, 2);
	uint32_t name = add_string(b, b->dll_name ? b->dll_name : "");
	uint8_t *d = at(b, SECTION_RDATA, directory);
	put(d + 4, b->stamp, 4);
	put(d + 12, name, 4);
	put(d + 16, 1, 4); /* Base */
	put(d + 20, addresses, 4);
	put(d + 24, names, 4);
	put(d + 28, addresses ? eat : 0, 4);
	put(d + 32, names ? name_table : 0, 4);
	put(d + 36, names ? ordinals : 0, 4);
	for (size_t i = 0; i < b->export_count; i++) {
		const struct export *export = &b->exports[i];
		uint32_t rva = export->forward ? add_string(b, export->forward) : export->rva;
		put(at(b, SECTION_RDATA, eat + (export->ordinal - 1u) * 4), rva, 4);
	}
	for (size_t i = 0; i < names; i++) {
		uint32_t rva = add_string(b, named[i]->name);
		put(at(b, SECTION_RDATA, name_table + (uint32_t)i * 4), rva, 4);
		put(at(b, SECTION_RDATA, ordinals + (uint32_t)i * 2), named[i]->ordinal - 1u, 2);
	}
	free(named);
	b->directory[0][0] = directory;
	b->directory[0][1] =
		b->rva[SECTION_RDATA] + (uint32_t)b->section[SECTION_RDATA].size - directory;
}

static void place_debug(struct pe_builder *b)
{
	if (!b->pdb)
		return;
	uint32_t directory = reserve(b, SECTION_RDATA, 28, 4);
	uint32_t size = 24 + (uint32_t)strlen(b->pdb) + 1;
	uint32_t record = reserve(b, SECTION_RDATA, size, 4);
	uint8_t *r = at(b, SECTION_RDATA, record);
	memcpy(r, "RSDS", 4);
	memcpy(r + 4, b->guid, 16);
	put(r + 20, b->age, 4);
	memcpy(r + 24, b->pdb, strlen(b->pdb));
	uint8_t *d = at(b, SECTION_RDATA, directory);
	put(d + 4, b->stamp, 4);
	put(d + 12, 2, 4); /* IMAGE_DEBUG_TYPE_CODEVIEW */
	put(d + 16, size, 4);
	put(d + 20, record, 4);
	b->pdb_record = record;
	b->directory[6][0] = directory;
	b->directory[6][1] = 28;
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* One call through a random slot of the IAT. */
static size_t write_call(struct pe_builder *b, uint32_t rva, uint32_t *state)
{
	const struct dll *dll = &b->imports.items[next_random(state) % b->imports.count];
	uint32_t slot = dll->functions[next_random(state) % dll->count].slot;
	uint8_t *p = at(b, SECTION_TEXT, rva);
	p[0] = 0xff;
	p[1] = 0x15;
	if (b->pe32_plus)
		put(p + 2, slot - (rva + 6), 4);
	else
		put_pointer(b, SECTION_TEXT, rva + 2, slot);
	return 6;
}

static void write_code(struct pe_builder *b, const struct code *code)
{
	static const struct {
		uint8_t size;
		uint8_t bytes[7];
	} common[] = {
		{3, {0x8b, 0x45, 0x08}},	     /* mov eax, [ebp+8] */
		{2, {0x33, 0xc0}},		     /* xor eax, eax */
		{2, {0x85, 0xc0}},		     /* test eax, eax */
		{2, {0x74, 0x02}},		     /* je +2 */
		{1, {0x90}},			     /* nop */
		{5, {0xb8, 1, 0, 0, 0}},	     /* mov eax, 1 */
		{3, {0x83, 0xf8, 0x10}},	     /* cmp eax, 16 */
		{3, {0x89, 0x45, 0xf8}},	     /* mov [ebp-8], eax */
		{5, {0xc3, 0xcc, 0xcc, 0xcc, 0x55}}, /* ret; int3...; push ebp */
	};
	uint32_t state = code->seed * 2654435761u + 1;
	uint32_t done = 0;
	while (done < code->size) {
		uint32_t left = code->size - done;
		uint32_t pick = next_random(&state) % 12;
		if (pick >= (sizeof(common) / sizeof(common[0])) && left >= 6 && b->imports.count) {
			done += (uint32_t)write_call(b, code->rva + done, &state);
			continue;
		}
		pick %= (sizeof(common) / sizeof(common[0]));
		uint8_t *p = at(b, SECTION_TEXT, code->rva + done);
		if (common[pick].size > left) {
			*p = 0xcc;
			done++;
			continue;
		}
		memcpy(p, common[pick].bytes, common[pick].size);
		done += common[pick].size;
	}
}

static int compare_rvas(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* IMAGE_BASE_RELOCATION blocks, one a page. */
static void place_relocations(struct pe_builder *b)
{
	if (b->fixup_count)
		qsort(b->fixups, b->fixup_count, sizeof(*b->fixups), compare_rvas);
	for (size_t i = 0; i < b->fixup_count;) {
		uint32_t page = b->fixups[i] & ~(uint32_t)(PAGE - 1);
		size_t end = i;
		while (end < b->fixup_count && b->fixups[end] - page < PAGE)
			end++;
		uint32_t size = align_up(8 + (uint32_t)(end - i) * 2, 4);
		uint32_t block = reserve(b, SECTION_RELOC, size, 4);
		put(at(b, SECTION_RELOC, block), page, 4);
		put(at(b, SECTION_RELOC, block + 4), size, 4);
		for (size_t k = i; k < end; k++) {
			uint32_t type = b->pe32_plus ? 10 : 3; /* DIR64, HIGHLOW */
			put(at(b, SECTION_RELOC, block + 8 + (uint32_t)(k - i) * 2),
			    type << 12 | (b->fixups[k] - page), 2);
		}
		i = end;
	}
	if (!b->section[SECTION_RELOC].size) /* an empty block: relocatable, nothing to do */
		put(at(b, SECTION_RELOC, reserve(b, SECTION_RELOC, 8, 4)) + 4, 8, 4);
	b->directory[5][0] = b->rva[SECTION_RELOC];
	b->directory[5][1] = (uint32_t)b->section[SECTION_RELOC].size;
}

static void write_headers(struct pe_builder *b, uint8_t *file, const uint32_t *raw,
			  const uint32_t *virtual_size)
{
	static const char *const names[] = {".text", ".data", ".rdata", ".reloc"};
	static const uint32_t flags[] = {0x60000020, 0xc0000040, 0x40000040, 0x42000040};
	memcpy(file, "MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff", 14);
	put(file + 0x18, 0x40, 2);
	put(file + 0x3c, 0x80, 4);
	memcpy(file + 0x40, "\x0e\x1f\xba\x0e\0\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21", 14);
	uint8_t *p = file + 0x80;
	memcpy(p, "PE\0\0", 4);
	put(p + 4, b->pe32_plus ? 0x8664 : 0x14c, 2);
	put(p + 6, SECTION_COUNT, 2);
	put(p + 8, b->stamp, 4);
	uint32_t optional = b->pe32_plus ? 240 : 224;
	put(p + 20, optional, 2);
	put(p + 22, (b->pe32_plus ? 0x22u : 0x102u) | (b->dll ? 0x2000u : 0), 2);
	uint8_t *o = p + 24;
	put(o, b->pe32_plus ? 0x20b : 0x10b, 2);
	o[2] = 14;
	put(o + 4, raw[SECTION_TEXT], 4);
	put(o + 8, raw[SECTION_DATA] + raw[SECTION_RDATA] + raw[SECTION_RELOC], 4);
	put(o + 16, PE_BUILDER_TEXT, 4);
	put(o + 20, PE_BUILDER_TEXT, 4);
	unsigned int word = b->pe32_plus ? 8 : 4;
	if (b->pe32_plus) {
		put(o + 24, b->image_base, 8);
	} else {
		put(o + 24, b->rva[SECTION_DATA], 4);
		put(o + 28, b->image_base, 4);
	}
	put(o + 32, PAGE, 4);
	put(o + 36, FILE_ALIGNMENT, 4);
	put(o + 40, 6, 2);
	put(o + 48, 6, 2);
	put(o + 56, b->size_of_image, 4);
	put(o + 60, HEADERS, 4);
	put(o + 68, b->subsystem, 2);
	put(o + 70, b->pe32_plus ? 0x160 : 0x140, 2);
	put(o + 72, 0x100000, word);
	put(o + 72 + word, 0x1000, word);
	put(o + 72 + 2 * word, 0x100000, word);
	put(o + 72 + 3 * word, 0x1000, word);
	uint8_t *count = o + 76 + 4 * word;
	put(count, 16, 4);
	for (int i = 0; i < 16; i++) {
		put(count + 4 + 8 * i, b->directory[i][0], 4);
		put(count + 8 + 8 * i, b->directory[i][1], 4);
	}
	uint8_t *s = o + optional;
	uint32_t position = HEADERS;
	for (int i = 0; i < SECTION_COUNT; i++, s += 40) {
		memcpy(s, names[i], strlen(names[i]));
		put(s + 8, virtual_size[i], 4);
		put(s + 12, b->rva[i], 4);
		put(s + 16, raw[i], 4);
		put(s + 20, position, 4);
		put(s + 36, flags[i], 4);
		position += raw[i];
	}
}

uint8_t *pe_builder_build(struct pe_builder *b, size_t *size)
{
	for (int i = 0; i < SECTION_COUNT; i++)
		b->section[i].size = 0;
	memset(b->directory, 0, sizeof(b->directory));
	b->fixup_count = 0;
	b->pdb_record = 0;
	b->rva[SECTION_TEXT] = PE_BUILDER_TEXT;
	b->rva[SECTION_DATA] = PE_BUILDER_TEXT + b->room[SECTION_TEXT];
	b->rva[SECTION_RDATA] = b->rva[SECTION_DATA] + b->room[SECTION_DATA];

	uint32_t text = reserve(b, SECTION_TEXT, b->used[SECTION_TEXT], 1);
	reserve(b, SECTION_DATA, b->used[SECTION_DATA], 1);
	for (uint32_t i = 0; i < b->used[SECTION_TEXT]; i += 16) /* xor eax, eax; ret; int3... */
		memcpy(at(b, SECTION_TEXT, text + i),
		       "\x33\xc0\xc3\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc",
		       b->used[SECTION_TEXT] - i < 16 ? b->used[SECTION_TEXT] - i : 16);
	place_iat(b);
	place_debug(b);
	place_exports(b);
	place_imports(b);
	place_delay_imports(b);
	for (size_t i = 0; i < b->code_count; i++)
		write_code(b, &b->codes[i]);
	if (!b->section[SECTION_RDATA].size)
		reserve(b, SECTION_RDATA, 16, 1);
	if (b->section[SECTION_DATA].size > b->room[SECTION_DATA])
		fail("the room of .data is used up: pe_builder_room()");
	b->rva[SECTION_RELOC] =
		b->rva[SECTION_RDATA] + align_up((uint32_t)b->section[SECTION_RDATA].size, PAGE);
	place_relocations(b);
	b->size_of_image =
		b->rva[SECTION_RELOC] + align_up((uint32_t)b->section[SECTION_RELOC].size, PAGE);

	uint32_t raw[SECTION_COUNT];
	uint32_t virtual_size[SECTION_COUNT];
	uint32_t total = HEADERS;
	for (int i = 0; i < SECTION_COUNT; i++) {
		raw[i] = align_up((uint32_t)b->section[i].size, FILE_ALIGNMENT);
		virtual_size[i] = i <= SECTION_DATA ? b->room[i] : (uint32_t)b->section[i].size;
		total += raw[i];
	}
	if (b->pdb_record) /* PointerToRawData */
		put(at(b, SECTION_RDATA, b->directory[6][0]) + 24,
		    HEADERS + raw[SECTION_TEXT] + raw[SECTION_DATA] + b->pdb_record -
			    b->rva[SECTION_RDATA],
		    4);
	uint8_t *file = resize(NULL, total, 1);
	memset(file, 0, total);
	write_headers(b, file, raw, virtual_size);
	uint32_t position = HEADERS;
	for (int i = 0; i < SECTION_COUNT; i++) {
		memcpy(file + position, b->section[i].data, b->section[i].size);
		position += raw[i];
	}
	*size = total;
	return file;
}

uint32_t pe_builder_slot(const struct pe_builder *b, const char *dll, const char *function,
			 uint16_t ordinal)
{
	for (size_t i = 0; i < b->imports.count; i++) {
		const struct dll *d = &b->imports.items[i];
		if (strcmp(d->name, dll) != 0)
			continue;
		for (size_t k = 0; k < d->count; k++) {
			const struct function *f = &d->functions[k];
			if (function ? f->name && !strcmp(f->name, function)
				     : !f->name && f->ordinal == ordinal)
				return f->slot;
		}
	}
	return 0;
}

uint32_t pe_builder_size_of_image(const struct pe_builder *b)
{
	return b->size_of_image;
}

uint8_t *pe_builder_map(const uint8_t *file, size_t file_size, uint64_t base, size_t *size)
{
	const uint8_t *nt = file + get(file + 0x3c, 4);
	const uint8_t *optional = nt + 24;
	bool plus = get(optional, 2) == 0x20b;
	uint32_t image_size = (uint32_t)get(optional + 56, 4);
	uint32_t headers = (uint32_t)get(optional + 60, 4);
	uint8_t *image = resize(NULL, image_size, 1);
	memset(image, 0, image_size);
	memcpy(image, file, headers < file_size ? headers : file_size);
	const uint8_t *section = optional + get(nt + 20, 2);
	for (uint64_t i = get(nt + 6, 2); i; i--, section += 40) {
		uint64_t virtual_size = get(section + 8, 4);
		uint64_t rva = get(section + 12, 4);
		uint64_t raw = get(section + 16, 4);
		uint64_t position = get(section + 20, 4);
		if (virtual_size && virtual_size < raw)
			raw = virtual_size;
		if (position > file_size || rva > image_size)
			continue;
		if (raw > file_size - position)
			raw = file_size - position;
		if (raw > image_size - rva)
			raw = image_size - rva;
		memcpy(image + rva, file + position, raw);
	}
	uint64_t delta = base - (plus ? get(optional + 24, 8) : get(optional + 28, 4));
	const uint8_t *directory = optional + (plus ? 112 : 96) + 5 * 8;
	uint64_t at_rva = get(directory, 4);
	uint64_t end = at_rva + get(directory + 4, 4);
	while (at_rva + 8 <= end && end <= image_size) {
		uint64_t page = get(image + at_rva, 4);
		uint64_t block = get(image + at_rva + 4, 4);
		if (block < 8 || block > end - at_rva)
			break;
		for (uint64_t i = 8; i + 2 <= block; i += 2) {
			uint64_t entry = get(image + at_rva + i, 2);
			unsigned int bytes = entry >> 12 == 10 ? 8 : entry >> 12 == 3 ? 4 : 0;
			uint64_t target = page + (entry & 0xfff);
			if (bytes && target + bytes <= image_size)
				put(image + target, get(image + target, bytes) + delta, bytes);
		}
		at_rva += block;
	}
	put(image + (optional - file) + (plus ? 24 : 28), base, plus ? 8 : 4);
	*size = image_size;
	return image;
}
