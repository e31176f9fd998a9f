/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds the kernel's image behind a page map, and reads which build it is.
 */
#include "discover/internal.h"

#include <string.h>

#include <impscan/bytes.h>
#include <impscan/machine_type.h>
#include <impscan/module_reader.h>
#include <impscan/pe_exports.h>

/*
 * Bytes of a kernel image at most. Real ones have about 11 MB; of a larger one a part is searched.
 */
#define KERNEL_SIZE_MAX (UINT64_C(64) << 20)

/* How far from a hint the kernel's base is looked for, in bytes. */
#define HINT_DISTANCE (UINT64_C(32) << 20)

/* Where 64-bit kernels have been loaded so far, KASLR included; looked at first. */
#define KERNEL_FIRST UINT64_C(0xfffff80000000000)
#define KERNEL_LAST  UINT64_C(0xfffff87fffffffff)

/* Also its names with PAE and for several processors; the export directory says the first. */
static bool is_kernel_name(const char *name)
{
	static const char *const names[] = {"ntoskrnl.exe", "ntkrnlpa.exe", "ntkrnlmp.exe",
					    "ntkrpamp.exe"};
	for (size_t i = 0; i < array_size(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static bool is_kernel_pdb(const char *path)
{
	static const char *const names[] = {"ntkrnlmp.pdb", "ntoskrnl.pdb", "ntkrnlpa.pdb",
					    "ntkrpamp.pdb"};
	const char *name = text_base_name(path);
	for (size_t i = 0; i < array_size(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static uint16_t kernel_machine(const struct candidate *candidate)
{
	return candidate->pointer_size == 8 ? IMAGE_FILE_MACHINE_AMD64 : IMAGE_FILE_MACHINE_I386;
}

bool kernel_image_at(struct candidate *candidate, struct space *space, uint64_t base)
{
	size_t available;
	const uint8_t *start = space_at(space, base, &available);
	if (!start || available < 2 || start[0] != 'M' || start[1] != 'Z')
		return false;

	struct module_reader reader;
	module_reader_init(&reader, space, base, 0);
	_cleanup_pe_ struct pe pe = {0};
	if (pe_open(&pe, &reader.reader) != PE_OK || pe.machine != kernel_machine(candidate))
		return false;
	char name[sizeof(candidate->kernel_name)] = "";
	struct pe_pdb pdb;
	bool named = pe_export_name(&pe, name, sizeof(name)) && is_kernel_name(name);
	bool has_pdb = pe_pdb(&pe, &pdb);
	if (!named && !(has_pdb && is_kernel_pdb(pdb.name)))
		return false;
	candidate->kernel_base = base;
	/* A larger size is a lie; what is searched in the kernel must end. */
	candidate->kernel_size = min_of((uint64_t)pe.size_of_image, KERNEL_SIZE_MAX);
	if (pe.size_of_image > KERNEL_SIZE_MAX)
		candidate->cut |= CUT_KERNEL_SIZE;
	else
		candidate->cut &= ~(unsigned int)CUT_KERNEL_SIZE;
	strcpy(candidate->kernel_name, named ? name : "ntoskrnl.exe");
	if (has_pdb)
		candidate->kernel_pdb = pdb;
	return true;
}

/* Steps of looking at a page, and at a header that may be the kernel's. */
#define PAGE_STEPS   1
#define HEADER_STEPS 20

/* May a page be the first of a kernel's image, by its bytes alone? */
static bool is_header(const struct candidate *candidate, const uint8_t *page)
{
	if (page[0] != 'M' || page[1] != 'Z')
		return false;
	uint16_t machine;
	/* NT headers that cross the page's end may be right; beyond the page no kernel has them. */
	enum pe_look look = pe_first_look(page, PAGE_SIZE, PAGE_SIZE - 1, &machine);
	return look == PE_LOOK_BEYOND ||
	       (look == PE_LOOK_MACHINE && machine == kernel_machine(candidate));
}

/* kernel_image_at() where a page may be its first. */
static bool try_page(struct candidate *candidate, struct space *space, uint64_t address)
{
	size_t available;
	const uint8_t *page = space_at(space, address, &available);
	(void)budget_spend(candidate->budget, PAGE_STEPS);
	return page && is_header(candidate, page) &&
	       budget_spend(candidate->budget, HEADER_STEPS) &&
	       kernel_image_at(candidate, space, address);
}

/* Looks for it around an address in it, or near it. */
static bool find_near(struct candidate *candidate, struct space *space, uint64_t hint)
{
	uint64_t base = hint & ~(PAGE_SIZE - 1);
	/* Down first: a kernel begins below its own addresses. */
	for (uint64_t down = 0; down <= HINT_DISTANCE && down <= base; down += PAGE_SIZE) {
		if (try_page(candidate, space, base - down))
			return true;
		if (budget_exceeded(candidate->budget))
			return false;
	}
	for (uint64_t up = PAGE_SIZE; up < HINT_DISTANCE && up < UINT64_MAX - base;
	     up += PAGE_SIZE) {
		if (try_page(candidate, space, base + up))
			return true;
		if (budget_exceeded(candidate->budget))
			return false;
	}
	return false;
}

struct kernel_search {
	struct candidate *candidate;
	struct space *space;
};

static enum table_answer on_page(void *context, uint64_t address, const uint8_t *page)
{
	struct kernel_search *search = context;
	if (!is_header(search->candidate, page))
		return TABLE_DULL;
	if (!budget_spend(search->candidate->budget, HEADER_STEPS) ||
	    !kernel_image_at(search->candidate, search->space, address))
		return TABLE_NOTABLE;
	return TABLE_STOP;
}

/* All of the kernel's half; where 64-bit kernels have been loaded first. */
static bool find_anywhere(struct candidate *candidate, struct space *space, struct table_walk *walk)
{
	/* 0x804d7000 in XP, elsewhere with /3GB, anywhere since Vista. */
	if (candidate->pointer_size == 4)
		return space_walk(space, KERNEL_HALF_X86, UINT32_MAX, walk);
	return space_walk(space, KERNEL_FIRST, KERNEL_LAST, walk) ||
	       space_walk(space, KERNEL_HALF_X64, KERNEL_FIRST - 1, walk) ||
	       space_walk(space, KERNEL_LAST + 1, UINT64_MAX, walk);
}

/*
 * Looks once more, now at tables with headers of images wherever they are mapped: at another
 * address the rest of the kernel may be there too. Takes not much more steps than before.
 */
static bool find_everywhere(struct candidate *candidate, struct space *space,
			    struct table_walk *walk, uint64_t spent)
{
	struct budget *all = candidate->budget;
	struct budget part = {.limit = min_of(budget_left(all), 4 * spent + 1000)};
	candidate->budget = walk->budget = &part;
	walk->everywhere = true;
	bool found = find_anywhere(candidate, space, walk);
	walk->everywhere = false;
	candidate->budget = walk->budget = all;
	(void)budget_spend(all, min_of(part.spent, part.limit));
	return found;
}

bool kernel_image_find(struct candidate *candidate, struct space *space, uint64_t hint,
		       struct table_walk *walk)
{
	struct kernel_search search = {candidate, space};
	if (hint && find_near(candidate, space, hint))
		return true;
	uint64_t before = candidate->budget->spent;
	walk->page = on_page;
	walk->context = &search;
	walk->budget = candidate->budget;
	table_walk_again(walk);
	if (find_anywhere(candidate, space, walk))
		return true;
	return !budget_exceeded(candidate->budget) && address_set_count(&walk->looked) &&
	       find_everywhere(candidate, space, walk, candidate->budget->spent - before);
}

bool kernel_build(struct candidate *candidate, struct space *space)
{
	struct module_reader reader;
	module_reader_init(&reader, space, candidate->kernel_base, candidate->kernel_size);
	_cleanup_pe_ struct pe pe = {0};
	pe_open(&pe, &reader.reader);
	uint32_t rva = pe_export_find(&pe, "NtBuildNumber"), value;
	/* 0xF0000000 | build, the top half being the kind of kernel (free, checked). */
	if (rva && space_u32(space, candidate->kernel_base + rva, &value))
		candidate->build_kernel = value & 0xffff;

	uint64_t shared = candidate->pointer_size == 8 ? KUSER_SHARED_DATA : KUSER_SHARED_DATA32;
	uint32_t number = 0;
	(void)space_u32(space, shared + KUSER_MAJOR_VERSION, &candidate->major);
	(void)space_u32(space, shared + KUSER_MINOR_VERSION, &candidate->minor);
	/* NtBuildNumber is a member since Windows 10. */
	if (candidate->major >= 10 && space_u32(space, shared + 0x260, &number))
		candidate->build_shared = number & 0xffff;
	candidate->build =
		candidate->build_kernel ? candidate->build_kernel : candidate->build_shared;
	if (!candidate->build)
		candidate->build = image_hints(candidate->image)->build;
	return candidate->build != 0;
}
