/*
 * --info: what the image is. New fields are added at the end.
 */
#include "report/value.h"

#include <impscan/bytes.h>

enum {
	IMAGE,
	FORMAT,
	FILE_SIZE,
	MEMORY_SIZE,
	RANGES,
	WARNING,
	ARCHITECTURE,
	PAGING,
	BUILD,
	BUILD_KERNEL,
	BUILD_SHARED,
	KERNEL_BASE,
	KERNEL_SIZE,
	PDB,
	PDB_GUID,
	DTB,
	DTB_SOURCE,
	PROFILE,
	PROFILE_ORIGIN,
	SYSTEM,
	ACTIVE_PROCESS_HEAD,
	LOADED_MODULE_LIST,
	PROCESSES,
	DAMAGE,
	COLUMN_COUNT,
};

static const struct column columns[COLUMN_COUNT] = {
	[IMAGE] = {"image", "Image", 0, false},
	[FORMAT] = {"format", "Format", 0, false},
	[FILE_SIZE] = {"file_size", "File size", 0, false},
	[MEMORY_SIZE] = {"memory_size", "Memory in it", 0, false},
	[RANGES] = {"ranges", "Ranges", 0, false},
	[WARNING] = {"warning", "Warning", 0, false},
	[ARCHITECTURE] = {"architecture", "Architecture", 0, false},
	[PAGING] = {"paging", "Paging", 0, false},
	[BUILD] = {"build", "Windows build", 0, false},
	[BUILD_KERNEL] = {"build_kernel", "  by NtBuildNumber", 0, false},
	[BUILD_SHARED] = {"build_shared", "  by KUSER_SHARED_DATA", 0, false},
	[KERNEL_BASE] = {"kernel_base", "Kernel base", 0, false},
	[KERNEL_SIZE] = {"kernel_size", "Kernel size", 0, false},
	[PDB] = {"pdb", "Kernel PDB", 0, false},
	[PDB_GUID] = {"pdb_guid", "PDB GUID-age", 0, false},
	[DTB] = {"dtb", "Page map (DTB)", 0, false},
	[DTB_SOURCE] = {"dtb_source", "  found by", 0, false},
	[PROFILE] = {"profile", "Profile", 0, false},
	[PROFILE_ORIGIN] = {"profile_origin", "  from", 0, false},
	[SYSTEM] = {"system", "EPROCESS of System", 0, false},
	[ACTIVE_PROCESS_HEAD] = {"ps_active_process_head", "PsActiveProcessHead", 0, false},
	[LOADED_MODULE_LIST] = {"ps_loaded_module_list", "PsLoadedModuleList", 0, false},
	[PROCESSES] = {"processes", "Processes", 0, false},
	[DAMAGE] = {"damage", "Damage", 0, false},
};

static const struct report_shape shape = {.columns = columns, .count = COLUMN_COUNT};

static struct value address_or_nothing(uint64_t address)
{
	return address ? address_value(address) : text_value(NULL);
}

static struct value number_or_nothing(uint64_t number)
{
	return number ? number_value(number) : text_value(NULL);
}

bool report_info(FILE *out, enum report_form form, const struct windows *windows,
		 const struct processes *processes)
{
	const struct image *image = windows->image;
	size_t count;
	const struct image_range *ranges = image_ranges(image, &count);
	uint64_t memory = 0;
	for (size_t i = 0; i < count; i++)
		memory += ranges[i].size;
	const struct value values[COLUMN_COUNT] = {
		[IMAGE] = text_value(image_path(image)),
		[FORMAT] = text_value(image_format(image)),
		[FILE_SIZE] = number_value(image_file_size(image)),
		[MEMORY_SIZE] = number_value(memory),
		[RANGES] = number_value(count),
		[WARNING] = text_value(image_warning(image)),
		[ARCHITECTURE] = text_value(architecture_name(windows->architecture)),
		[PAGING] = text_value(paging_name(memory_paging(windows->memory))),
		[BUILD] = number_value(windows->build),
		[BUILD_KERNEL] = number_or_nothing(windows->build_kernel),
		[BUILD_SHARED] = number_or_nothing(windows->build_shared),
		[KERNEL_BASE] = address_value(windows->kernel_base),
		[KERNEL_SIZE] = number_value(windows->kernel_size),
		[PDB] = text_value(windows->kernel_pdb.name),
		[PDB_GUID] = text_value(windows->kernel_pdb.guid_age),
		[DTB] = address_value(windows->dtb),
		[DTB_SOURCE] = text_value(windows->found_by),
		[PROFILE] = text_value(windows->profile->name),
		[PROFILE_ORIGIN] = text_value(windows->profile->origin),
		[SYSTEM] = address_value(windows->system),
		[ACTIVE_PROCESS_HEAD] = address_or_nothing(processes->ps_active_process_head),
		[LOADED_MODULE_LIST] = address_or_nothing(windows->ps_loaded_module_list),
		[PROCESSES] = number_value(processes->count),
		[DAMAGE] = text_value(processes->damage),
	};
	return report_record(out, form, &shape, values);
}
