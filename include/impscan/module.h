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

/* Where a module was found: bits, named by found_in_names[]. */
enum found_in {
	FOUND_LOAD = 1 << 0,   /* the PEB's InLoadOrderModuleList */
	FOUND_MEMORY = 1 << 1, /* InMemoryOrderModuleList */
	FOUND_INIT = 1 << 2,   /* InInitializationOrderModuleList */
	FOUND_LOAD32 = 1 << 3, /* the same lists of the 32-bit PEB */
	FOUND_MEMORY32 = 1 << 4,
	FOUND_INIT32 = 1 << 5,
	FOUND_VAD = 1 << 6,	/* it lies in a VAD of an image section */
	FOUND_PRIVATE = 1 << 7, /* it lies in memory that is not of an image section */
	FOUND_KERNEL = 1 << 8,	/* PsLoadedModuleList */
	FOUND_DUMP = 1 << 9,	/* the list of modules that a dump of a process has */
	FOUND_MANAGED =
		1 << 10, /* an assembly that a runtime of .NET reads as it lies in its file */
	FOUND_HEADERS = 1 << 11, /* its headers alone: who put it there is not known */
};
#define FOUND_IN_COUNT 12
#define FOUND_LISTS    (FOUND_LOAD | FOUND_MEMORY | FOUND_INIT)
#define FOUND_LISTS32  (FOUND_LOAD32 | FOUND_MEMORY32 | FOUND_INIT32)

/* The word for bit i: "load", "memory" ... */
extern const char *const found_in_names[FOUND_IN_COUNT];

/* What is suspicious about a module or its process: bits, named by module_flag_names[]. */
enum module_flag {
	MODULE_HIDDEN = 1 << 0,	      /* its process is hidden */
	MODULE_EXITED = 1 << 1,	      /* its process has ended */
	MODULE_UNLINKED = 1 << 2,     /* an image section that no list of the loader has */
	MODULE_PARTIAL_LIST = 1 << 3, /* it is missing in some of the lists where it belongs */
	MODULE_STALE = 1 << 4,	      /* a list entry without an image section at its base */
	MODULE_HOLLOWED = 1 << 5,  /* the image is not the one that the process was started from */
	MODULE_PATCHED = 1 << 6,   /* code pages differ from their section's */
	MODULE_NO_HEADER = 1 << 7, /* code with addresses of APIs, without a PE header */
	MODULE_HOOKED = 1 << 8,	   /* import slots lead elsewhere */
	MODULE_WOW64 = 1 << 9,	   /* 32-bit code in a 64-bit system */
	MODULE_HOOK_TARGET = 1 << 10, /* import slots of other modules lead here, into no image */
};
#define MODULE_FLAG_COUNT 11

/* Returns the flags that all modules of a process have because of it. */
static inline unsigned int process_flags(const struct process *process)
{
	return (process_hidden(process) ? MODULE_HIDDEN : 0u) |
	       (process_exited(process) ? MODULE_EXITED : 0u);
}

extern const char *const module_flag_names[MODULE_FLAG_COUNT];

/* One module of a process, or of the kernel. */
struct module {
	uint64_t base;
	uint64_t size;	       /* bytes: SizeOfImage of its list entry, or those of its VAD */
	const char *name;      /* BaseDllName, or by its VAD's file; "" when unreadable */
	const char *path;      /* FullDllName, or its VAD's file; "" when unreadable */
	uint64_t entry;	       /* address of its LDR_DATA_TABLE_ENTRY; 0: none */
	uint64_t entry_point;  /* address, by its list entry; 0: none */
	unsigned int found_in; /* enum found_in */
	unsigned int flags;    /* enum module_flag */
	bool injected;	       /* the loader did not put it there */
	bool file_layout;      /* sections lie as in the file, not as mapped by the loader */
	bool copy;	       /* another module is the same, and stands for both */
	size_t patched_pages;  /* with MODULE_PATCHED: how many */
	unsigned int missing_page_files; /* bit N: pages in page file N were needed and not there */
	size_t resolved;		 /* with MODULE_NO_HEADER: APIs of its rebuilt list ... */
	unsigned int pointer_size;	 /* ... of pointers of this size ... */
	uint64_t used, used_size;	 /* ... and the address and bytes of what holds anything, */
	size_t inner, inner_count; /* but for PEs in it: numbers among the process's injections */
};

struct modules {
	struct module *items;
	size_t count;
	size_t capacity;
	struct address_map by_base; /* the first module of a base: where it is in `items` */
	struct names names;	    /* of all modules */
	char damage[160];	    /* what is wrong with the lists; "": they are whole */
	size_t listed;		    /* the first, of lists and VADs; others are found beside */
	/* Of a dump, by the size of pointers, 8 or 4: which images the loader has is not known. */
	unsigned int unknown;
	size_t unknown_found; /* images that may be the loader's, therefore */
};

/* Adds a module and returns it, valid until the next is added; its name and path are "". */
struct module *modules_add(struct modules *modules, uint64_t base);

/* Returns the first module of a base, or NULL. */
struct module *modules_at(const struct modules *modules, uint64_t base);

/*
 * Is it unknown which images with pointers of so many bytes the loader put there, so that none of
 * them can be called injected?
 */
static inline bool modules_unknown(const struct modules *modules, unsigned int pointer_size)
{
	return modules->unknown & pointer_size;
}

/* Notes in `damage` that `what` was cut off by its budget, unless there is another note. */
void modules_note_cut(struct modules *modules, const char *what);

/*
 * Lists the modules of a process: those of the PEB's three lists merged by base (in load order,
 * then what only the others have), those of a WoW64 process's 32-bit PEB, then image VADs that no
 * list has. A broken list gives what can be reached. Costs no more than a part of view->budget.
 * Release with modules_free().
 */
void process_modules(const struct windows *windows, const struct process *process,
		     struct view *view, struct modules *modules);

/* Lists the modules of PsLoadedModuleList, the kernel's, likewise. `view` is that of System. */
void windows_drivers(const struct windows *windows, struct view *view, struct modules *modules);

void modules_free(struct modules *modules);
#define _cleanup_modules_ __attribute__((cleanup(modules_free)))

#endif
