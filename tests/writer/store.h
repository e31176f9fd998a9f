/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Compressed stores as Windows 10 and later keep them, for tests: pages go in by page file and
 * offset, compressed as the build does it, and come out as the structures of SMKM_STORE_MGR and
 * all below it, in memory that the caller provides.
 *
 * Offsets are looked up in profiles/facts/windows-store.tsv. Nothing is shared with impscan.
 */
#ifndef WRITER_STORE_H
#define WRITER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <writer/util.h>

/* The memory that a store is written to; all calls get `context`. */
struct store_memory {
	void *context;
	/* Zeroed, page-aligned kernel memory; its address. */
	uint64_t (*kernel_new)(void *context, uint64_t size);
	void (*kernel_write)(void *context, uint64_t va, const void *data, size_t size);
	/* Zeroed user memory of the process that owns the stores, at a given address. */
	void (*owner_map)(void *context, uint64_t va, uint64_t size);
	void (*owner_write)(void *context, uint64_t va, const void *data, size_t size);
};

struct store_options {
	const char *facts; /* path of windows-store.tsv */
	uint32_t build;
	const char *arch;
	struct store_memory memory;
	uint64_t owner;		 /* EPROCESS of MemCompression */
	uint64_t region_base;	 /* where its regions begin: a multiple of 64 KB */
	unsigned int stores;	 /* how many, 1 to 8; numbers are spread over the 32 x 32 */
	unsigned int node_limit; /* entries of a tree node, at least 2: few make deep trees */
	unsigned int detours;	 /* every n-th record leads on to another; 0: none */
	uint64_t seed;
};

struct store_writer;

/* Is the layout of that build's stores known? */
bool store_writer_knows(const char *facts, uint32_t build, const char *arch);

struct store_writer *store_writer_new(const struct store_options *options);
void store_writer_free(struct store_writer *writer);

/* What became of a page that was added. */
struct store_placed {
	uint64_t record;     /* address of its ST_PAGE_RECORD; known after store_writer_finish() */
	uint64_t data;	     /* where its bytes are in the owner's memory */
	uint32_t size;	     /* of them: 4096 raw, 0 all zero */
	unsigned int store;  /* 0 .. stores - 1 */
	uint64_t smkm_store; /* address of its SMKM_STORE; after store_writer_finish() */
};

/* Adds a page; a (page file, offset) only once. Its number, for store_writer_placed(). */
size_t store_writer_add(struct store_writer *writer, unsigned int page_file, uint64_t offset,
			const uint8_t *page);

/* Writes it all. What SmGlobals (or the pointer in it) leads to: see store_writer_links(). */
uint64_t store_writer_finish(struct store_writer *writer);

/*
 * What the kernel's variable must hold at its start: where the manager is SmGlobals itself, its
 * bytes (`size` of them, to be copied there); otherwise NULL, and `*link` is the pointer.
 */
const uint8_t *store_writer_globals(const struct store_writer *writer, size_t *size,
				    uint64_t *link);

struct store_placed store_writer_placed(const struct store_writer *writer, size_t number);

/* Offset of a member by Microsoft's or our names, for tests that damage what was written. */
uint32_t store_writer_offset(const struct store_writer *writer, const char *type,
			     const char *member);

#endif
