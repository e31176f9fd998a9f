/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room dotnet: the state of reading the metadata of one PE. */
#ifndef DOTNET_METADATA_H
#define DOTNET_METADATA_H

#include <impscan/dotnet.h>
#include <impscan/pe_cursor.h>

/* Numbers of tables, ECMA-335 II.22. Those from TABLES_KNOWN on are not of assemblies. */
enum {
	TABLE_MODULE = 0x00,
	TABLE_TYPE_REF = 0x01,
	TABLE_TYPE_DEF = 0x02,
	TABLE_ASSEMBLY = 0x20,
	TABLES_KNOWN = 0x2d,
	TABLES = 64,
};

/* Bits of "HeapSizes": the heap's indices have 4 bytes. */
enum {
	WIDE_STRINGS = 1,
	WIDE_GUID = 2,
	WIDE_BLOB = 4,
	EXTRA_DATA = 0x40, /* a number stands behind the row counts */
};

enum {
	STREAM_NAME_ROOM = 32, /* bytes that a stream's name takes at most */
};

/* What a stream is by its name. */
enum stream_kind {
	STREAM_OTHER,
	STREAM_UNNAMED, /* wiped, or a name that is not like those of streams */
	STREAM_TABLES,	/* "#~" or "#-" */
	STREAM_STRINGS,
	STREAM_GUID,
};

struct stream {
	enum stream_kind kind;
	uint64_t start; /* RVA */
	uint64_t size;
	uint64_t name; /* RVA */
	size_t room;   /* bytes of the name with its NULs, at most STREAM_NAME_ROOM; 0: not known */
};

/* How a step of reading ended. */
enum step {
	STEP_OK,
	STEP_NOT,  /* what is there is something else */
	STEP_STOP, /* it can't be read; the reason is noted */
};

/* The tables stream. */
struct tables {
	uint64_t start;	   /* RVA of the stream */
	uint64_t rows_at;  /* RVA of the first row */
	uint64_t size;	   /* of the stream */
	uint64_t end;	   /* RVA behind the last table that is known */
	uint8_t heap_bits; /* WIDE_... */
	uint32_t rows[TABLES];
	uint64_t offset[TABLES_KNOWN]; /* of each table, from rows_at */
	uint32_t row_size[TABLES_KNOWN];
};

struct metadata {
	struct dotnet *dotnet;
	const struct pe *pe;
	struct pe_cursor cursor;
	bool in_memory;
	size_t pages_counted; /* of the cursor's pages: counted against the budget */
	uint64_t zero_page;   /* number + 1 of the page last found to be all zero; 0: none */
	uint64_t other_page;  /* number + 1 of the page last found not to be */
	uint64_t root;	      /* RVA of the metadata root; 0: not known */
	struct stream *streams;
	size_t stream_count;
	size_t stream_capacity;
	struct tables tables;
	struct stream strings;
};

/* Memory kept from one assembly to the next. */
struct dotnet_scratch {
	struct text names; /* of the type references, each with its NUL */
	struct typeref *rows;
	size_t row_capacity;
	uint8_t *seen; /* a bit for each page, see struct pe_cursor */
	size_t seen_size;
};

/*
 * Counts steps, and pages read since the last call, against the budget. Returns false, and notes
 * it, when the budget is used up. In trouble.c, as the four below.
 */
bool net_spend(struct metadata *m, uint64_t steps);

/* Note why nothing more is read; the first reason stays. */
void net_absent(struct metadata *m, const char *what, uint64_t rva);
void net_damage(struct metadata *m, const char *what, uint64_t rva, const char *why);

/*
 * Reads `size` bytes at an RVA, at most PE_CURSOR_STRING; valid until the next read. STEP_STOP when
 * a page of `what` is absent.
 */
enum step net_bytes(struct metadata *m, const char *what, uint64_t rva, size_t size,
		    const uint8_t **bytes);

/* In memory: is the page of an RVA present and nothing but zeros? So it is not as the file has it. */
bool net_zero_page(struct metadata *m, uint64_t rva);

/* Returns the RVA of the CLR header that the headers name, or 0. In root.c, as the four below. */
uint64_t root_clr_header(const struct pe *pe);

/* Do the headers name a CLR header? */
bool root_named(const struct pe *pe);

/* Do they, and were zeros written over what leads from it to the metadata? Of a file only. */
bool root_wiped(const struct pe *pe);

/*
 * Do they, and does it lead to the signature of a metadata root? STEP_STOP when a page is absent
 * that would tell.
 */
enum step root_confirmed(const struct pe *pe);

/*
 * Reads the metadata root that the CLR header leads to. The status is set to DOTNET_NONE where
 * there is no CLR header.
 */
enum step root_by_header(struct metadata *m);

/* Reads a metadata root and its list of streams. `signed_only`: it must have its signature. */
enum step root_read(struct metadata *m, uint64_t rva, bool signed_only);

/* Finds metadata by content: by the root, then by the tables. In search.c. */
enum step metadata_search(struct metadata *m);

/*
 * Reads the header of a tables stream of at most `size` bytes. `strict`: it must be one beyond
 * doubt. In tables.c.
 */
enum step tables_read(struct metadata *m, uint64_t rva, uint64_t size, bool strict,
		      struct tables *tables);

/* Finds the tables and the heap of strings among the streams of the root. In streams.c. */
enum step streams_choose(struct metadata *m);

/* Do names of the tables read as names in this heap? */
enum step strings_plausible(struct metadata *m, const struct tables *tables,
			    const struct stream *strings);

/* The RVA of a row, counted from 0, of a table that is known. */
static inline uint64_t table_row(const struct tables *tables, unsigned int table, uint32_t row)
{
	return tables->rows_at + tables->offset[table] + (uint64_t)row * tables->row_size[table];
}

/* The size in bytes of indices into heaps. */
static inline unsigned int wide(const struct tables *tables, unsigned int bit)
{
	return tables->heap_bits & bit ? 4 : 2;
}

/* The row size of a table by the rows of all. In schema.c. */
uint32_t schema_row_size(unsigned int table, uint8_t heap_bits, const uint32_t rows[TABLES]);

/* Reads the type references into the lists of `dotnet`. In typerefs.c. */
enum step typerefs_read(struct metadata *m);

/* A type reference: offsets of its strings in the names, each terminated. */
struct typeref {
	uint32_t name_space;
	uint32_t name;
	uint32_t row;
};

/* How names are ordered. In order.c. */
enum order {
	ORDER_LINGUISTIC,
	ORDER_ORDINAL,
};

/* Compares two ASCII strings: below, equal to or above zero. */
int order_compare(const char *a, const char *b, enum order order);

/* Finds out what to write over wiped headers, once tables and strings are known. In repair.c. */
void metadata_repair(struct metadata *m);

/* Reads assembly, version and MVID. What can't be read is noted and left out. In identity.c. */
void identity_read(struct metadata *m);

#endif
