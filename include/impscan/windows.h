/*
 * A Windows machine in an image: its kernel, processes and modules. Knows the kernel's structures
 * through a profile, nothing of hashes or output.
 *
 * Structure and member names are Microsoft's.
 */
#ifndef IMPSCAN_WINDOWS_H
#define IMPSCAN_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/address_map.h>
#include <impscan/address_set.h>
#include <impscan/budget.h>
#include <impscan/image.h>
#include <impscan/memory.h>
#include <impscan/pe.h>
#include <impscan/profile.h>
#include <impscan/strings.h>

/* What the user knows better; all zero: find it. */
struct windows_options {
	uint64_t dtb;		       /* physical address of the page map */
	uint64_t kernel_base;	       /* where ntoskrnl.exe is loaded */
	const struct profile *profile; /* this layout, whatever the build */
	bool infer; /* infer the layout from the image, without the profiles of its build */
	const char *page_files[PAGE_FILES]; /* paths by number; see memory_add_page_file() */
	/* Called while the image is searched, with bytes; NULL: it is not told. */
	void (*progress)(void *context, size_t done, size_t total);
	void *progress_context;
};

/* A page file as the kernel knows it: its MMPAGING_FILE. */
struct paging_file {
	uint64_t address;
	unsigned int number;
	uint64_t size, maximum; /* in pages */
	bool virtual_store;	/* no file: the compressed store */
	char *name;		/* PageFileName, NULL: none */
};

/* What comparing a page file with the image came to. */
struct page_file_evidence {
	size_t alike;  /* pages in it that are what the image says they must be nearly ... */
	size_t unlike; /* ... and those that can't be */
};

struct windows {
	const struct image *image;
	struct memory *memory;
	const struct profile *profile; /* owned by the set it was chosen from, or `inferred` */
	struct profile *inferred;      /* the layout, where it was inferred; NULL otherwise */
	char *doubt; /* what is not certain of it: sentences, a line each; NULL: none */
	enum architecture architecture;
	unsigned int pointer_size; /* bytes of a kernel pointer */
	uint64_t dtb;		   /* System's DirectoryTableBase */
	uint64_t kernel_base;
	uint64_t kernel_size;	  /* SizeOfImage of the kernel */
	char kernel_name[64];	  /* its export directory's name: ntoskrnl.exe */
	struct pe_pdb kernel_pdb; /* empty when its record is not present */
	uint32_t build;		  /* by the kernel's NtBuildNumber, else by KUSER_SHARED_DATA */
	uint32_t build_kernel;	  /* the two sources apart; 0 where it could not be read */
	uint32_t build_shared;
	uint32_t major, minor; /* NtMajorVersion, NtMinorVersion of KUSER_SHARED_DATA, or 0 */
	uint64_t system;       /* EPROCESS of System */
	uint64_t ps_loaded_module_list; /* 0 when it was not found */
	char found_by[64];		/* how the page map was found */
	bool invalid_mask_found;
	uint64_t invalid_mask; /* InvalidPteMask, by the page tables; see memory.h */
	struct paging_file paging_files[PAGE_FILES]; /* by number; none when they were not found */
	size_t paging_file_count;
	struct page_file_evidence page_file_evidence[PAGE_FILES]; /* of those that were given */
	unsigned int cut;      /* searches that ended early; see windows_cut_names[] */
	struct budget *budget; /* of the search for it, while it is opened; NULL: not bounded */
};

/* What was not searched to its end, since it would have cost more than the image is worth. */
enum windows_cut {
	CUT_KERNEL_SIZE = 1 << 0,  /* the kernel claims a size that none has */
	CUT_MODULE_LIST = 1 << 1,  /* PsLoadedModuleList */
	CUT_PAGING_FILES = 1 << 2, /* MMPAGING_FILEs */
	CUT_STORE = 1 << 3,	   /* the compressed store */
	CUT_FIT = 1 << 4,	   /* comparing the profiles of the build */
	CUT_PAGE_FILES = 1 << 5,   /* holding the page files given against the image */
};
#define WINDOWS_CUT_COUNT 6

/* Sentences for the user: that for bit i. */
extern const char *const windows_cut_names[WINDOWS_CUT_COUNT];

/*
 * Finds the kernel, its page map and its build, confirmed through System's EPROCESS, and chooses
 * the profile; where there is none of the build that fits, infers it. On failure the error says what was tried. `image` and `profiles` must outlive it.
 */
struct error *windows_open(const struct image *image, struct profiles *profiles,
			   const struct windows_options *options, struct windows **ret);
void windows_close(struct windows *windows);
DEFINE_CLEANUP(struct windows, windows_close)
#define _cleanup_windows_ _cleanup_(windows_close_p)

/*
 * Counts the pages that page tables of all processes name in each page file (votes->page_files):
 * what giving it would help. Reads every page table, so it is for --info.
 */
void windows_page_file_use(const struct windows *windows, struct entry_votes *votes);

/* Bytes of a sentence of windows_page_file_doubt(): a path, and what is said of it. */
#define PAGE_FILE_DOUBT (4096 + 256)

/*
 * Does page file `number`, as it was given, belong to this image? True, and a sentence, where
 * something speaks against it: contents that can't be (then it is not used), its size, pages beyond
 * its end. `votes` by windows_page_file_use(), or NULL: the last is not asked.
 */
bool windows_page_file_doubt(const struct windows *windows, unsigned int number,
			     const struct entry_votes *votes, char *sentence, size_t size);

/* Steps of a budget that everything which is done with the image may cost. */
uint64_t windows_work(const struct windows *windows);

/* A new space of the kernel's page map; the caller frees it. */
struct space *windows_kernel_space(const struct windows *windows);

/* One process, by its EPROCESS. */
struct process {
	uint64_t eprocess;
	uint32_t pid;
	uint32_t ppid;
	char *name;	 /* ImageFileName: 15 characters at most */
	uint64_t dtb;	 /* DirectoryTableBase without its low bits */
	uint64_t peb;	 /* 0: none (System, Registry) */
	uint64_t peb32;	 /* of a WoW64 process: the 32-bit PEB; 0: none */
	uint64_t wow64;	 /* what EPROCESS has that leads there, as it stands; 0: no WoW64 process */
	bool peb32_lost; /* it has, or may have, a 32-bit PEB that was not found */
	uint64_t section_base_address;
	uint64_t create_time; /* FILETIME; 0 when unreadable */
	uint64_t exit_time;   /* FILETIME; 0 while it runs */
	unsigned int sources; /* enum process_source, where it was found */
};

/* Bits: the kernel's own books of processes, and the sweep. */
enum process_source {
	SOURCE_ACTIVE = 1 << 0,	 /* PsActiveProcessHead, EPROCESS.ActiveProcessLinks */
	SOURCE_MM = 1 << 1,	 /* EPROCESS.MmProcessLinks */
	SOURCE_SESSION = 1 << 2, /* EPROCESS.SessionProcessLinks */
	SOURCE_CID = 1 << 3,	 /* the handle table of PIDs, PspCidTable */
	SOURCE_NEAR = 1 << 4,	 /* the pool around processes that are known */
	SOURCE_DEEP = 1 << 5,	 /* the sweep of physical memory */
};
#define PROCESS_SOURCE_COUNT 6

/* "active", "mm", "session", "cid", "near", "deep": the word for bit i. */
extern const char *const process_source_names[PROCESS_SOURCE_COUNT];

/* It has ended: ExitTime is set. Some other process or driver still holds a handle to it. */
static inline bool process_exited(const struct process *process)
{
	return process->exit_time != 0;
}

/* It runs, is in one of the kernel's books, and was taken out of ActiveProcessLinks. */
static inline bool process_hidden(const struct process *process)
{
	return !(process->sources & SOURCE_ACTIVE) && !process_exited(process);
}

struct processes {
	struct process *items;
	size_t count;
	size_t capacity;
	uint64_t ps_active_process_head; /* 0 when the ring does not lead to it */
	/* What was wrong with the ring, and where the search was cut off, in words; "": nothing. */
	char damage[240];
};

/*
 * Names in the image, read by the UNICODE_STRINGs that many structures have of one text, and kept
 * once. All zero is none.
 */
struct names {
	struct strings strings;
	struct address_map known; /* texts by place and length: the string, or 0 */
};

/*
 * The name of the UNICODE_STRING (or UNICODE_STRING32, by pointer size) at `address` as UTF-8, valid
 * until names_free(): "" when it is empty. NULL when it is not present, makes no sense, or there is
 * no room for it (names->strings.left_out). What is read counts against `budget` (may be NULL).
 */
const char *names_read(struct names *names, struct space *space, uint64_t address,
		       unsigned int pointer_size, struct budget *budget);
void names_free(struct names *names);

/*
 * The processes of ActiveProcessLinks from System on, in ring order (a broken ring is followed
 * from both ends), then those that only the other sources know, by PID. With `deep`, physical
 * memory is swept for EPROCESS structures by `threads` threads. Each way has
 * its share of the work that the image is worth, and of the number of processes; which were cut off
 * `damage` tells. Release with processes_free().
 */
void windows_processes(const struct windows *windows, bool deep, unsigned int threads,
		       struct processes *processes);
void processes_free(struct processes *processes);
#define _cleanup_processes_ __attribute__((cleanup(processes_free)))

enum vad_kind {
	VAD_PRIVATE,
	VAD_MAPPED, /* a view of a data file or of the page file */
	VAD_IMAGE,  /* a view of an image section */
};

/* One range of a process's address space. */
struct vad {
	uint64_t start, end; /* its first and last byte */
	uint64_t address;    /* the MMVAD itself, in the kernel */
	enum vad_kind kind;
	unsigned int protection; /* MMVAD_FLAGS.Protection, 0-31: as first asked for */
	uint64_t subsection;	 /* 0 where there is none, or it is not present */
	uint64_t control_area;
	uint64_t first_prototype_pte;
	const char *file; /* FILE_OBJECT.FileName; NULL: no file, or not present */
	bool overlaps;	  /* another VAD of the process has some of its addresses too: damage */
};

/* Sorted by address. */
struct vads {
	struct vad *items;
	size_t count;
	size_t capacity;
	struct names names; /* of files */
	char damage[120];   /* what was wrong with the tree, in words; "" when it is whole */
};

/*
 * Reads the VAD tree; of a damaged one, all that can be reached, and of one that costs more than a
 * part of `budget` (NULL: not bounded) what was read until then: then it returns false, and `damage`
 * tells.
 */
bool process_vads(const struct windows *windows, const struct process *process,
		  struct space *kernel, struct budget *budget, struct vads *vads);

/* The VAD that holds `address`, or NULL. */
const struct vad *vads_find(const struct vads *vads, uint64_t address);
void vads_free(struct vads *vads);

/* Which pages of a view of an image section are the process's own, see view_own_pages(). */
struct own_pages {
	const struct vad *vad; /* NULL: none */
	size_t count;	       /* pages from its start on that are told of */
	uint64_t *bits;	       /* bit i % 64 of bits[i / 64]: page i is */
	size_t capacity;       /* in words */
};

/* A process's memory as one thread sees it. System's is the kernel's. */
struct view {
	struct space *space;  /* the process's; knows its VADs */
	struct space *kernel; /* the same space, of System */
	struct vads vads;
	unsigned int entry_size; /* bytes of a prototype PTE */
	const struct vad *found; /* the VAD asked for last; NULL: none yet */
	struct own_pages own;	 /* of the VAD asked for last */
	/*
	 * What walks through the view may cost: they count what the evidence makes them do, the same
	 * whatever caches hold, and end where it does. NULL: not bounded.
	 */
	struct budget *budget;
	bool cut; /* one of them ended before it was done, for a part of the budget or for all */
};

/*
 * The pages of an image VAD that the process has copies of, since they were written to; all others
 * are the section's, the same for all who map it. NULL where the VAD is of another kind, or does not
 * lead to its section. Valid until asked for another VAD.
 */
const struct own_pages *view_own_pages(struct view *view, const struct vad *vad);

/*
 * Gives the page that the section of an image VAD has for `address`, by its prototype PTE, whatever the
 * process has there. False when it is not present, or the VAD does not lead to its section.
 */
bool view_section_page(const struct view *view, const struct vad *vad, uint64_t address,
		       struct page *page);

/* Is page number `page`, one of those told of, the process's own? */
static inline bool own_pages_has(const struct own_pages *own, size_t page)
{
	return own->bits[page / 64] >> page % 64 & 1;
}

/* The first page from number `from` on, before `end`, that is the process's own; `end`: none. */
size_t own_pages_next(const struct own_pages *own, size_t from, size_t end);

/* `budget` (may be NULL) must outlive the view. */
void view_open(struct view *view, const struct windows *windows, const struct process *process,
	       struct budget *budget);
void view_close(struct view *view);
#define _cleanup_view_ __attribute__((cleanup(view_close)))

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

/* "PAGE_EXECUTE_READWRITE" ...: of MMVAD_FLAGS.Protection, guard and cache bits left out. */
const char *vad_protection_name(unsigned int protection);

/* A VAD without an image section that has executable pages. */
struct region {
	const struct vad *vad; /* the view's */
	uint64_t committed;    /* pages that hold something, in memory or paged out */
	uint64_t executable;   /* those of them that can be run ... */
	uint64_t writable;     /* ... and written as well */
	uint64_t first_executable;
	uint64_t first_committed, last_committed; /* addresses of pages */
};

struct regions {
	struct region *items;
	size_t count;
	size_t capacity;
	char damage[120]; /* what was cut off, in words; "": nothing */
};

/*
 * The regions of a view. Costs no more than a part of view->budget, and each VAD a part of that; what
 * is known of one that costs more is too little, and `damage` names it.
 */
void view_regions(struct view *view, struct regions *regions);
void regions_free(struct regions *regions);
#define _cleanup_regions_ __attribute__((cleanup(regions_free)))

/* A PE image within such a region, or a region where none was found. */
struct injected {
	const struct vad *vad;
	uint64_t base;
	uint64_t size;		  /* bytes of memory that belong to it */
	bool no_header;		  /* no PE header in the region: base and size are the VAD's */
	uint64_t used, used_size; /* with no_header: what of it holds anything */
	bool file_layout;	  /* lies as in the file, not as mapped by a loader */
	bool pe32_plus;
};

struct injections {
	struct injected *items;
	size_t count;
	size_t capacity;
	char damage[120]; /* what was cut off, in words; "": nothing */
};

/*
 * Looks for PE images in each region; a region without any is one entry with no_header. Costs no more
 * than a part of view->budget, and each region a part of that; `damage` names one that was cut off.
 */
void view_injections(struct view *view, const struct regions *regions,
		     struct injections *injections);
void injections_free(struct injections *injections);
#define _cleanup_injections_ __attribute__((cleanup(injections_free)))

/*
 * How many pages of the code sections of the image at `base`, whose headers are `pe`, are not what
 * its section has: 0 for memory that no image section is behind.
 */
size_t view_patched_pages(struct view *view, const struct pe *pe, uint64_t base);

/* Where else the pages of an image section may be: all processes that map it. */
struct neighbours;

/* Cheap until the first page is asked for. Both must outlive it. For any number of threads. */
struct neighbours *neighbours_new(const struct windows *windows, const struct processes *processes);
void neighbours_free(struct neighbours *neighbours);
DEFINE_CLEANUP(struct neighbours, neighbours_free)
#define _cleanup_neighbours_ _cleanup_(neighbours_free_p)

/*
 * Returns the page at `rva` (a multiple of 4096) of the section of `control_area`, as two processes
 * or more agree to have it, and most of those that have it; NULL: nobody can tell.
 */
const uint8_t *neighbours_page(struct neighbours *neighbours, uint64_t control_area, uint64_t rva);

/*
 * A PE in virtual memory, for pe_open(). Initialise with module_reader_init(), release with
 * module_reader_free().
 */
struct module_reader {
	struct pe_reader reader;
	struct space *space;
	uint64_t base;
	char why[96];
	/*
	 * The image VAD that `base` lies in, see module_reader_section(); NULL: none. A page that the
	 * process lost is then the section's, as other processes that map the file have it.
	 */
	const struct view *view;
	const struct vad *vad;
	struct neighbours *neighbours; /* NULL: only prototype PTEs are asked */
	uint64_t control_area;	       /* the VAD's; 0: none */
	/* Pages, by number, that were found with other processes, or as the section has them ... */
	struct address_set borrowed, sectioned;
	bool keep_written; /* believe a page file also where it has nothing of the section's page */
	struct address_set stale;	 /* ... of those, what a page file had and can't be right */
	bool decompressed;		 /* a page that was read lives only as long as the space */
	unsigned int missing_page_files; /* bit N: a page in page file N was not there */
	uint64_t last;			 /* number + 1 of the page read last ... */
	const uint8_t *last_bytes;
	/* The pages asked for since module_reader_record(); one may stand there twice. */
	bool record;
	struct module_page *pages;
	size_t page_count;
	size_t page_capacity;
};

/* From now on keep in mind which pages are read. */
static inline void module_reader_record(struct module_reader *reader)
{
	reader->record = true;
	reader->page_count = 0;
	reader->last = 0;
}

void module_reader_free(struct module_reader *reader);
#define _cleanup_module_reader_ __attribute__((cleanup(module_reader_free)))

/* `size`: bytes from `base` that may be read; 0 when unknown: up to 4 GB. */
void module_reader_init(struct module_reader *reader, struct space *space, uint64_t base,
			uint64_t size);

/*
 * Lets pages that are absent, or that a page file has wrong, be read from the section that is mapped
 * at the reader's base, if an image's is: by its prototype PTEs, or as `neighbours` (NULL: none)
 * agree to have them, never from one process's own copy. No image begins within a page. `view` is that
 * of the reader's space; both must outlive it.
 */
void module_reader_section(struct module_reader *reader, const struct view *view,
			   struct neighbours *neighbours);

#endif
