/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds System, the first process, and the kernel's list of modules. No way that leads there is
 * believed until what is found looks as the profile says.
 */
#include "discover/internal.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/module_reader.h>
#include <impscan/pe_exports.h>
#include <impscan/process.h>

/* Steps of looking through a page of the kernel, and at what may be a KDBG or a list head there. */
#define KERNEL_PAGE_STEPS 3
#define KDBG_STEPS	  2
#define LIST_STEPS	  2

/* Is there an EPROCESS with PID 4, the name System and a page map that has this kernel? */
static bool is_system(struct candidate *candidate, struct space *space, uint64_t eprocess)
{
	struct process process;
	const struct windows machine = candidate_machine(candidate);
	if (!process_read(&machine, space, eprocess, &process))
		return false;
	bool named = process.pid == 4 && !strcmp(process.name, "System");
	free(process.name);
	if (!named || !process.dtb)
		return false;
	struct page ours, theirs;
	_cleanup_space_ struct space *own = space_new(candidate->memory, process.dtb);
	space_page(space, candidate->kernel_base, &ours);
	space_page(own, candidate->kernel_base, &theirs);
	if (!theirs.data || ours.data != theirs.data)
		return false;
	candidate->system = eprocess;
	candidate->dtb = process.dtb;
	return true;
}

static bool export_pointer(const struct candidate *candidate, struct space *space, const char *name,
			   uint64_t *address, uint64_t *value)
{
	struct module_reader reader;
	module_reader_init(&reader, space, candidate->kernel_base, candidate->kernel_size);
	_cleanup_pe_ struct pe pe = {0};
	pe_open(&pe, &reader.reader);
	uint32_t rva = pe_export_find(&pe, name);
	if (!rva)
		return false;
	*address = candidate->kernel_base + rva;
	return space_pointer(space, *address, candidate->pointer_size, value);
}

/*
 * KDDEBUGGER_DATA64 (wdbgexts.h), of 32-bit kernels as well: tag at +0x10, KernBase +0x18, the list
 * heads behind it.
 */
struct kdbg {
	uint64_t ps_loaded_module_list;
	uint64_t ps_active_process_head;
};

static bool kdbg_at(const struct candidate *candidate, struct space *space, uint64_t address,
		    struct kdbg *kdbg)
{
	uint8_t block[0x58];
	if (!space_read(space, address, block, sizeof(block)) || memcmp(block + 0x10, "KDBG", 4))
		return false;
	enum paging paging = memory_paging(candidate->memory);
	if (kernel_pointer(paging, le64(block + 0x18)) != candidate->kernel_base)
		return false;
	kdbg->ps_loaded_module_list = kernel_pointer(paging, le64(block + 0x48));
	kdbg->ps_active_process_head = kernel_pointer(paging, le64(block + 0x50));
	return true;
}

/* Has the block with a tag in a page this kernel's base, as far as it lies in the page? */
static bool may_be_kdbg(const struct candidate *candidate, const uint8_t *page, size_t tag)
{
	return tag + 16 > PAGE_SIZE ||
	       kernel_pointer(memory_paging(candidate->memory), le64(page + tag + 8)) ==
		       candidate->kernel_base;
}

/*
 * The debugger's data block: where the header says, or anywhere in the kernel. Windows 8 and later
 * keep it encoded in memory unless a debugger was attached: then it is not found.
 */
static bool kdbg_find(const struct candidate *candidate, struct space *space, struct kdbg *kdbg)
{
	uint64_t hint = kernel_pointer(memory_paging(candidate->memory),
				       image_hints(candidate->image)->kd_debugger_data_block);
	if (hint && kdbg_at(candidate, space, hint, kdbg))
		return true;
	for (uint64_t rva = 0; rva < candidate->kernel_size; rva += PAGE_SIZE) {
		struct page page;
		space_page(space, candidate->kernel_base + rva, &page);
		if (!budget_spend(candidate->budget, KERNEL_PAGE_STEPS))
			return false;
		if (!page.data)
			continue;
		for (size_t i = 0x10; i + 4 <= PAGE_SIZE; i += candidate->pointer_size)
			if (!memcmp(page.data + i, "KDBG", 4) &&
			    may_be_kdbg(candidate, page.data, i) &&
			    budget_spend(candidate->budget, KDBG_STEPS) &&
			    kdbg_at(candidate, space, candidate->kernel_base + rva + i - 0x10,
				    kdbg))
				return true;
	}
	return false;
}

/* The first process behind a claimed PsActiveProcessHead. */
static bool system_behind_head(struct candidate *candidate, struct space *space, uint64_t head)
{
	uint64_t link;
	return head && space_pointer(space, head, candidate->pointer_size, &link) &&
	       is_system(candidate, space,
			 link - profile_offset(candidate->profile, EPROCESS_ActiveProcessLinks));
}

/* Bytes of a name that may lie in the page behind. */
#define NAME_REST 14u

/* Steps of the sweep for a page, for a name, and for what may be System. */
#define SWEEP_STEPS  2
#define NAME_STEPS   1
#define SYSTEM_STEPS 20

/* Offsets in an EPROCESS. */
struct system_sweep {
	struct candidate *candidate;
	struct space *space;
	uint64_t name_offset, pid_offset, links;
};

/* Is System's EPROCESS the one whose name lies at a physical address? */
static bool is_system_name(const struct system_sweep *sweep, uint64_t name_at)
{
	struct candidate *candidate = sweep->candidate;
	const unsigned int pointer = candidate->pointer_size;
	uint64_t eprocess = name_at - sweep->name_offset;
	uint8_t pid[8], flink[8];
	uint64_t back;
	(void)budget_spend(candidate->budget, NAME_STEPS);
	if (name_at < sweep->name_offset ||
	    !image_read(candidate->image, eprocess + sweep->pid_offset, pid, sizeof(pid)) ||
	    le_pointer(pid, pointer) != 4 ||
	    !image_read(candidate->image, eprocess + sweep->links, flink, sizeof(flink)))
		return false;
	(void)budget_spend(candidate->budget, SYSTEM_STEPS);
	return space_pointer(sweep->space, le_pointer(flink, pointer) + pointer, pointer, &back) &&
	       is_system(candidate, sweep->space, back - sweep->links);
}

/*
 * Lengthens a page's `here` bytes by what of a name lies behind them, in `joined` unless all of it
 * is there in one piece. Returns the bytes at `*data`.
 */
static size_t with_rest(const struct image *image, uint64_t start, const uint8_t **data,
			size_t here, size_t available, uint8_t joined[PAGE_SIZE + NAME_REST])
{
	if (available >= here + NAME_REST)
		return here + NAME_REST;
	if (!image_read(image, start + here, joined + here, NAME_REST))
		return available;
	memcpy(joined, *data, here);
	*data = joined;
	return here + NAME_REST;
}

/* One piece of physical memory. */
static bool sweep_piece(const struct system_sweep *sweep, uint64_t address, const uint8_t *data,
			size_t size)
{
	static const char name[16] = "System";
	static const size_t length = 15;
	/* An EPROCESS begins at a multiple of 8, so `at` is the first place of a name. */
	size_t at = (size_t)((sweep->name_offset - address) & 7);
	uint32_t first = le32(name);
	for (; at + length <= size; at += 8)
		if (le32(data + at) == first && !memcmp(data + at, name, length) &&
		    is_system_name(sweep, address + at))
			return true;
	return false;
}

/*
 * Looks for the name at all multiples of 8 bytes of the image. The virtual address of the EPROCESS
 * is found by its ActiveProcessLinks: the Blink of the next process points back to it.
 */
bool system_sweep(struct candidate *candidate, struct space *space,
		  const struct windows_options *options)
{
	const struct profile *profile = candidate->profile;
	const struct system_sweep sweep = {
		.candidate = candidate,
		.space = space,
		.name_offset = profile_offset(profile, EPROCESS_ImageFileName),
		.pid_offset = profile_offset(profile, EPROCESS_UniqueProcessId),
		.links = profile_offset(profile, EPROCESS_ActiveProcessLinks),
	};
	struct sweep_progress progress = sweep_begin(candidate->image, options);
	uint64_t start, size;
	uint8_t joined[PAGE_SIZE + NAME_REST];
	bool found = false;
	/* A page at a time, and what of a name lies in the next. */
	for (uint64_t at = 0; !found && image_next_data(candidate->image, at, &start, &size);) {
		size_t available;
		const uint8_t *data = image_at(candidate->image, start, &available);
		uint64_t here = min_of(PAGE_SIZE - start % PAGE_SIZE, size);
		if (!budget_spend(candidate->budget, SWEEP_STEPS))
			break;
		if (data) {
			available = with_rest(candidate->image, start, &data,
					      min_of((size_t)here, available), available, joined);
			found = sweep_piece(&sweep, start, data, available);
		}
		sweep_advance(&progress, here);
		at = start + here;
	}
	sweep_end(&progress);
	return found;
}

uint64_t system_export(const struct candidate *candidate, struct space *space)
{
	uint64_t address, value;
	return export_pointer(candidate, space, "PsInitialSystemProcess", &address, &value) ? value
											    : 0;
}

void system_heads(const struct candidate *candidate, struct space *space, uint64_t heads[2])
{
	struct kdbg kdbg;
	heads[0] = kernel_pointer(memory_paging(candidate->memory),
				  image_hints(candidate->image)->ps_active_process_head);
	heads[1] = kdbg_find(candidate, space, &kdbg) ? kdbg.ps_active_process_head : 0;
}

void system_pages(const struct candidate *candidate, struct space *space,
		  const uint8_t *pages[SYSTEM_PAGES])
{
	uint64_t address, value = 0;
	size_t available;
	pages[0] = space_at(space, candidate->kernel_base, &available);
	pages[1] = pages[2] = NULL;
	if (!export_pointer(candidate, space, "PsInitialSystemProcess", &address, &value))
		return;
	pages[1] = space_at(space, address, &available);
	pages[2] = space_at(space, value, &available);
}

bool system_find(struct candidate *candidate, struct space *space)
{
	uint64_t address, value;
	if (export_pointer(candidate, space, "PsInitialSystemProcess", &address, &value) &&
	    is_system(candidate, space, value))
		return true;
	uint64_t hint = kernel_pointer(memory_paging(candidate->memory),
				       image_hints(candidate->image)->ps_active_process_head);
	if (system_behind_head(candidate, space, hint))
		return true;
	struct kdbg kdbg;
	return kdbg_find(candidate, space, &kdbg) &&
	       system_behind_head(candidate, space, kdbg.ps_active_process_head);
}

/* Does a list of KLDR_DATA_TABLE_ENTRY that begins with the kernel hang on `head`? */
static bool is_module_list(const struct candidate *candidate, struct space *space, uint64_t head)
{
	unsigned int pointer = candidate->pointer_size;
	uint64_t flink, back, base;
	return space_pointer(space, head, pointer, &flink) && flink != head &&
	       space_pointer(space, flink + pointer, pointer, &back) && back == head &&
	       space_pointer(
		       space,
		       flink + profile_offset(candidate->profile, LDR_DATA_TABLE_ENTRY_DllBase),
		       pointer, &base) &&
	       base == candidate->kernel_base;
}

/* Every pointer-sized step of the kernel's image that could be the head. */
static uint64_t module_list_scan(const struct candidate *candidate, struct space *space)
{
	unsigned int pointer = candidate->pointer_size;
	enum paging paging = memory_paging(candidate->memory);
	for (uint64_t rva = 0; rva < candidate->kernel_size; rva += PAGE_SIZE) {
		struct page page;
		space_page(space, candidate->kernel_base + rva, &page);
		if (!budget_spend(candidate->budget, KERNEL_PAGE_STEPS))
			return 0;
		if (!page.data)
			continue;
		for (size_t i = 0; i + 2 * pointer <= PAGE_SIZE; i += pointer) {
			uint64_t flink = le_pointer(page.data + i, pointer);
			uint64_t blink = le_pointer(page.data + i + pointer, pointer);
			/* Both are aligned kernel addresses outside the image (pool). */
			if (!is_kernel_address(paging, flink) ||
			    !is_kernel_address(paging, blink) || flink % pointer ||
			    flink - candidate->kernel_base < candidate->kernel_size)
				continue;
			(void)budget_spend(candidate->budget, LIST_STEPS);
			uint64_t head = candidate->kernel_base + rva + i;
			if (is_module_list(candidate, space, head))
				return head;
		}
	}
	return 0;
}

void module_list_find(struct candidate *candidate, struct space *space)
{
	uint64_t hint = kernel_pointer(memory_paging(candidate->memory),
				       image_hints(candidate->image)->ps_loaded_module_list);
	uint64_t address, value;
	struct kdbg kdbg;
	if (export_pointer(candidate, space, "PsLoadedModuleList", &address, &value) &&
	    is_module_list(candidate, space, address))
		candidate->ps_loaded_module_list = address;
	else if (hint && is_module_list(candidate, space, hint))
		candidate->ps_loaded_module_list = hint;
	else if (kdbg_find(candidate, space, &kdbg) &&
		 is_module_list(candidate, space, kdbg.ps_loaded_module_list))
		candidate->ps_loaded_module_list = kdbg.ps_loaded_module_list;
	else
		candidate->ps_loaded_module_list = module_list_scan(candidate, space);
	if (!candidate->ps_loaded_module_list && budget_exceeded(candidate->budget))
		candidate->cut |= CUT_MODULE_LIST;
}
