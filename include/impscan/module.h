/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Modules of a process and of the kernel.
 *
 * Room: windows.
 */
#ifndef IMPSCAN_MODULE_H
#define IMPSCAN_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/address_map.h>
#include <impscan/names.h>
#include <impscan/process.h>
#include <impscan/view.h>

/* Where a module was found; bits, in the order of their names in found_in_names[]. */
enum found_in {
	FOUND_LOAD = 1 << 0,   /* PEB's InLoadOrderModuleList */
	FOUND_MEMORY = 1 << 1, /* InMemoryOrderModuleList */
	FOUND_INIT = 1 << 2,   /* InInitializationOrderModuleList */
	FOUND_LOAD32 = 1 << 3, /* those of the 32-bit PEB */
	FOUND_MEMORY32 = 1 << 4,
	FOUND_INIT32 = 1 << 5,
	FOUND_VAD = 1 << 6,	/* a VAD of an image section */
	FOUND_PRIVATE = 1 << 7, /* memory that no image section is behind */
	FOUND_KERNEL = 1 << 8,	/* PsLoadedModuleList */
};
#define FOUND_IN_COUNT 9
#define FOUND_LISTS    (FOUND_LOAD | FOUND_MEMORY | FOUND_INIT)
#define FOUND_LISTS32  (FOUND_LOAD32 | FOUND_MEMORY32 | FOUND_INIT32)

/* "load", "memory" ...: the word for bit i. */
extern const char *const found_in_names[FOUND_IN_COUNT];

/* What is suspicious about a module or its process; bits, named by module_flag_names[]. */
enum module_flag {
	MODULE_HIDDEN = 1 << 0,	      /* its process is hidden */
	MODULE_EXITED = 1 << 1,	      /* its process has ended */
	MODULE_UNLINKED = 1 << 2,     /* an image that no list of the loader has */
	MODULE_PARTIAL_LIST = 1 << 3, /* in some lists, not in others where it belongs */
	MODULE_STALE = 1 << 4,	      /* a list entry without an image section at its base */
	MODULE_HOLLOWED = 1 << 5,     /* the process's image is not what it was started from */
	MODULE_PATCHED = 1 << 6,      /* code pages differ from their section's */
	MODULE_NO_HEADER = 1 << 7,    /* code with resolved APIs, its PE header wiped */
	MODULE_HOOKED = 1 << 8,	      /* import slots lead elsewhere */
	MODULE_WOW64 = 1 << 9,	      /* 32-bit code in a 64-bit system */
	MODULE_HOOK_TARGET = 1 << 10, /* import slots of other modules lead here, into no image */
};
#define MODULE_FLAG_COUNT 11

/* Those that a process gives to all its modules. */
static inline unsigned int process_flags(const struct process *process)
{
	return (process_hidden(process) ? MODULE_HIDDEN : 0u) |
	       (process_exited(process) ? MODULE_EXITED : 0u);
}

extern const char *const module_flag_names[MODULE_FLAG_COUNT];

/* One module of a process, or of the kernel. */
struct module {
	uint64_t base;
	uint64_t size;	  /* SizeOfImage of its list entry, or what its VAD has */
	const char *name; /* BaseDllName, or its VAD's file; "" when unreadable */
	const char *path; /* FullDllName, or its VAD's file; "" when unreadable */
	uint64_t entry;	  /* its LDR_DATA_TABLE_ENTRY, 0: none */
	uint64_t entry_point;
	unsigned int found_in;
	unsigned int flags;
	bool injected;			 /* no loader put it there */
	bool file_layout;		 /* lies in memory as in its file */
	size_t patched_pages;		 /* for MODULE_PATCHED */
	unsigned int missing_page_files; /* bit N: pages in page file N were asked for in vain */
	size_t resolved;		 /* for MODULE_NO_HEADER: APIs of its rebuilt list ... */
	unsigned int pointer_size;	 /* ... of pointers of this size ... */
	uint64_t used, used_size;	 /* ... found in what of the region holds anything */
};

struct modules {
	struct module *items;
	size_t count;
	size_t capacity;
	struct address_map by_base; /* the first module of a base: where it is in `items` */
	struct names names;	    /* of all */
	char damage[160]; /* what was wrong with the lists, in words; "" when they are whole */
};

/* Adds a module; its name and path are "". */
struct module *modules_add(struct modules *modules, uint64_t base);

/* The first module of a base, or NULL. */
struct module *modules_at(const struct modules *modules, uint64_t base);

/* Notes that a walk was cut off for its budget, unless other damage was noted before. */
void modules_note_cut(struct modules *modules, const char *what);

/*
 * All modules of a process: those of the PEB's three lists merged by base (load order first, then
 * what only the others have), those of a WoW64 process's 32-bit PEB, and image VADs that no list
 * has. A cut or cyclic list gives what it has. Costs no more than a part of view->budget.
 */
void process_modules(const struct windows *windows, const struct process *process,
		     struct view *view, struct modules *modules);

/* The modules of PsLoadedModuleList, by System's view. */
void windows_drivers(const struct windows *windows, struct view *view, struct modules *modules);

void modules_free(struct modules *modules);
#define _cleanup_modules_ __attribute__((cleanup(modules_free)))

#endif
