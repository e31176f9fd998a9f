/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What --info tells: the image, its kernel, processes by where they were found, how many modules
 * can be read, and what would help to read the rest.
 */
#include <impscan/scan.h>

#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/discover.h>
#include <impscan/minidump.h>
#include <impscan/store.h>
#include <impscan/view.h>

#include "scan/selection.h"

/* A survey being made, and what is counted for it. */
struct making {
	struct survey *survey;
	const struct discovery *discovery;
	const struct windows *windows; /* the discovery's */
	size_t lacking[PAGE_FILES];    /* modules that lack pages of a page file not given */
	struct entry_votes votes;      /* page_files[]: what page tables say of page files */
	struct text damage;	       /* sentences */
};

/* A copy of a text; NULL for none. */
static char *keep(const char *text)
{
	return text && *text ? alloc_strdup(text) : NULL;
}

static bool count_module(void *context, const struct row *row)
{
	struct making *making = context;
	if (!row->found_in)
		return true;
	making->survey->modules++;
	if (row->status == IMPORTS_OK || row->status == IMPORTS_NONE) {
		making->survey->readable++;
		return true;
	}
	for (unsigned int i = 0; i < PAGE_FILES; i++)
		making->lacking[i] += row->missing_page_files >> i & 1;
	return true;
}

/* OSBuildNumber of the first PEB that can be read; 0: of none. */
static uint32_t peb_build(const struct windows *windows, const struct processes *processes)
{
	uint64_t work = windows_work(windows);
	struct budget budget = {.limit = work / 4, .part = work / 64};
	for (size_t i = 0; i < processes->count && !budget_exceeded(&budget); i++) {
		const struct process *process = &processes->items[i];
		uint16_t build;
		if (!process->peb || process_exited(process))
			continue;
		_cleanup_view_ struct view view = {0};
		view_open(&view, windows, process, &budget);
		if (space_u16(view.space,
			      process->peb + profile_offset(windows->profile, PEB_OSBuildNumber),
			      &build))
			return build;
	}
	return 0;
}

/* Adds a sentence on what was cut off. */
static void note(struct making *making, const char *sentence)
{
	if (making->damage.length)
		text_add_string(&making->damage, "; ");
	text_add_string(&making->damage, sentence);
}

static void add_processes(struct making *making, const struct scan_options *options,
			  const struct processes *processes)
{
	struct survey *survey = making->survey;
	size_t by_source[PROCESS_SOURCE_COUNT] = {0};
	for (size_t i = 0; i < processes->count; i++) {
		if (!selection_wants(options, processes->items[i].pid))
			continue;
		survey->processes++;
		for (unsigned int s = 0; s < PROCESS_SOURCE_COUNT; s++)
			by_source[s] += processes->items[i].sources >> s & 1;
		survey->hidden += process_hidden(&processes->items[i]);
		survey->exited += process_exited(&processes->items[i]);
	}
	/* A dump of a process is the only source there is, or none. */
	for (unsigned int s = 0; s < PROCESS_SOURCE_COUNT; s++)
		if ((1u << s == SOURCE_DUMP) == (making->windows->dump != NULL))
			text_list_add(
				&survey->by_source,
				alloc_printf("%s %zu", process_source_names[s], by_source[s]));
	survey->ps_active_process_head = processes->ps_active_process_head;
}

/* The page files that the kernel has, those that page tables name, and those that were given. */
static void add_page_files(struct making *making)
{
	const struct windows *windows = making->windows;
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		const struct page_file *given = memory_page_file(windows->memory, i);
		uint64_t used = making->votes.page_files[i].pages;
		const struct paging_file *file = NULL;
		for (size_t f = 0; f < windows->paging_file_count; f++)
			if (windows->paging_files[f].number == i)
				file = &windows->paging_files[f];
		if (!used && !given && !file)
			continue;
		const char *name = file && file->name ? file->name : "";
		text_list_add(&making->survey->page_files,
			      alloc_printf("%u: %s%s%llu %s in it%s%s", i, name, *name ? ", " : "",
					   (unsigned long long)used, used == 1 ? "page" : "pages",
					   given ? ", given: " : "", given ? given->path : ""));
	}
}

static void add_advice(struct making *making)
{
	struct text_list *advice = &making->survey->advice;
	for (unsigned int i = 0; i < PAGE_FILES; i++) {
		size_t lacking = making->lacking[i];
		if (memory_page_file(making->windows->memory, i)) {
			char *doubt =
				discovery_page_file_doubt(making->discovery, i, &making->votes);
			if (doubt)
				text_list_add(advice, doubt);
		} else if (lacking) {
			text_list_add(advice,
				      alloc_printf("--pagefile %u=%s would help to read %zu %s", i,
						   i == 1 ? "swapfile.sys" : "pagefile.sys",
						   lacking, lacking == 1 ? "module" : "modules"));
		}
	}
	if (making->survey->hidden)
		text_list_add(advice, alloc_strdup("-a --only hidden lists the hidden processes' "
						   "modules"));
}

/* Do the places that know the build agree? Updates that enable features count the build up. */
static const char *build_note(const struct survey *survey)
{
	uint32_t build = survey->build;
	bool differ = (survey->build_kernel && survey->build_kernel != build) ||
		      (survey->build_shared && survey->build_shared != build) ||
		      (survey->build_peb && survey->build_peb != build);
	return differ ? "the places disagree: an update that was half-way, or a damaged image"
		      : NULL;
}

static void add_kernel(struct survey *survey, const struct windows *windows)
{
	survey->machine_found = true;
	survey->architecture = keep(architecture_name(windows->architecture));
	survey->build = windows->build;
	if (windows->dump)
		return;
	survey->kernel_found = true;
	survey->paging = keep(paging_name(memory_paging(windows->memory)));
	survey->build_kernel = windows->build_kernel;
	survey->build_shared = windows->build_shared;
	survey->build_note = keep(build_note(survey));
	survey->kernel_base = windows->kernel_base;
	survey->kernel_size = windows->kernel_size;
	survey->pdb = keep(windows->kernel_pdb.name);
	survey->pdb_guid = keep(windows->kernel_pdb.guid_age);
	survey->dtb = windows->dtb;
	survey->profile = keep(windows->profile->name);
	survey->profile_origin = keep(windows->profile->origin);
	survey->system = windows->system;
	survey->ps_loaded_module_list = windows->ps_loaded_module_list;
	const struct store *store = store_of(windows->memory);
	if (!store)
		return;
	struct store_summary summary = store_summary(store);
	survey->store = alloc_printf("%u %s, SMKM_STORE_MGR at 0x%llx", summary.stores,
				     summary.stores == 1 ? "store" : "stores",
				     (unsigned long long)summary.manager);
}

/* The most gaps between ranges that are named. */
#define GAPS_NAMED 8

/* "0xa0000-0xfffff (384 KB)", in bytes where it is not whole kilobytes. */
static char *gap_text(uint64_t start, uint64_t size)
{
	const uint64_t kilo = 1024;
	bool whole = size % kilo == 0;
	return alloc_printf("0x%llx-0x%llx (%llu %s)", (unsigned long long)start,
			    (unsigned long long)(start + size - 1),
			    (unsigned long long)(whole ? size / kilo : size),
			    whole ? "KB" : "bytes");
}

/* The addresses between the image's ranges, which it has nothing of. */
static void add_gaps(const struct image *image, struct text_list *missing)
{
	size_t count, gaps = 0;
	const struct image_range *ranges = image_ranges(image, &count);
	uint64_t end = 0, unnamed = 0;
	for (size_t i = 0; i < count; end = ranges[i].start + ranges[i].size, i++) {
		uint64_t size = ranges[i].start - end;
		if (!size)
			continue;
		if (gaps++ < GAPS_NAMED)
			text_list_add(missing, gap_text(end, size));
		else
			unnamed += size;
	}
	if (gaps > GAPS_NAMED)
		text_list_add(missing, alloc_printf("%zu more gaps (%llu KB)", gaps - GAPS_NAMED,
						    (unsigned long long)(unnamed / 1024)));
}

static void add_facts(const struct image *image, struct survey *survey)
{
	const char *missing = image_fact(image, IMAGE_FACT_MISSING);
	survey->container = keep(image_fact(image, IMAGE_FACT_CONTAINER));
	survey->compression = keep(image_fact(image, IMAGE_FACT_COMPRESSION));
	survey->tool = keep(image_fact(image, IMAGE_FACT_TOOL));
	survey->taken = keep(image_fact(image, IMAGE_FACT_TAKEN));
	survey->notes = keep(image_fact(image, IMAGE_FACT_NOTE));
	if (missing)
		text_list_add(&survey->missing, alloc_strdup(missing));
	/* A process does not use most of its addresses. */
	if (!image_minidump(image))
		add_gaps(image, &survey->missing);
}

/* What is to be said of the image as a whole: what it lacks, and what of it was guessed. */
static char *image_doubt(const struct image *image)
{
	const char *warning = image_warning(image), *guess = image_layout_guess(image);
	if (!guess)
		return keep(warning);
	return alloc_printf("%s%snothing in the file says where its memory lies: it was read %s",
			    warning ? warning : "", warning ? "; " : "", guess);
}

void scan_survey_image(const struct image *image, const char *name, struct survey *survey)
{
	const struct image_range *ranges = image_ranges(image, &survey->ranges);
	for (size_t i = 0; i < survey->ranges; i++)
		survey->memory_size += ranges[i].size;
	survey->image = keep(name ? name : image_path(image));
	survey->path = name ? keep(image_path(image)) : NULL;
	survey->format = keep(image_format(image));
	survey->file_size = source_file_size(image_source(image));
	if (survey->file_size != image_file_size(image))
		survey->unpacked_size = image_file_size(image);
	survey->warning = image_doubt(image);
	add_facts(image, survey);
}

void scan_survey_machine(const struct discovery *discovery, const char *name, struct survey *survey)
{
	const struct windows *windows = discovery->windows;
	scan_survey_image(windows->image, name, survey);
	add_kernel(survey, windows);
	survey->dtb_source = keep(discovery->page_map_source);
}

/* Counts modules and what they lack. */
static struct error *add_modules(struct making *making, const struct scan_options *options,
				 struct scan_summary *summary)
{
	struct scan_options fast = *options;
	fast.all = true;
	fast.fast = true;
	fast.known = NULL;
	fast.only = (struct scan_only){0};
	fast.dump_directory = NULL;
	return scan_image(making->windows, &fast,
			  &(struct scan_events){
				  .row = count_module,
				  .context = making,
			  },
			  summary);
}

struct error *scan_survey(const struct discovery *discovery, const struct scan_options *options,
			  struct survey *survey)
{
	const struct windows *windows = discovery->windows;
	struct making making = {.survey = survey, .discovery = discovery, .windows = windows};
	struct scan_summary summary;
	try_(add_modules(&making, options, &summary));
	_cleanup_processes_ struct processes processes = {0};
	windows_processes(windows, options->deep, options->threads, &processes);
	add_processes(&making, options, &processes);
	survey->build_peb = peb_build(windows, &processes);
	windows_page_file_use(windows, &making.votes);
	if (processes.damage[0])
		note(&making, processes.damage);
	if (making.votes.cut)
		note(&making, "page tables not all read: they cost too much work");
	if (summary.cut)
		note(&making, "processes not all looked at whole: they cost too much work");
	survey->damage = making.damage.data;
	scan_survey_machine(discovery, options->image_name, survey);
	add_page_files(&making);
	add_advice(&making);
	return NULL;
}
