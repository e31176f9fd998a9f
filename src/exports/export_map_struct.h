/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room exports: what a struct export_map consists of. */
#ifndef EXPORTS_EXPORT_MAP_STRUCT_H
#define EXPORTS_EXPORT_MAP_STRUCT_H

#include <impscan/export_map.h>

enum { DLL_NAME_MAX = 260 }; /* bytes of a DLL's name, with its NUL */

/* A forwarder that leads to an address of the process. */
struct forwarder {
	uint64_t address;
	uint32_t module; /* number of the module that has it */
	uint32_t item;	 /* position among the exports of that module */
};

/* All forwarders of a map, found when they are first needed. */
struct forwarders {
	bool known;
	struct forwarder *items; /* by address */
	size_t count, capacity;
};

/* A DLL's name as somebody asked for it, and the module that was found. */
struct found_dll {
	char name[48];			    /* longer ones are not kept */
	const struct export_module *module; /* NULL: the place is free */
	bool hosted; /* an API set may have told: it holds for the program only */
};

#define FOUND_DLLS 64

struct export_map {
	unsigned int pointer_size;
	struct api_sets *sets;	       /* a reference; may be NULL */
	struct export_module *modules; /* by base, once finished */
	size_t count, capacity;
	struct export_table **tables; /* a reference to each table that was added */
	size_t table_count, table_capacity;
	uint32_t *by_name; /* positions in `modules`, by name */
	struct forwarders *forwarders;
	struct found_dll *found;   /* FOUND_DLLS of them, see found_place() */
	uint64_t low, high;	   /* the range of export_map_range() */
	struct export_pages pages; /* the map's own; see export_map_pages() */
};

#endif
