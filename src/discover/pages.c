/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds what the memory room needs to read pages that are not valid: the mask with which entries
 * are stored (by page tables of some processes), the page files (by pointers in the kernel's image
 * to their MMPAGING_FILEs, since no symbol leads to them), and the compressed store.
 */
#include "discover/internal.h"
#include "discover/process_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/process.h>
#include <impscan/store.h>

/* For the mask: page tables of a process, processes, and entries that are looked at, at most. */
#define MASK_TABLES    16
#define MASK_PROCESSES 32
#define MASK_ENTRIES   16384

/* Steps of trying a word of the kernel that may lead to a page file, and of reading its name. */
#define WORD_STEPS    1
#define NAME_STEPS    20
/* Steps of a process whose page tables are read. */
#define PROCESS_STEPS 20

/*
 * Adds the votes of entries, from `tables` tables of up to `limit` processes, until there are
 * enough.
 */
static void count_votes(const struct windows *windows, const struct processes *processes,
			unsigned int tables, size_t limit, uint64_t enough, struct budget *budget,
			struct entry_votes *votes)
{
	for (size_t i = 0; i < processes->count && i < limit && votes->entries < enough; i++) {
		const struct process *process = &processes->items[i];
		if (!process->dtb || !process->peb)
			continue;
		if (!budget_spend(budget, PROCESS_STEPS))
			return;
		_cleanup_space_ struct space *space = space_new(windows->memory, process->dtb);
		entry_votes_add(votes, space, 0, user_end(windows->pointer_size), tables, budget);
	}
}

/*
 * Where a profile is without SwizzleBit, the kernel may have the updates of 2018 nevertheless, and
 * the layout that they brought to all builds: entries tell by where they have the page file's
 * number, or else by carrying a mask.
 */
static void find_layout(struct windows *windows, const struct entry_votes *votes, bool masked)
{
	struct entry_layout layout = entry_layout_of(windows->profile);
	/* Before Windows 8 there are no flags, and hardly ever a second page file. */
	unsigned int number = windows->build < 9200 ? 0 : entry_votes_number(votes);
	if (layout.swizzle.bits || (!masked && number != 12))
		return;
	layout.swizzle = (struct entry_field){4, 1};
	layout.protection = (struct entry_field){5, 5};
	layout.prototype_protection = (struct entry_field){5, 5};
	layout.page_file_number =
		number == 1 ? (struct entry_field){1, 3} : (struct entry_field){12, 4};
	memory_set_entries(windows->memory, &layout);
}

static void find_mask(struct windows *windows, struct space *kernel)
{
	_cleanup_processes_ struct processes processes = {0};
	struct entry_votes votes = {0};
	uint64_t mask = 0;
	/* Entries of 4 bytes have no room for a mask, and never had one. */
	if (profile_offset(windows->profile, MMPTE_size) != 8)
		return;
	process_ring(windows, kernel, &processes);
	count_votes(windows, &processes, MASK_TABLES, MASK_PROCESSES, MASK_ENTRIES, NULL, &votes);
	bool found = entry_votes_mask(&votes, &mask);
	find_layout(windows, &votes, found && mask);
	if (!found)
		return;
	memory_set_invalid_mask(windows->memory, mask);
	windows->invalid_mask = mask;
	windows->invalid_mask_found = true;
}

/* A number of pages: as wide as the room to the next one is. */
static bool read_pages(const struct windows *windows, struct space *space, uint64_t at,
		       uint64_t *pages)
{
	const struct profile *profile = windows->profile;
	bool wide = profile_offset(profile, MMPAGING_FILE_MaximumSize) >=
		    profile_offset(profile, MMPAGING_FILE_Size) + 8;
	return space_pointer(space, at, wide ? 8 : 4, pages);
}

/* Reads the MMPAGING_FILE at an address; false when its numbers make no sense. */
static bool paging_file_read(const struct windows *windows, struct space *space, uint64_t address,
			     struct paging_file *file)
{
	const struct profile *profile = windows->profile;
	uint32_t flags;
	*file = (struct paging_file){.address = address};
	if (!read_pages(windows, space, address + profile_offset(profile, MMPAGING_FILE_Size),
			&file->size) ||
	    !read_pages(windows, space,
			address + profile_offset(profile, MMPAGING_FILE_MaximumSize),
			&file->maximum) ||
	    !space_u32(space, address + profile_offset(profile, MMPAGING_FILE_PageFileNumber),
		       &flags))
		return false;
	if (!file->size || file->size > file->maximum || file->maximum > UINT64_C(1) << 32)
		return false;
	file->number = (unsigned int)profile_bits(profile, MMPAGING_FILE_PageFileNumber, flags);
	file->virtual_store = profile_has(profile, MMPAGING_FILE_VirtualStorePagefile) &&
			      profile_bits(profile, MMPAGING_FILE_VirtualStorePagefile, flags);
	return file->number < PAGE_FILES;
}

/* FILE_OBJECT.Type is IO_TYPE_FILE, 5; other structures with a path point to other things. */
static bool may_be_file_object(const struct windows *windows, struct space *space, uint64_t object)
{
	uint16_t type;
	return !space_u16(space, object + profile_offset(windows->profile, FILE_OBJECT_Type),
			  &type) ||
	       type == 5;
}

/* Reads its name. A path of the object manager ("\??\C:\pagefile.sys") is no accident. */
static bool paging_file_named(const struct windows *windows, struct space *space,
			      struct paging_file *file)
{
	const struct profile *profile = windows->profile;
	uint16_t lengths[2];
	uint64_t object;
	uint64_t name = file->address + profile_offset(profile, MMPAGING_FILE_PageFileName);
	if (!space_pointer(space, file->address + profile_offset(profile, MMPAGING_FILE_File),
			   windows->pointer_size, &object) ||
	    !is_kernel_pointer(windows->pointer_size, object) ||
	    !may_be_file_object(windows, space, object) || !space_u16(space, name, &lengths[0]) ||
	    !space_u16(space, name + 2, &lengths[1]) || lengths[0] < 8 || lengths[0] % 2 ||
	    lengths[0] > lengths[1] || lengths[0] > 1024)
		return false;
	file->name = space_unicode_string(space, name, windows->pointer_size);
	if (file->name && file->name[0] == '\\')
		return true;
	free(file->name);
	file->name = NULL;
	return false;
}

/* Page files as the kernel knows them. */
struct paging_files {
	struct paging_file items[PAGE_FILES];
	size_t count;
};

/* The kernel's array of pointers, found by one of its elements at `slot`, which is `known`. */
static void paging_files_around(const struct windows *windows, struct space *space, uint64_t slot,
				const struct paging_file *known, struct paging_files *files)
{
	uint64_t array = slot - known->number * windows->pointer_size;
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		struct paging_file file;
		uint64_t address;
		if (!space_pointer(space, array + i * windows->pointer_size, windows->pointer_size,
				   &address) ||
		    !is_kernel_pointer(windows->pointer_size, address) ||
		    !paging_file_read(windows, space, address, &file) || file.number != i)
			continue;
		if (!paging_file_named(windows, space, &file) && !file.virtual_store)
			continue;
		files->items[files->count++] = file;
	}
}

/*
 * The words that were tried last, by their own bits: a hostile image has the same page many times.
 */
#define RECENT 1024

struct recent {
	uint64_t words[RECENT];
};

/* Was it tried lately? If not, it is from now on. */
static bool is_recent(struct recent *recent, uint64_t word)
{
	uint64_t *slot = &recent->words[(word ^ word >> 12) / 4 % RECENT];
	bool same = *slot == word;
	*slot = word;
	return same;
}

/* MmPagingFile, or its place in MiSystemPartition: a word of the kernel image that leads there. */
static void find_paging_files(const struct windows *windows, struct space *space,
			      struct budget *budget, struct paging_files *files)
{
	const struct profile *profile = windows->profile;
	unsigned int step = windows->pointer_size;
	uint32_t size = profile_offset(profile, MMPAGING_FILE_size);
	struct recent recent = {0};
	/* An inferred profile may lack them. */
	if (!profile_has(profile, MMPAGING_FILE_Size) ||
	    !profile_has(profile, MMPAGING_FILE_PageFileName))
		return;
	for (uint64_t page = 0; page < windows->kernel_size; page += PAGE_SIZE) {
		size_t available;
		const uint8_t *data = space_at(space, windows->kernel_base + page, &available);
		if (!data || !any_kernel_pointer(data, PAGE_SIZE, step))
			continue;
		for (size_t at = 0; at < PAGE_SIZE; at += step) {
			struct paging_file file;
			uint64_t address = le_pointer(data + at, step);
			if (address % step || !is_kernel_pointer(windows->pointer_size, address) ||
			    address > UINT64_MAX - size || is_recent(&recent, address))
				continue;
			if (!budget_spend(budget, WORD_STEPS))
				return;
			if (!paging_file_read(windows, space, address, &file))
				continue;
			(void)budget_spend(budget, NAME_STEPS);
			if (!paging_file_named(windows, space, &file))
				continue;
			free(file.name);
			paging_files_around(windows, space, windows->kernel_base + page + at, &file,
					    files);
			return;
		}
	}
}

size_t paging_files_count(const struct windows *windows, struct space *space, struct budget *budget)
{
	struct paging_files files = {0};
	size_t count = 0;
	find_paging_files(windows, space, budget, &files);
	for (size_t i = 0; i < files.count; i++) {
		const char *path = files.items[i].name;
		const char *name = path ? text_base_name(path) : "";
		count += !strcasecmp(name, "pagefile.sys") || !strcasecmp(name, "swapfile.sys");
		free(files.items[i].name);
	}
	return count;
}

struct store_layout store_layout_of(const struct profile *p)
{
	uint32_t store = profile_offset(p, SMKM_STORE_StStore);
	uint32_t data = store + profile_offset(p, ST_STORE_StDataMgr);
	return (struct store_layout){
		.pointer_size = p->architecture == ARCHITECTURE_X64 ? 8 : 4,
		.key_number = entry_field_of(p, SM_PAGE_KEY_PageFileNumber),
		.key_offset = entry_field_of(p, SM_PAGE_KEY_PageFileOffset),
		.manager_link = profile_offset(p, SMKM_STORE_MGR_SmGlobalsLink),
		.manager_smkm = profile_offset(p, SMKM_STORE_MGR_Smkm),
		.manager_tree = profile_offset(p, SMKM_STORE_MGR_KeyToStoreTree),
		.metadata_size = profile_offset(p, SMKM_STORE_METADATA_size),
		.metadata_store = profile_offset(p, SMKM_STORE_METADATA_SmkmStore),
		.store_regions = profile_offset(p, SMKM_STORE_CompressedRegionPtrArray),
		.store_owner = profile_offset(p, SMKM_STORE_OwnerProcess),
		.store_tree = data + profile_offset(p, ST_DATA_MGR_PagesTree),
		.store_chunks = data + profile_offset(p, ST_DATA_MGR_ChunkMetaData),
		.store_self = data + profile_offset(p, ST_DATA_MGR_SmkmStore),
		.store_region_size_mask = data + profile_offset(p, ST_DATA_MGR_RegionSizeMask),
		.store_region_index_mask = data + profile_offset(p, ST_DATA_MGR_RegionIndexMask),
		.has_algorithm = profile_has(p, ST_DATA_MGR_CompressionAlgorithm),
		.store_algorithm = data + profile_offset(p, ST_DATA_MGR_CompressionAlgorithm),
		.chunks_pointers = profile_offset(p, SMHP_CHUNK_METADATA_ChunkPtrArray),
		.chunks_bit_value = profile_offset(p, SMHP_CHUNK_METADATA_BitValue),
		.chunks_records_mask =
			profile_offset(p, SMHP_CHUNK_METADATA_PageRecordsPerChunkMask),
		.chunks_record_size = profile_offset(p, SMHP_CHUNK_METADATA_PageRecordSize),
		.chunks_header_size = profile_offset(p, SMHP_CHUNK_METADATA_ChunkPageHeaderSize),
		.chunk_size = profile_offset(p, SMHP_CHUNK_size),
		.tree_elements = profile_offset(p, B_TREE_Elements),
		.tree_leaf = profile_offset(p, B_TREE_Leaf),
		.tree_left_child = profile_offset(p, B_TREE_LeftChild),
		.tree_nodes = profile_offset(p, B_TREE_Nodes),
		.inner_size = profile_offset(p, B_TREE_NODE_size),
		.inner_key = profile_offset(p, B_TREE_NODE_Key),
		.inner_child = profile_offset(p, B_TREE_NODE_Child),
		.leaf_size = profile_offset(p, B_TREE_LEAF_NODE_size),
		.leaf_key = profile_offset(p, B_TREE_LEAF_NODE_Key),
		.leaf_value = profile_offset(p, B_TREE_LEAF_NODE_Value),
		.record_key = profile_offset(p, ST_PAGE_RECORD_Key),
		.record_size = profile_offset(p, ST_PAGE_RECORD_CompressedSize),
		.record_next = profile_offset(p, ST_PAGE_RECORD_NextKey),
		.process_dtb = profile_offset(p, EPROCESS_Pcb) +
			       profile_offset(p, KPROCESS_DirectoryTableBase),
	};
}

/*
 * The store, under the number of the virtual page file. Where no MMPAGING_FILE tells it, keys do,
 * or where they are without it, that it comes after pagefile.sys and swapfile.sys.
 */
static void find_store(const struct windows *windows, struct space *space, struct budget *budget)
{
	const struct profile *profile = windows->profile;
	int number = profile_has(profile, SM_PAGE_KEY_PageFileNumber) ? -1 : 2;
	bool known = false;
	for (size_t i = 0; i < windows->paging_file_count; i++) {
		if (windows->paging_files[i].virtual_store) {
			number = (int)windows->paging_files[i].number;
			known = true;
		}
	}
	struct store *store = NULL;
	const char *why = "layout of this build not known";
	if (profile_has(profile, SMKM_STORE_MGR_KeyToStoreTree)) {
		struct store_layout layout = store_layout_of(profile);
		store = store_find(space, &layout, windows->kernel_base, windows->kernel_size,
				   budget);
		why = budget_exceeded(budget) ? "the search for it was cut off" : "not found";
	}
	if (store)
		store_attach(store, windows->memory, number);
	else if (known)
		memory_set_store(windows->memory, number, NULL, NULL, why);
}

unsigned int pages_find(struct windows *windows, uint64_t steps)
{
	_cleanup_space_ struct space *space = windows_kernel_space(windows);
	struct budget file_budget = {.limit = steps / 2}, store_budget = {.limit = steps / 2};
	struct paging_files files = {0};
	find_mask(windows, space);
	find_paging_files(windows, space, &file_budget, &files);
	memcpy(windows->paging_files, files.items, sizeof(files.items));
	windows->paging_file_count = files.count;
	find_store(windows, space, &store_budget);
	return (budget_exceeded(&file_budget) ? CUT_PAGING_FILES : 0u) |
	       (budget_exceeded(&store_budget) ? CUT_STORE : 0u);
}

void windows_page_file_use(const struct windows *windows, struct entry_votes *votes)
{
	_cleanup_processes_ struct processes processes = {0};
	*votes = (struct entry_votes){0};
	if (windows->dump)
		return; /* it has no page tables */
	windows_processes(windows, false, 1, &processes);
	struct budget budget = {.limit = windows_work(windows) / 2};
	count_votes(windows, &processes, UINT32_MAX, SIZE_MAX, UINT64_MAX, &budget, votes);
	votes->cut = budget_exceeded(&budget);
}
