/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Written machines whose structures a fuzzer's input overwrites: what the kernel and processes keep
 * in memory, their page tables, headers of modules. A machine is written and opened once; a run
 * damages it and mends it afterwards, since the image is a mapping of the same file in memory.
 *
 *	piece of input, 12 bytes: which structure (16 bits), where in it (12), how many bytes (4),
 *	what (8: enum damage_kind and a number), value (56)
 */
#ifndef FUZZ_MACHINE_DAMAGE_H
#define FUZZ_MACHINE_DAMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/budget.h>
#include <impscan/bytes.h>
#include <impscan/discover.h>
#include <impscan/module.h>
#include <impscan/process.h>
#include <impscan/vad.h>
#include <impscan/view.h>

#include <writer/in_memory.h>

#define PIECE	   12
#define PIECES	   32
#define TABLE_BITS UINT64_C(0x000ffffffffff000)

/* A structure, or a part of one, that lies in one page. */
struct structure {
	uint64_t physical; /* its address, and where it is in the file */
	uint64_t address;  /* its virtual address; of a page-table entry, the address it is for */
	uint32_t size;	   /* bytes */
	const char *what;
};

struct machine_kind {
	const char *build, *arch, *scenario;
	bool pae;
};

struct written_machine {
	uint8_t *bytes; /* the file of `fd`, shared with the image */
	size_t size;
	int fd;
	struct image *image;
	struct profiles *profiles;
	struct windows *windows; /* as found before any damage */
	struct processes processes;
	struct structure *structures;
	size_t structure_count;
	size_t structure_capacity;
};

static void need(bool ok)
{
	if (!ok)
		abort();
}

static void need_no(struct error *error)
{
	if (error) {
		fprintf(stderr, "%s\n", error_message(error));
		abort();
	}
}

/* Writes a machine to a file in memory, maps and opens it. */
static void machine_write_image(struct written_machine *m, const struct machine_kind *kind)
{
	char path[64];
	struct stat st;
	int fd = in_memory_image(&(struct in_memory_options){
		.structs = PROFILE_FACTS "/windows-structs.tsv",
		.build = kind->build,
		.arch = kind->arch,
		.scenario = kind->scenario,
		.pae = kind->pae,
		.memory = UINT64_C(64) << 20,
	});
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	need(!fstat(fd, &st));
	m->size = (size_t)st.st_size;
	m->bytes = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(m->bytes != MAP_FAILED);
	need_no(image_open(path, &m->image));
	m->fd = fd;
}

static void add_structure(struct written_machine *m, const char *what, uint64_t physical,
			  uint64_t address, uint64_t size)
{
	if (physical >= PAGE_SIZE && size >= 8 && range_within(physical, size, m->size))
		*array_push(m->structures, m->structure_count, m->structure_capacity) =
			(struct structure){physical, address, (uint32_t)size, what};
}

/* The entries of all tables that lead to an address. */
static void add_entries(struct written_machine *m, uint64_t dtb, uint64_t address)
{
	static const struct {
		unsigned int levels, bits, size;
	} forms[] = {{2, 10, 4}, {3, 9, 8}, {4, 9, 8}}; /* by enum paging */
	enum paging paging = memory_paging(m->windows->memory);
	unsigned int levels = forms[paging].levels, size = forms[paging].size;
	uint64_t table = dtb & (paging == PAGING_PAE ? ~UINT64_C(31) : TABLE_BITS);
	while (levels--) {
		unsigned int shift = 12 + levels * forms[paging].bits;
		uint64_t index = address >> shift & ((1u << forms[paging].bits) - 1);
		uint64_t at = table + index * size, entry = 0;
		if (!range_within(at, 8, m->size))
			return;
		memcpy(&entry, m->bytes + at, size);
		add_structure(m, "page-table entry", at, address, 8);
		if (!(entry & 1) || (levels && levels < 3 && entry & 0x80))
			return;
		table = entry & TABLE_BITS;
	}
}

/* A structure at a virtual address, cut at the ends of pages; not what is not present. */
static void add_virtual(struct written_machine *m, const char *what, struct space *space,
			uint64_t address, uint64_t size)
{
	if (!address)
		return;
	for (uint64_t part; size; size -= part, address += part) {
		struct page page;
		part = min_of(size, PAGE_SIZE - address % PAGE_SIZE);
		space_page(space, address & ~(PAGE_SIZE - 1), &page);
		if (page.data && (page.state == PAGE_VALID || page.state == PAGE_TRANSITION))
			add_structure(m, what, page.frame + address % PAGE_SIZE, address, part);
	}
}

static void add_pointed(struct written_machine *m, const char *what, struct space *space,
			uint64_t base, enum profile_member member, uint64_t size)
{
	uint64_t address;
	if (profile_has(m->windows->profile, member) &&
	    space_pointer(space, base + profile_offset(m->windows->profile, member),
			  m->windows->pointer_size, &address))
		add_virtual(m, what, space, address, size);
}

static uint32_t read32(struct space *space, uint64_t address)
{
	uint8_t bytes[4];
	return space_read(space, address, bytes, sizeof(bytes)) ? le32(bytes) : 0;
}

/* What a module's header leads to: exports, imports, the CLR's header. */
static void add_directories(struct written_machine *m, struct space *space, uint64_t base)
{
	static const struct {
		const char *what;
		uint32_t number, most;
	} directories[] = {
		{"exports", 0, 0x4000},
		{"imports", 1, 0x1000},
		{"delayed imports", 13, 0x1000},
		{"CLR header", 14, 0x1000},
	};
	const uint64_t header = base + read32(space, base + 0x3c) + 24;
	const bool wide = (read32(space, header) & 0xffff) == 0x20b;
	for (size_t i = 0; i < array_size(directories); i++) {
		const uint64_t entry = header + (wide ? 112 : 96) + 8 * directories[i].number;
		const uint32_t rva = read32(space, entry), size = read32(space, entry + 4);
		if (rva)
			add_virtual(m, directories[i].what, space, base + rva,
				    min_of(size, directories[i].most));
	}
}

static void add_modules(struct written_machine *m, struct view *view, const struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++) {
		add_virtual(m, "loader entry", view->space, modules->items[i].entry, 0x100);
		add_virtual(m, "PE header", view->space, modules->items[i].base, 0x400);
		add_directories(m, view->space, modules->items[i].base);
		add_entries(m, space_dtb(view->space), modules->items[i].base);
	}
}

static void add_process(struct written_machine *m, const struct process *process)
{
	_cleanup_view_ struct view view = {0};
	_cleanup_modules_ struct modules modules = {0};
	view_open(&view, m->windows, process, NULL);
	add_virtual(m, "EPROCESS", view.kernel, process->eprocess,
		    m->windows->pointer_size * 0x180);
	add_entries(m, process->dtb, process->eprocess);
	add_pointed(m, "handle table", view.kernel, process->eprocess, EPROCESS_ObjectTable, 0x80);
	add_virtual(m, "PEB", view.space, process->peb, 0x400);
	add_virtual(m, "PEB", view.space, process->peb32, 0x400);
	add_entries(m, process->dtb, process->peb);
	add_pointed(m, "loader lists", view.space, process->peb, PEB_Ldr, 0x80);
	for (size_t i = 0; i < view.vads.count; i++) {
		const struct vad *vad = &view.vads.items[i];
		add_virtual(m, "VAD", view.kernel, vad->address, 0xa0);
		add_virtual(m, "subsection", view.kernel, vad->subsection, 0x80);
		add_virtual(m, "control area", view.kernel, vad->control_area, 0x80);
		add_virtual(m, "prototype PTEs", view.kernel, vad->first_prototype_pte, 0x80);
		add_entries(m, process->dtb, vad->start);
	}
	process_modules(m->windows, process, &view, &modules);
	add_modules(m, &view, &modules);
}

static void add_kernel(struct written_machine *m)
{
	_cleanup_view_ struct view view = {0};
	_cleanup_modules_ struct modules drivers = {0};
	view_open(&view, m->windows, &m->processes.items[0], NULL);
	add_virtual(m, "kernel image", view.kernel, m->windows->kernel_base,
		    m->windows->kernel_size);
	add_entries(m, m->windows->dtb, m->windows->kernel_base);
	add_structure(m, "page map", m->windows->dtb & TABLE_BITS, 0, PAGE_SIZE);
	windows_drivers(m->windows, &view, &drivers);
	add_modules(m, &view, &drivers);
}

/* Makes a machine of a kind in `m`, which is all zeros; it is never released. */
static void machine_make(struct written_machine *m, const struct machine_kind *kind)
{
	machine_write_image(m, kind);
	need_no(profiles_new(&m->profiles));
	struct discovery discovery;
	need_no(windows_open(m->image, m->profiles, &(struct windows_options){0}, &discovery));
	m->windows = discovery.windows; /* kept, as the machine is */
	windows_processes(m->windows, false, 1, &m->processes);
	need(m->processes.count > 2);
	add_kernel(m);
	for (size_t i = 0; i < m->processes.count; i++)
		add_process(m, &m->processes.items[i]);
	need(m->structure_count > 100 && m->structure_count < UINT16_MAX);
}

enum damage_kind {
	DAMAGE_VALUE,
	DAMAGE_SMALL,	/* the number */
	DAMAGE_BIT,	/* what is there, with a bit changed */
	DAMAGE_POINTER, /* the address of another structure, or a little behind it */
	DAMAGE_ITSELF,	/* an address in the same structure */
	DAMAGE_COPY,	/* what another structure has */
	DAMAGE_ENTRY,	/* a page-table entry that leads to another structure's page */
	DAMAGE_AGAIN,	/* the address of another structure, in the same place as there */
	DAMAGE_KINDS,
};

/* What was there before. */
struct before {
	uint64_t physical, value;
};

static struct before damage(struct written_machine *m, const uint8_t *piece)
{
	const struct structure *s = &m->structures[le16(piece) % m->structure_count];
	uint64_t value = le64(piece + 4), offset = le16(piece + 2) & 0xfff;
	unsigned int bytes = 1u << (piece[3] >> 4 & 3);
	unsigned int number = piece[4] / DAMAGE_KINDS;
	const struct structure *other = &m->structures[le16(piece + 5) % m->structure_count];
	offset = min_of(offset % s->size & ~(uint64_t)(bytes - 1), (uint64_t)s->size - 8);
	uint64_t there = le64(m->bytes + s->physical + offset);
	switch (piece[4] % DAMAGE_KINDS) {
	case DAMAGE_SMALL:
		value = number;
		break;
	case DAMAGE_BIT:
		value = there ^ UINT64_C(1) << number;
		break;
	case DAMAGE_POINTER:
		value = other->address + number * 8;
		break;
	case DAMAGE_ITSELF:
		value = s->address + (value >> 8) % s->size;
		break;
	case DAMAGE_COPY:
		value = le64(m->bytes + other->physical +
			     min_of(offset, (uint64_t)other->size - 8));
		break;
	case DAMAGE_ENTRY:
		value = (other->physical & TABLE_BITS) | 1 | number << 1;
		break;
	case DAMAGE_AGAIN:
		value = other->address + offset;
		break;
	default:
		value >>= 8;
	}
	struct before before = {s->physical + offset, there};
	memcpy(m->bytes + before.physical, &value, bytes);
	return before;
}

static void mend_all(struct written_machine *m, const struct before *before, size_t pieces)
{
	while (pieces--)
		memcpy(m->bytes + before[pieces].physical, &before[pieces].value, 8);
}

#endif
