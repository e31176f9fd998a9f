/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The machine that is written: one Windows of one build, with its kernel, processes and modules.
 *
 *	struct guest *guest = guest_new(&options);	// kernel, System, drivers
 *	struct guest_process *p = guest_process_new(guest, &(struct guest_process_options){...});
 *	guest_load(p, "user32.dll");			// like LoadLibrary
 *	guest_finish(guest);				// what must come last
 *	ramfile_write(ramfile_format("lime"), guest, "image.lime");
 *
 * The parts: library.c (which PE files there are), module.c (mapping and resolving them), pool.c
 * (kernel memory and objects), kernel.c (the kernel image and its data), driver.c, process.c
 * (EPROCESS, address space), peb.c (PEB and loader lists), handle.c (handle tables), section.c and
 * vad.c (what lies where in a process), pte.c, state.c and page_files.c (pages that are not there),
 * stand_in.c (DLLs made of a table of exports), api_set.c (the API set schema), inject.c, hide.c
 * and tamper.c (what malware does).
 */
#ifndef WRITER_GUEST_H
#define WRITER_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <writer/layout.h>
#include <writer/paging.h>
#include <writer/pefile.h>
#include <writer/ram.h>

enum guest_kdbg {
	GUEST_KDBG_DEFAULT, /* as the build has it: plain before Windows 8, encoded from then on */
	GUEST_KDBG_PLAIN,
	GUEST_KDBG_ENCODED,
	GUEST_KDBG_ABSENT,
};

enum guest_wow64_form {
	GUEST_WOW64_DEFAULT, /* as the build's symbols say */
	GUEST_WOW64_PEB,     /* the 32-bit PEB's address */
	GUEST_WOW64_STRUCT,  /* that of a structure that begins with it */
	GUEST_WOW64_NOWHERE, /* that of a structure without it */
};

/* What the name tables of drivers hold. */
enum guest_names {
	GUEST_NAMES_RVA,   /* what the file has: the loaders of newer builds leave it */
	GUEST_NAMES_IMAGE, /* addresses in the image, by the kernel's loader */
	GUEST_NAMES_BOOT,  /* addresses where the boot loader had put the image */
};

/* Which VADs the view of an image has. */
enum guest_views {
	GUEST_VIEWS_WHOLE, /* one */
	GUEST_VIEWS_SPLIT, /* one for its headers and for each of its sections */
	GUEST_VIEWS_BARE,  /* the same, and they don't lead to the section */
};

struct guest_options {
	const char *structs; /* path of windows-structs.tsv */
	const char *store;   /* path of windows-store.tsv; NULL: pages are not compressed */
	const char *build;
	const char *arch;
	const char *variant; /* NULL: the last one listed */
	uint64_t memory;     /* bytes */
	struct ram_run hole; /* where it has none; of size 0: where ram_new() puts it */
	uint64_t seed;
	const char *pe_dir;    /* NULL, or where real DLLs are */
	const char *symbols;   /* NULL, or a table of kernel symbol RVAs (kernel-symbols.tsv) */
	const char *pdb_guid;  /* NULL, or "CA8E2F01B822EDE6357898BFBF862997-1" */
	const char *exports;   /* NULL, or what DLLs export: see stand_in.c */
	const char *api_sets;  /* NULL, or the API sets and their hosts: see api_set.c */
	const char *programs;  /* NULL, or PE files for the scenario "programs" */
	const char *treatment; /* what was done to them: see programs.c */
	enum guest_kdbg kdbg;
	bool pae; /* a PAE kernel of a 32-bit build that came with both */
	bool no_low_stub;
	bool all_valid; /* no page is in transition */
	enum guest_wow64_form wow64_form;
	enum guest_names driver_names;
	bool empty_imports; /* files without imports have a directory of zeros, as GNU ld makes */
	enum guest_views views;
	bool look_alikes;      /* pool headers that look like processes: see look_alike.c */
	const char *pte_build; /* NULL, or whose page table entries the kernel has by an update */
	bool mask_given;
	uint64_t mask; /* InvalidPteMask of builds with a SwizzleBit; 0: the processor needs none */
};

/* What image and data views map. */
struct guest_section {
	char *file; /* "\\Windows\\System32\\ntdll.dll"; NULL: backed by the page file */
	struct guest_image *image; /* NULL: data */
	size_t pages;
	unsigned int protection; /* of a data view: an _MMPTE.Protection */
	uint64_t *frames;	 /* by page; 0: none */
	enum page_state *states; /* by page: what the prototype PTE says */
	enum page_state name_state;
	uint64_t control_area, subsection, segment, prototypes, file_object;
};

enum { GUEST_MAX_PARTS = 64 };

/* A range of a process that is in use. */
struct guest_vad {
	uint64_t start, end; /* the last byte */
	unsigned int protection;
	bool commit;		       /* all of it was committed at once */
	struct guest_section *section; /* NULL: private memory */
	size_t part, first_page;       /* of the section, where a view has several VADs */
	uint64_t node;		       /* MMVAD or MMVAD_SHORT */
};

/* A page of a process that is to be in a state, see guest_set_state(). */
struct guest_state {
	struct guest_process *process;
	uint64_t va;
	enum page_state state;
	bool copy; /* of a section: the process gets a copy of it first */
};

/* A PE file, and its image section: the frames that all processes which map it share. */
struct guest_image {
	char *name;    /* as its loader entry names it: "KERNEL32.DLL" */
	char *file;    /* as the original is named in the truth file: "kernel32.dll" */
	uint8_t *data; /* the original file */
	size_t data_size;
	char *source;	/* where a real file was read; NULL for a generated one */
	bool wow64;	/* a 32-bit file for WoW64 processes */
	char **imports; /* generated: the import list as hashed, "kernel32.heapalloc" */
	size_t import_count;
	struct pefile *pe;
	uint64_t base;		       /* this boot's base; 0 while not placed */
	uint8_t *relocated;	       /* the image at that base */
	struct guest_section *section; /* has the frames that are shared; NULL: not mapped yet */
	uint8_t *flags; /* by page: enum page_flags; PAGE_WRITE or address table: a private copy */
	bool *patched;	/* by page: holds an import address table, so it is a private copy */
};

struct guest_module {
	struct guest_image *image;
	uint64_t base;
	uint64_t entry32;     /* WoW64: LDR_DATA_TABLE_ENTRY of the 32-bit lists */
	bool wow64;	      /* 32-bit code in a 64-bit process */
	bool native;	      /* it is in the lists of the native PEB */
	unsigned int stomped; /* pages of code that are copies with other bytes */
	const char *flags;    /* what a scan says of it: "unlinked", "stale", or NULL */
	const char *holds;    /* the file that lies there in truth, or NULL */
	uint64_t entry;	      /* LDR_DATA_TABLE_ENTRY or KLDR_DATA_TABLE_ENTRY */
	char *name;	      /* BaseDllName, UTF-8; see units */
	char *path;	      /* FullDllName */
	uint8_t *units; /* BaseDllName as written (UTF-16), where UTF-8 can't say it; else NULL */
	size_t units_size;
	const char *damage; /* what is damaged: the case's name, or NULL */
	bool in_load, in_memory, in_init;
	unsigned int init_order; /* 1 first; 0: not initialised (the program itself) */
};

/* A PE file that no loader put into a process. What guest_inject() is told: */
struct guest_injection {
	const char *name; /* the case */
	const char *kind;
	const struct guest_image *image;
	unsigned int protection; /* of the VAD; the pages are read-write-execute unless ... */
	bool sections;		 /* ... they have what each section says */
	bool raw;		 /* lies there as in the file, else as in memory */
	bool wiped;		 /* the first page is zero */
	bool mapped;		 /* in a view of a section without a file */
	bool data;		 /* cannot run: is no injection */
	bool managed;	   /* data, but an assembly where a runtime reads assemblies: has a row */
	uint64_t offset;   /* bytes before (and after) it in its region */
	const char *flags; /* what a scan says of it, or NULL */
	/* Where it lies; `base` is set before where it must lie at that address. */
	uint64_t base, size;
	uint64_t region, region_size;
};

/* Memory with code that is no PE and must not be taken for one. */
struct guest_decoy {
	const char *name;
	uint64_t start, size;
};

/* A region, or an injected file, that slots of a module lead into. */
struct guest_hook_target {
	const char *module;
	uint64_t start, size;
	unsigned int slots;
};

/* A slot of an address table as it stands: what --imports must say of it. */
struct guest_slot {
	const char *name; /* the case */
	uint64_t slot;
	uint64_t target;      /* the export it leads to, or led to before it was hooked */
	const char *dll;      /* as an import names it */
	const char *function; /* NULL: by ordinal */
	uint32_t ordinal;
	const char *import; /* as it is hashed; NULL: see dll and function */
	bool hooked;
	bool lost; /* leads to no export, by no way */
};

struct guest_process {
	struct guest *guest;
	uint32_t pid, ppid, tid;
	char *name; /* "svchost.exe" */
	char *path; /* "C:\\Windows\\System32\\svchost.exe" */
	char *command_line;
	const char *damage; /* what is damaged: the case's name, or NULL */
	struct paging *space;
	uint64_t eprocess;
	uint64_t dtb; /* as in EPROCESS: with low bits where the build has them */
	uint64_t peb; /* 0: System, Registry */
	uint64_t ldr;
	/* the loader's heap: next free byte, end of what is mapped, end of what is reserved */
	uint64_t heap, heap_end, heap_limit;
	uint64_t stub;	      /* code that unresolved imports lead to; 0 while not needed */
	uint64_t create_time; /* FILETIME */
	uint32_t session;
	bool hidden, exited;
	struct guest_section *program; /* of its program's image */
	bool wow64;
	uint64_t peb32;
	uint64_t heap32, heap32_end, heap32_limit;
	uint64_t area32; /* where the next region below 2 GB goes */
	unsigned int initialised32;
	struct guest_injection *injections;
	size_t injection_count, injection_capacity;
	struct guest_decoy *decoys;
	size_t decoy_count, decoy_capacity;
	struct guest_slot *slots;
	size_t slot_count, slot_capacity;
	struct guest_hook_target *hook_targets;
	size_t hook_target_count, hook_target_capacity;
	uint64_t area; /* where the next region goes */
	uint64_t teb;
	struct guest_vad **vads;
	size_t vad_count, vad_capacity;
	struct guest_module **modules; /* load order */
	size_t module_count, module_capacity;
	unsigned int initialised;
};

struct guest_symbol {
	char *name;
	uint32_t rva;
};

/* An API set, and the DLLs that stand for it: the first value's, or that of the importer's value. */
struct guest_api_set_value {
	char *importer; /* "kernel32.dll"; "" in the first */
	char *host;	/* "kernelbase.dll"; "": none on this machine */
};

struct guest_api_set {
	char *name; /* "api-ms-win-core-heap-l1-1-0" */
	struct guest_api_set_value *values;
	size_t value_count, value_capacity;
};

enum guest_type {
	GUEST_TYPE_PROCESS = 7,
	GUEST_TYPE_THREAD = 8,
	GUEST_TYPE_SECTION = 9,
	GUEST_TYPE_DEVICE = 10,
	GUEST_TYPE_FILE = 11,
	GUEST_TYPE_COUNT = 64
};

struct guest {
	struct guest_options options;
	struct util_random random;
	struct layout *layout;
	struct layout *pte_layout; /* of page table entries: the same, but with options.pae */
	uint32_t build;
	unsigned int major, minor; /* 6.1, 6.3, 10.0 */
	struct ram *ram;
	struct paging *kernel; /* System's address space */
	unsigned int self_index;

	struct guest_image **images;
	size_t image_count, image_capacity;

	uint64_t kernel_base;
	uint64_t kernel_size;
	uint64_t kdbg; /* address of KDDEBUGGER_DATA64; 0: absent */
	bool kdbg_encoded;
	struct guest_symbol *symbols;
	size_t symbol_count, symbol_capacity;
	uint64_t low_stub;
	struct paging_swizzle swizzle;	    /* how entries that are not valid are stored */
	unsigned int pointer;		    /* bytes of an address */
	uint64_t types[GUEST_TYPE_COUNT];   /* OBJECT_TYPEs */
	unsigned int pte_size;		    /* bytes of an entry */
	uint64_t pte_base, subsection_base; /* what 32-bit entries leave out of a pool address */
	uint64_t device;		    /* the volume's DEVICE_OBJECT */
	uint8_t *pagefile;
	uint64_t pagefile_pages;
	uint64_t pagefile_room;	   /* pages that fit into the memory of it */
	struct guest_store *store; /* NULL: this build does not compress */

	uint64_t pool_next[2], pool_end[2]; /* nonpaged, paged: in the page being filled */
	uint64_t pool_area[2];		    /* the next page */
	uint32_t pool_previous[2];	    /* size of the block before, in units */
	uint64_t driver_area;
	uint64_t user_area;   /* next (lower) address of a DLL */
	uint64_t native_area; /* the same for ntdll and, on Windows 7, kernel32 and user32 */
	uint64_t program_area;
	uint64_t user_area32, program_area32; /* the same for 32-bit files in WoW64 processes */
	uint64_t boot_time;
	uint64_t cid_table;
	uint8_t object_cookie;
	uint64_t sessions[2]; /* MM_SESSION_SPACE */
	uint64_t shared_user_frame;
	uint32_t next_tid;

	struct guest_module **drivers; /* load order; the kernel first */
	size_t driver_count, driver_capacity;
	struct guest_section **sections;
	size_t section_count, section_capacity;
	struct guest_api_set *contracts; /* in the schema's order */
	size_t contract_count, contract_capacity;
	struct guest_section *api_sets;
	struct stand_ins *stand_ins;  /* NULL: none were read */
	struct guest_section *locale; /* locale.nls, which every process maps */
	struct guest_state *states;
	size_t state_count, state_capacity;
	struct guest_process **processes; /* ring order; System first */
	size_t process_count, process_capacity;
};

struct guest *guest_new(const struct guest_options *options);
void guest_free(struct guest *guest);

/* What needs everything else to be there: transition pages, shadow page tables. */
void guest_finish(struct guest *guest);

/* library.c: the file of a DLL, driver or program: real (options.pe_dir) before generated; NULL
 * when there is neither. Looked up without case; owned by the guest. */
struct guest_image *guest_find_image(struct guest *guest, const char *name);

/* The 32-bit file of that name, generated. */
struct guest_image *guest_find_image32(struct guest *guest, const char *name);

/* Adds a file of the caller's making under `name`; takes `data` (malloc'ed). */
struct guest_image *guest_add_image(struct guest *guest, const char *name, uint8_t *data,
				    size_t size);

/* stand_in.c: the file of a DLL that options.exports has; NULL when it doesn't. */
uint8_t *guest_stand_in(struct guest *guest, const char *name, size_t *size);
void guest_stand_ins_free(struct guest *guest);

/* module.c */

/*
 * Maps an image as a section of `space`: pages that stay as they are share their frames with every
 * other process, writable pages and address tables become copies. Returns its base.
 */
uint64_t guest_map_image(struct guest *guest, struct paging *space, struct guest_image *image,
			 bool user);

/* LoadLibrary: maps a DLL and what it imports, resolves, enters it in the list of modules. NULL
 * when there is no such file. */
struct guest_module *guest_load(struct guest_process *process, const char *name);

/* The same for 32-bit DLLs of a WoW64 process. */
struct guest_module *guest_load32(struct guest_process *process, const char *name);

/* The same for the program itself. */
struct guest_module *guest_load_program(struct guest_process *process, const char *name);
void guest_module_free(struct guest_module *module);

/* Notes an image that is mapped but has no entry of the loader's. */
struct guest_module *guest_note_module(struct guest_process *process, struct guest_image *image,
				       uint64_t base);

/* Loads what the program imports and resolves it. */
void guest_link_program(struct guest_process *process);

/* The DLL that stands for an API set, for `importer` (a DLL or program); any other name as it is. */
const char *guest_api_set_host(const struct guest *guest, const char *dll, const char *importer);

/* The address of an export of a DLL, which is loaded if need be; 0: there is none. `function` NULL:
 * by ordinal. */
uint64_t guest_resolve(struct guest_process *process, const char *dll, const char *function,
		       uint32_t ordinal);

/* Resolves a driver's imports against the drivers before it. */
void guest_link_driver(struct guest *guest, struct guest_module *driver);

/* A frame of bytes that look like data: words, counters, a little noise. */
uint64_t guest_frame_of_text(struct guest *guest);

/* pool.c */

enum guest_pool { GUEST_NONPAGED, GUEST_PAGED };

/* A zeroed block of pool, behind a POOL_HEADER; blocks above a page take whole pages and have no
 * header, as in Windows. `tag` as in "MmLd". */
uint64_t guest_pool_alloc(struct guest *guest, enum guest_pool pool, uint32_t size,
			  const char *tag);

/* A kernel object: pool block, optional headers, OBJECT_HEADER; the address of its body. */
uint64_t guest_object_new(struct guest *guest, enum guest_type type, uint32_t size,
			  const char *tag);

/* A LIST_ENTRY that is empty, and an entry put in front of the head (at the end). */
void guest_list_init(struct paging *space, uint64_t head);
void guest_list_append(struct paging *space, uint64_t head, uint64_t entry);

/* A UNICODE_STRING at `va` with its text at `buffer`. `units` is UTF-16. */
void guest_put_string(struct paging *space, uint64_t va, uint64_t buffer, const uint8_t *units,
		      size_t size);

/* The same with text in paged pool. */
void guest_put_kernel_string(struct guest *guest, uint64_t va, const char *utf8);

/* Stores a member of the structure at `va`, of 1 to 8 bytes. */
void guest_put(struct guest *guest, struct paging *space, uint64_t va, const char *type,
	       const char *member, uint64_t value, unsigned int size);

/* The same, when the build has the member. */
void guest_put_if(struct guest *guest, struct paging *space, uint64_t va, const char *type,
		  const char *member, uint64_t value, unsigned int size);

/* Stores a pointer in a member. */
void guest_put_pointer(struct guest *guest, struct paging *space, uint64_t va, const char *type,
		       const char *member, uint64_t value);

/* Stores a bit field of the kernel structure at `va`. */
void guest_put_bits(struct guest *guest, uint64_t va, const char *type, const char *member,
		    uint64_t value);

/* kernel.c */
void guest_kernel_new(struct guest *guest);

/* The RVA of a kernel variable, and its address. Dies when the kernel has no such variable. */
uint32_t guest_symbol_rva(const struct guest *guest, const char *name);
uint64_t guest_symbol(const struct guest *guest, const char *name);

/* kernel_data.c: KDBG, versions, the low stub, KUSER_SHARED_DATA. */
void guest_kernel_data_new(struct guest *guest);

/* driver.c: enters a driver in PsLoadedModuleList. */
struct guest_module *guest_load_driver(struct guest *guest, const char *name);
struct guest_module *guest_enter_driver(struct guest *guest, struct guest_image *image,
					uint64_t base, const char *path);

/* look_alike.c: what looks like processes, where the options ask for it. */
void guest_look_alikes_new(struct guest *guest);

/* handle.c */
uint64_t guest_handle_table_new(struct guest *guest, uint32_t pid, uint64_t owner);

/* Puts `object` (an address) at `handle` (a multiple of 4). */
void guest_handle_set(struct guest *guest, uint64_t table, uint32_t handle, uint64_t object);

/* process.c */
struct guest_process_options {
	const char *name;      /* "svchost.exe"; the program's file is looked up by it */
	const char *folder;    /* NULL: C:\Windows\System32 */
	const char *arguments; /* NULL: none */
	uint32_t pid, ppid;
	uint32_t session;
	bool kernel_only; /* no user part at all: System, Registry */
	bool native;	  /* loads ntdll only: smss.exe */
	bool wow64;
	uint64_t heap; /* where its heap lies; 0: where the build and chance put it */
};

struct guest_process *guest_process_new(struct guest *guest,
					const struct guest_process_options *options);

/* peb.c: the PEB, its lists and parameters, once all modules are loaded. */
void guest_peb_new(struct guest_process *process);
void guest_loader_lists_new(struct guest_process *process);

/* `size` zeroed bytes of the loader's heap. */
uint64_t guest_heap_alloc(struct guest_process *process, uint64_t size);

/* pte.c: entries of pages that are not valid. `protection` is an _MMPTE.Protection. */
uint64_t guest_pte_prototype(const struct guest *guest, uint64_t prototype,
			     unsigned int protection);
uint64_t guest_pte_lookup(const struct guest *guest, unsigned int protection);
uint64_t guest_pte_subsection(const struct guest *guest, uint64_t subsection,
			      unsigned int protection);
uint64_t guest_pte_transition(const struct guest *guest, uint64_t frame, unsigned int protection);
uint64_t guest_pte_pagefile(const struct guest *guest, unsigned int number, uint64_t page,
			    unsigned int protection);

/* section.c: a section of `pages` pages, owned by the guest; what it consists of in the kernel is
 * written at the end. */
struct guest_section *guest_section_new(struct guest *guest, const char *file, size_t pages,
					unsigned int protection);
void guest_section_free(struct guest_section *section);
void guest_section_write(struct guest *guest, struct guest_section *section);

/*
 * The pages at which the parts of a section start: of an image its headers and PE sections. Returns
 * how many parts there are.
 */
size_t guest_section_parts(const struct guest_section *section, size_t starts[GUEST_MAX_PARTS]);

/* Once written: the prototype PTE of a page, and writing it again after its state changed. */
uint64_t guest_section_prototype(const struct guest *guest, const struct guest_section *section,
				 size_t page);
void guest_section_put(struct guest *guest, const struct guest_section *section, size_t page);
unsigned int guest_section_protection(const struct guest_section *section, size_t page);

/* A section object that a process holds on to. */
uint64_t guest_section_object_new(struct guest *guest, const struct guest_section *section);

/* vad.c: notes that a range is in use, by private memory or by a view of a section. */
struct guest_vad *guest_vad_add(struct guest_process *process, uint64_t start, uint64_t size,
				unsigned int protection);
struct guest_vad *guest_vad_add_view(struct guest_process *process, uint64_t start,
				     struct guest_section *section);
struct guest_vad *guest_vad_find(const struct guest_process *process, uint64_t va);
void guest_vad_remove(struct guest_process *process, uint64_t start);

/* A free range of `size` bytes. */
uint64_t guest_area(struct guest_process *process, uint64_t size);

/* The same below 2 GB, where `below` is set and the process is WoW64, for 32-bit code. */
uint64_t guest_area32(struct guest_process *process, uint64_t size, bool below);

/* A committed private region: `protection` as it was allocated, `flags` (enum page_flags) as its
 * pages are now. */
uint64_t guest_region_new(struct guest_process *process, uint64_t size, unsigned int protection,
			  unsigned int flags);

/* The same below 2 GB, where `below` is set, for 32-bit code. */
uint64_t guest_region_new32(struct guest_process *process, uint64_t size, unsigned int protection,
			    unsigned int flags, bool below);

/* Writes the tree of nodes, sections being written. */
void guest_vads_write(struct guest_process *process);

/* state.c */

/* The page at `va` is to be in that state when the machine is finished. */
void guest_set_state(struct guest_process *process, uint64_t va, enum page_state state);

/* The same for a state that private pages have: one of a section is copied before. */
void guest_copy_state(struct guest_process *process, uint64_t va, enum page_state state);

/* Is it one that only private pages have? */
bool guest_private_state(enum page_state state);
const char *guest_state_name(enum page_state state);
const struct guest_state *guest_find_state(const struct guest_process *process, uint64_t va);

/* Changes a page of the kernel at once: PAGE_TRANSITION, PAGE_PAGEFILE, PAGE_COMPRESSED. */
void guest_kernel_state(struct guest *guest, uint64_t va, enum page_state state);
void guest_apply_states(struct guest *guest);

/* Moves the frame's page out, to PAGE_PAGEFILE or PAGE_COMPRESSED: the entry that then leads there. */
uint64_t guest_pte_out(struct guest *guest, uint64_t frame, enum page_state state,
		       unsigned int protection);

/* pfn_database.c: what the kernel knows of frames, once all is in its place. */
void guest_pfn_database_write(struct guest *guest);

/* page_files.c */

enum { GUEST_PAGEFILE, GUEST_SWAPFILE, GUEST_VIRTUAL_STORE }; /* their numbers */

/* Puts a page into the page file; its number there. */
uint64_t guest_pagefile_add(struct guest *guest, const uint8_t *page);
void guest_pagefile_write(const struct guest *guest, const char *path);

/* Does this build compress pages, in a store whose layout is known? */
bool guest_compresses(const struct guest *guest);

/* The process that keeps compressed pages; nothing where none are. Before the first of them. */
void guest_store_new(struct guest *guest);
void guest_store_free(struct guest *guest);

/* Puts a page into a store; its number in the virtual page file. */
uint64_t guest_store_add(struct guest *guest, const uint8_t *page);

/* What the kernel knows of its page files and stores, once all pages are in them. */
void guest_page_files_write(struct guest *guest);

/* inject.c: all of it before the PEB is made. `how` is copied. */
struct guest_injection *guest_inject(struct guest_process *process,
				     const struct guest_injection *how);

/* Loads what an injected file imports and fills its address table (module.c). */
void guest_link_injection(struct guest_process *process, const struct guest_injection *injection);

/*
 * Maps a section that holds `bytes`: a file's, or (`file` NULL) one without a file. Returns its
 * address.
 * protection: an _MMPTE.Protection. flags: of its pages, beside PAGE_USER.
 */
uint64_t guest_map_data(struct guest_process *process, const char *file, const uint8_t *bytes,
			size_t size, unsigned int protection, unsigned int flags);

/* Takes a module's view out of the process, its entry stays. */
void guest_unmap(struct guest_process *process, const struct guest_module *module);

/* Overwrites so many pages of a module's code. */
void guest_stomp(struct guest_process *process, struct guest_module *module, unsigned int pages);

/* Bytes that look like functions. */
void guest_put_code(struct guest_process *process, uint64_t va, uint64_t size);

/* A region with code only, as a just-in-time compiler makes. */
uint64_t guest_jit(struct guest_process *process, const char *name, uint64_t size,
		   unsigned int protection, unsigned int flags);

/* api_set.c: which API sets there are, their schema, and PEB.ApiSetMap. */
void guest_api_sets_new(struct guest *guest);
void guest_api_sets_map(struct guest_process *process);
void guest_api_sets_free(struct guest *guest);

/* tamper.c: what becomes of address tables. */

/* The stub of a packed program runs: everything is unpacked and resolved. */
void guest_unpack(struct guest_process *process, const struct guest_module *program);

/* Notes the slots of an image's import directory for the truth, none of them hooked. */
void guest_note_slots(struct guest_process *process, const char *name,
		      const struct guest_image *image, uint64_t base);

/* Zeroes descriptors, names and name tables. */
void guest_erase_names(struct paging *space, const struct guest_image *image, uint64_t base);

/* The same, and what the header says of them. */
void guest_erase_imports(struct paging *space, const struct guest_image *image, uint64_t base);

enum guest_hooks {
	GUEST_HOOKS_NEAR, /* trampolines of all kinds that end at the real exports, a region each */
	GUEST_HOOKS_LOST, /* code that does anything */
	GUEST_HOOKS_PAGE, /* trampolines in one page of data */
	GUEST_HOOKS_INTO, /* code of an injected file */
};

/*
 * Leads one of 20 of the slots noted to code in private memory. They are those of `module`; `into`
 * is the injected file's address, for GUEST_HOOKS_INTO.
 */
void guest_hook(struct guest_process *process, const struct guest_module *module,
		enum guest_hooks how, uint64_t into);

/* Resolves one of `every` slots of the delay imports. */
void guest_resolve_delayed(struct guest_process *process, const struct guest_image *image,
			   uint64_t base, unsigned int every);

/* How code reaches a table that lies elsewhere. */
enum guest_reach {
	GUEST_REACH_NUMBER,   /* it loads the table's address, a number in it */
	GUEST_REACH_VARIABLE, /* it loads the address from the image's first slot, which has it */
	GUEST_REACH_CALLS,    /* a call through each slot, as through an address table of its own */
};

/*
 * What an image imports as a table on the heap, each DLL's functions behind a zero; its own slots
 * are empty afterwards. The code that reaches it stands at the entry point, the calls at the start
 * of the largest section that runs.
 */
void guest_table_on_heap(struct guest_process *process, const char *name,
			 const struct guest_image *image, uint64_t base, enum guest_reach reach);

/* Code without any header, that calls through a table of addresses on the heap. */
void guest_blob(struct guest_process *process, const char *name);

/*
 * Two of them: one, in pieces before and behind a PE of the same region, has its table behind it.
 * The other one also has the addresses of the first one's table, and of the PE's.
 */
void guest_blobs_side_by_side(struct guest_process *process, const char *around, const char *beside,
			      const struct guest_image *image);

/* hide.c: takes a process out of ActiveProcessLinks, or out of everything that lists it; ends one
 * whose object somebody still refers to. */
void guest_hide(struct guest_process *process, bool everywhere);
void guest_exit(struct guest_process *process);

/* wow64.c: the 32-bit heap and PEB of a process, and their content once all is loaded. */
void guest_wow64_new(struct guest_process *process);
void guest_wow64_peb_new(struct guest_process *process);

#endif
