/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A loader for the tests: maps PE files at bases of its choice, relocates them, and fills their
 * address tables as Windows' loader does: by name, by ordinal, through forwarders and API sets.
 * Shares nothing with src/, so that a mistake there is not made here as well. For valid files; one
 * that contradicts itself is not loaded.
 */
#ifndef WRITER_LOADER_H
#define WRITER_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loader_module {
	char *name; /* as it was given: "kernel32.dll" */
	uint64_t base;
	uint32_t size;	/* SizeOfImage */
	uint8_t *bytes; /* as mapped at `base` */
	bool pe32_plus;
	bool erased;
	uint8_t *original; /* the mapped bytes before anything was erased */
	bool wanted;	   /* in the set that loader_closure() chose */
};

struct loader {
	struct loader_module *modules; /* by base */
	size_t count, capacity;
	uint64_t next; /* where the next one goes */
};

void loader_init(struct loader *loader, uint64_t first_base);
void loader_free(struct loader *loader);

/* Maps a file; false when it is no PE of a kind that is loaded. */
bool loader_add(struct loader *loader, const char *name, const uint8_t *file, size_t size);

struct loader_module *loader_find(struct loader *loader, const char *name);
struct loader_module *loader_at(struct loader *loader, uint64_t address);

/*
 * Fills the address tables of all modules; what can't be resolved gets an address in no module.
 * Returns the number of slots filled with exports; `*missing` those that were not.
 */
size_t loader_resolve(struct loader *loader, size_t *missing);

/* Marks as `wanted` the module and all that its imports and forwarders lead to. */
void loader_closure(struct loader *loader, struct loader_module *module);

/*
 * Erases import names, name tables, DLL names, descriptors and the directory entries of imports and
 * of the address table; with `header`, the whole first page as well. The slots stay.
 */
void loader_erase(struct loader_module *module, bool header);
/* Undoes it. */
void loader_restore(struct loader_module *module);

/* The address of an export as the loader finds it; 0 when there is none. */
uint64_t loader_export(struct loader *loader, const char *dll, const char *name, uint32_t ordinal);

/* Called for each slot of a module's import directory, in its order. */
typedef void loader_import(void *context, struct loader_module *module, const char *dll,
			   const char *name, uint32_t ordinal, uint32_t slot);
void loader_imports(struct loader_module *module, loader_import *call, void *context);

#endif
