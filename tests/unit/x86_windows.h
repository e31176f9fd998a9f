/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A 32-bit Windows of any shipped layout in such a machine: a kernel, System, smss.exe and a third
 * process with PEB, threads, handle tables and VADs.
 */
#ifndef TEST_X86_WINDOWS_H
#define TEST_X86_WINDOWS_H

#include "x86_machine.h"

#include <writer/pe_builder.h>

#define SHARED_DATA   UINT64_C(0xffdf0000)
#define IMAGE_BASE    UINT64_C(0x00400000)
#define PEB_ADDRESS   UINT64_C(0x7ffd8000)
#define LDR_ADDRESS   UINT64_C(0x00251000)
#define CREATE_TIME   UINT64_C(0x01c80000deadbeef)
#define KPROCESS_SIZE 0x6c

/* What a machine has not, or has elsewhere. */
struct x86_damage {
	bool no_export, no_kdbg; /* of ways to System */
	bool broken_map;	 /* the page directory does not map itself */
	uint64_t kernel_base;	 /* 0: where the build has it */
};

static const uint8_t guid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static inline void load_kernel(struct x86_machine *m, const struct x86_damage *damage)
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
		memcpy(byte_at(m, m->dtb[0], m->kernel_base + i), mapped + i,
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

static inline void make_thread(struct x86_machine *m, uint64_t process, uint32_t pid)
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
static inline uint64_t make_vad(struct x86_machine *m, uint64_t start, uint64_t end,
				const char *file)
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
static inline void make_tree(struct x86_machine *m, uint64_t process, uint64_t root, uint64_t right)
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
static inline void make_peb(struct x86_machine *m, uint64_t dtb, const char *name)
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

static inline void make_process(struct x86_machine *m, unsigned int i, uint64_t process,
				uint64_t dtb)
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

static inline void link_processes(struct x86_machine *m, const uint64_t *process)
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
static inline void make_modules(struct x86_machine *m)
{
	uint64_t k = m->dtb[0], entry = pool(m, 0x80);
	put_list(m, k, (uint64_t[]){m->modules, entry}, 2);
	put_member(m, k, entry, LDR_DATA_TABLE_ENTRY_DllBase, m->kernel_base, 4);
	put_member(m, k, entry, LDR_DATA_TABLE_ENTRY_SizeOfImage, m->kernel_size, 4);
	put_string(m, k, entry + profile_offset(m->profile, LDR_DATA_TABLE_ENTRY_BaseDllName),
		   pool(m, 0x40), "ntoskrnl.exe");
}

static inline void shared_data(struct x86_machine *m)
{
	uint32_t build = m->profile->build_first;
	bool ten = build >= 10240;
	uint32_t major = ten ? 10 : build < 6000 ? 5 : 6;
	put_kernel(m, SHARED_DATA + 0x26c, major, 4);
	put_kernel(m, SHARED_DATA + 0x270, build == 2600 ? 1 : 0, 4);
	if (ten)
		put_kernel(m, SHARED_DATA + 0x260, 0xf0000000 | build, 4);
}

static inline struct x86_machine *machine_new(const struct profile *profile,
					      const struct x86_damage *damage)
{
	struct x86_machine *m = alloc_new(struct x86_machine);
	uint64_t process[PROCESSES];
	m->profile = profile;
	m->pae = profile_offset(profile, MMPTE_size) == 8;
	machine_init_paging(&m->machine, m->pae ? PAGING_PAE : PAGING_X86);
	machine_frames(&m->machine, (FIRST_FRAME - m->machine.size) / PAGE_SIZE);
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
	return m;
}

/*
 * A process that no list has, begun by `header` (DISPATCHER_HEADER's first 4 bytes) and `signal`:
 * what a pool header is in their place looks like. Returns its address.
 */
static inline uint64_t make_lonely(struct x86_machine *m, uint32_t pid, uint32_t header,
				   uint32_t signal)
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

#endif
