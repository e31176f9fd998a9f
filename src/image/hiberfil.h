/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `image`: hibernation files, hiberfil.sys. hiberfil.c tells what kind of file it
 * is, hiberfil_old.c reads the tables of Windows XP to 7, hiberfil_new.c the sets of Windows 8 and
 * later, and hiberfil_pages.c makes the image's source and ranges of what they find.
 *
 * Facts, unless said otherwise: libhibr's documentation, Volatility 2 (hibernate.py,
 * hibernate_vtypes.py), Hibr2Bin, LeechCore, and Microsoft's public symbols of PO_MEMORY_IMAGE.
 */
#ifndef IMPSCAN_IMAGE_HIBERFIL_H
#define IMPSCAN_IMAGE_HIBERFIL_H

#include "internal.h"

/* A set of compressed pages has at most so many. */
#define HIBERFIL_SET_PAGES 16

/* Pages that physical memory can have. */
#define HIBERFIL_PAGE_END (IMAGE_PHYSICAL_END / PAGE_SIZE)

/* How the data of a set may be packed, see struct source_piece. */
enum hiberfil_method {
	HIBERFIL_LZ77,	       /* plain LZ77, and nothing else */
	HIBERFIL_LZ77_FIRST,   /* plain LZ77 by its header; with Huffman codes if that fails */
	HIBERFIL_HUFFMAN_FIRST /* the other way round */
};

/* Pages of memory in a row that are also in a row in the unpacked bytes. */
struct hiberfil_run {
	uint64_t page;
	uint32_t at; /* page of the unpacked bytes */
	uint32_t count;
};

/* A hibernation file being parsed. */
struct hiberfil {
	struct image *image;
	struct source_piece *pieces; /* one for each set */
	size_t piece_count, piece_capacity;
	struct hiberfil_run *runs;
	size_t run_count, run_capacity;
	uint64_t pages;	  /* unpacked */
	uint64_t surplus; /* sets and runs that are left out, since there are too many */
	uint64_t beyond;  /* pages above IMAGE_PHYSICAL_END */
};

/*
 * Adds a set: `size` bytes at offset `from` of the file, which unpack to `pages` pages. Its pages
 * are told by hiberfil_add_run() then, in order. Returns false when there is no room: then it is
 * left out, and so must its pages be.
 */
bool hiberfil_add_set(struct hiberfil *hiberfil, uint64_t from, uint32_t size, uint32_t pages,
		      uint32_t method);

/*
 * Adds the next `count` pages of the set that was added last, which begin with page `index` of it:
 * they are those of memory from `page` on. A page that was there before is there no more.
 */
void hiberfil_add_run(struct hiberfil *hiberfil, uint64_t page, uint32_t index, uint32_t count);

/* Takes back all sets but the first `count`, and their pages. */
void hiberfil_drop_sets(struct hiberfil *hiberfil, size_t count);

/* Unpacks a set, as the source will. Returns false when it is damaged. */
bool hiberfil_unpacks(const struct hiberfil *hiberfil, size_t set);

/* Makes the pages the image's source and ranges, when all are added; `hiberfil` is empty then. */
struct error *hiberfil_finish(struct hiberfil *hiberfil);

/* Frees what is left over. */
void hiberfil_free(struct hiberfil *hiberfil);

/* Returns whether blocks of pages lie where XP to 7 have them: behind one of the first pages. */
bool hiberfil_old_probe(const struct image *image);

/*
 * Adds what the tables of Windows XP to 7 list, and warns of what can't be followed. Sets `*name`
 * to the versions that have such tables. Fails when no table can be read.
 */
struct error *hiberfil_old_parse(struct hiberfil *hiberfil, const char **name);

/* What the header of Windows 8 and later, or a look at the sets, says. */
struct hiberfil_new {
	unsigned int pointer_size; /* 4 or 8 */
	const char *versions;	   /* NULL: not known */
	bool hiberboot;		   /* by a fast startup's shutdown */
	bool cleared;		   /* where sets should begin there is nothing */
	bool cut;		   /* the file ends before that */
};

/* Returns whether the header's length is one of Windows 8 and later. */
bool hiberfil_new_probe(const struct image *image);

/* Returns whether sets begin at one of the first pages, whatever the header says. */
bool hiberfil_new_search(const struct image *image);

/* Adds the sets of Windows 8 and later. Fails when there are none. */
struct error *hiberfil_new_parse(struct hiberfil *hiberfil, struct hiberfil_new *found);

#endif
