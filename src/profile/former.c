/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members that profiles of former versions of impscan have and that nothing reads any more. Such
 * files are still in use, so these members are accepted and ignored. Any other unknown name is an
 * error, since it is likely misspelt.
 */
#include "internal.h"

#include <string.h>

#include <impscan/bytes.h>

/* clang-format off */
static const struct {
	const char *type;
	const char *members; /* apart by spaces */
} former[] = {
	{"CONTROL_AREA", "Segment u"},
	{"EPROCESS", "size Flags ExitStatus SectionObject Session ImageFilePointer SeAuditProcessCreationInfo ActiveThreads"},
	{"ETHREAD", "StartAddress Win32StartAddress CrossThreadFlags"},
	{"EWOW64PROCESS", "Machine"},
	{"EX_FAST_REF", "RefCnt"},
	{"FILE_OBJECT", "size Size DeviceObject SectionObjectPointer"},
	{"HANDLE_TABLE", "QuotaProcess HandleTableList NextHandleNeedingPool"},
	{"KPROCESS", "UserDirectoryTableBase ProcessListEntry"},
	{"KTHREAD", "Teb"},
	{"LDR_DATA_TABLE_ENTRY", "size Flags HashLinks TimeDateStamp LoadTime"},
	{"MMPTE_HARDWARE", "Valid LargePage CopyOnWrite PageFrameNumber NoExecute"},
	{"MMPTE_PROTOTYPE", "Prototype SwizzleBit"},
	{"MMPTE_SOFTWARE", "Prototype Transition"},
	{"MMPTE_SUBSECTION", "Prototype Protection SubsectionAddress SubsectionAddressLow SubsectionAddressHigh WhichPool SwizzleBit"},
	{"MMPTE_TRANSITION", "Prototype Transition Protection SwizzleBit"},
	{"MMSECTION_FLAGS", "BeingDeleted Image File"},
	{"MMVAD", "size Core LastContiguousPte FileObject"},
	{"MMVAD_FLAGS", "CommitCharge PhysicalMapping NoChange MemCommit"},
	{"MMVAD_FLAGS1", "CommitCharge MemCommit"},
	{"MMVAD_SHORT", "size u1 CommitCharge"},
	{"MM_AVL_TABLE", "NumberGenericTableElements"},
	{"OBJECT_HEADER", "Body PointerCount HandleCount Type TypeIndex InfoMask NameInfoOffset HandleInfoOffset QuotaInfoOffset Flags"},
	{"OBJECT_HEADER_AUDIT_INFO", "size"},
	{"OBJECT_HEADER_CREATOR_INFO", "size"},
	{"OBJECT_HEADER_HANDLE_INFO", "size"},
	{"OBJECT_HEADER_NAME_INFO", "size"},
	{"OBJECT_HEADER_PROCESS_INFO", "size"},
	{"OBJECT_HEADER_QUOTA_INFO", "size"},
	{"OBJECT_TYPE", "Name Index Key"},
	{"PEB", "BeingDebugged ProcessParameters OSMajorVersion OSMinorVersion SessionId"},
	{"PEB_LDR_DATA", "Initialized"},
	{"POOL_HEADER", "size PreviousSize BlockSize PoolType PoolTag"},
	{"RTL_BALANCED_NODE", "ParentValue"},
	{"RTL_USER_PROCESS_PARAMETERS", "CurrentDirectory ImagePathName CommandLine"},
	{"SECTION", "u1 SizeOfSection"},
	{"SECTION_OBJECT", "Segment"},
	{"SECTION_OBJECT_POINTERS", "DataSectionObject ImageSectionObject"},
	{"SEGMENT", "ControlArea TotalNumberOfPtes SizeOfSegment BasedAddress PrototypePte"},
	{"SE_AUDIT_PROCESS_CREATION_INFO", "ImageFileName"},
	{"SUBSECTION", "SubsectionBase PtesInSubsection UnusedPtes StartingSector NumberOfFullSectors NextSubsection"},
	{"TEB", "ClientId ProcessEnvironmentBlock"},
};
/* clang-format on */

static bool same(const char *name, const char *text, size_t length)
{
	return strlen(name) == length && !memcmp(name, text, length);
}

static bool among(const char *names, const char *name, size_t length)
{
	while (*names) {
		size_t word = strcspn(names, " ");
		if (word == length && !memcmp(names, name, length))
			return true;
		names += word + (names[word] == ' ');
	}
	return false;
}

bool profile_former_type(const char *type, size_t length)
{
	for (size_t i = 0; i < array_size(former); i++)
		if (same(former[i].type, type, length))
			return true;
	return false;
}

bool profile_former_member(const char *type, size_t type_length, const char *member, size_t length)
{
	for (size_t i = 0; i < array_size(former); i++)
		if (same(former[i].type, type, type_length))
			return among(former[i].members, member, length);
	return false;
}
