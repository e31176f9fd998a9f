/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hibernation files, hiberfil.sys, of Windows XP to 11: packs pages of physical memory as Windows
 * does. Layouts and rules are those that are public: libhibr's documentation, Volatility 2
 * (hibernate_vtypes.py), Hibr2Bin, LeechCore. Nothing is shared with impscan.
 */
#ifndef WRITER_HIBERFIL_H
#define WRITER_HIBERFIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The memory to be packed. */
struct hiberfil_memory {
	const uint64_t *pages; /* numbers of the pages that there are, ascending */
	size_t count;
	const uint8_t *(*page)(void *context, uint64_t number); /* the 4096 bytes of one */
	void *context;
	unsigned int pointer_size; /* 4 or 8 */
	uint64_t cr3;
};

/* How it is packed; all zero is what Windows writes. */
struct hiberfil_options {
	const char *layout;    /* a name of hiberfil_layouts() */
	const char *signature; /* 4 letters; NULL: that of the layout */
	bool zero_header;      /* the first page is cleared, as XP to 7 do when they resume */
	bool hiberboot;	       /* 8 and later: by a fast startup's shutdown */
	/*
	 * 8 and later: bits 28 to 31 of the sets' headers, and the form of their data: 0, 1 LZ77,
	 * 2, 3 Huffman codes.
	 */
	unsigned int method;
	bool mixed;	   /* 8 and later: methods in turn, and every fifth set is stored */
	bool method_1;	   /* 8 and later: data with Huffman codes is called method 1 */
	bool overlap;	   /* pages that come later are there before too, with other content */
	bool shuffle;	   /* 8 and later: sets of a section in any order */
	bool wrong_counts; /* 8 and later: numbers of pages in the header are 0 */
	uint32_t length;   /* 8 and later: LengthSelf; 0: that of the layout */
	bool stale;	   /* XP to 7: old blocks behind the last and between the tables */
};

/* Calls `each` with the name of every layout, and the size of its pointers. */
void hiberfil_layouts(void (*each)(const char *name, unsigned int pointer_size));

/* The name of the layout that a build of Windows writes. */
const char *hiberfil_layout_of(unsigned int build, unsigned int pointer_size);

/* Writes the file; dies where layout and memory don't go together. */
void hiberfil_write(const struct hiberfil_options *options, const struct hiberfil_memory *memory,
		    const char *path);

#endif
