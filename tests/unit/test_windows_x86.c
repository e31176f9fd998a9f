/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * windows: 32-bit machines made by hand of every shipped layout, with PAE and without: the kernel
 * is found, the profile chosen by itself, processes and modules are read.
 *
 * Each machine has page tables that map themselves, a kernel, System, smss.exe and a third process
 * with PEB, threads, handle tables and VADs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/discover.h>
#include <impscan/module.h>
#include <impscan/process.h>
#include <impscan/vad.h>
#include <impscan/view.h>
#include <impscan/windows.h>
#include <writer/pe_builder.h>

#define RAM	      (4u << 20)
#define POOL	      UINT64_C(0x85000000)
#define SHARED_DATA   UINT64_C(0xffdf0000)
#define IMAGE_BASE    UINT64_C(0x00400000)
#define PEB_ADDRESS   UINT64_C(0x7ffd8000)
#define LDR_ADDRESS   UINT64_C(0x00251000)
#define PROCESSES     3
#define CREATE_TIME   UINT64_C(0x01c80000deadbeef)
#define KPROCESS_SIZE 0x6c
#define VALID	      UINT64_C(1)
#define WRITE	      UINT64_C(2)
#define USER	      UINT64_C(4)

/* What a machine has not, or has elsewhere. */
struct damage {
	bool no_export, no_kdbg; /* of ways to System */
	bool broken_map;	 /* the page directory does not map itself */
	uint64_t kernel_base;	 /* 0: where the build has it */
};

struct machine {
	uint8_t *ram;
	uint64_t next_frame;
	uint64_t next_pool;
	const struct profile *profile;
	bool pae;
	uint64_t dtb[PROCESSES]; /* of System, of the others */
	uint64_t kernel_base, kernel_size;
	uint64_t kernel_data; /* .data: variables of the kernel */
	uint64_t system;
	uint64_t head, modules; /* PsActiveProcessHead, PsLoadedModuleList */
	int fd;
	struct image *image;
};

static void put_physical(struct machine *m, uint64_t address, uint64_t value, unsigned int size)
{
	assert_true(address + size <= RAM);
	for (unsigned int i = 0; i < size; i++)
		m->ram[address + i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_physical(const struct machine *m, uint64_t address, unsigned int size)
{
	uint64_t value = 0;
	assert_true(address + size <= RAM);
	for (unsigned int i = size; i-- > 0;)
		value = value << 8 | m->ram[address + i];
	return value;
}

static uint64_t new_frame(struct machine *m)
{
	uint64_t frame = m->next_frame;
	m->next_frame += PAGE_SIZE;
	return frame;
}

static unsigned int entry_size(const struct machine *m)
{
	return m->pae ? 8 : 4;
}

/* The physical address of the page-directory entry for `va`. */
static uint64_t directory_entry(const struct machine *m, uint64_t dtb, uint64_t va)
{
	if (!m->pae)
		return dtb + 4 * (va >> 22);
	uint64_t directory = get_physical(m, dtb + 8 * (va >> 30), 8) & ~UINT64_C(0xfff);
	return directory + 8 * (va >> 21 & 511);
}

/* The physical address of the page-table entry for `va`; 0 when there is none. */
static uint64_t table_entry(struct machine *m, uint64_t dtb, uint64_t va, bool make)
{
	unsigned int size = entry_size(m);
	uint64_t at = directory_entry(m, dtb, va);
	if (!get_physical(m, at, size)) {
		if (!make)
			return 0;
		put_physical(m, at, new_frame(m) | VALID | WRITE | USER, size);
	}
	uint64_t table = get_physical(m, at, size) & ~UINT64_C(0xfff);
	return table + (m->pae ? 8 * (va >> 12 & 511) : 4 * (va >> 12 & 1023));
}

/* The frame behind `va`, mapped when it was not. */
static uint64_t frame_of(struct machine *m, uint64_t dtb, uint64_t va)
{
	uint64_t at = table_entry(m, dtb, va, true);
	if (!get_physical(m, at, entry_size(m)))
		put_physical(m, at, new_frame(m) | VALID | WRITE, entry_size(m));
	return get_physical(m, at, entry_size(m)) & ~UINT64_C(0xfff);
}

static void put(struct machine *m, uint64_t dtb, uint64_t va, uint64_t value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++, va++)
		put_physical(m, frame_of(m, dtb, va) + (va & 0xfff), value >> (8 * i) & 0xff, 1);
}

static void put_kernel(struct machine *m, uint64_t va, uint64_t value, unsigned int size)
{
	put(m, m->dtb[0], va, value, size);
}

/* A member of a type at `va`: a plain one of `size` bytes, or a bit field of as many. */
static void put_member(struct machine *m, uint64_t dtb, uint64_t va, enum profile_member member,
		       uint64_t value, unsigned int size)
{
	const struct profile_field *field = &m->profile->field[member];
	if (!field->present)
		return;
	va += field->offset;
	if (field->bits) {
		uint64_t mask = ((UINT64_C(1) << field->bits) - 1) << field->bit, old = 0;
		for (unsigned int i = 0; i < size; i++)
			old |= get_physical(m, frame_of(m, dtb, va + i) + ((va + i) & 0xfff), 1)
			       << (8 * i);
		value = (old & ~mask) | (value << field->bit & mask);
	}
	put(m, dtb, va, value, size);
}

static uint64_t pool(struct machine *m, uint64_t size)
{
	uint64_t address = m->next_pool;
	m->next_pool += (size + 31) & ~UINT64_C(31);
	for (uint64_t at = address; at < m->next_pool; at++)
		frame_of(m, m->dtb[0], at);
	return address;
}

static void put_list(struct machine *m, uint64_t dtb, const uint64_t *links, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put(m, dtb, links[i], links[(i + 1) % count], 4);
		put(m, dtb, links[i] + 4, links[(i + count - 1) % count], 4);
	}
}

/* A UNICODE_STRING32 and its text behind it. */
static void put_string(struct machine *m, uint64_t dtb, uint64_t at, uint64_t text, const char *s)
{
	put(m, dtb, at, 2 * strlen(s), 2);
	put(m, dtb, at + 2, 2 * strlen(s), 2);
	put(m, dtb, at + 4, text, 4);
	for (size_t i = 0; s[i]; i++)
		put(m, dtb, text + 2 * i, (uint8_t)s[i], 2);
}

/* An empty page map at `dtb`: with PAE its four directories, mapped by the last of them. */
static void make_page_map(struct machine *m, uint64_t dtb, bool broken)
{
	if (!m->pae) {
		put_physical(m, dtb + 4 * 0x300, broken ? 0 : dtb | 0x63, 4);
		return;
	}
	for (unsigned int i = 0; i < 4; i++)
		put_physical(m, dtb + 8 * i, new_frame(m) | VALID, 8);
	uint64_t last = get_physical(m, dtb + 24, 8) & ~UINT64_C(0xfff);
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t frame = get_physical(m, dtb + 8 * i, 8) & ~UINT64_C(0xfff);
		put_physical(m, last + 8 * i, broken ? 0 : frame | 0x63, 8);
	}
}

/* The kernel's half of System's page map, for another process. */
static void share_kernel(struct machine *m, uint64_t dtb)
{
	unsigned int size = entry_size(m);
	for (uint64_t va = 0x80000000; va <= UINT32_MAX; va += m->pae ? 0x200000 : 0x400000) {
		if (va >> 22 == 0x300 || (m->pae && va >> 22 == 0x301))
			continue; /* the map's own */
		put_physical(m, directory_entry(m, dtb, va),
			     get_physical(m, directory_entry(m, m->dtb[0], va), size), size);
	}
}

static const uint8_t guid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void load_kernel(struct machine *m, const struct damage *damage)
{
	uint32_t build = m->profile->build_first;
	m->kernel_base = damage->kernel_base ? damage->kernel_base
			 : build == 2600     ? 0x804d7000
					     : 0x82a1f000;
	struct pe_builder *builder = pe_builder_new(false, false, "ntoskrnl.exe");
	pe_builder_export(builder, "IoCreateDevice");
	uint32_t number = pe_builder_export_data(builder, "NtBuildNumber", 4);
	uint32_t initial = pe_builder_export_data(
		builder, damage->no_export ? "NlsOemCodePage" : "PsInitialSystemProcess", 4);
	uint32_t modules = pe_builder_export_data(
		builder, build >= 6000 ? "PsLoadedModuleList" : "InitSafeBootMode", 8);
	uint32_t head = pe_builder_export_data(builder, "NlsAnsiCodePage", 8);
	uint32_t kdbg = pe_builder_export_data(builder, "KdDebuggerEnabled", 0x80);
	pe_builder_pdb(builder, guid, 2, m->pae ? "ntkrpamp.pdb" : "ntkrnlmp.pdb");
	size_t size, mapped_size;
	uint8_t *file = pe_builder_build(builder, &size);
	uint8_t *mapped = pe_builder_map(file, size, m->kernel_base, &mapped_size);
	m->kernel_size = mapped_size;
	for (size_t i = 0; i < mapped_size; i += PAGE_SIZE)
		memcpy(m->ram + frame_of(m, m->dtb[0], m->kernel_base + i), mapped + i,
		       min_of(mapped_size - i, (size_t)PAGE_SIZE));
	free(mapped);
	free(file);
	pe_builder_free(builder);
	put_kernel(m, m->kernel_base + number, 0xf0000000 | build, 4);
	m->system = pool(m, 0x800);
	put_kernel(m, m->kernel_base + initial, m->system, 4);
	m->modules = m->kernel_base + modules;
	m->head = m->kernel_base + head;
	if (damage->no_kdbg)
		return;
	/* KDDEBUGGER_DATA64: addresses extended by their sign. */
	uint64_t sign = UINT64_C(0xffffffff00000000), at = m->kernel_base + kdbg;
	at = (at + 7) & ~UINT64_C(7);
	put_kernel(m, at + 0x10, 0x4742444b, 4);
	put_kernel(m, at + 0x18, sign | m->kernel_base, 8);
	put_kernel(m, at + 0x48, sign | m->modules, 8);
	put_kernel(m, at + 0x50, sign | m->head, 8);
}

static void make_thread(struct machine *m, uint64_t process, uint32_t pid)
{
	const struct profile *profile = m->profile;
	uint64_t k = m->dtb[0], thread = pool(m, 0x500);
	uint64_t heads[] = {process + profile_offset(profile, EPROCESS_ThreadListHead),
			    process + profile_offset(profile, KPROCESS_ThreadListHead)};
	const enum profile_member links[] = {ETHREAD_ThreadListEntry, KTHREAD_ThreadListEntry};
	for (size_t i = 0; i < 2; i++)
		put_list(m, k, (uint64_t[]){heads[i], thread + profile_offset(profile, links[i])},
			 2);
	put_member(m, k, thread, ETHREAD_Cid, pid, 4);
	put_member(m, k, thread, KTHREAD_Process, process, 4);
}

/* A VAD of [start, end]; a file's when it has one. */
static uint64_t make_vad(struct machine *m, uint64_t start, uint64_t end, const char *file)
{
	const struct profile *profile = m->profile;
	uint64_t k = m->dtb[0], vad = pool(m, 0x80);
	uint64_t flags = vad + profile_offset(profile, MMVAD_SHORT_u);
	put_member(m, k, vad, MMVAD_SHORT_StartingVpn, start >> 12, 4);
	put_member(m, k, vad, MMVAD_SHORT_EndingVpn, end >> 12, 4);
	put_member(m, k, flags, MMVAD_FLAGS_Protection, file ? 7 : 4, 4);
	put_member(m, k, flags, MMVAD_FLAGS_PrivateMemory, !file, 4);
	if (!file)
		return vad;
	put_member(m, k, flags, MMVAD_FLAGS_VadType, 2, 4);
	put_member(m, k, flags, MMVAD_FLAGS_ImageMap, 1, 4);
	uint64_t area = pool(m, 0x80), subsection = pool(m, 0x40), object = pool(m, 0x100);
	put_member(m, k, vad, MMVAD_Subsection, subsection, 4);
	put_member(m, k, vad, MMVAD_ControlArea, area, 4);
	put_member(m, k, subsection, SUBSECTION_ControlArea, area, 4);
	put_member(m, k, area, CONTROL_AREA_FilePointer, object, 4);
	put_string(m, k, object + profile_offset(profile, FILE_OBJECT_FileName), pool(m, 0x100),
		   file);
	return vad;
}

/* Hangs two VADs into the process, `right` on the right of `root`. */
static void make_tree(struct machine *m, uint64_t process, uint64_t root, uint64_t right)
{
	const struct profile *profile = m->profile;
	uint64_t k = m->dtb[0], at = process + profile_offset(profile, EPROCESS_VadRoot);
	uint64_t node = 0;
	enum profile_member child = MMVAD_SHORT_RightChild;
	if (profile_has(profile, MMADDRESS_NODE_LeftChild)) {
		child = MMADDRESS_NODE_RightChild;
		at += profile_offset(profile, MM_AVL_TABLE_BalancedRoot) +
		      profile_offset(profile, child);
	} else if (profile_has(profile, MM_AVL_NODE_LeftChild)) {
		child = MM_AVL_NODE_RightChild;
		node = profile_offset(profile, MMVAD_SHORT_VadNode);
		at += profile_offset(profile, MM_AVL_TABLE_BalancedRoot) +
		      profile_offset(profile, child);
	} else if (profile_has(profile, MMVAD_SHORT_VadNode)) {
		child = RTL_BALANCED_NODE_Right;
		node = profile_offset(profile, MMVAD_SHORT_VadNode);
		at += profile_offset(profile, RTL_AVL_TREE_Root);
	}
	put(m, k, at, root + node, 4);
	put(m, k, root + node + profile_offset(profile, child), right + node, 4);
	put_member(m, k, process, EPROCESS_VadCount, 2, 4);
}

/* One module, that of the process itself, in all lists of the PEB. */
static void make_peb(struct machine *m, uint64_t dtb, const char *name)
{
	const struct profile *profile = m->profile;
	uint64_t entry = LDR_ADDRESS + 0x100;
	put_member(m, dtb, PEB_ADDRESS, PEB_ImageBaseAddress, IMAGE_BASE, 4);
	put_member(m, dtb, PEB_ADDRESS, PEB_OSBuildNumber, profile->build_first, 2);
	put_member(m, dtb, PEB_ADDRESS, PEB_Ldr, LDR_ADDRESS, 4);
	put_member(m, dtb, entry, LDR_DATA_TABLE_ENTRY_DllBase, IMAGE_BASE, 4);
	put_member(m, dtb, entry, LDR_DATA_TABLE_ENTRY_SizeOfImage, 0x3000, 4);
	put_string(m, dtb, entry + profile_offset(profile, LDR_DATA_TABLE_ENTRY_BaseDllName),
		   LDR_ADDRESS + 0x300, name);
	const enum profile_member lists[][2] = {
		{PEB_LDR_DATA_InLoadOrderModuleList, LDR_DATA_TABLE_ENTRY_InLoadOrderLinks},
		{PEB_LDR_DATA_InMemoryOrderModuleList, LDR_DATA_TABLE_ENTRY_InMemoryOrderLinks},
		{PEB_LDR_DATA_InInitializationOrderModuleList,
		 LDR_DATA_TABLE_ENTRY_InInitializationOrderLinks}};
	for (size_t i = 0; i < 3; i++)
		put_list(m, dtb,
			 (uint64_t[]){LDR_ADDRESS + profile_offset(profile, lists[i][0]),
				      entry + profile_offset(profile, lists[i][1])},
			 2);
}

static const char *const names[PROCESSES] = {"System", "smss.exe", "csrss.exe"};

static void make_process(struct machine *m, unsigned int i, uint64_t process, uint64_t dtb)
{
	const struct profile *profile = m->profile;
	uint64_t k = m->dtb[0], handles = pool(m, 0x80);
	uint32_t pid = 4 + 0x100 * i;
	put(m, k, process, 3, 1); /* DISPATCHER_HEADER.Type: a process */
	put(m, k, process + 2, KPROCESS_SIZE / 4, 1);
	put_list(m, k, (uint64_t[]){process + 8}, 1);
	put_member(m, k, process, KPROCESS_DirectoryTableBase, dtb, 4);
	put_member(m, k, process, EPROCESS_UniqueProcessId, pid, 4);
	put_member(m, k, process, EPROCESS_InheritedFromUniqueProcessId, i ? 4 : 0, 4);
	for (size_t c = 0; names[i][c]; c++)
		put(m, k, process + profile_offset(profile, EPROCESS_ImageFileName) + c,
		    (uint8_t)names[i][c], 1);
	put_member(m, k, process, EPROCESS_CreateTime, CREATE_TIME + i, 8);
	put_member(m, k, process, EPROCESS_ObjectTable, handles, 4);
	put_member(m, k, handles, HANDLE_TABLE_UniqueProcessId, pid, 4);
	make_thread(m, process, pid);
	if (!i)
		return;
	put_member(m, k, process, EPROCESS_Peb, PEB_ADDRESS, 4);
	put_member(m, k, process, EPROCESS_SectionBaseAddress, IMAGE_BASE, 4);
	put_member(m, k, process, EPROCESS_HighestUserAddress, 0x7fff0000, 4);
	make_tree(m, process, make_vad(m, IMAGE_BASE, IMAGE_BASE + 0x2fff, "\\Windows\\a.exe"),
		  make_vad(m, PEB_ADDRESS, PEB_ADDRESS + 0xfff, NULL));
	make_peb(m, dtb, names[i]);
}

static void link_processes(struct machine *m, const uint64_t *process)
{
	const struct profile *profile = m->profile;
	uint64_t links[PROCESSES + 1], mm[PROCESSES + 1];
	for (size_t i = 0; i < PROCESSES; i++) {
		links[i] = process[i] + profile_offset(profile, EPROCESS_ActiveProcessLinks);
		mm[i] = process[i] + profile_offset(profile, EPROCESS_MmProcessLinks);
	}
	links[PROCESSES] = m->head;
	mm[PROCESSES] = m->kernel_base + PE_BUILDER_TEXT; /* any place in the kernel */
	put_list(m, m->dtb[0], links, PROCESSES + 1);
	if (profile_has(profile, EPROCESS_MmProcessLinks))
		put_list(m, m->dtb[0], mm, PROCESSES + 1);
}

/* PsLoadedModuleList with the kernel alone. */
static void make_modules(struct machine *m)
{
	uint64_t k = m->dtb[0], entry = pool(m, 0x80);
	put_list(m, k, (uint64_t[]){m->modules, entry}, 2);
	put_member(m, k, entry, LDR_DATA_TABLE_ENTRY_DllBase, m->kernel_base, 4);
	put_member(m, k, entry, LDR_DATA_TABLE_ENTRY_SizeOfImage, m->kernel_size, 4);
	put_string(m, k, entry + profile_offset(m->profile, LDR_DATA_TABLE_ENTRY_BaseDllName),
		   pool(m, 0x40), "ntoskrnl.exe");
}

static void shared_data(struct machine *m)
{
	uint32_t build = m->profile->build_first;
	bool ten = build >= 10240;
	uint32_t major = ten ? 10 : build < 6000 ? 5 : 6;
	put_kernel(m, SHARED_DATA + 0x26c, major, 4);
	put_kernel(m, SHARED_DATA + 0x270, build == 2600 ? 1 : 0, 4);
	if (ten)
		put_kernel(m, SHARED_DATA + 0x260, 0xf0000000 | build, 4);
}

static struct machine *machine_new(const struct profile *profile, const struct damage *damage)
{
	struct machine *m = alloc_new(struct machine);
	uint64_t process[PROCESSES];
	m->ram = alloc_zero(RAM, 1);
	m->profile = profile;
	m->pae = profile_offset(profile, MMPTE_size) == 8;
	m->next_frame = 0x40000;
	m->next_pool = POOL;
	/* PAE's first tables share a page, System's is not at its start. */
	uint64_t maps = 0x39000;
	for (unsigned int i = 0; i < PROCESSES; i++) {
		m->dtb[i] = m->pae ? maps + 0x5a0 + 0x20 * i : maps + 0x1000 * i;
		make_page_map(m, m->dtb[i], damage->broken_map);
	}
	load_kernel(m, damage);
	shared_data(m);
	process[0] = m->system;
	for (unsigned int i = 1; i < PROCESSES; i++)
		process[i] = pool(m, 0x800);
	pool(m, 0x10000); /* all of the pool's tables are there before they are shared */
	m->next_pool -= 0x10000;
	for (unsigned int i = 1; i < PROCESSES; i++)
		share_kernel(m, m->dtb[i]);
	for (unsigned int i = 0; i < PROCESSES; i++)
		make_process(m, i, process[i], m->dtb[i]);
	link_processes(m, process);
	make_modules(m);
	assert_true(m->next_frame <= RAM);
	return m;
}

static void power_on(struct machine *m)
{
	char path[64];
	m->fd = memfd_create("image", 0);
	assert_true(m->fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	assert_int_equal(pwrite(m->fd, m->ram, RAM, 0), RAM);
	assert_null(image_open(path, &m->image));
}

static void put_header(uint8_t *header, size_t offset, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		header[offset + i] = (uint8_t)(value >> (8 * i));
}

/* As a full crash dump (DUMP_HEADER32), whose header says that PAE is on, or not. */
static void power_on_dump(struct machine *m, bool pae)
{
	char path[64];
	uint8_t header[0x1000];
	for (size_t i = 0; i < sizeof(header); i += 4)
		memcpy(header + i, "PAGE", 4);
	memcpy(header, "PAGEDUMP", 8);
	put_header(header, 0xc, m->profile->build_first);
	put_header(header, 0x10, (uint32_t)m->dtb[0]);
	put_header(header, 0x18, (uint32_t)m->modules);
	put_header(header, 0x1c, (uint32_t)m->head);
	put_header(header, 0x20, 0x14c);
	header[0x5c] = pae;
	put_header(header, 0x64, 1); /* NumberOfRuns, NumberOfPages, BasePage, PageCount */
	put_header(header, 0x68, RAM / 4096);
	put_header(header, 0x6c, 0);
	put_header(header, 0x70, RAM / 4096);
	put_header(header, 0xf88, 1);
	m->fd = memfd_create("image", 0);
	assert_true(m->fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	assert_int_equal(pwrite(m->fd, header, sizeof(header), 0), sizeof(header));
	assert_int_equal(pwrite(m->fd, m->ram, RAM, sizeof(header)), RAM);
	assert_null(image_open(path, &m->image));
}

static void machine_free(struct machine *m)
{
	if (m->image)
		image_close(m->image);
	close(m->fd);
	free(m->ram);
	free(m);
}

/* Opens it and checks all that can be known. */
static void check_machine(struct machine *m, struct profiles *profiles,
			  const struct windows_options *options)
{
	_cleanup_windows_ struct windows *windows = NULL;
	_cleanup_processes_ struct processes processes;
	_cleanup_error_ struct error *error = windows_open(m->image, profiles, options, &windows);
	if (error)
		fail_msg("%s: %s", m->profile->name, error_message(error));
	assert_string_equal(windows->profile->name, m->profile->name);
	assert_int_equal(windows->architecture, ARCHITECTURE_X86);
	assert_int_equal(windows->pointer_size, 4);
	assert_int_equal(memory_paging(windows->memory), m->pae ? PAGING_PAE : PAGING_X86);
	assert_int_equal(windows->dtb, m->dtb[0]);
	assert_int_equal(windows->kernel_base, m->kernel_base);
	assert_int_equal(windows->kernel_size, m->kernel_size);
	assert_string_equal(windows->kernel_name, "ntoskrnl.exe");
	assert_int_equal(windows->build, m->profile->build_first);
	assert_int_equal(windows->system, m->system);
	assert_int_equal(windows->ps_loaded_module_list, m->modules);

	windows_processes(windows, false, 1, &processes);
	assert_int_equal(processes.count, PROCESSES);
	assert_string_equal(processes.damage, "");
	assert_int_equal(processes.ps_active_process_head, m->head);
	for (unsigned int i = 0; i < PROCESSES; i++) {
		const struct process *process = &processes.items[i];
		assert_int_equal(process->pid, 4 + 0x100 * i);
		assert_string_equal(process->name, names[i]);
		assert_int_equal(process->dtb, m->dtb[i]);
		assert_int_equal(process->create_time, CREATE_TIME + i);
		assert_false(process_hidden(process));
		if (!i)
			continue;
		_cleanup_view_ struct view view;
		_cleanup_modules_ struct modules modules;
		view_open(&view, windows, process, NULL);
		assert_int_equal(view.vads.count, 2);
		assert_int_equal(view.vads.items[0].kind, VAD_IMAGE);
		assert_string_equal(view.vads.items[0].file, "\\Windows\\a.exe");
		assert_int_equal(view.vads.items[1].start, PEB_ADDRESS);
		process_modules(windows, process, &view, &modules);
		assert_int_equal(modules.count, 1);
		assert_string_equal(modules.items[0].name, names[i]);
		assert_int_equal(modules.items[0].base, IMAGE_BASE);
	}
}

static bool is_x86(const struct profiles *profiles, size_t i)
{
	return profiles_summary(profiles, i).architecture == ARCHITECTURE_X86;
}

/*
 * A process that no list has, begun by `header` (DISPATCHER_HEADER's first 4 bytes) and `signal`:
 * what a pool header is in their place looks like. Returns its address.
 */
static uint64_t make_lonely(struct machine *m, uint32_t pid, uint32_t header, uint32_t signal)
{
	uint64_t k = m->dtb[0], process = pool(m, 0x800);
	put_member(m, k, process, KPROCESS_DirectoryTableBase, m->dtb[1], 4);
	put_member(m, k, process, EPROCESS_UniqueProcessId, pid, 4);
	put_member(m, k, process, EPROCESS_CreateTime, CREATE_TIME, 8);
	put(m, k, process + profile_offset(m->profile, EPROCESS_ImageFileName), 'x', 1);
	put(m, k, process, header, 4);
	put(m, k, process + 4, signal, 4);
	put_list(m, k, (uint64_t[]){process + 8}, 1);
	return process;
}

/* Sweeps take for a process only what has the header of one. */
static void pool_headers_are_no_processes(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	_cleanup_windows_ struct windows *windows = NULL;
	const struct profile *profile;
	const uint32_t size = KPROCESS_SIZE / 4 << 16, tag = 0x63614d43;
	assert_null(profiles_new(&profiles));
	size_t i = 0;
	while (!is_x86(profiles, i))
		i++;
	assert_null(profiles_get(profiles, i, &profile));
	struct machine *m = machine_new(profile, &(struct damage){0});
	uint64_t hidden = make_lonely(m, 0x1000, 3 | size, 0);
	make_lonely(m, 0x1004, 3 | size | 0x0a000000, 0);      /* PoolType */
	make_lonely(m, 0x1008, 3 | (size + 0x10000), 0);       /* BlockSize */
	make_lonely(m, 0x100c, 3 | size, tag);		       /* PoolTag */
	make_lonely(m, 0x1010, 3 | 0x12 << 16 | 4 << 24, tag); /* all of a pool header */
	make_lonely(m, 2972002024u, 3 | size, 0);	       /* no PID */
	uint64_t exiting = make_lonely(m, 0x1014, 3 | size, 1);
	power_on(m);
	assert_null(windows_open(m->image, profiles, &(struct windows_options){0}, &windows));
	for (unsigned int deep = 0; deep < 2; deep++) {
		_cleanup_processes_ struct processes processes;
		windows_processes(windows, deep, 2, &processes);
		assert_int_equal(processes.count, PROCESSES + 2);
		assert_int_equal(processes.items[PROCESSES].eprocess, hidden);
		assert_int_equal(processes.items[PROCESSES + 1].eprocess, exiting);
		assert_int_equal(processes.items[PROCESSES].sources,
				 SOURCE_NEAR | (deep ? SOURCE_DEEP : 0));
		assert_string_equal(processes.damage, "");
	}
	windows_close(take_ptr(windows));
	machine_free(m);
}

static void every_layout_is_found(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	size_t checked = 0;
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile;
		if (!is_x86(profiles, i))
			continue;
		assert_null(profiles_get(profiles, i, &profile));
		struct machine *m = machine_new(profile, &(struct damage){0});
		power_on(m);
		check_machine(m, profiles, &(struct windows_options){0});
		machine_free(m);
		checked++;
	}
	assert_true(checked >= 27);
}

static const struct profile *shipped(struct profiles *profiles, const char *name)
{
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		const struct profile *profile = NULL;
		if (strcmp(profiles_summary(profiles, i).name, name) != 0)
			continue;
		assert_null(profiles_get(profiles, i, &profile));
		return profile;
	}
	fail_msg("%s is not shipped", name);
	return NULL;
}

static void system_is_found_in_other_ways(void **state)
{
	(void)state;
	static const char *const layouts[] = {"windows-xp-2600-x86", "windows-7-7601-x86-pae"};
	static const struct damage damages[] = {
		{.no_export = true},		      /* by KDBG */
		{.no_export = true, .no_kdbg = true}, /* by sweeping */
		{.kernel_base = 0xe0a00000},	      /* /3GB */
		{.kernel_base = 0xf7000000, .no_export = true},
	};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	for (size_t i = 0; i < array_size(layouts); i++)
		for (size_t d = 0; d < array_size(damages); d++) {
			struct machine *m = machine_new(shipped(profiles, layouts[i]), &damages[d]);
			power_on(m);
			check_machine(m, profiles, &(struct windows_options){0});
			machine_free(m);
		}
}

static void the_user_knows_the_page_map(void **state)
{
	(void)state;
	static const char *const layouts[] = {"windows-xp-2600-x86", "windows-7-7601-x86-pae"};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	for (size_t i = 0; i < array_size(layouts); i++) {
		const struct profile *profile = shipped(profiles, layouts[i]);
		struct machine *m = machine_new(profile, &(struct damage){.broken_map = true});
		power_on(m);
		struct windows *windows = NULL;
		_cleanup_error_ struct error *error =
			windows_open(m->image, profiles, &(struct windows_options){0}, &windows);
		assert_non_null(error); /* nothing to scan for */
		assert_null(windows);
		check_machine(m, profiles, &(struct windows_options){.dtb = m->dtb[0]});
		check_machine(m, profiles,
			      &(struct windows_options){.dtb = m->dtb[1], .profile = profile});
		machine_free(m);
	}
}

static void the_header_of_a_dump_knows(void **state)
{
	(void)state;
	static const char *const layouts[] = {"windows-xp-2600-x86", "windows-7-7601-x86-pae"};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	for (size_t i = 0; i < array_size(layouts); i++)
		for (int lie = 0; lie < 2; lie++) {
			/* Nothing else leads to System, nor to the page map if the header is right. */
			struct machine *m = machine_new(shipped(profiles, layouts[i]),
							&(struct damage){.broken_map = !lie,
									 .no_export = true,
									 .no_kdbg = true});
			power_on_dump(m, m->pae != lie);
			check_machine(m, profiles, &(struct windows_options){0});
			machine_free(m);
		}
}

static void a_profile_for_other_page_maps_is_declined(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	struct machine *m =
		machine_new(shipped(profiles, "windows-7-7601-x86"), &(struct damage){0});
	struct windows_options options = {.profile = shipped(profiles, "windows-7-7601-x86-pae")};
	struct windows *windows = NULL;
	power_on(m);
	_cleanup_error_ struct error *error = windows_open(m->image, profiles, &options, &windows);
	assert_non_null(error);
	assert_non_null(strstr(error_message(error), "windows-7-7601-x86-pae is for"));
	assert_null(windows);
	machine_free(m);
}

/* A page that is not a kernel's, whatever it looks like, ends in an error and nothing else. */
static void noise_is_declined(void **state)
{
	(void)state;
	_cleanup_profiles_ struct profiles *profiles = NULL;
	assert_null(profiles_new(&profiles));
	for (int kind = 0; kind < 3; kind++) {
		struct machine *m = machine_new(shipped(profiles, "windows-xp-2600-x86-pae"),
						&(struct damage){.no_export = true});
		uint32_t seed = 7;
		if (kind == 0) /* the kernel's headers are gone */
			memset(m->ram + frame_of(m, m->dtb[0], m->kernel_base), 0, PAGE_SIZE);
		if (kind == 1) /* all but the page tables is noise */
			for (size_t i = 0x60000; i < RAM; i++)
				m->ram[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		if (kind == 2) /* System is gone */
			memset(m->ram + frame_of(m, m->dtb[0], m->system), 0, PAGE_SIZE);
		struct windows *windows = NULL;
		power_on(m);
		_cleanup_error_ struct error *error =
			windows_open(m->image, profiles, &(struct windows_options){0}, &windows);
		assert_non_null(error);
		assert_null(windows);
		machine_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_headers_are_no_processes),
		cmocka_unit_test(every_layout_is_found),
		cmocka_unit_test(system_is_found_in_other_ways),
		cmocka_unit_test(the_user_knows_the_page_map),
		cmocka_unit_test(the_header_of_a_dump_knows),
		cmocka_unit_test(a_profile_for_other_page_maps_is_declined),
		cmocka_unit_test(noise_is_declined),
	};
	return cmocka_run_group_tests_name("windows_x86", tests, NULL, NULL);
}
