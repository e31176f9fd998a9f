/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The modules the writer can make when there are no real files: which functions they export and
 * from which others they import. Names are those of real Windows modules; what they import is
 * drawn by the module's name, so a generated file is the same in every image.
 */
#ifndef WRITER_CATALOG_H
#define WRITER_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct catalog_module {
	const char *name; /* as the loader entry names it */
	/* "HeapFree HeapAlloc>NTDLL.RtlAllocateHeap #2 =InitSafeBootMode": a function, a forwarder,
	 * an export by ordinal only, data; -SetWaitableTimer: a function that is drawn by nobody */
	const char *exports;
	/* "ntdll.dll:40 WS2_32.dll#115=wsastartup delay:ole32.dll:3": so many functions of a DLL,
	 * one ordinal (with the name it is hashed by), delay imports, one function
	 * ("KERNEL32.dll!Sleep") */
	const char *imports;
};

/* NULL when the catalog has no such module; compared without case. */
const struct catalog_module *catalog_find(const char *name);

/*
 * The file of a module, malloc'ed. In `*imports` the list of what it imports as it is hashed
 * ("kernel32.heapalloc"), each string and the array to be freed.
 */
uint8_t *catalog_build(const struct catalog_module *module, bool pe32_plus, size_t *size,
		       char ***imports, size_t *import_count);

/* Calls `call` with each word of "a b c"; `word` is valid for the call. */
void catalog_each_word(const char *words, void (*call)(const char *word, void *data), void *data);

#endif
