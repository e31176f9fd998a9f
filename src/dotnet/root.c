/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the headers to the metadata root and its list of streams: ECMA-335 II.25.3.3 (CLR header),
 * II.24.2.1 (root), II.24.2.2 (streams).
 *
 * Protectors leave of these only what the runtime reads again, so all but the numbers is optional:
 * the signature, the names of streams, the size of the CLR header. Names that are wiped have zeros
 * in their place, as many as the name had; where the next stream begins is seen by its offset,
 * which is never 0.
 */
#include <stdio.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "dotnet/metadata.h"

enum {
	CLR_DIRECTORY = 14,	     /* IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR */
	CLR_HEADER_SIZE = 72,	     /* IMAGE_COR20_HEADER */
	CLR_HEADER_READ = 16,	     /* up to the metadata's RVA and size */
	ROOT_SIGNATURE = 0x424a5342, /* "BSJB" */
	ROOT_SIZE = 16,		     /* up to the version text */
	VERSION_MAX = 256,	     /* bytes of the version text */
	STREAM_HEADER_SIZE = 8,	     /* up to the name */
	STEPS_A_STREAM = 3,
	SECTION_START = 0x200, /* bytes of a section: the least that a file has of one */
};

static enum stream_kind kind_of(const char *name, size_t length)
{
	static const struct {
		const char *name;
		enum stream_kind kind;
	} names[] = {
		{"#~", STREAM_TABLES},
		{"#-", STREAM_TABLES},
		{"#Strings", STREAM_STRINGS},
		{"#GUID", STREAM_GUID},
	};
	for (size_t i = 0; i < array_size(names); i++)
		if (length == strlen(names[i].name) && !memcmp(name, names[i].name, length))
			return names[i].kind;
	return length && *name == '#' ? STREAM_OTHER : STREAM_UNNAMED;
}

/* Returns how many bytes a wiped name takes: zeros up to the next stream's offset. */
static enum step wiped_length(struct metadata *m, uint64_t rva, size_t *length)
{
	*length = 4;
	while (*length < STREAM_NAME_ROOM) {
		const uint8_t *p;
		enum step step = net_bytes(m, "stream header", rva + *length, 4, &p);
		if (step != STEP_OK)
			return step;
		if (le32(p))
			break;
		*length += 4;
	}
	return STEP_OK;
}

/* Reads a stream's header at `*rva`, which is moved behind it. */
static enum step read_stream(struct metadata *m, uint64_t *rva, bool last)
{
	const uint8_t *p;
	enum step step = net_bytes(m, "stream header", *rva, STREAM_HEADER_SIZE, &p);
	if (step != STEP_OK)
		return step;
	struct stream stream = {
		.start = m->root + le32(p),
		.size = le32(p + 4),
		.name = *rva + STREAM_HEADER_SIZE,
	};
	*rva += STREAM_HEADER_SIZE;
	size_t length_of_name;
	enum pe_read how;
	const char *name =
		pe_cursor_string(&m->cursor, *rva, STREAM_NAME_ROOM, &length_of_name, &how);
	if (!name) {
		net_absent(m, "stream header", *rva);
		return STEP_STOP;
	}
	if (how != PE_READ_OK)
		return STEP_NOT;
	stream.kind = kind_of(name, length_of_name);
	*array_push(m->streams, m->stream_count, m->stream_capacity) = stream;
	size_t length = min_of(length_of_name / 4 * 4 + 4, (size_t)STREAM_NAME_ROOM);
	if (stream.kind == STREAM_UNNAMED)
		m->dotnet->wiped = true;
	if (!length_of_name && !last)
		step = wiped_length(m, *rva, &length);
	m->streams[m->stream_count - 1].room = !length_of_name && last ? 0 : length;
	*rva += length;
	return step;
}

static void note_version(struct metadata *m, uint64_t rva, size_t length)
{
	enum pe_read how;
	size_t found;
	const char *text = pe_cursor_string(&m->cursor, rva, length, &found, &how);
	char *out = m->dotnet->runtime;
	snprintf(out, sizeof(m->dotnet->runtime), "%.*s", text ? (int)found : 0, text ? text : "");
}

enum step root_read(struct metadata *m, uint64_t rva, bool signed_only)
{
	const uint8_t *p;
	enum step step = net_bytes(m, "metadata root", rva, ROOT_SIZE, &p);
	if (step != STEP_OK)
		return step;
	bool has_signature = le32(p) == ROOT_SIGNATURE;
	uint32_t version = (le32(p + 12) + 3) & ~UINT32_C(3);
	if (version > VERSION_MAX || (signed_only && !has_signature) ||
	    (!has_signature && (le32(p + 4) != 0x00010001 || le32(p + 8))))
		return STEP_NOT;
	uint64_t at = rva + ROOT_SIZE + version;
	step = net_bytes(m, "metadata root", at, 4, &p);
	if (step != STEP_OK)
		return step;
	size_t count = le16(p + 2);
	m->root = rva;
	m->stream_count = 0;
	m->dotnet->wiped = !has_signature;
	note_version(m, rva + ROOT_SIZE, version);
	at += 4;
	for (size_t i = 0; i < count && step == STEP_OK; i++) {
		if (!net_spend(m, STEPS_A_STREAM))
			return STEP_STOP;
		step = read_stream(m, &at, i + 1 == count);
	}
	return step == STEP_NOT && m->stream_count ? STEP_OK : step;
}

/*
 * Gives the RVA of the CLR header; 0: none. The runtime reads the directory's entry also where the
 * headers count fewer than 15 of them, so it is read as it stands. It may be something else then,
 * unless a metadata root confirms it: `*sure` is not set.
 */
static uint64_t clr_header(const struct pe *pe, bool *sure)
{
	*sure = pe->directory[CLR_DIRECTORY].rva != 0;
	if (*sure || !pe->nt_headers)
		return pe->directory[CLR_DIRECTORY].rva;
	const uint64_t optional = (uint64_t)pe->nt_headers + 24;
	const uint64_t entry = (pe->pe32_plus ? 112 : 96) + 8 * CLR_DIRECTORY;
	size_t available;
	const struct pe_reader *reader = pe->reader;
	if (!range_within(optional, entry + 8, reader->size))
		return 0;
	const uint8_t *p = reader->at(reader, optional - 4, &available);
	if (!p || available < 2 || le16(p) < entry + 8) /* SizeOfOptionalHeader */
		return 0;
	p = reader->at(reader, optional + entry, &available);
	return p && available >= 4 ? le32(p) : 0;
}

uint64_t root_clr_header(const struct pe *pe)
{
	bool sure;
	return clr_header(pe, &sure);
}

bool root_named(const struct pe *pe)
{
	return root_clr_header(pe) != 0;
}

enum step root_confirmed(const struct pe *pe)
{
	bool sure;
	uint8_t header[CLR_HEADER_READ], root[4];
	uint64_t rva = clr_header(pe, &sure);
	if (!rva)
		return STEP_NOT;
	enum pe_read how = pe_copy(pe, rva, header, sizeof(header));
	if (how == PE_READ_OK)
		how = pe_copy(pe, le32(header + 8), root, sizeof(root));
	if (how == PE_READ_ABSENT)
		return STEP_STOP;
	return how == PE_READ_OK && le32(root) == ROOT_SIGNATURE ? STEP_OK : STEP_NOT;
}

static bool any_byte(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i])
			return true;
	return false;
}

/*
 * Compilers put the CLR header at the start of a section. Where an image is mapped, what would be
 * that section in a file lies in the page of the headers, and is zeros.
 */
bool root_wiped(const struct pe *pe)
{
	const struct pe_data_directory *entry = &pe->directory[CLR_DIRECTORY];
	uint8_t header[CLR_HEADER_READ], start[SECTION_START];
	if (!entry->rva || entry->size != CLR_HEADER_SIZE ||
	    pe_copy(pe, entry->rva, header, sizeof(header)) != PE_READ_OK ||
	    any_byte(header, sizeof(header)))
		return false;
	for (size_t i = 0; i < pe->section_count; i++) {
		const struct pe_section *s = &pe->sections[i];
		if (range_within(entry->rva - (uint64_t)s->virtual_address, entry->size,
				 s->size_of_raw_data))
			return pe_copy(pe, s->virtual_address, start, sizeof(start)) ==
				       PE_READ_OK &&
			       any_byte(start, sizeof(start));
	}
	return false;
}

enum step root_by_header(struct metadata *m)
{
	bool sure;
	uint64_t rva = clr_header(m->pe, &sure);
	const uint8_t *p;
	enum step step = rva ? net_bytes(m, "CLR header", rva, CLR_HEADER_READ, &p) : STEP_NOT;
	if (step == STEP_OK) {
		uint32_t size = le32(p), root = le32(p + 8);
		step = STEP_NOT;
		if (root && (sure || size == CLR_HEADER_SIZE))
			step = root_read(m, root, !sure);
	}
	if (step == STEP_OK || sure)
		return step;
	m->dotnet->status = DOTNET_NONE;
	m->dotnet->reason[0] = '\0';
	return STEP_NOT;
}
