/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What to write over wiped headers of metadata so that others can read it: the CLR header as far as
 * it leads to the metadata, the root's signature, names of streams. The numbers between them are
 * there.
 *
 * Which stream is which: tables and strings are known by then. "#US" has four bytes for its name,
 * "#GUID" and "#Blob" have eight; a heap of GUIDs is a multiple of 16 bytes, and a heap of blobs
 * begins with the empty one, a zero (ECMA-335 II.24.2.4).
 */
#include <string.h>

#include <impscan/bytes.h>

#include "dotnet/metadata.h"

enum {
	CLR_HEADER_SIZE = 72,
	CLR_VERSION = 2 | 5 << 16, /* MajorRuntimeVersion, MinorRuntimeVersion */
	/* Tables of "#-" only: FieldPtr, MethodPtr, ParamPtr, EventPtr, PropertyPtr */
	TABLES_UNCOMPRESSED = 1 << 0x03 | 1 << 0x05 | 1 << 0x07 | 1 << 0x13 | 1 << 0x16,
};

static void add(struct dotnet *dotnet, uint64_t rva, const void *bytes, size_t size)
{
	if (dotnet->repair_count == DOTNET_REPAIRS)
		return;
	struct dotnet_repair *repair = &dotnet->repairs[dotnet->repair_count++];
	repair->rva = rva;
	repair->size = size;
	memcpy(repair->bytes, bytes, size);
}

static void put32(uint8_t *p, uint64_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

/* Where the last stream ends, from the root on. */
static uint64_t metadata_size(const struct metadata *m)
{
	uint64_t end = m->root;
	for (size_t i = 0; i < m->stream_count; i++)
		end = max_of(end, m->streams[i].start + m->streams[i].size);
	return min_of(end - m->root, (uint64_t)UINT32_MAX);
}

static void repair_clr_header(struct metadata *m)
{
	uint8_t header[16];
	uint64_t rva = root_clr_header(m->pe);
	if (!rva || m->dotnet->found == DOTNET_BY_HEADER)
		return;
	put32(header, CLR_HEADER_SIZE);
	put32(header + 4, CLR_VERSION);
	put32(header + 8, m->root);
	put32(header + 12, metadata_size(m));
	add(m->dotnet, rva, header, sizeof(header));
}

static bool is_guids(struct metadata *m, const struct stream *stream)
{
	enum pe_read how;
	const uint8_t *p = pe_cursor_data(&m->cursor, stream->start, 1, &how);
	return stream->size && stream->size % 16 == 0 && p && *p;
}

static const char *name_of(struct metadata *m, const struct stream *stream)
{
	uint64_t uncompressed = 0;
	for (unsigned int i = 0; i < 32; i++)
		uncompressed |= m->tables.rows[i] ? UINT64_C(1) << i : 0;
	if (stream->start == m->tables.start)
		return uncompressed & TABLES_UNCOMPRESSED ? "#-" : "#~";
	if (stream->start == m->strings.start)
		return "#Strings";
	if (stream->room == 4)
		return "#US";
	return is_guids(m, stream) ? "#GUID" : "#Blob";
}

/*
 * Names a stream. One whose name is taken, or needs other room than there is, gets a name that
 * nobody asks for: without any, the header of the next one would be looked for at a wrong place.
 */
static void repair_name(struct metadata *m, const struct stream *stream, const char *taken[],
			size_t *taken_count)
{
	char text[STREAM_NAME_ROOM + 1] = {0};
	const char *name = name_of(m, stream);
	const bool last = stream == &m->streams[m->stream_count - 1];
	const size_t need = strlen(name) / 4 * 4 + 4;
	bool fits = last ? need <= stream->room : need == stream->room;
	for (size_t i = 0; i < *taken_count && fits; i++)
		fits = strcmp(name, taken[i]) != 0;
	if (fits) {
		taken[(*taken_count)++] = name;
		memcpy(text, name, strlen(name));
	} else {
		memset(text, 'x', stream->room - 1);
		text[0] = '#';
	}
	add(m->dotnet, stream->name, text, stream->room);
}

/* The name of the last stream has what is left before the first stream. */
static void room_of_last(struct metadata *m)
{
	struct stream *last = &m->streams[m->stream_count - 1];
	uint64_t first = last->start;
	for (size_t i = 0; i < m->stream_count; i++)
		first = min_of(first, m->streams[i].start);
	if (!last->room && first > last->name)
		last->room = (size_t)min_of(first - last->name, (uint64_t)STREAM_NAME_ROOM);
}

static const char *known_name(enum stream_kind kind)
{
	return kind == STREAM_STRINGS ? "#Strings" : kind == STREAM_GUID ? "#GUID" : "";
}

void metadata_repair(struct metadata *m)
{
	const char *taken[DOTNET_REPAIRS] = {0};
	size_t count = 0;
	enum pe_read how;
	if (!m->dotnet->wiped || !m->root || !m->stream_count ||
	    m->stream_count > DOTNET_REPAIRS - 2)
		return;
	room_of_last(m);
	repair_clr_header(m);
	const uint8_t *signature = pe_cursor_data(&m->cursor, m->root, 4, &how);
	if (signature && memcmp(signature, "BSJB", 4) != 0)
		add(m->dotnet, m->root, "BSJB", 4);
	for (size_t i = 0; i < m->stream_count; i++)
		if (m->streams[i].kind != STREAM_UNNAMED)
			taken[count++] = known_name(m->streams[i].kind);
	for (size_t i = 0; i < m->stream_count; i++)
		if (m->streams[i].kind == STREAM_UNNAMED && m->streams[i].room >= 4)
			repair_name(m, &m->streams[i], taken, &count);
}
