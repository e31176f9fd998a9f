/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Windows crash dumps: full (DumpType 1), of 64-bit and 32-bit Windows, and bitmap (DumpType 5).
 * See ramfile.h.
 *
 * Facts: DUMP_HEADER64 and the summary header are not documented by Microsoft; the offsets are
 * those in public use (the Windows Research Kernel's and ReactOS's header, Volatility 3's
 * crash64.json and crash_common.json).
 */
#include <writer/ramfile.h>

enum {
	HEADER_SIZE = 0x2000,
	HEADER_SIZE_32 = 0x1000,
	MACHINE_I386 = 0x14c,
	DUMP_FULL = 1,
	DUMP_BITMAP = 5,
	SUMMARY_BITMAP = 0x38, /* where the bitmap starts in the summary header */
	MACHINE_AMD64 = 0x8664,
};

static void put_header(struct guest *guest, struct ramfile *file, unsigned int type, uint64_t pages)
{
	uint8_t h[HEADER_SIZE];
	for (size_t i = 0; i < sizeof(h); i += 4)
		memcpy(h + i, "PAGE", 4); /* what nobody fills in */
	memcpy(h, "PAGEDU64", 8);
	util_put(h + 0x8, 15, 4); /* a free build */
	util_put(h + 0xc, guest->build, 4);
	util_put(h + 0x10, paging_root(guest->kernel), 8);
	util_put(h + 0x18, guest_symbol(guest, "MmPfnDatabase"), 8);
	util_put(h + 0x20, guest_symbol(guest, "PsLoadedModuleList"), 8);
	util_put(h + 0x28, guest_symbol(guest, "PsActiveProcessHead"), 8);
	util_put(h + 0x30, MACHINE_AMD64, 4);
	util_put(h + 0x34, 2, 4);    /* processors */
	util_put(h + 0x38, 0xe2, 4); /* MANUALLY_INITIATED_CRASH */
	memset(h + 0x40, 0, 4 * 8);
	memset(h + 0x60, 0, 32);
	util_put(h + 0x80, guest->kdbg, 8);
	size_t count;
	const struct ram_run *runs = ram_runs(guest->ram, &count);
	uint64_t ram_pages = 0;
	for (size_t i = 0; i < count; i++) {
		util_put(h + 0x98 + 16 * i, runs[i].start / PAGE, 8);
		util_put(h + 0x98 + 16 * i + 8, runs[i].size / PAGE, 8);
		ram_pages += runs[i].size / PAGE;
	}
	util_put(h + 0x88, count, 4);
	util_put(h + 0x90, ram_pages, 8);
	memset(h + 0x348, 0, 3000); /* ContextRecord */
	memset(h + 0xf00, 0, 0x98); /* Exception */
	util_put(h + 0xf00, 0x80000003, 4);
	util_put(h + 0xf98, type, 4);
	util_put(h + 0xfa0, HEADER_SIZE + pages * PAGE, 8); /* RequiredDumpSpace */
	util_put(h + 0xfa8, guest->boot_time + UINT64_C(36000000000), 8);
	memset(h + 0xfb0, 0, 128); /* Comment */
	util_put(h + 0x1030, UINT64_C(36000000000), 8);
	util_put(h + 0x1040, guest->build == 20348 ? 3 : 1, 4); /* ProductType */
	ramfile_put(file, h, sizeof(h));
}

/* DUMP_HEADER32: a page, addresses of 32 bits. */
static void put_header_32(struct guest *guest, struct ramfile *file, uint64_t pages)
{
	uint8_t h[HEADER_SIZE_32];
	for (size_t i = 0; i < sizeof(h); i += 4)
		memcpy(h + i, "PAGE", 4);
	memcpy(h, "PAGEDUMP", 8);
	util_put(h + 0x8, 15, 4);
	util_put(h + 0xc, guest->build, 4);
	util_put(h + 0x10, paging_root(guest->kernel), 4);
	util_put(h + 0x14, guest_symbol(guest, "MmPfnDatabase"), 4);
	util_put(h + 0x18, guest_symbol(guest, "PsLoadedModuleList"), 4);
	util_put(h + 0x1c, guest_symbol(guest, "PsActiveProcessHead"), 4);
	util_put(h + 0x20, MACHINE_I386, 4);
	util_put(h + 0x24, 1, 4);    /* processors */
	util_put(h + 0x28, 0xe2, 4); /* MANUALLY_INITIATED_CRASH */
	memset(h + 0x2c, 0, 4 * 4 + 32);
	h[0x5c] = guest->pte_size == 8; /* PaeEnabled */
	util_put(h + 0x60, guest->kdbg, 4);
	size_t count;
	const struct ram_run *runs = ram_runs(guest->ram, &count);
	util_put(h + 0x64, count, 4);
	util_put(h + 0x68, pages, 4);
	for (size_t i = 0; i < count; i++) {
		util_put(h + 0x6c + 8 * i, runs[i].start / PAGE, 4);
		util_put(h + 0x70 + 8 * i, runs[i].size / PAGE, 4);
	}
	memset(h + 0x320, 0, 1200); /* ContextRecord */
	memset(h + 0x7d0, 0, 0x50); /* Exception */
	util_put(h + 0x7d0, 0x80000003, 4);
	memset(h + 0x820, 0, 128); /* Comment */
	util_put(h + 0xf88, DUMP_FULL, 4);
	util_put(h + 0xfa0, HEADER_SIZE_32 + pages * PAGE, 8);
	ramfile_put(file, h, sizeof(h));
}

void ramfile_write_dump(struct guest *guest, const char *path)
{
	size_t count;
	const struct ram_run *runs = ram_runs(guest->ram, &count);
	uint64_t pages = 0;
	for (size_t i = 0; i < count; i++)
		pages += runs[i].size / PAGE;
	struct ramfile file = ramfile_create(path);
	if (guest->pointer == 8)
		put_header(guest, &file, DUMP_FULL, pages);
	else
		put_header_32(guest, &file, pages);
	for (size_t i = 0; i < count; i++)
		ramfile_put_ram(&file, guest->ram, runs[i].start, runs[i].size);
	ramfile_close(&file);
}

void ramfile_write_bitmap(struct guest *guest, const char *path)
{
	uint64_t bits = util_round_up(ram_end(guest->ram) / PAGE, 32);
	uint64_t size = util_round_up(SUMMARY_BITMAP + bits / 8, PAGE);
	uint64_t pages = ram_used_count(guest->ram);
	uint8_t *summary = util_alloc(size, 1);
	memcpy(summary, "SDMPDUMP", 8);
	util_put(summary + 0x20, HEADER_SIZE + size, 8); /* where the pages start */
	util_put(summary + 0x28, pages, 8);
	util_put(summary + 0x30, bits, 8);
	for (uint64_t i = 0; i < ram_end(guest->ram) / PAGE; i++) {
		if (ram_used(guest->ram, i * PAGE))
			summary[SUMMARY_BITMAP + i / 8] |= (uint8_t)(1u << i % 8);
	}
	struct ramfile file = ramfile_create(path);
	put_header(guest, &file, DUMP_BITMAP, pages);
	ramfile_put(&file, summary, size);
	for (uint64_t i = 0; i < ram_end(guest->ram) / PAGE; i++) {
		if (ram_used(guest->ram, i * PAGE))
			ramfile_put_ram(&file, guest->ram, i * PAGE, PAGE);
	}
	ramfile_close(&file);
	free(summary);
}
