/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The header of the tables stream, ECMA-335 II.24.2.6: which tables there are, how many rows each
 * has, and where it begins. Protectors set bits of tables that there are none of: these have a row
 * count, which the runtime does not look at, and no rows.
 */
#include <string.h>

#include <impscan/bytes.h>

#include "dotnet/metadata.h"

enum {
	HEADER_SIZE = 24,
	ROWS_MAX = 0xffffff, /* a token has 24 bits for the row */
};

/* Is it a tables stream, and of an assembly? The runtime itself looks at the version only. */
static bool is_header(const uint8_t *p, bool strict)
{
	uint64_t valid = le64(p + 8);
	if (p[4] < 1 || p[4] > 2 || p[5] > 1 || !(valid & 1u << TABLE_MODULE))
		return false;
	if (!strict)
		return true;
	return !le32(p) && p[4] == 2 && !p[5] && valid & 1u << TABLE_TYPE_DEF && !(p[6] & 0x18);
}

static enum step read_rows(struct metadata *m, uint64_t valid, struct tables *tables)
{
	uint64_t at = tables->start + HEADER_SIZE;
	for (unsigned int i = 0; i < TABLES; i++) {
		if (!(valid >> i & 1))
			continue;
		const uint8_t *p;
		enum step step = net_bytes(m, "header of the tables", at, 4, &p);
		if (step != STEP_OK)
			return step;
		tables->rows[i] = le32(p);
		if (!tables->rows[i] && net_zero_page(m, at + 3)) {
			net_damage(m, "header of the tables", at, "in a page of zeros");
			return STEP_STOP;
		}
		at += 4;
	}
	tables->rows_at = at + (tables->heap_bits & EXTRA_DATA ? 4 : 0);
	return STEP_OK;
}

/* Places the tables one behind the other. Returns false where one has more rows than can be. */
static bool place_tables(struct tables *tables)
{
	uint64_t offset = 0;
	for (unsigned int i = 0; i < TABLES_KNOWN; i++) {
		tables->row_size[i] = schema_row_size(i, tables->heap_bits, tables->rows);
		tables->offset[i] = offset;
		if (tables->rows[i] > ROWS_MAX)
			return false;
		offset += (uint64_t)tables->rows[i] * tables->row_size[i];
	}
	tables->end = tables->rows_at + offset;
	return true;
}

enum step tables_read(struct metadata *m, uint64_t rva, uint64_t size, bool strict,
		      struct tables *tables)
{
	const uint8_t *p;
	enum step step = net_bytes(m, "header of the tables", rva, HEADER_SIZE, &p);
	if (step != STEP_OK)
		return step;
	if (!is_header(p, strict))
		return STEP_NOT;
	uint64_t valid = le64(p + 8);
	*tables = (struct tables){.start = rva, .size = size, .heap_bits = p[6]};
	step = read_rows(m, valid, tables);
	if (step != STEP_OK)
		return step;
	if (!tables->rows[TABLE_MODULE] || !place_tables(tables) ||
	    !range_within(tables->end - rva, 0, size))
		return STEP_NOT;
	if (strict && (tables->rows[TABLE_MODULE] > 2 || !tables->rows[TABLE_TYPE_DEF]))
		return STEP_NOT;
	return STEP_OK;
}
