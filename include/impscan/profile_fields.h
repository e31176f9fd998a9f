/*
 * Every structure member that impscan reads, by Microsoft's names: X(type, member, need).
 *
 * A profile may name these and no others. `need` is R where every known Windows from XP on has the
 * member, so that a profile without it is incomplete; O where some builds lack it (the code then
 * takes another way); S like O, but in no public symbols: symbol files can't have it. A type's size is the member `size`; where updates of one build let a type
 * grow (EPROCESS), it is the smallest one, which is always safe to read. The members of a type
 * stand together.
 *
 * A member keeps the spelling that Microsoft gave it in that build, and its presence says which
 * way a build goes:
 *
 * VAD tree	MMADDRESS_NODE: EPROCESS.VadRoot is an MM_AVL_TABLE whose BalancedRoot is a sentinel;
 *		the tree is its RightChild (Server 2003 to Windows 7). MM_AVL_NODE: the same with nodes
 *		at MMVAD_SHORT.VadNode (Windows 8). Otherwise, with MMVAD_SHORT.VadNode: VadRoot is an
 *		RTL_AVL_TREE (8.1 and later). None of these: VadRoot points to the first VAD (XP).
 *		RTL_AVL_TREE alone says nothing: some Windows 7 kernels have the type for other trees.
 * VAD numbers	StartingVpn and EndingVpn have a pointer's size without VadNode, 32 bits with it; the
 *		byte in StartingVpnHigh and EndingVpnHigh extends them (x64 from 8.1 on).
 * Mapped file	MMVAD.ControlArea (XP, 2003), MMVAD.Subsection and its ControlArea afterwards.
 * WoW64	Wow64Process: the 32-bit PEB, or, where WOW64_PROCESS is known, a kernel structure that
 *		points to it. WoW64Process: an EWOW64PROCESS, whose Peb is the 32-bit PEB (10586 on).
 * Handles	HANDLE_TABLE_ENTRY.Object: the address with flags in its low three bits (to Windows 7).
 *		ObjectPointerBits: the address shifted right, by 4 on x64, where it must be
 *		sign-extended, and by 3 on x86 (8 and later).
 * Section	EPROCESS.SectionObject is a SECTION_OBJECT with a Segment (to 8.1, in 10240 both types
 *		exist), or a SECTION whose u1 holds the control area (10 and later).
 * PTEs		Their members are bits of one MMPTE, the `...Low` and `...High` halves of an address are
 *		those of x86 without PAE. MMPTE.size tells kernels with PAE from those without.
 *		SwizzleBit: where it is clear, an invalid PTE is stored XORed with the kernel's
 *		InvalidPteMask. Updates of 2018 brought it to builds 7601 to 17134, with other places
 *		for PageFileLow and Protection: there the symbols known may not be those of the kernel.
 * Store	The compressed store (B_TREE..., SM..., ST_...; 1607 and later) is in no public symbols;
 *		types go by the kernel's decorated names, members by those who described them. Two
 *		names are ours: SMHP_CHUNK (an element of a chunk array) and SMKM_STORE_MGR's
 *		SmGlobalsLink: where SmGlobals is not the manager but points into one, the place
 *		in it. Without PageFileNumber a key is the offset alone; without
 *		CompressionAlgorithm all is LZ4.
 */
/* clang-format off */
#define PROFILE_FIELDS(X) \
	X(B_TREE, Elements, S) \
	X(B_TREE, Leaf, S) \
	X(B_TREE, LeftChild, S) \
	X(B_TREE, Nodes, S) \
	X(B_TREE_LEAF_NODE, size, S) \
	X(B_TREE_LEAF_NODE, Key, S) \
	X(B_TREE_LEAF_NODE, Value, S) \
	X(B_TREE_NODE, size, S) \
	X(B_TREE_NODE, Key, S) \
	X(B_TREE_NODE, Child, S) \
	X(CONTROL_AREA, Segment, R) \
	X(CONTROL_AREA, u, R) \
	X(CONTROL_AREA, FilePointer, R) \
	X(EPROCESS, size, R) \
	X(EPROCESS, Pcb, R) \
	X(EPROCESS, UniqueProcessId, R) \
	X(EPROCESS, ActiveProcessLinks, R) \
	X(EPROCESS, Flags, R) \
	X(EPROCESS, CreateTime, R) \
	X(EPROCESS, ExitTime, R) \
	X(EPROCESS, ExitStatus, R) \
	X(EPROCESS, SessionProcessLinks, R) \
	X(EPROCESS, MmProcessLinks, O) \
	X(EPROCESS, SectionObject, R) \
	X(EPROCESS, SectionBaseAddress, R) \
	X(EPROCESS, InheritedFromUniqueProcessId, R) \
	X(EPROCESS, Peb, R) \
	X(EPROCESS, Session, R) \
	X(EPROCESS, ObjectTable, R) \
	X(EPROCESS, Wow64Process, O) \
	X(EPROCESS, WoW64Process, O) \
	X(EPROCESS, ImageFilePointer, O) \
	X(EPROCESS, ImageFileName, R) \
	X(EPROCESS, SeAuditProcessCreationInfo, R) \
	X(EPROCESS, ThreadListHead, R) \
	X(EPROCESS, ActiveThreads, R) \
	X(EPROCESS, HighestUserAddress, O) \
	X(EPROCESS, VadRoot, R) \
	X(EPROCESS, VadCount, O) \
	X(ETHREAD, Cid, R) \
	X(ETHREAD, StartAddress, R) \
	X(ETHREAD, Win32StartAddress, R) \
	X(ETHREAD, ThreadListEntry, R) \
	X(ETHREAD, CrossThreadFlags, R) \
	X(EWOW64PROCESS, Peb, O) \
	X(EWOW64PROCESS, Machine, O) \
	X(EX_FAST_REF, RefCnt, R) \
	X(FILE_OBJECT, size, R) \
	X(FILE_OBJECT, Type, R) \
	X(FILE_OBJECT, Size, R) \
	X(FILE_OBJECT, DeviceObject, R) \
	X(FILE_OBJECT, SectionObjectPointer, R) \
	X(FILE_OBJECT, FileName, R) \
	X(HANDLE_TABLE, TableCode, R) \
	X(HANDLE_TABLE, QuotaProcess, R) \
	X(HANDLE_TABLE, UniqueProcessId, R) \
	X(HANDLE_TABLE, HandleTableList, R) \
	X(HANDLE_TABLE, NextHandleNeedingPool, R) \
	X(HANDLE_TABLE_ENTRY, size, R) \
	X(HANDLE_TABLE_ENTRY, Object, O) \
	X(HANDLE_TABLE_ENTRY, ObjectPointerBits, O) \
	X(KPROCESS, DirectoryTableBase, R) \
	X(KPROCESS, UserDirectoryTableBase, O) \
	X(KPROCESS, ThreadListHead, R) \
	X(KPROCESS, ProcessListEntry, O) \
	X(KTHREAD, Process, O) \
	X(KTHREAD, Teb, R) \
	X(KTHREAD, ThreadListEntry, R) \
	X(LDR_DATA_TABLE_ENTRY, size, R) \
	X(LDR_DATA_TABLE_ENTRY, InLoadOrderLinks, R) \
	X(LDR_DATA_TABLE_ENTRY, InMemoryOrderLinks, R) \
	X(LDR_DATA_TABLE_ENTRY, InInitializationOrderLinks, R) \
	X(LDR_DATA_TABLE_ENTRY, DllBase, R) \
	X(LDR_DATA_TABLE_ENTRY, EntryPoint, R) \
	X(LDR_DATA_TABLE_ENTRY, SizeOfImage, R) \
	X(LDR_DATA_TABLE_ENTRY, FullDllName, R) \
	X(LDR_DATA_TABLE_ENTRY, BaseDllName, R) \
	X(LDR_DATA_TABLE_ENTRY, Flags, R) \
	X(LDR_DATA_TABLE_ENTRY, HashLinks, R) \
	X(LDR_DATA_TABLE_ENTRY, TimeDateStamp, R) \
	X(LDR_DATA_TABLE_ENTRY, LoadTime, O) \
	X(MMADDRESS_NODE, LeftChild, O) \
	X(MMADDRESS_NODE, RightChild, O) \
	X(MMPAGING_FILE, size, R) \
	X(MMPAGING_FILE, Size, R) \
	X(MMPAGING_FILE, MaximumSize, R) \
	X(MMPAGING_FILE, File, R) \
	X(MMPAGING_FILE, PageFileName, R) \
	X(MMPAGING_FILE, PageFileNumber, R) \
	X(MMPAGING_FILE, VirtualStorePagefile, O) \
	X(MMPTE, size, R) \
	X(MMPTE_HARDWARE, Valid, R) \
	X(MMPTE_HARDWARE, LargePage, R) \
	X(MMPTE_HARDWARE, CopyOnWrite, R) \
	X(MMPTE_HARDWARE, PageFrameNumber, R) \
	X(MMPTE_HARDWARE, NoExecute, O) \
	X(MMPTE_PROTOTYPE, Prototype, R) \
	X(MMPTE_PROTOTYPE, Protection, O) \
	X(MMPTE_PROTOTYPE, ProtoAddress, O) \
	X(MMPTE_PROTOTYPE, ProtoAddressLow, O) \
	X(MMPTE_PROTOTYPE, ProtoAddressHigh, O) \
	X(MMPTE_PROTOTYPE, SwizzleBit, O) \
	X(MMPTE_SOFTWARE, Prototype, R) \
	X(MMPTE_SOFTWARE, Transition, R) \
	X(MMPTE_SOFTWARE, Protection, R) \
	X(MMPTE_SOFTWARE, PageFileLow, R) \
	X(MMPTE_SOFTWARE, PageFileHigh, R) \
	X(MMPTE_SOFTWARE, SwizzleBit, O) \
	X(MMPTE_SUBSECTION, Prototype, R) \
	X(MMPTE_SUBSECTION, Protection, O) \
	X(MMPTE_SUBSECTION, SubsectionAddress, O) \
	X(MMPTE_SUBSECTION, SubsectionAddressLow, O) \
	X(MMPTE_SUBSECTION, SubsectionAddressHigh, O) \
	X(MMPTE_SUBSECTION, WhichPool, O) \
	X(MMPTE_SUBSECTION, SwizzleBit, O) \
	X(MMPTE_TRANSITION, Prototype, R) \
	X(MMPTE_TRANSITION, Transition, R) \
	X(MMPTE_TRANSITION, Protection, R) \
	X(MMPTE_TRANSITION, PageFrameNumber, R) \
	X(MMPTE_TRANSITION, SwizzleBit, O) \
	X(MMSECTION_FLAGS, BeingDeleted, R) \
	X(MMSECTION_FLAGS, Image, R) \
	X(MMSECTION_FLAGS, File, R) \
	X(MMVAD, size, R) \
	X(MMVAD, Core, O) \
	X(MMVAD, Subsection, O) \
	X(MMVAD, ControlArea, O) \
	X(MMVAD, FirstPrototypePte, R) \
	X(MMVAD, LastContiguousPte, R) \
	X(MMVAD, FileObject, O) \
	X(MMVAD_FLAGS, size, R) \
	X(MMVAD_FLAGS, CommitCharge, O) \
	X(MMVAD_FLAGS, VadType, O) \
	X(MMVAD_FLAGS, ImageMap, O) \
	X(MMVAD_FLAGS, PhysicalMapping, O) \
	X(MMVAD_FLAGS, NoChange, R) \
	X(MMVAD_FLAGS, MemCommit, O) \
	X(MMVAD_FLAGS, PrivateMemory, R) \
	X(MMVAD_FLAGS, Protection, R) \
	X(MMVAD_FLAGS1, CommitCharge, O) \
	X(MMVAD_FLAGS1, MemCommit, O) \
	X(MMVAD_SHORT, size, R) \
	X(MMVAD_SHORT, VadNode, O) \
	X(MMVAD_SHORT, LeftChild, O) \
	X(MMVAD_SHORT, RightChild, O) \
	X(MMVAD_SHORT, StartingVpn, R) \
	X(MMVAD_SHORT, EndingVpn, R) \
	X(MMVAD_SHORT, StartingVpnHigh, O) \
	X(MMVAD_SHORT, EndingVpnHigh, O) \
	X(MMVAD_SHORT, u, R) \
	X(MMVAD_SHORT, u1, O) \
	X(MMVAD_SHORT, CommitCharge, O) \
	X(MM_AVL_NODE, LeftChild, O) \
	X(MM_AVL_NODE, RightChild, O) \
	X(MM_AVL_TABLE, BalancedRoot, O) \
	X(MM_AVL_TABLE, NumberGenericTableElements, O) \
	X(OBJECT_HEADER, Body, R) \
	X(OBJECT_HEADER, PointerCount, R) \
	X(OBJECT_HEADER, HandleCount, R) \
	X(OBJECT_HEADER, Type, O) \
	X(OBJECT_HEADER, TypeIndex, O) \
	X(OBJECT_HEADER, InfoMask, O) \
	X(OBJECT_HEADER, NameInfoOffset, O) \
	X(OBJECT_HEADER, HandleInfoOffset, O) \
	X(OBJECT_HEADER, QuotaInfoOffset, O) \
	X(OBJECT_HEADER, Flags, R) \
	X(OBJECT_HEADER_AUDIT_INFO, size, O) \
	X(OBJECT_HEADER_CREATOR_INFO, size, R) \
	X(OBJECT_HEADER_HANDLE_INFO, size, O) \
	X(OBJECT_HEADER_NAME_INFO, size, R) \
	X(OBJECT_HEADER_PROCESS_INFO, size, O) \
	X(OBJECT_HEADER_QUOTA_INFO, size, O) \
	X(OBJECT_TYPE, Name, R) \
	X(OBJECT_TYPE, Index, R) \
	X(OBJECT_TYPE, Key, R) \
	X(PEB, BeingDebugged, R) \
	X(PEB, ImageBaseAddress, R) \
	X(PEB, Ldr, R) \
	X(PEB, ProcessParameters, R) \
	X(PEB, ApiSetMap, O) \
	X(PEB, OSMajorVersion, R) \
	X(PEB, OSMinorVersion, R) \
	X(PEB, OSBuildNumber, R) \
	X(PEB, SessionId, R) \
	X(PEB_LDR_DATA, Initialized, R) \
	X(PEB_LDR_DATA, InLoadOrderModuleList, R) \
	X(PEB_LDR_DATA, InMemoryOrderModuleList, R) \
	X(PEB_LDR_DATA, InInitializationOrderModuleList, R) \
	X(POOL_HEADER, size, R) \
	X(POOL_HEADER, PreviousSize, R) \
	X(POOL_HEADER, BlockSize, R) \
	X(POOL_HEADER, PoolType, R) \
	X(POOL_HEADER, PoolTag, R) \
	X(RTL_AVL_TREE, Root, O) \
	X(RTL_BALANCED_NODE, Left, O) \
	X(RTL_BALANCED_NODE, Right, O) \
	X(RTL_BALANCED_NODE, ParentValue, O) \
	X(RTL_USER_PROCESS_PARAMETERS, CurrentDirectory, R) \
	X(RTL_USER_PROCESS_PARAMETERS, ImagePathName, R) \
	X(RTL_USER_PROCESS_PARAMETERS, CommandLine, R) \
	X(SECTION, u1, O) \
	X(SECTION, SizeOfSection, O) \
	X(SECTION_OBJECT, Segment, O) \
	X(SECTION_OBJECT_POINTERS, DataSectionObject, R) \
	X(SECTION_OBJECT_POINTERS, ImageSectionObject, R) \
	X(SEGMENT, ControlArea, R) \
	X(SEGMENT, TotalNumberOfPtes, R) \
	X(SEGMENT, SizeOfSegment, R) \
	X(SEGMENT, BasedAddress, R) \
	X(SEGMENT, PrototypePte, R) \
	X(SE_AUDIT_PROCESS_CREATION_INFO, ImageFileName, R) \
	X(SMHP_CHUNK, size, S) \
	X(SMHP_CHUNK_METADATA, ChunkPtrArray, S) \
	X(SMHP_CHUNK_METADATA, BitValue, S) \
	X(SMHP_CHUNK_METADATA, PageRecordsPerChunkMask, S) \
	X(SMHP_CHUNK_METADATA, PageRecordSize, S) \
	X(SMHP_CHUNK_METADATA, ChunkPageHeaderSize, S) \
	X(SMKM_STORE, StStore, S) \
	X(SMKM_STORE, CompressedRegionPtrArray, S) \
	X(SMKM_STORE, OwnerProcess, S) \
	X(SMKM_STORE_METADATA, size, S) \
	X(SMKM_STORE_METADATA, SmkmStore, S) \
	X(SMKM_STORE_MGR, Smkm, S) \
	X(SMKM_STORE_MGR, KeyToStoreTree, S) \
	X(SMKM_STORE_MGR, SmGlobalsLink, S) \
	X(SM_PAGE_KEY, PageFileOffset, S) \
	X(SM_PAGE_KEY, PageFileNumber, S) \
	X(ST_DATA_MGR, PagesTree, S) \
	X(ST_DATA_MGR, ChunkMetaData, S) \
	X(ST_DATA_MGR, SmkmStore, S) \
	X(ST_DATA_MGR, RegionSizeMask, S) \
	X(ST_DATA_MGR, RegionIndexMask, S) \
	X(ST_DATA_MGR, CompressionAlgorithm, S) \
	X(ST_PAGE_RECORD, Key, S) \
	X(ST_PAGE_RECORD, CompressedSize, S) \
	X(ST_PAGE_RECORD, NextKey, S) \
	X(ST_STORE, StDataMgr, S) \
	X(SUBSECTION, ControlArea, R) \
	X(SUBSECTION, SubsectionBase, R) \
	X(SUBSECTION, PtesInSubsection, R) \
	X(SUBSECTION, UnusedPtes, R) \
	X(SUBSECTION, StartingSector, R) \
	X(SUBSECTION, NumberOfFullSectors, R) \
	X(SUBSECTION, NextSubsection, R) \
	X(TEB, ClientId, R) \
	X(TEB, ProcessEnvironmentBlock, R) \
	X(WOW64_PROCESS, Wow64, O)
/* clang-format on */
