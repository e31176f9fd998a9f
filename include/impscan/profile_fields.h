/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every structure member that impscan reads, under Microsoft's name: X(type, member, need, limit).
 *
 * A profile may have these members, and those that only former versions read (profile/former.c).
 * `need` says whether a profile may lack a member. Every known Windows from XP on has those of
 *	R	a profile without it is incomplete
 *	F	a profile may lack it: it only helps to choose among the profiles of one build
 * Some builds lack those of
 *	O	a profile may lack it, and the code takes another way then. Members that belong
 *		together are checked by profile/complete.c.
 *	S	like O, and no public symbols have it, so symbol files can't
 *
 * `limit` is the range of values that is accepted, wider than that of any known kernel. The code
 * that reads the member relies on it.
 *	AT		an offset below 64 KB
 *	IN_PAGE		an offset with at least 32 bytes behind it in the same page
 *	START		offset 0: the code reads it there
 *	SIZE		a size of up to 64 KB; SIZE_IN_PAGE: up to 4 KB; SIZE_OF(a, b): a or b
 *	BITS(n)		a bit field of up to n bits in the 64-bit integer at offset 0
 *	KEY(n)		a bit field of up to n bits in the 32-bit integer at offset 0
 *	NUMBER(n)	up to n bits of the 32-bit integer at any offset, or all of it
 *
 * The size of a type is its member `size`. Where updates of one build made a type larger, it is the
 * smallest size, which is always safe to read. The members of a type stand together.
 *
 * A member has the spelling that Microsoft gave it in that build. Whether a profile has it tells
 * how a build does something:
 *
 * VAD tree	MMADDRESS_NODE: EPROCESS.VadRoot is an MM_AVL_TABLE whose BalancedRoot is a
 *		sentinel; the tree is its RightChild (Server 2003 to Windows 7). MM_AVL_NODE: the
 *		same with nodes at MMVAD_SHORT.VadNode (Windows 8). Otherwise, with
 *		MMVAD_SHORT.VadNode: VadRoot is an RTL_AVL_TREE (8.1 and later). None of these:
 *		VadRoot points to the first VAD (XP). RTL_AVL_TREE alone says nothing: some Windows
 *		7 kernels have the type for other trees.
 * VAD numbers	StartingVpn and EndingVpn have a pointer's size without VadNode, 32 bits with it;
 *		the byte in StartingVpnHigh and EndingVpnHigh extends them (x64 from 8.1 on).
 * Mapped file	MMVAD.ControlArea (XP, 2003), MMVAD.Subsection and its ControlArea afterwards.
 * WoW64	Wow64Process: the 32-bit PEB, or, where WOW64_PROCESS is known, a kernel structure
 *		that points to it. WoW64Process: an EWOW64PROCESS, whose Peb is the 32-bit PEB
 *		(10586 on).
 * Handles	HANDLE_TABLE_ENTRY.Object: the address with flags in its low three bits (up to 7).
 *		ObjectPointerBits: the address shifted right, by 4 on x64, where it must be
 *		sign-extended, and by 3 on x86 (8 and later).
 * Frames	MMPFN is read of x86 without PAE, whose PTEs don't tell what can be executed.
 * PTEs		Their members are bits of one MMPTE, the `...Low` and `...High` halves of an address
 *		are those of x86 without PAE. MMPTE.size tells kernels with PAE from those without.
 *		SwizzleBit: where it is clear, an invalid PTE is stored XORed with the kernel's
 *		InvalidPteMask. Updates of 2018 brought it to builds 7601 to 17134, with other
 *		places for PageFileLow and Protection: there the symbols known may not be those of
 *		the kernel.
 * Store	The compressed store (B_TREE..., SM..., ST_...; 1607 and later) is in no public
 *		symbols. Types have the names in the kernel's decorated symbols, members those of
 *		published research. Two names are impscan's own: SMHP_CHUNK, an element of a chunk
 *		array, and SMKM_STORE_MGR.SmGlobalsLink: where SmGlobals is not the manager itself,
 *		it points to this member of it. Without PageFileNumber a key is the offset alone.
 *		Without CompressionAlgorithm all pages are compressed with LZ4.
 *
 * Room: profile.
 */
/* clang-format off */
#define PROFILE_FIELDS(X) \
	X(B_TREE, Elements, S, IN_PAGE) \
	X(B_TREE, Leaf, S, IN_PAGE) \
	X(B_TREE, LeftChild, S, IN_PAGE) \
	X(B_TREE, Nodes, S, IN_PAGE) \
	X(B_TREE_LEAF_NODE, size, S, SIZE_IN_PAGE) \
	X(B_TREE_LEAF_NODE, Key, S, IN_PAGE) \
	X(B_TREE_LEAF_NODE, Value, S, IN_PAGE) \
	X(B_TREE_NODE, size, S, SIZE_IN_PAGE) \
	X(B_TREE_NODE, Key, S, IN_PAGE) \
	X(B_TREE_NODE, Child, S, IN_PAGE) \
	X(CONTROL_AREA, FilePointer, R, AT) \
	X(EPROCESS, Pcb, R, AT) \
	X(EPROCESS, UniqueProcessId, R, AT) \
	X(EPROCESS, ActiveProcessLinks, R, AT) \
	X(EPROCESS, CreateTime, R, AT) \
	X(EPROCESS, ExitTime, R, AT) \
	X(EPROCESS, SessionProcessLinks, R, AT) \
	X(EPROCESS, MmProcessLinks, O, AT) \
	X(EPROCESS, SectionBaseAddress, R, AT) \
	X(EPROCESS, InheritedFromUniqueProcessId, R, AT) \
	X(EPROCESS, Peb, R, AT) \
	X(EPROCESS, ObjectTable, F, AT) \
	X(EPROCESS, Wow64Process, O, AT) \
	X(EPROCESS, WoW64Process, O, AT) \
	X(EPROCESS, ImageFileName, R, AT) \
	X(EPROCESS, ThreadListHead, F, AT) \
	X(EPROCESS, HighestUserAddress, O, AT) \
	X(EPROCESS, VadRoot, R, AT) \
	X(EPROCESS, VadCount, O, AT) \
	X(ETHREAD, Cid, F, AT) \
	X(ETHREAD, ThreadListEntry, F, AT) \
	X(EWOW64PROCESS, Peb, O, AT) \
	X(FILE_OBJECT, Type, R, AT) \
	X(FILE_OBJECT, FileName, R, AT) \
	X(HANDLE_TABLE, TableCode, R, AT) \
	X(HANDLE_TABLE, UniqueProcessId, F, AT) \
	X(HANDLE_TABLE_ENTRY, size, R, SIZE_OF(8, 16)) \
	X(HANDLE_TABLE_ENTRY, Object, O, START) \
	X(HANDLE_TABLE_ENTRY, ObjectPointerBits, O, BITS(59)) \
	X(KPROCESS, DirectoryTableBase, R, IN_PAGE) \
	X(KPROCESS, ThreadListHead, F, AT) \
	X(KTHREAD, Process, O, AT) \
	X(KTHREAD, ThreadListEntry, F, AT) \
	X(LDR_DATA_TABLE_ENTRY, InLoadOrderLinks, R, AT) \
	X(LDR_DATA_TABLE_ENTRY, InMemoryOrderLinks, R, AT) \
	X(LDR_DATA_TABLE_ENTRY, InInitializationOrderLinks, R, AT) \
	X(LDR_DATA_TABLE_ENTRY, DllBase, R, AT) \
	X(LDR_DATA_TABLE_ENTRY, EntryPoint, R, AT) \
	X(LDR_DATA_TABLE_ENTRY, SizeOfImage, R, AT) \
	X(LDR_DATA_TABLE_ENTRY, FullDllName, R, AT) \
	X(LDR_DATA_TABLE_ENTRY, BaseDllName, R, AT) \
	X(MMADDRESS_NODE, LeftChild, O, AT) \
	X(MMADDRESS_NODE, RightChild, O, AT) \
	X(MMPAGING_FILE, size, R, SIZE) \
	X(MMPAGING_FILE, Size, R, AT) \
	X(MMPAGING_FILE, MaximumSize, R, AT) \
	X(MMPAGING_FILE, File, R, AT) \
	X(MMPAGING_FILE, PageFileName, R, AT) \
	X(MMPAGING_FILE, PageFileNumber, R, NUMBER(4)) \
	X(MMPAGING_FILE, VirtualStorePagefile, O, NUMBER(1)) \
	X(MMPFN, size, O, SIZE) \
	X(MMPFN, PteAddress, O, AT) \
	X(MMPFN, OriginalPte, O, AT) \
	X(MMPTE, size, R, SIZE_OF(4, 8)) \
	X(MMPTE_PROTOTYPE, Protection, O, BITS(5)) \
	X(MMPTE_PROTOTYPE, ProtoAddress, O, BITS(52)) \
	X(MMPTE_PROTOTYPE, ProtoAddressLow, O, BITS(24)) \
	X(MMPTE_PROTOTYPE, ProtoAddressHigh, O, BITS(24)) \
	X(MMPTE_SOFTWARE, Protection, R, BITS(5)) \
	X(MMPTE_SOFTWARE, PageFileLow, R, BITS(4)) \
	X(MMPTE_SOFTWARE, PageFileHigh, R, BITS(52)) \
	X(MMPTE_SOFTWARE, SwizzleBit, O, BITS(1)) \
	X(MMPTE_TRANSITION, PageFrameNumber, R, BITS(52)) \
	X(MMVAD, Subsection, O, AT) \
	X(MMVAD, ControlArea, O, AT) \
	X(MMVAD, FirstPrototypePte, R, AT) \
	X(MMVAD_FLAGS, size, R, SIZE_OF(4, 8)) \
	X(MMVAD_FLAGS, VadType, O, BITS(3)) \
	X(MMVAD_FLAGS, ImageMap, O, BITS(1)) \
	X(MMVAD_FLAGS, PrivateMemory, R, BITS(1)) \
	X(MMVAD_FLAGS, Protection, R, BITS(5)) \
	X(MMVAD_SHORT, VadNode, O, AT) \
	X(MMVAD_SHORT, LeftChild, O, AT) \
	X(MMVAD_SHORT, RightChild, O, AT) \
	X(MMVAD_SHORT, StartingVpn, R, AT) \
	X(MMVAD_SHORT, EndingVpn, R, AT) \
	X(MMVAD_SHORT, StartingVpnHigh, O, AT) \
	X(MMVAD_SHORT, EndingVpnHigh, O, AT) \
	X(MMVAD_SHORT, u, R, AT) \
	X(MM_AVL_NODE, LeftChild, O, AT) \
	X(MM_AVL_NODE, RightChild, O, AT) \
	X(MM_AVL_TABLE, BalancedRoot, O, AT) \
	X(PEB, ImageBaseAddress, R, AT) \
	X(PEB, Ldr, R, AT) \
	X(PEB, ApiSetMap, O, AT) \
	X(PEB, OSBuildNumber, R, AT) \
	X(PEB_LDR_DATA, InLoadOrderModuleList, R, AT) \
	X(PEB_LDR_DATA, InMemoryOrderModuleList, R, AT) \
	X(PEB_LDR_DATA, InInitializationOrderModuleList, R, AT) \
	X(RTL_AVL_TREE, Root, O, AT) \
	X(RTL_BALANCED_NODE, Left, O, AT) \
	X(RTL_BALANCED_NODE, Right, O, AT) \
	X(SMHP_CHUNK, size, S, SIZE) \
	X(SMHP_CHUNK_METADATA, ChunkPtrArray, S, AT) \
	X(SMHP_CHUNK_METADATA, BitValue, S, AT) \
	X(SMHP_CHUNK_METADATA, PageRecordsPerChunkMask, S, AT) \
	X(SMHP_CHUNK_METADATA, PageRecordSize, S, AT) \
	X(SMHP_CHUNK_METADATA, ChunkPageHeaderSize, S, AT) \
	X(SMKM_STORE, StStore, S, AT) \
	X(SMKM_STORE, CompressedRegionPtrArray, S, AT) \
	X(SMKM_STORE, OwnerProcess, S, AT) \
	X(SMKM_STORE_METADATA, size, S, SIZE) \
	X(SMKM_STORE_METADATA, SmkmStore, S, AT) \
	X(SMKM_STORE_MGR, Smkm, S, AT) \
	X(SMKM_STORE_MGR, KeyToStoreTree, S, AT) \
	X(SMKM_STORE_MGR, SmGlobalsLink, S, AT) \
	X(SM_PAGE_KEY, PageFileOffset, S, KEY(32)) \
	X(SM_PAGE_KEY, PageFileNumber, S, KEY(4)) \
	X(ST_DATA_MGR, PagesTree, S, AT) \
	X(ST_DATA_MGR, ChunkMetaData, S, AT) \
	X(ST_DATA_MGR, SmkmStore, S, AT) \
	X(ST_DATA_MGR, RegionSizeMask, S, AT) \
	X(ST_DATA_MGR, RegionIndexMask, S, AT) \
	X(ST_DATA_MGR, CompressionAlgorithm, S, AT) \
	X(ST_PAGE_RECORD, Key, S, AT) \
	X(ST_PAGE_RECORD, CompressedSize, S, AT) \
	X(ST_PAGE_RECORD, NextKey, S, AT) \
	X(ST_STORE, StDataMgr, S, AT) \
	X(SUBSECTION, ControlArea, R, AT) \
	X(WOW64_PROCESS, Wow64, O, AT)
/* clang-format on */
