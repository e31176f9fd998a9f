/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's own data: build number and versions, debugger data block (KDBG), object types, the
 * low stub, KUSER_SHARED_DATA. See guest.h.
 *
 * Facts: KDDEBUGGER_DATA64 and DBGKD_GET_VERSION64 of wdbgexts.h (Windows SDK); the encoding of the
 * debugger data block (KdCopyDataBlock undoes it) as described in "The Art of Memory Forensics"
 * (Ligh, Case, Levy, Walters 2014); PROCESSOR_START_BLOCK: first published by Alex Ionescu,
 * "Getting Physical with USB Type-C" (2017).
 */
#include <writer/guest.h>

#include <stdio.h>

enum {
	KDBG_SIZE_XP = 0x290,
	KDBG_SIZE_VISTA = 0x330,
	KDBG_SIZE_7 = 0x340,
	KDBG_SIZE_8 = 0x360,
	KDBG_SIZE_10 = 0x368,
	KDBG_HEADER = 0x18, /* list entry, tag, size */
	USER_SHARED = 0x7ffe0000,
};

/* The debugger's structures hold 64-bit addresses; those of x86 are extended by their sign. */
static uint64_t extended(const struct guest *guest, uint64_t va)
{
	return guest->pointer == 8 ? va : (uint64_t)(int64_t)(int32_t)va;
}

static void put_kdbg(struct guest *guest, uint8_t *block, uint32_t size)
{
	util_put(block + 0x10, 0x4742444b, 4); /* "KDBG" */
	util_put(block + 0x14, size, 4);
	util_put(block + 0x18, extended(guest, guest->kernel_base), 8);
	util_put(block + 0x20, extended(guest, guest->kernel_base + 0x1000),
		 8); /* BreakpointWithStatus */
	util_put(block + 0x48, extended(guest, guest_symbol(guest, "PsLoadedModuleList")), 8);
	util_put(block + 0x50, extended(guest, guest_symbol(guest, "PsActiveProcessHead")), 8);
	util_put(block + 0x58, extended(guest, guest_symbol(guest, "PspCidTable")), 8);
	util_put(block + 0xc0, extended(guest, guest_symbol(guest, "MmPfnDatabase")), 8);
}

/* What KdEncodeDataBlock makes of it: each quadword, its tag too, through three keys. */
static void encode_kdbg(struct guest *guest, uint8_t *block, uint32_t size)
{
	uint64_t never = util_random(&guest->random), always = util_random(&guest->random);
	uint64_t flag_at = guest_symbol(guest, "KdpDataBlockEncoded");
	paging_put(guest->kernel, guest_symbol(guest, "KiWaitNever"), never, 8);
	paging_put(guest->kernel, guest_symbol(guest, "KiWaitAlways"), always, 8);
	paging_put(guest->kernel, flag_at, 1, 1);
	for (uint32_t i = 0; i < size; i += 8) {
		/* reading: rotate left by never's low byte after xor, xor the address, swap, xor */
		uint64_t value = util_get(block + i, 8);
		value = __builtin_bswap64(value ^ always) ^ flag_at;
		unsigned int turn = never & 63;
		value = turn ? value >> turn | value << (64 - turn) : value;
		util_put(block + i, value ^ never, 8);
	}
}

static void new_kdbg(struct guest *guest)
{
	enum guest_kdbg kind = guest->options.kdbg;
	if (kind == GUEST_KDBG_DEFAULT)
		kind = guest->build < 9200 || guest->pointer == 4 ? GUEST_KDBG_PLAIN
								  : GUEST_KDBG_ENCODED;
	if (kind == GUEST_KDBG_ABSENT)
		return;
	uint8_t block[0x380] = {0};
	uint32_t size = guest->build < 6000    ? KDBG_SIZE_XP
			: guest->build < 7600  ? KDBG_SIZE_VISTA
			: guest->build < 9200  ? KDBG_SIZE_7
			: guest->build < 10240 ? KDBG_SIZE_8
					       : KDBG_SIZE_10;
	put_kdbg(guest, block, size);
	guest->kdbg = guest_symbol(guest, "KdDebuggerDataBlock");
	util_put(block, extended(guest, guest->kdbg),
		 8); /* KdpDebuggerDataListHead is folded into it here */
	util_put(block + 8, extended(guest, guest->kdbg), 8);
	guest->kdbg_encoded = kind == GUEST_KDBG_ENCODED;
	if (guest->kdbg_encoded)
		encode_kdbg(guest, block, size);
	paging_write(guest->kernel, guest->kdbg, block, size);
	uint64_t version = guest_symbol(guest, "KdVersionBlock");
	paging_put(guest->kernel, version, 15, 2); /* MajorVersion: a free build */
	paging_put(guest->kernel, version + 2, guest->build, 2);
	paging_put(guest->kernel, version + 4, 6, 2); /* protocol */
	paging_put(guest->kernel, version + 8, guest->pointer == 8 ? 0x8664 : 0x14c,
		   2); /* MachineType */
	paging_put(guest->kernel, version + 0x10, extended(guest, guest->kernel_base), 8);
	paging_put(guest->kernel, version + 0x18,
		   extended(guest, guest_symbol(guest, "PsLoadedModuleList")), 8);
	paging_put(guest->kernel, version + 0x20, extended(guest, guest->kdbg), 8);
}

static void put_text(struct guest *guest, const char *name, const char *text)
{
	paging_write(guest->kernel, guest_symbol(guest, name), text, strlen(text) + 1);
}

static void new_versions(struct guest *guest)
{
	paging_put(guest->kernel, guest_symbol(guest, "NtBuildNumber"), 0xf0000000 | guest->build,
		   4);
	char lab[64];
	snprintf(lab, sizeof(lab), "%u.%s.%s.release", guest->build,
		 guest->build < 9200 ? "win7sp1_ldr" : "rs_release",
		 guest->pointer == 8 ? "amd64fre" : "x86fre");
	put_text(guest, "NtBuildLab", lab);
	guest->object_cookie = (uint8_t)util_random(&guest->random);
	paging_put(guest->kernel, guest_symbol(guest, "ObHeaderCookie"), guest->object_cookie, 1);
}

/* ObTypeIndexTable: 0 and 1 stand for no type, then one OBJECT_TYPE each. */
static void new_types(struct guest *guest)
{
	static const char *const names[] = {"Type",   "Directory", "SymbolicLink", "Token",
					    "Job",    "Process",   "Thread",	   "Section",
					    "Device", "File"};
	uint64_t table = guest_symbol(guest, "ObTypeIndexTable");
	if (!layout_has(guest->layout, "_OBJECT_TYPE", "Name"))
		return;
	bool indexed = layout_has(guest->layout, "_OBJECT_HEADER", "TypeIndex");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint64_t type = guest_pool_alloc(guest, GUEST_NONPAGED,
						 size_of(guest->layout, "_OBJECT_TYPE"), "ObjT");
		guest_put_kernel_string(
			guest, type + offset_of(guest->layout, "_OBJECT_TYPE", "Name"), names[i]);
		guest_put(guest, guest->kernel, type, "_OBJECT_TYPE", "Index", i + 2, 1);
		guest->types[i + 2] = type;
		if (indexed)
			paging_put_pointer(guest->kernel, table + (i + 2) * guest->pointer, type);
	}
}

static void new_shared_data(struct guest *guest)
{
	uint64_t frame = ram_take(guest->ram);
	guest->shared_user_frame = frame;
	struct paging *space = guest->kernel;
	const uint64_t shared =
		guest->pointer == 8 ? UINT64_C(0xfffff78000000000) : UINT64_C(0xffdf0000);
	paging_map(space, shared, frame, PAGE_WRITE | PAGE_GLOBAL);
	guest_put(guest, space, shared, "_KUSER_SHARED_DATA", "NtMajorVersion", guest->major, 4);
	guest_put(guest, space, shared, "_KUSER_SHARED_DATA", "NtMinorVersion", guest->minor, 4);
	guest_put_if(guest, space, shared, "_KUSER_SHARED_DATA", "NtBuildNumber", guest->build, 4);
	guest_put(guest, space, shared, "_KUSER_SHARED_DATA", "NtProductType",
		  guest->build == 20348 ? 3 : 1, 4);
	guest_put(guest, space, shared, "_KUSER_SHARED_DATA", "ProductTypeIsValid", 1, 1);
	guest_put(guest, space, shared, "_KUSER_SHARED_DATA", "NumberOfPhysicalPages",
		  guest->options.memory / PAGE, 4);
	uint64_t time = offset_of(guest->layout, "_KUSER_SHARED_DATA", "SystemTime");
	uint64_t now = guest->boot_time + UINT64_C(36000000000); /* an hour later */
	paging_put(space, shared + time, now & 0xffffffff, 4);
	paging_put(space, shared + time + 4, now >> 32, 4);
	paging_put(space, shared + time + 8, now >> 32, 4);
	/* NtSystemRoot, +0x30 in every build */
	size_t size;
	uint8_t *root = util_utf16("C:\\Windows", &size);
	paging_write(space, shared + 0x30, root, size);
	free(root);
}

/* The page from which a second processor starts: a jump, its signature, and in its saved state
 * a kernel address and the page-map base. */
static void new_low_stub(struct guest *guest)
{
	if (guest->options.no_low_stub || guest->pointer == 4)
		return;
	guest->low_stub = ram_take_low(guest->ram);
	uint8_t *page = ram_at(guest->ram, guest->low_stub);
	/* jmp, CompletionFlag = 1, Gdt32's size: the second byte is the jump's distance */
	util_put(page, UINT64_C(0x1000600e9) | util_random_below(&guest->random, 256) << 8, 8);
	util_put(page + 0x70,
		 guest->kernel_base + 0x1000 + 16 * util_random_below(&guest->random, 64), 8);
	util_put(page + 0xa0, paging_root(guest->kernel), 8);
}

/* MmProtectToValue: the PAGE_ constant of each _MMPTE.Protection; the upper two bits of that say no
 * cache, guard page, write combining. */
static void new_protections(struct guest *guest)
{
	static const uint32_t values[8] = {0x01, 0x02, 0x10, 0x20, 0x04, 0x08, 0x40, 0x80};
	static const uint32_t modifiers[4] = {0, 0x200, 0x100, 0x400};
	uint64_t va = guest_symbol(guest, "MmProtectToValue");
	for (size_t i = 0; i < 32; i++)
		paging_put(guest->kernel, va + 4 * i,
			   values[i % 8] | (i % 8 ? modifiers[i / 8] : 0), 4);
}

/* What MiState holds of use to us: the mask that entries of absent pages are stored through. */
static void new_mi_state(struct guest *guest)
{
	const struct layout *layout = guest->layout;
	if (!guest->swizzle.mask || !layout_has(layout, "_MI_HARDWARE_STATE", "InvalidPteMask"))
		return;
	uint64_t va = guest_symbol(guest, "MiState") +
		      offset_of(layout, "_MI_SYSTEM_INFORMATION", "Hardware") +
		      offset_of(layout, "_MI_HARDWARE_STATE", "InvalidPteMask");
	paging_put(guest->kernel, va, guest->swizzle.mask, guest->pte_size);
}

void guest_kernel_data_new(struct guest *guest)
{
	new_mi_state(guest);
	new_protections(guest);
	new_versions(guest);
	new_types(guest);
	new_kdbg(guest);
	new_shared_data(guest);
	new_low_stub(guest);
	guest->cid_table = guest_handle_table_new(guest, 0, 0);
	paging_put_pointer(guest->kernel, guest_symbol(guest, "PspCidTable"), guest->cid_table);
}
