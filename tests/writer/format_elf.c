/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ELF64 cores as QEMU's dump-guest-memory writes them: notes (NT_PRSTATUS and QEMU's own, which
 * holds the control registers), then a PT_LOAD for each run of RAM. See ramfile.h.
 *
 * Facts: elf.h; struct QEMUCPUState of QEMU's target/i386/arch_dump.c (version 1, 440 bytes).
 */
#include <writer/ramfile.h>

#include <elf.h>

enum {
	NAME_ROOM = 8, /* "CORE", "QEMU": five bytes padded to four */
	NOTE_HEADER = 12 + NAME_ROOM,
	PRSTATUS_SIZE = 336,
	CPU_SIZE = 440,
	CPU_RIP = 8 + 16 * 8,
	CPU_CR = 8 + 18 * 8 + 10 * 24, /* cr[5] behind registers and segments */
	NOTES_SIZE = NOTE_HEADER + PRSTATUS_SIZE + NOTE_HEADER + CPU_SIZE,
	MOST_RUNS = 8,
};

static uint8_t *put_note(uint8_t *p, const char *name, uint32_t type, uint32_t size)
{
	util_put(p, strlen(name) + 1, 4);
	util_put(p + 4, size, 4);
	util_put(p + 8, type, 4);
	memcpy(p + 12, name, strlen(name));
	return p + NOTE_HEADER;
}

static void put_notes(const struct guest *guest, uint8_t *notes)
{
	uint8_t *prstatus = put_note(notes, "CORE", NT_PRSTATUS, PRSTATUS_SIZE);
	util_put(prstatus + 32, 1, 4); /* pr_pid: the first processor */
	uint8_t *cpu = put_note(prstatus + PRSTATUS_SIZE, "QEMU", 0, CPU_SIZE);
	util_put(cpu, 1, 4);
	util_put(cpu + 4, CPU_SIZE, 4);
	util_put(cpu + CPU_RIP, guest->kernel_base + 0x1000, 8);
	util_put(cpu + CPU_CR, 0x80050033, 8);
	util_put(cpu + CPU_CR + 3 * 8, paging_root(guest->kernel), 8);
	util_put(cpu + CPU_CR + 4 * 8, 0x350ef8, 8);
}

void ramfile_write_elf(struct guest *guest, const char *path)
{
	size_t count;
	const struct ram_run *runs = ram_runs(guest->ram, &count);
	if (count > MOST_RUNS)
		util_die("more runs of memory than the ELF writer expects");
	uint8_t notes[NOTES_SIZE] = {0};
	put_notes(guest, notes);
	Elf64_Ehdr header = {
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)(count + 1),
	};
	Elf64_Phdr segments[MOST_RUNS + 1] = {{0}};
	uint64_t offset = sizeof(header) + (count + 1) * sizeof(segments[0]);
	segments[0] = (Elf64_Phdr){.p_type = PT_NOTE,
				   .p_offset = offset,
				   .p_filesz = NOTES_SIZE,
				   .p_memsz = NOTES_SIZE};
	offset += NOTES_SIZE;
	for (size_t i = 0; i < count; i++) {
		segments[i + 1] = (Elf64_Phdr){.p_type = PT_LOAD,
					       .p_offset = offset,
					       .p_paddr = runs[i].start,
					       .p_filesz = runs[i].size,
					       .p_memsz = runs[i].size};
		offset += runs[i].size;
	}
	struct ramfile file = ramfile_create(path);
	ramfile_put(&file, &header, sizeof(header));
	ramfile_put(&file, segments, (count + 1) * sizeof(segments[0]));
	ramfile_put(&file, notes, sizeof(notes));
	for (size_t i = 0; i < count; i++)
		ramfile_put_ram(&file, guest->ram, runs[i].start, runs[i].size);
	ramfile_close(&file);
}
