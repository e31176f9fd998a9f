/*
 * The kernel's image in memory, and what it tells of its build.
 */
#include "windows/discover.h"

#include <string.h>

#include <impscan/bytes.h>

/* How far from a hint the kernel's base is looked for: ntoskrnl.exe and hal.dll lie together. */
#define HINT_DISTANCE (UINT64_C(32) << 20)

/* Where 64-bit kernels have been loaded so far, KASLR included; looked at first. */
#define KERNEL_FIRST UINT64_C(0xfffff80000000000)
#define KERNEL_LAST  UINT64_C(0xfffff87fffffffff)

/* 32-bit ones: 0x804d7000 in XP, elsewhere with /3GB, anywhere since Vista. */
#define KERNEL32_FIRST UINT64_C(0x80000000)

#define MACHINE_I386  0x014c
#define MACHINE_AMD64 0x8664

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

bool kernel_image_at(struct windows *windows, struct space *space, uint64_t base)
{
	size_t available;
	const uint8_t *start = space_at(space, base, &available);
	if (!start || available < 2 || start[0] != 'M' || start[1] != 'Z')
		return false;

	struct module_reader reader;
	module_reader_init(&reader, space, base, 0);
	_cleanup_pe_ struct pe pe;
	if (pe_open(&pe, &reader.reader) != PE_OK ||
	    pe.machine != (windows->pointer_size == 8 ? MACHINE_AMD64 : MACHINE_I386))
		return false;
	char name[sizeof(windows->kernel_name)] = "";
	struct pe_pdb pdb;
	bool named = pe_export_name(&pe, name, sizeof(name)) && is_kernel_name(name);
	bool has_pdb = pe_pdb(&pe, &pdb);
	if (!named && !(has_pdb && is_kernel_pdb(pdb.name)))
		return false;
	windows->kernel_base = base;
	windows->kernel_size = pe.size_of_image;
	strcpy(windows->kernel_name, named ? name : "ntoskrnl.exe");
	if (has_pdb)
		windows->kernel_pdb = pdb;
	return true;
}

/* Tries every mapped page of [first, last] (both inclusive). */
static bool find_between(struct windows *windows, struct space *space, uint64_t first,
			 uint64_t last)
{
	uint64_t address = first & ~(PAGE_SIZE - 1);
	for (;;) {
		struct page page;
		space_page(space, address, &page);
		if (page.data && page.data[0] == 'M' && page.data[1] == 'Z' &&
		    kernel_image_at(windows, space, address))
			return true;
		/* A large page is still looked into: a kernel may begin within. */
		uint64_t step = page.state == PAGE_NO_TABLE ? page.span : PAGE_SIZE;
		address = (address & ~(step - 1)) + step;
		if (address > last || address < step)
			return false;
	}
}

bool kernel_image_find(struct windows *windows, struct space *space, uint64_t hint)
{
	if (hint) {
		/* Down first: a kernel begins below its own addresses. */
		uint64_t base = hint & ~(PAGE_SIZE - 1);
		for (uint64_t down = 0; down <= HINT_DISTANCE && down <= base; down += PAGE_SIZE)
			if (kernel_image_at(windows, space, base - down))
				return true;
		uint64_t last =
			base <= UINT64_MAX - HINT_DISTANCE ? base + HINT_DISTANCE - 1 : UINT64_MAX;
		if (find_between(windows, space, base, last))
			return true;
	}
	if (windows->pointer_size == 4)
		return find_between(windows, space, KERNEL32_FIRST, UINT32_MAX);
	return find_between(windows, space, KERNEL_FIRST, KERNEL_LAST) ||
	       find_between(windows, space, UINT64_C(0xffff800000000000), KERNEL_FIRST - 1) ||
	       find_between(windows, space, KERNEL_LAST + 1, UINT64_MAX);
}

/* KUSER_SHARED_DATA, at one address in every kernel. */
#define KUSER_SHARED_DATA   UINT64_C(0xfffff78000000000)
#define KUSER_SHARED_DATA32 UINT64_C(0xffdf0000)

bool kernel_build(struct windows *windows, struct space *space)
{
	struct module_reader reader;
	module_reader_init(&reader, space, windows->kernel_base, windows->kernel_size);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader.reader);
	uint32_t rva = pe_export_find(&pe, "NtBuildNumber"), value;
	/* 0xF0000000 | build, the top half being the kind of kernel (free, checked). */
	if (rva && space_u32(space, windows->kernel_base + rva, &value))
		windows->build_kernel = value & 0xffff;

	uint64_t shared = windows->pointer_size == 8 ? KUSER_SHARED_DATA : KUSER_SHARED_DATA32;
	uint32_t number = 0;
	(void)space_u32(space, shared + 0x26c, &windows->major);
	(void)space_u32(space, shared + 0x270, &windows->minor);
	/* NtBuildNumber is a member since Windows 10. */
	if (windows->major >= 10 && space_u32(space, shared + 0x260, &number))
		windows->build_shared = number & 0xffff;
	windows->build = windows->build_kernel ? windows->build_kernel : windows->build_shared;
	if (!windows->build)
		windows->build = image_hints(windows->image)->build;
	return windows->build != 0;
}
