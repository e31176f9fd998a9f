/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an assembly is called: the first row of the table Assembly (ECMA-335 II.22.2) has name and
 * version, the first row of Module (II.22.30) the MVID, which compilers make anew for each build.
 * Protectors add a second row to both; the runtime reads the first.
 */
#include <stdio.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/damage.h>

#include "dotnet/metadata.h"

enum {
	GUID_SIZE = 16,
	ASSEMBLY_VERSION = 4, /* offsets in a row of Assembly */
	ASSEMBLY_KEY = 16,
	MODULE_NAME = 2, /* in one of Module */
};

/* As net_bytes(), but the rest of the metadata may still be read. */
static const uint8_t *bytes(struct metadata *m, const char *what, uint64_t rva, size_t size)
{
	enum pe_read how;
	const uint8_t *p = pe_cursor_data(&m->cursor, rva, size, &how);
	if (!p)
		damage_once(m->dotnet->identity_reason, "%s at 0x%llx %s", what,
			    (unsigned long long)rva,
			    how == PE_READ_ABSENT ? "not present" : "outside the module");
	return p;
}

static void read_name(struct metadata *m, uint32_t index, char *out, size_t size)
{
	size_t length;
	enum pe_read how = PE_READ_OUTSIDE;
	const char *name = "";
	if (index && index < m->strings.size)
		name = pe_cursor_string(&m->cursor, m->strings.start + index,
					min_of(size - 1, (size_t)PE_CURSOR_STRING), &length, &how);
	if (!name || how != PE_READ_OK || net_zero_page(m, m->strings.start + index)) {
		damage_once(m->dotnet->identity_reason, "name of the assembly at 0x%llx %s",
			    (unsigned long long)(m->strings.start + index),
			    name ? "makes no sense" : "not present");
		return;
	}
	memcpy(out, name, length);
	out[length] = '\0';
}

static void read_assembly(struct metadata *m)
{
	const struct tables *t = &m->tables;
	struct dotnet *dotnet = m->dotnet;
	if (!t->rows[TABLE_ASSEMBLY])
		return;
	const unsigned int width = wide(t, WIDE_STRINGS);
	uint64_t rva = table_row(t, TABLE_ASSEMBLY, 0);
	const uint8_t *p = bytes(m, "table Assembly", rva, t->row_size[TABLE_ASSEMBLY]);
	if (!p)
		return;
	const uint8_t *name = p + ASSEMBLY_KEY + wide(t, WIDE_BLOB);
	uint32_t index = width == 4 ? le32(name) : le16(name);
	char version[sizeof(dotnet->version)];
	snprintf(version, sizeof(version), "%u.%u.%u.%u", le16(p + ASSEMBLY_VERSION),
		 le16(p + ASSEMBLY_VERSION + 2), le16(p + ASSEMBLY_VERSION + 4),
		 le16(p + ASSEMBLY_VERSION + 6));
	read_name(m, index, dotnet->assembly, sizeof(dotnet->assembly));
	if (dotnet->assembly[0])
		memcpy(dotnet->version, version, sizeof(version));
}

/* Is it a GUID of random numbers, RFC 4122 version 4, as compilers make? */
static bool is_random_guid(const uint8_t *p)
{
	return p[7] >> 4 == 4 && p[8] >> 6 == 2;
}

/*
 * Returns the stream that the MVID lies in: by name the first one that is large enough, otherwise
 * the only one that is a list of GUIDs.
 */
static const struct stream *guid_stream(struct metadata *m, uint64_t offset)
{
	const struct stream *found = NULL;
	for (size_t i = 0; i < m->stream_count; i++) {
		const struct stream *s = &m->streams[i];
		if (s->kind == STREAM_GUID && range_within(offset, GUID_SIZE, s->size))
			return s;
	}
	for (size_t i = 0; i < m->stream_count; i++) {
		const struct stream *s = &m->streams[i];
		if (s->kind != STREAM_UNNAMED || s->size % GUID_SIZE ||
		    !range_within(offset, GUID_SIZE, s->size) || s->start == m->tables.start ||
		    s->start == m->strings.start)
			continue;
		const uint8_t *p = bytes(m, "#GUID heap", s->start + offset, GUID_SIZE);
		if (!p || !is_random_guid(p))
			continue;
		if (found)
			return NULL;
		found = s;
	}
	return found;
}

static void read_mvid(struct metadata *m)
{
	const struct tables *t = &m->tables;
	const unsigned int width = wide(t, WIDE_GUID);
	uint64_t rva = table_row(t, TABLE_MODULE, 0) + MODULE_NAME + wide(t, WIDE_STRINGS);
	const uint8_t *p = bytes(m, "table Module", rva, width);
	uint32_t index = !p ? 0 : width == 4 ? le32(p) : le16(p);
	if (!index)
		return;
	uint64_t offset = (uint64_t)(index - 1) * GUID_SIZE;
	const struct stream *s = guid_stream(m, offset);
	p = s ? bytes(m, "#GUID heap", s->start + offset, GUID_SIZE) : NULL;
	if (!p)
		return;
	if (net_zero_page(m, s->start + offset)) {
		damage_once(m->dotnet->identity_reason, "#GUID heap at 0x%llx in a page of zeros",
			    (unsigned long long)s->start);
		return;
	}
	snprintf(m->dotnet->mvid, sizeof(m->dotnet->mvid),
		 "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", le32(p), le16(p + 4),
		 le16(p + 6), p[8], p[9], p[10], p[11], p[12], p[13], p[14], p[15]);
}

void identity_read(struct metadata *m)
{
	read_assembly(m);
	read_mvid(m);
	(void)net_spend(m, 4);
}
