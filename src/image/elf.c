/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ELF cores of virtual machines: QEMU (dump-guest-memory, virsh dump --memory-only) and VirtualBox
 * (dumpvmcore). Each PT_LOAD segment is a range of physical memory at p_paddr. Notes hold the
 * registers of the processors; CR3 is a hint for the page tables.
 *
 * Facts: elf.h; QEMUCPUState of QEMU's target/i386/arch_dump.c and contrib/elf2dmp; DBGFCORECPU of
 * VirtualBox's include/VBox/vmm/dbgfcorefmt.h.
 */
#include "internal.h"

#include <elf.h>

/* A machine has one or two a processor. */
#define NOTES_MAX 1000000u

/* So much of the names of sections is looked at. */
#define SECTION_NAMES_MAX 65536

/* Offsets of the members in the headers of a class, 32 or 64 bits. */
struct elf_layout {
	unsigned int word; /* size of an address */
	uint32_t header_size;
	uint32_t e_phoff, e_shoff, e_phentsize, e_phnum, e_shstrndx;
	uint32_t program_header_size;
	uint32_t p_offset, p_vaddr, p_paddr, p_filesz;
	uint32_t section_header_size, sh_info, sh_offset, sh_size;
};

static const struct elf_layout elf32 = {
	.word = 4,
	.header_size = sizeof(Elf32_Ehdr),
	.e_phoff = offsetof(Elf32_Ehdr, e_phoff),
	.e_shoff = offsetof(Elf32_Ehdr, e_shoff),
	.e_phentsize = offsetof(Elf32_Ehdr, e_phentsize),
	.e_phnum = offsetof(Elf32_Ehdr, e_phnum),
	.e_shstrndx = offsetof(Elf32_Ehdr, e_shstrndx),
	.program_header_size = sizeof(Elf32_Phdr),
	.p_offset = offsetof(Elf32_Phdr, p_offset),
	.p_vaddr = offsetof(Elf32_Phdr, p_vaddr),
	.p_paddr = offsetof(Elf32_Phdr, p_paddr),
	.p_filesz = offsetof(Elf32_Phdr, p_filesz),
	.section_header_size = sizeof(Elf32_Shdr),
	.sh_info = offsetof(Elf32_Shdr, sh_info),
	.sh_offset = offsetof(Elf32_Shdr, sh_offset),
	.sh_size = offsetof(Elf32_Shdr, sh_size),
};

static const struct elf_layout elf64 = {
	.word = 8,
	.header_size = sizeof(Elf64_Ehdr),
	.e_phoff = offsetof(Elf64_Ehdr, e_phoff),
	.e_shoff = offsetof(Elf64_Ehdr, e_shoff),
	.e_phentsize = offsetof(Elf64_Ehdr, e_phentsize),
	.e_phnum = offsetof(Elf64_Ehdr, e_phnum),
	.e_shstrndx = offsetof(Elf64_Ehdr, e_shstrndx),
	.program_header_size = sizeof(Elf64_Phdr),
	.p_offset = offsetof(Elf64_Phdr, p_offset),
	.p_vaddr = offsetof(Elf64_Phdr, p_vaddr),
	.p_paddr = offsetof(Elf64_Phdr, p_paddr),
	.p_filesz = offsetof(Elf64_Phdr, p_filesz),
	.section_header_size = sizeof(Elf64_Shdr),
	.sh_info = offsetof(Elf64_Shdr, sh_info),
	.sh_offset = offsetof(Elf64_Shdr, sh_offset),
	.sh_size = offsetof(Elf64_Shdr, sh_size),
};

struct program_headers {
	const struct elf_layout *layout;
	const uint8_t *first;
	uint64_t entry_size;
	uint64_t count; /* that the file holds */
};

struct segment {
	uint32_t type;
	uint64_t offset, virtual, physical, size;
};

static struct segment segment_at(const struct program_headers *headers, uint64_t i)
{
	const struct elf_layout *layout = headers->layout;
	const uint8_t *header = headers->first + i * headers->entry_size;
	return (struct segment){
		.type = le32(header), /* p_type comes first in both classes */
		.offset = le_pointer(header + layout->p_offset, layout->word),
		.virtual = le_pointer(header + layout->p_vaddr, layout->word),
		.physical = le_pointer(header + layout->p_paddr, layout->word),
		.size = le_pointer(header + layout->p_filesz, layout->word),
	};
}

/* Returns the number of program headers. It is in section header 0 where 16 bits are too few. */
static uint64_t count_headers(const struct image *image, const struct elf_layout *layout)
{
	uint16_t count = le16(image->data + layout->e_phnum);
	if (count != PN_XNUM)
		return count;
	const uint8_t *section =
		image_bytes(image, le_pointer(image->data + layout->e_shoff, layout->word),
			    layout->section_header_size);
	return section ? le32(section + layout->sh_info) : count;
}

/*
 * Returns the first header number, from `i` on, whose header is not in a hole of the file; one that is
 * not below the count where there is none.
 */
static uint64_t skip_hole(const struct image *image, const struct program_headers *headers,
			  uint64_t i)
{
	if (!image->source->sparse || i >= headers->count)
		return i;
	uint64_t at = (uint64_t)(headers->first - image->data) + i * headers->entry_size;
	return i + (image_hole_end(image, at) - at) / headers->entry_size;
}

static struct program_headers find_headers(struct image *image, const struct elf_layout *layout)
{
	struct program_headers headers = {.layout = layout};
	uint64_t offset = le_pointer(image->data + layout->e_phoff, layout->word);
	uint64_t count = count_headers(image, layout);
	headers.entry_size = le16(image->data + layout->e_phentsize);
	if (headers.entry_size < layout->program_header_size || offset >= image->size)
		return headers;
	headers.count = min_of(count, (image->size - offset) / headers.entry_size);
	headers.first = image_bytes(image, offset, headers.count * headers.entry_size);
	if (!headers.first)
		headers.count = 0;
	if (headers.count < count)
		image_warn(image, "the file holds only %llu of its %llu program headers",
			   (unsigned long long)headers.count, (unsigned long long)count);
	return headers;
}

/*
 * A core of one process: its segments have virtual addresses and none a physical one. A machine's
 * segment at physical address 0 has the virtual address 0 as well.
 */
static bool is_process(const struct image *image, const struct program_headers *headers)
{
	bool any_virtual = false;
	for (uint64_t i = 0; (i = skip_hole(image, headers, i)) < headers->count; i++) {
		struct segment segment = segment_at(headers, i);
		if (segment.type != PT_LOAD)
			continue;
		if (segment.physical)
			return false;
		any_virtual = any_virtual || segment.virtual;
	}
	return any_virtual;
}

/* Of a processor, when the notes were written. */
struct processor {
	uint64_t cr0, cr3, cr4;
	bool long_mode;
	bool in_kernel;
};

/* QEMUCPUState: two 32-bit words, 18 registers, 10 segments of 24 bytes, cr0 to cr4 */
static bool read_qemu(const uint8_t *note, uint64_t size, bool long_mode, struct processor *cpu)
{
	enum { VERSION = 0, GS_BASE = 0x108, CR = 0x188, END = 0x1b0 };
	if (size < END || le32(note + VERSION) != 1)
		return false;
	*cpu = (struct processor){
		.cr0 = le64(note + CR),
		.cr3 = le64(note + CR + 0x18),
		.cr4 = le64(note + CR + 0x20),
		.long_mode = long_mode,
		.in_kernel = le64(note + GS_BASE) >> 63,
	};
	return true;
}

/* DBGFCORECPU: 18 registers, 6 segments of 24 bytes, cr0, cr2, cr3, cr4 ... */
static bool read_virtualbox(const uint8_t *note, uint64_t size, struct processor *cpu)
{
	enum { GS_BASE = 0xf0, CR0 = 0x120, CR3 = 0x130, CR4 = 0x138, EFER = 0x1e8 };
	const uint64_t long_mode_active = 1 << 10;
	if (size < EFER + 8)
		return false;
	*cpu = (struct processor){
		.cr0 = le64(note + CR0),
		.cr3 = le64(note + CR3),
		.cr4 = le64(note + CR4),
		.long_mode = le64(note + EFER) & long_mode_active,
		.in_kernel = le64(note + GS_BASE) >> 63,
	};
	return true;
}

/* DBGFCOREDESCRIPTOR: magic, version of the format, size, version and revision of VirtualBox */
static void read_virtualbox_version(struct image *image, const uint8_t *note, uint64_t size)
{
	enum { MAGIC = 0xc01ac0de, VERSION = 0xc, REVISION = 0x10, END = 0x14 };
	if (size < END || le32(note) != MAGIC || image_fact(image, IMAGE_FACT_TOOL))
		return;
	uint32_t version = le32(note + VERSION);
	image_add_fact(image, IMAGE_FACT_TOOL, "VirtualBox %u.%u.%u r%u", version >> 24,
		       version >> 16 & 0xff, version & 0xffff, le32(note + REVISION));
}

/* Takes the registers of a processor as hints, those of one in the kernel before others. */
static void take_hints(struct image *image, const struct processor *cpu, bool *from_kernel)
{
	const uint64_t protected_and_paged = UINT64_C(1) << 31 | 1, pae = 1 << 5;
	if ((cpu->cr0 & protected_and_paged) != protected_and_paged || !cpu->cr3)
		return; /* not started yet, or another layout than we know */
	if (image->hints.dtb && (*from_kernel || !cpu->in_kernel))
		return;
	*from_kernel = cpu->in_kernel;
	struct image_hints *hints = &image->hints;
	hints->machine = cpu->long_mode ? IMAGE_FILE_MACHINE_AMD64 : IMAGE_FILE_MACHINE_I386;
	hints->pae = !cpu->long_mode && (cpu->cr4 & pae);
	/* The low bits are flags or a PCID; a PAE table is aligned to 32 bytes. */
	hints->dtb = cpu->cr3 & (hints->pae ? UINT64_C(0xffffffe0) : ~UINT64_C(0xfff)) &
		     (IMAGE_PHYSICAL_END - 1);
}

/*
 * Goes through the notes of a segment, `left` at most: namesz, descsz, type, then name and desc at
 * 4 bytes.
 */
static void read_notes(struct image *image, const struct segment *segment, uint64_t *left,
		       bool *from_kernel)
{
	const bool long_mode = le16(image->data + offsetof(Elf64_Ehdr, e_machine)) == EM_X86_64;
	uint64_t at = segment->offset;
	uint64_t end = at + min_of(segment->size, at < image->size ? image->size - at : 0);
	while (at < end && end - at >= sizeof(Elf64_Nhdr) && *left) {
		const uint8_t *note = image_bytes(image, at, sizeof(Elf64_Nhdr));
		if (!note)
			return;
		--*left;
		uint64_t name_size = le32(note), size = le32(note + 4);
		uint32_t type = le32(note + 8);
		at += sizeof(Elf64_Nhdr);
		const uint64_t name = at, desc = name + ((name_size + 3) & ~UINT64_C(3));
		if (!range_within(desc, size, end) || !image_bytes(image, desc, size))
			return;
		at = desc + ((size + 3) & ~UINT64_C(3));
		struct processor cpu;
		bool known = false;
		if (name_size == 5 && type == 0 && image_has(image, name, "QEMU", 5)) {
			image_name_format(image, "ELF core (QEMU)");
			known = read_qemu(image->data + desc, size, long_mode, &cpu);
		} else if (name_size == 7 && type == 0xb00 && image_has(image, name, "VBCORE", 7)) {
			read_virtualbox_version(image, image->data + desc, size);
		} else if (name_size == 6 && type == 0xb01 && image_has(image, name, "VBCPU", 6)) {
			image_name_format(image, "ELF core (VirtualBox)");
			known = read_virtualbox(image->data + desc, size, &cpu);
		}
		if (known)
			take_hints(image, &cpu, from_kernel);
	}
}

/*
 * xl dump-core writes pages into a section and no segment; sections of that name are looked for by
 * the table of names.
 */
static bool is_xen(const struct image *image, const struct elf_layout *layout)
{
	static const char pages[] = "\0.xen_pages";
	const uint8_t *header = image_bytes(image, 0, layout->header_size);
	const uint64_t table = le_pointer(header + layout->e_shoff, layout->word);
	const uint64_t names = le16(header + layout->e_shstrndx);
	const uint8_t *section = image_bytes(image, table + names * layout->section_header_size,
					     layout->section_header_size);
	if (!section)
		return false;
	const uint64_t size = min_of(le_pointer(section + layout->sh_size, layout->word),
				     (uint64_t)SECTION_NAMES_MAX);
	const uint8_t *text =
		image_bytes(image, le_pointer(section + layout->sh_offset, layout->word), size);
	return text && memmem(text, (size_t)size, pages, sizeof(pages));
}

static bool probe(const struct image *image)
{
	return image_has(image, 0, ELFMAG, SELFMAG);
}

static struct error *parse(struct image *image)
{
	image_name_format(image, "ELF core");
	const uint8_t *ident = image_bytes(image, 0, sizeof(Elf32_Ehdr));
	const struct elf_layout *layout = NULL;
	if (ident && ident[EI_CLASS] == ELFCLASS64)
		layout = &elf64;
	else if (ident && ident[EI_CLASS] == ELFCLASS32)
		layout = &elf32;
	if (!layout || !image_bytes(image, 0, layout->header_size))
		return error_new("'%s' is an ELF file whose header is cut off or damaged",
				 image->path);
	uint16_t machine = le16(ident + offsetof(Elf64_Ehdr, e_machine));
	if (ident[EI_DATA] != ELFDATA2LSB || (machine != EM_386 && machine != EM_X86_64))
		return error_new(
			"'%s' is an ELF file of another kind of machine: only x86 and x64 are "
			"supported",
			image->path);
	if (le16(ident + offsetof(Elf64_Ehdr, e_type)) != ET_CORE)
		return error_new("'%s' is an ELF program or library, not a memory image",
				 image->path);

	struct program_headers headers = find_headers(image, layout);
	if (!headers.count && is_xen(image, layout))
		return error_new(
			"'%s' is a core of a Xen machine, by xl dump-core: convert it to a "
			"raw image first with a tool that reads it (Volatility 3: "
			"layerwriter), or take the memory inside the machine",
			image->path);
	if (is_process(image, &headers))
		return error_new(
			"'%s' is a core dump of one process: impscan needs the memory of the "
			"whole machine (QEMU: dump-guest-memory or virsh dump --memory-only)",
			image->path);
	bool from_kernel = false;
	uint64_t notes = NOTES_MAX;
	for (uint64_t i = 0; (i = skip_hole(image, &headers, i)) < headers.count; i++) {
		struct segment segment = segment_at(&headers, i);
		if (segment.type == PT_LOAD)
			image_add_range(image, segment.physical, segment.size, segment.offset);
		else if (segment.type == PT_NOTE)
			read_notes(image, &segment, &notes, &from_kernel);
	}
	if (!notes)
		image_warn(image, "more than %u notes: those that follow are not read", NOTES_MAX);
	return NULL;
}

const struct image_format image_format_elf = {
	.name = "elf",
	.probe = probe,
	.parse = parse,
};
