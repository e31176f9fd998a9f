/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --info: what the image is. New fields are added at the end.
 */
#include "report/value.h"

#include <stdio.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/discover.h>
#include <impscan/store.h>

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
	BUILD_PEB,
	BUILD_NOTE,
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
	BY_SOURCE,
	HIDDEN,
	EXITED,
	DAMAGE,
	MODULES,
	READABLE,
	PAGE_FILE_LIST,
	STORE,
	ADVICE,
	FAILURE,
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
	[BUILD_PEB] = {"build_peb", "  by PEB.OSBuildNumber", 0, false},
	[BUILD_NOTE] = {"build_note", "  note", 0, false},
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
	[BY_SOURCE] = {"processes_by_source", "  by source", 0, false},
	[HIDDEN] = {"processes_hidden", "  hidden", 0, false},
	[EXITED] = {"processes_exited", "  exited", 0, false},
	[DAMAGE] = {"damage", "Damage", 0, false},
	[MODULES] = {"modules", "Modules", 0, false},
	[READABLE] = {"modules_readable", "  readable", 0, false},
	[PAGE_FILE_LIST] = {"page_files", "Page files", 0, false},
	[STORE] = {"compressed_store", "Compressed store", 0, false},
	[ADVICE] = {"advice", "What would help", 0, false},
	[FAILURE] = {"error", "Error", 0, false},
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

/* Texts made here, for a value of several. */
struct list {
	char **items;
	size_t count;
	size_t capacity;
};

static void list_add(struct list *list, char *text)
{
	*array_push(list->items, list->count, list->capacity) = text;
}

static void list_free(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

static struct value list_or_nothing(const struct list *list)
{
	return list->count ? list_value((const char *const *)list->items, list->count)
			   : text_value(NULL);
}

static void add_sources(struct list *list, const struct survey *survey)
{
	for (unsigned int i = 0; i < PROCESS_SOURCE_COUNT; i++)
		list_add(list,
			 alloc_printf("%s %zu", process_source_names[i], survey->by_source[i]));
}

/* The page files that the kernel has, and those that page tables name. */
static void add_page_files(struct list *list, const struct windows *windows,
			   const struct survey *survey)
{
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		const struct page_file *given = memory_page_file(windows->memory, i);
		uint64_t used = survey->votes.page_files[i].pages;
		const struct paging_file *file = NULL;
		for (size_t f = 0; f < windows->paging_file_count; f++)
			if (windows->paging_files[f].number == i)
				file = &windows->paging_files[f];
		if (!used && !given && !file)
			continue;
		const char *name = file && file->name ? file->name : "";
		list_add(list, alloc_printf("%u: %s%s%llu %s in it%s%s", i, name, *name ? ", " : "",
					    (unsigned long long)used, used == 1 ? "page" : "pages",
					    given ? ", given: " : "", given ? given->path : ""));
	}
}

static void describe_store(const struct windows *windows, char *text, size_t size)
{
	const struct store *store = store_of(windows->memory);
	text[0] = '\0';
	if (!store)
		return;
	struct store_summary summary = store_summary(store);
	snprintf(text, size, "%u %s, SMKM_STORE_MGR at 0x%llx", summary.stores,
		 summary.stores == 1 ? "store" : "stores", (unsigned long long)summary.manager);
}

static void add_advice(struct list *list, const struct discovery *discovery,
		       const struct survey *survey)
{
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		if (memory_page_file(discovery->windows->memory, i)) {
			char *doubt = discovery_page_file_doubt(discovery, i, &survey->votes);
			if (doubt)
				list_add(list, doubt);
		} else if (survey->lacking[i]) {
			list_add(list,
				 alloc_printf("--pagefile %u=%s would help to read %zu %s", i,
					      i == 1 ? "swapfile.sys" : "pagefile.sys",
					      survey->lacking[i],
					      survey->lacking[i] == 1 ? "module" : "modules"));
		}
	}
	if (survey->hidden)
		list_add(list,
			 alloc_strdup("-a --only hidden lists the hidden processes' modules"));
}

/* Do the places that know the build agree? Updates that enable features count the build up. */
static const char *build_note(const struct windows *windows, const struct survey *survey)
{
	uint32_t build = windows->build;
	bool differ = (windows->build_kernel && windows->build_kernel != build) ||
		      (windows->build_shared && windows->build_shared != build) ||
		      (survey->build_peb && survey->build_peb != build);
	return differ ? "the places disagree: an update that was half-way, or a damaged image"
		      : NULL;
}

/* What the file itself tells, whatever memory is in it. */
static void describe_image(const struct image *image, struct value *values)
{
	size_t count;
	const struct image_range *ranges = image_ranges(image, &count);
	uint64_t memory = 0;
	for (size_t i = 0; i < count; i++)
		memory += ranges[i].size;
	values[IMAGE] = text_value(image_path(image));
	values[FORMAT] = text_value(image_format(image));
	values[FILE_SIZE] = number_value(image_file_size(image));
	values[MEMORY_SIZE] = number_value(memory);
	values[RANGES] = number_value(count);
	values[WARNING] = text_value(image_warning(image));
}

static void describe_kernel(const struct windows *windows, const struct survey *survey,
			    struct value *values)
{
	values[ARCHITECTURE] = text_value(architecture_name(windows->architecture));
	values[PAGING] = text_value(paging_name(memory_paging(windows->memory)));
	values[BUILD] = number_value(windows->build);
	values[BUILD_KERNEL] = number_or_nothing(windows->build_kernel);
	values[BUILD_SHARED] = number_or_nothing(windows->build_shared);
	values[BUILD_PEB] = number_or_nothing(survey->build_peb);
	values[BUILD_NOTE] = text_value(build_note(windows, survey));
	values[KERNEL_BASE] = address_value(windows->kernel_base);
	values[KERNEL_SIZE] = number_value(windows->kernel_size);
	values[PDB] = text_value(windows->kernel_pdb.name);
	values[PDB_GUID] = text_value(windows->kernel_pdb.guid_age);
	values[DTB] = address_value(windows->dtb);
	values[PROFILE] = text_value(windows->profile->name);
	values[PROFILE_ORIGIN] = text_value(windows->profile->origin);
	values[SYSTEM] = address_value(windows->system);
	values[ACTIVE_PROCESS_HEAD] = address_or_nothing(survey->ps_active_process_head);
	values[LOADED_MODULE_LIST] = address_or_nothing(windows->ps_loaded_module_list);
}

static bool report_windows(FILE *out, enum report_form form, const struct discovery *discovery,
			   const struct survey *survey, struct value *values)
{
	const struct windows *windows = discovery->windows;
	struct list by_source = {0}, files = {0}, advice = {0};
	add_sources(&by_source, survey);
	add_page_files(&files, windows, survey);
	add_advice(&advice, discovery, survey);
	char store[96];
	describe_store(windows, store, sizeof(store));
	describe_kernel(windows, survey, values);
	values[DTB_SOURCE] = text_value(discovery->page_map_source);
	values[PROCESSES] = number_value(survey->processes);
	values[BY_SOURCE] = list_value((const char *const *)by_source.items, by_source.count);
	values[HIDDEN] = number_value(survey->hidden);
	values[EXITED] = number_value(survey->exited);
	values[DAMAGE] = text_value(survey->damage);
	values[MODULES] = number_value(survey->modules);
	values[READABLE] = number_value(survey->readable);
	values[PAGE_FILE_LIST] = list_or_nothing(&files);
	values[STORE] = text_value(store);
	values[ADVICE] = list_or_nothing(&advice);
	bool good = report_record(out, form, &shape, values);
	list_free(&by_source);
	list_free(&files);
	list_free(&advice);
	return good;
}

bool report_info(FILE *out, enum report_form form, const struct image *image,
		 const struct discovery *discovery, const struct survey *survey,
		 const char *failure)
{
	struct value values[COLUMN_COUNT] = {0};
	describe_image(image, values);
	values[FAILURE] = text_value(failure);
	if (discovery)
		return report_windows(out, form, discovery, survey, values);
	return report_record(out, form, &shape, values);
}
