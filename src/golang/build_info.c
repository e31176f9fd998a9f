/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Build information: the version of Go, and a text of lines "path\t...", "mod\t...\t...". Facts:
 * Go's src/debug/buildinfo and cmd/link/internal/ld (data.go, buildinfo()).
 *
 *	0	"\xff Go buildinf:"
 *	14	size of a pointer; flags: 1 big-endian, 2 the texts follow
 *	16	addresses of two strings, each an address and a length; up to Go 1.17
 *	32	two texts, each behind its length as a varint; since Go 1.18
 *
 * The text of lines has 16 bytes before and behind it, which mark it.
 */
#include "golang/build_info.h"

#include <string.h>

#include <impscan/bytes.h>

#define HEADER_SIZE 32
#define MARK_SIZE   16

/* Bytes of the version, and of the lines, that are read: path and module are the first ones. */
#define VERSION_MAX 256
#define LINES_MAX   4096

enum { FLAG_BIG_ENDIAN = 1, FLAG_INLINE = 2 };

bool go_is_build_info(const uint8_t *bytes)
{
	/* The first bytes, before a call for every 16 bytes of a program. */
	return bytes[0] == 0xff && !memcmp(bytes, "\xff Go buildinf:", GO_BUILD_INFO_MAGIC_SIZE);
}

/* A text in the program. */
struct place {
	uint64_t rva;
	uint64_t length;
};

/* A text behind its length as a varint, at `*rva`, which is set to what follows it. */
static bool inline_place(struct go_program *program, uint64_t *rva, struct place *place)
{
	uint64_t length = 0;
	for (unsigned int shift = 0; shift < 35; shift += 7) {
		uint8_t byte;
		if (pe_copy(program->pe, (*rva)++, &byte, 1) != PE_READ_OK)
			return false;
		length |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*place = (struct place){*rva, length};
		*rva += length;
		return range_within(place->rva, length, program->size);
	}
	return false;
}

/* A Go string, address and length, at `rva`. */
static bool string_place(struct go_program *program, uint64_t rva, unsigned int pointer,
			 struct place *place)
{
	uint8_t words[16];
	if (rva == UINT64_MAX || pe_copy(program->pe, rva, words, 2 * pointer) != PE_READ_OK)
		return false;
	place->rva = go_rva(program, le_pointer(words, pointer));
	place->length = le_pointer(words + pointer, pointer);
	return place->rva != UINT64_MAX && range_within(place->rva, place->length, program->size);
}

/* Takes a name of at least one character that is printable in ASCII, or not ASCII. */
static void take(struct text *text, const char *from, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)from[i] < ' ' || from[i] == 0x7f)
			return;
	text_add(text, from, length);
}

static void take_version(struct go_program *program, const struct place *place,
			 struct golang *golang)
{
	char version[VERSION_MAX];
	if (place->length <= sizeof(version) &&
	    pe_copy(program->pe, place->rva, version, (size_t)place->length) == PE_READ_OK)
		take(&golang->version, version, (size_t)place->length);
}

/* Takes the word behind `key` in the first of `lines` that begins with it. */
static bool take_line(struct text *text, const char *lines, size_t length, const char *key)
{
	const char *end = lines + length;
	for (const char *line = lines, *next; line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		if (!next) /* cut, or no line */
			return false;
		size_t size = strlen(key);
		if ((size_t)(next - line) <= size || memcmp(line, key, size) != 0)
			continue;
		const char *word = line + size;
		const char *tab = memchr(word, '\t', (size_t)(next - word));
		take(text, word, (size_t)((tab ? tab : next) - word));
		return text->length;
	}
	return false;
}

static void take_module(struct go_program *program, const struct place *place,
			struct golang *golang)
{
	char lines[LINES_MAX];
	if (place->length <= 2 * MARK_SIZE)
		return;
	size_t length = (size_t)min_of(place->length - 2 * MARK_SIZE, (uint64_t)sizeof(lines));
	if (pe_copy(program->pe, place->rva + MARK_SIZE, lines, length) != PE_READ_OK)
		return;
	if (!take_line(&golang->module, lines, length, "mod\t"))
		take_line(&golang->module, lines, length, "path\t");
}

void go_build_info_read(struct go_program *program, struct golang *golang)
{
	uint8_t header[HEADER_SIZE];
	struct place version, module;
	uint64_t rva = program->build_info;
	if (!rva || pe_copy(program->pe, rva, header, sizeof(header)) != PE_READ_OK)
		return;
	unsigned int pointer = header[14], flags = header[15];
	if (flags & FLAG_INLINE) {
		rva += HEADER_SIZE;
		if (!inline_place(program, &rva, &version))
			return;
		take_version(program, &version, golang);
		if (inline_place(program, &rva, &module))
			take_module(program, &module, golang);
		return;
	}
	if (flags & FLAG_BIG_ENDIAN || (pointer != 4 && pointer != 8))
		return;
	const uint8_t *at = header + 16;
	if (string_place(program, go_rva(program, le_pointer(at, pointer)), pointer, &version))
		take_version(program, &version, golang);
	if (string_place(program, go_rva(program, le_pointer(at + pointer, pointer)), pointer,
			 &module))
		take_module(program, &module, golang);
}
