/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See packer.h. A packed file has two sections: PACK0, which covers the original's and has no bytes
 * in the file, and PACK1 behind it:
 *
 *	0x000	the stub's code
 *	0x200	the stub's notes: enum note
 *	0x240	import directory, tables and names; one empty block of relocations
 *	0x400	the stream: body and list of imports, compressed, every byte changed by a key
 *
 * The list of imports, a record a slot: 1, slot (4), DLL, 0, function, 0; or 2, slot (4), DLL, 0,
 * ordinal (2); ends with 0. What it says is zero in the body: descriptors, names, name tables,
 * slots.
 *
 * Compression: a byte below 0x80 stands for so many literals and one more; one from 0x80 on for a
 * copy of 4 to 131 bytes, the distance (2) behind it.
 */
#include <writer/packer.h>

#include <writer/pefile.h>
#include <writer/util.h>

enum { NOTES = 0x200, IMPORTS = 0x240, STREAM = 0x400, HEADERS = 0x400, PAGE_BYTES = 0x1000 };

enum note {
	NOTE_BODY = 0,	    /* RVA */
	NOTE_SIZE = 4,	    /* of the body */
	NOTE_TOTAL = 8,	    /* body and list of imports */
	NOTE_PACKED = 12,   /* bytes of the stream */
	NOTE_RELOCATE = 16, /* RVA and size of the original's relocations */
	NOTE_ENTRY = 24,    /* the original's entry point */
	NOTE_BASE = 32,	    /* what the body is linked for: 8 bytes */
};

const char *const packer_stub_imports[] = {"LoadLibraryA", "GetProcAddress", "VirtualProtect",
					   "ExitProcess", NULL};

struct bytes {
	uint8_t *data;
	size_t size, capacity;
};

static void add(struct bytes *bytes, const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*util_push(bytes->data, bytes->size, bytes->capacity) = ((const uint8_t *)data)[i];
}

static void add_number(struct bytes *bytes, uint64_t value, unsigned int size)
{
	uint8_t data[8];
	util_put(data, value, size);
	add(bytes, data, size);
}

static uint32_t get32(const uint8_t *p, uint64_t offset)
{
	return (uint32_t)util_get(p + offset, 4);
}

/* The key changes with every byte, so that no text is left to be read. */
static uint8_t key(size_t i)
{
	return (uint8_t)(i * 0x9d ^ i >> 7 ^ 0x5a);
}

static void add_literals(struct bytes *out, const uint8_t *data, size_t size)
{
	while (size) {
		size_t n = size < 128 ? size : 128;
		add_number(out, n - 1, 1);
		add(out, data, n);
		data += n;
		size -= n;
	}
}

static struct bytes compress(const uint8_t *data, size_t size)
{
	enum { LEAST = 4, MOST = 131, DISTANCE = 0xffff, SLOTS = 1 << 14 };
	struct bytes out = {0};
	size_t *last = util_alloc(SLOTS, sizeof(*last)); /* where these 4 bytes stood, and one */
	size_t literals = 0, at = 0;
	while (at < size) {
		size_t length = 0, from = 0;
		if (size - at >= LEAST) {
			uint32_t hash = get32(data, at) * 2654435761u >> 18;
			from = last[hash] - 1;
			last[hash] = at + 1;
			if (from != SIZE_MAX && at - from <= DISTANCE)
				while (length < MOST && at + length < size &&
				       data[from + length] == data[at + length])
					length++;
		}
		if (length < LEAST) {
			at++;
			continue;
		}
		add_literals(&out, data + literals, at - literals);
		add_number(&out, 0x80 + length - LEAST, 1);
		add_number(&out, at - from, 2);
		at += length;
		literals = at;
	}
	add_literals(&out, data + literals, at - literals);
	free(last);
	for (size_t i = 0; i < out.size; i++)
		out.data[i] ^= key(i);
	return out;
}

static uint8_t *expand(const uint8_t *stream, size_t packed, size_t total)
{
	uint8_t *out = util_alloc(total, 1);
	size_t size = 0;
	for (size_t i = 0; i < packed;) {
		unsigned int control = stream[i] ^ key(i);
		i++;
		if (control < 0x80) {
			for (unsigned int n = 0; n <= control && size < total; n++, i++)
				out[size++] = stream[i] ^ key(i);
			continue;
		}
		size_t distance = (stream[i] ^ key(i)) + 256u * (stream[i + 1] ^ key(i + 1));
		i += 2;
		for (unsigned int n = 0; n < control - 0x80 + 4 && size < total; n++, size++)
			out[size] = out[size - distance];
	}
	if (size != total)
		util_die("packer: a stream of %zu bytes, not %zu", size, total);
	return out;
}

static struct bytes list_imports(const struct pefile *pe)
{
	struct bytes list = {0};
	for (size_t i = 0; i < pe->import_count; i++) {
		const struct pefile_import *import = &pe->imports[i];
		add_number(&list, import->function ? 1 : 2, 1);
		add_number(&list, import->slot, 4);
		add(&list, import->dll, strlen(import->dll) + 1);
		if (import->function)
			add(&list, import->function, strlen(import->function) + 1);
		else
			add_number(&list, import->ordinal, 2);
	}
	add_number(&list, 0, 1);
	return list;
}

static struct bytes make_stub(const struct pefile *pe, uint32_t rva)
{
	const unsigned int width = pe->pe32_plus ? 8 : 4;
	/* push, sub, xor, call, pop: what it does is of no matter here */
	static const uint8_t code[] = {0x53, 0x83, 0xec, 0x28, 0x33, 0xc0, 0xe8, 0x00,
				       0x00, 0x00, 0x00, 0x5b, 0x81, 0xeb, 0x0b, 0x00,
				       0x00, 0x00, 0x83, 0xc4, 0x28, 0x5b, 0xc3, 0xcc};
	struct bytes list = list_imports(pe);
	uint32_t body = pe->sections[0].rva, size = pe->size - body, relocate_size;
	struct bytes plain = {0};
	add(&plain, pe->mapped + body, size);
	add(&plain, list.data, list.size);
	struct bytes stream = compress(plain.data, plain.size);
	struct bytes stub = {.data = util_alloc(STREAM, 1), .size = STREAM, .capacity = STREAM};
	memcpy(stub.data, code, sizeof(code));
	uint8_t *notes = stub.data + NOTES;
	util_put(notes + NOTE_BODY, body, 4);
	util_put(notes + NOTE_SIZE, size, 4);
	util_put(notes + NOTE_TOTAL, plain.size, 4);
	util_put(notes + NOTE_PACKED, stream.size, 4);
	util_put(notes + NOTE_RELOCATE, pefile_directory(pe, 5, &relocate_size), 4);
	util_put(notes + NOTE_RELOCATE + 4, relocate_size, 4);
	util_put(notes + NOTE_ENTRY, pe->entry_point, 4);
	util_put(notes + NOTE_BASE, pe->image_base, 8);
	/* two descriptors, the name table, the address table, names */
	uint32_t names = IMPORTS + 40, slots = names + 5 * width, text = slots + 5 * width;
	for (unsigned int i = 0; packer_stub_imports[i]; i++) {
		util_put(stub.data + names + i * width, rva + text, width);
		util_put(stub.data + slots + i * width, rva + text, width);
		memcpy(stub.data + text + 2, packer_stub_imports[i],
		       strlen(packer_stub_imports[i]));
		text += (uint32_t)util_round_up(2 + strlen(packer_stub_imports[i]) + 1, 2);
	}
	memcpy(stub.data + text, "KERNEL32.dll", 12);
	util_put(stub.data + IMPORTS, rva + names, 4);
	util_put(stub.data + IMPORTS + 12, rva + text, 4);
	util_put(stub.data + IMPORTS + 16, rva + slots, 4);
	util_put(stub.data + STREAM - 4, 8, 4); /* relocations: a block of nothing */
	add(&stub, stream.data, stream.size);
	free(stream.data);
	free(plain.data);
	free(list.data);
	return stub;
}

/* Takes out of the body what the list says. */
static void erase_imports(struct pefile *pe)
{
	uint32_t size, width = pe->pe32_plus ? 8 : 4, at = pefile_directory(pe, 1, &size);
	for (; at && get32(pe->mapped, at + 12); at += 20) {
		uint32_t names = get32(pe->mapped, at), slots = get32(pe->mapped, at + 16);
		char *dll = (char *)pe->mapped + get32(pe->mapped, at + 12);
		memset(dll, 0, strlen(dll));
		for (uint32_t i = 0;; i++) {
			uint8_t *thunk = pe->mapped + names + i * width;
			uint64_t value = util_get(thunk, width);
			if (!value)
				break;
			if (!(value >> (8 * width - 1))) {
				char *name = (char *)pe->mapped + value + 2;
				memset(name, 0, strlen(name));
			}
			memset(thunk, 0, width);
			memset(pe->mapped + slots + i * width, 0, width);
		}
		memset(pe->mapped + at, 0, 20);
	}
}

static void put_section(uint8_t *header, const char *name, uint32_t rva, uint32_t size,
			uint32_t raw_size)
{
	memset(header, 0, 40);
	memcpy(header, name, strlen(name));
	util_put(header + 8, size, 4);
	util_put(header + 12, rva, 4);
	util_put(header + 16, raw_size, 4);
	util_put(header + 20, HEADERS, 4);
	/* code and data, to be executed, read and written */
	util_put(header + 36, raw_size ? 0xe0000040 : 0xe0000080, 4);
}

uint8_t *packer_pack(const uint8_t *file, size_t size, size_t *packed_size)
{
	struct pefile *pe = pefile_parse(file, size, "a file to be packed");
	/* the list is made from the names, so they go last */
	struct pefile *original = pefile_parse(file, size, "a file to be packed");
	erase_imports(pe);
	free(pe->imports);
	pe->imports = original->imports;
	const uint32_t rva = pe->size, width = pe->pe32_plus ? 8 : 4;
	struct bytes stub = make_stub(pe, rva);
	uint32_t raw_size = (uint32_t)util_round_up(stub.size, 0x200);
	*packed_size = HEADERS + raw_size;
	uint8_t *packed = util_alloc(*packed_size, 1);
	uint32_t optional = pe->nt + 24;
	uint32_t optional_size = (uint32_t)util_get(file + pe->nt + 20, 2);
	memcpy(packed, file, optional + optional_size);
	memcpy(packed + HEADERS, stub.data, stub.size);
	util_put(packed + pe->nt + 6, 2, 2);
	util_put(packed + optional + 16, rva, 4);
	util_put(packed + optional + 56, rva + util_round_up(stub.size, PAGE_BYTES), 4);
	util_put(packed + optional + 60, HEADERS, 4);
	uint8_t *directory = packed + optional + (pe->pe32_plus ? 112 : 96);
	memset(directory, 0, 16 * 8);
	util_put(directory + 8, rva + IMPORTS, 4);
	util_put(directory + 12, 40, 4);
	util_put(directory + 5 * 8, rva + STREAM - 8, 4);
	util_put(directory + 5 * 8 + 4, 8, 4);
	util_put(directory + 12 * 8, rva + IMPORTS + 40 + 5 * width, 4);
	util_put(directory + 12 * 8 + 4, 5 * width, 4);
	uint8_t *section = packed + optional + optional_size;
	put_section(section, "PACK0", pe->sections[0].rva, rva - pe->sections[0].rva, 0);
	put_section(section + 40, "PACK1", rva, (uint32_t)stub.size, raw_size);
	pe->imports = NULL;
	free(stub.data);
	pefile_free(pe);
	pefile_free(original);
	return packed;
}

static void relocate(uint8_t *image, uint32_t start, uint32_t size, uint64_t delta)
{
	for (uint32_t at = start; at + 8 <= start + size;) {
		uint32_t page = get32(image, at), block = get32(image, at + 4);
		for (uint32_t i = 8; i + 2 <= block; i += 2) {
			uint64_t entry = util_get(image + at + i, 2);
			unsigned int width = entry >> 12 == 10 ? 8 : entry >> 12 == 3 ? 4 : 0;
			uint8_t *p = image + page + (entry & 0xfff);
			if (width)
				util_put(p, util_get(p, width) + delta, width);
		}
		if (block < 8)
			break;
		at += block;
	}
}

void packer_run(uint8_t *image, size_t size, uint64_t base, packer_resolve *resolve, void *context)
{
	uint32_t nt = get32(image, 0x3c);
	bool pe32_plus = util_get(image + nt + 24, 2) == 0x20b;
	const uint8_t *sections = image + nt + 24 + util_get(image + nt + 20, 2);
	const uint8_t *stub = image + get32(sections, 40 + 12), *notes = stub + NOTES;
	uint32_t body = get32(notes, NOTE_BODY), body_size = get32(notes, NOTE_SIZE);
	if (body > size || body_size > size - body)
		util_die("packer: the body does not fit its image");
	uint8_t *plain = expand(stub + STREAM, get32(notes, NOTE_PACKED), get32(notes, NOTE_TOTAL));
	memcpy(image + body, plain, body_size);
	relocate(image, get32(notes, NOTE_RELOCATE), get32(notes, NOTE_RELOCATE + 4),
		 base - util_get(notes + NOTE_BASE, 8));
	const uint8_t *record = plain + body_size;
	while (*record) {
		uint32_t slot = get32(record, 1);
		const char *dll = (const char *)record + 5;
		const char *name = dll + strlen(dll) + 1;
		bool by_name = *record == 1;
		uint32_t ordinal = by_name ? 0 : (uint32_t)util_get((const uint8_t *)name, 2);
		uint64_t address = resolve(context, dll, by_name ? name : NULL, ordinal);
		util_put(image + slot, address, pe32_plus ? 8 : 4);
		record = (const uint8_t *)name + (by_name ? strlen(name) + 1 : 2);
	}
	free(plain);
}
