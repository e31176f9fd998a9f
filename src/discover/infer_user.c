/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Infers what a process's own memory holds: PEB, loader lists, WoW64. Programs rely on their
 * layout, which has never changed. So all else is built on them: a PEB whose loader list begins
 * with the image that it names is no accident.
 */
#include "discover/infer.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/module_reader.h>

#include "discover/internal.h"

/* Steps of reading a module's header. */
#define MODULE_STEPS 20

static const enum profile_member peb_members[] = {
	PEB_ImageBaseAddress,
	PEB_Ldr,
	PEB_LDR_DATA_InLoadOrderModuleList,
	PEB_LDR_DATA_InMemoryOrderModuleList,
	PEB_LDR_DATA_InInitializationOrderModuleList,
	LDR_DATA_TABLE_ENTRY_InLoadOrderLinks,
	LDR_DATA_TABLE_ENTRY_InMemoryOrderLinks,
	LDR_DATA_TABLE_ENTRY_InInitializationOrderLinks,
	LDR_DATA_TABLE_ENTRY_DllBase,
	LDR_DATA_TABLE_ENTRY_EntryPoint,
	LDR_DATA_TABLE_ENTRY_SizeOfImage,
	LDR_DATA_TABLE_ENTRY_FullDllName,
	LDR_DATA_TABLE_ENTRY_BaseDllName,
};

static bool is_user_page(const struct infer *infer, uint64_t address)
{
	return address && address % PAGE_SIZE == 0 &&
	       address < user_end(infer->candidate->pointer_size);
}

/* Does the PEB at `peb` name an image, and does the loader's list begin with it? */
static bool is_peb(const struct infer *infer, struct space *space, uint64_t peb, uint64_t *image)
{
	const struct profile *profile = infer->profile;
	unsigned int pointer = infer->candidate->pointer_size;
	uint64_t ldr, entry, base;
	return space_pointer(space, peb + profile_offset(profile, PEB_ImageBaseAddress), pointer,
			     image) &&
	       *image % 0x10000 == 0 && is_user_page(infer, *image) &&
	       space_pointer(space, peb + profile_offset(profile, PEB_Ldr), pointer, &ldr) &&
	       space_pointer(space,
			     ldr + profile_offset(profile, PEB_LDR_DATA_InLoadOrderModuleList),
			     pointer, &entry) &&
	       space_pointer(
		       space,
		       entry - profile_offset(profile, LDR_DATA_TABLE_ENTRY_InLoadOrderLinks) +
			       profile_offset(profile, LDR_DATA_TABLE_ENTRY_DllBase),
		       pointer, &base) &&
	       base == *image;
}

static struct tally judge_peb(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	size_t looked = 0;
	for (size_t i = 0; i < infer->sample_count && looked < INFER_PROCESSES; i++) {
		struct infer_process *sample = &infer->sample[i];
		uint64_t value, image;
		if (!sample_value(sample, offset, infer->candidate->pointer_size, &value))
			continue;
		if (sample->eprocess == infer->candidate->system && value)
			return (struct tally){0};
		if (!value)
			continue;
		if (!is_user_page(infer, value)) {
			tally.bad++;
			continue;
		}
		looked++;
		if (!infer_spend(infer, 2))
			return (struct tally){0};
		size_t available;
		/* Not in memory, or of a process that has ended: says nothing. */
		if (!space_at(sample->space, value, &available))
			continue;
		if (is_peb(infer, sample->space, value, &image))
			tally.good++;
	}
	return tally;
}

static struct tally judge_section_base(struct infer *infer, uint32_t offset)
{
	struct tally tally = {0};
	uint64_t value;
	for (size_t i = 0; i < infer->sample_count; i++)
		if (infer->sample[i].image_base &&
		    sample_value(&infer->sample[i], offset, infer->candidate->pointer_size, &value))
			tally_add(&tally, value == infer->sample[i].image_base);
	return tally;
}

/* Are the members of a list entry what the module's own header says? */
static struct tally judge_entry(const struct infer *infer, struct infer_process *sample,
				const struct module *module)
{
	struct tally tally = {0};
	struct module_reader reader;
	module_reader_init(&reader, sample->space, module->base, 0);
	_cleanup_pe_ struct pe pe = {0};
	(void)infer;
	if (pe_open(&pe, &reader.reader) != PE_OK)
		return tally;
	tally_add(&tally, module->size == pe.size_of_image);
	uint64_t end = module->base + pe.size_of_image;
	tally_add(&tally, !module->entry_point || (module->entry_point > module->base &&
						   module->entry_point < end));
	const char *name = text_base_name(module->path);
	tally_add(&tally, *module->name && !strcasecmp(name, module->name));
	return tally;
}

static void read_modules(struct infer *infer, struct infer_process *sample)
{
	const struct process process = {
		.eprocess = sample->eprocess, .dtb = sample->dtb, .peb = sample->peb};
	struct view view = {.space = sample->space, .kernel = infer->kernel};
	const struct windows machine = candidate_machine(infer->candidate);
	process_modules(&machine, &process, &view, &sample->modules);
}

/* All three lists lead to the same modules, whose entries say what their headers say. */
static struct tally judge_modules(struct infer *infer)
{
	struct tally tally = {0};
	for (size_t i = 0; i < infer->sample_count; i++) {
		struct infer_process *sample = &infer->sample[i];
		for (size_t k = 0; k < sample->modules.count; k++) {
			const struct module *module = &sample->modules.items[k];
			if (!infer_spend(infer, MODULE_STEPS))
				return (struct tally){0};
			struct tally more = judge_entry(infer, sample, module);
			tally.good += more.good;
			tally.bad += more.bad;
			tally_add(&tally, (module->found_in & FOUND_LOAD) &&
						  (module->found_in & FOUND_MEMORY));
		}
	}
	return tally;
}

static void check_build(struct infer *infer)
{
	struct tally tally = {0};
	uint32_t at = profile_offset(infer->model[0], PEB_OSBuildNumber), build;
	for (size_t i = 0; i < infer->sample_count; i++)
		if (infer->sample[i].peb &&
		    space_u32(infer->sample[i].space, infer->sample[i].peb + at, &build))
			tally_add(&tally, (build & 0xffff) == (infer->candidate->build & 0xffff));
	if (tally_passes(tally))
		infer_set(infer, PEB_OSBuildNumber, at, INFER_VERIFIED);
}

bool infer_user(struct infer *infer)
{
	unsigned int pointer = infer->candidate->pointer_size;
	for (size_t i = 0; i < infer->sample_count; i++) {
		struct infer_process *sample = &infer->sample[i];
		sample->space = space_new(infer->candidate->memory, sample->dtb);
		space_set_prototypes(sample->space, infer->kernel, NULL, NULL);
	}
	bool found = false;
	for (size_t i = 0; i < infer->model_count && !found; i++) {
		if (!infer_is_new(infer, i, peb_members, array_size(peb_members)))
			continue;
		infer_take(infer, infer->model[i], peb_members, array_size(peb_members),
			   INFER_VERIFIED);
		found = infer_offset(infer, EPROCESS_Peb, pointer, 0x40, INFER_BODY - pointer,
				     judge_peb, true);
	}
	if (!found) {
		infer_failed(infer,
			     "EPROCESS.Peb: no member of %zu processes leads to a PEB whose "
			     "loader list begins with its ImageBaseAddress",
			     infer->sample_count);
		return false;
	}
	uint32_t at = profile_offset(infer->profile, EPROCESS_Peb);
	for (size_t i = 0; i < infer->sample_count; i++) {
		struct infer_process *sample = &infer->sample[i];
		uint64_t peb = 0, image = 0;
		if (!sample_value(sample, at, pointer, &peb) || !peb ||
		    !is_peb(infer, sample->space, peb, &image))
			continue;
		sample->peb = peb;
		sample->image_base = image;
		if (infer->users++ < INFER_PROCESSES)
			read_modules(infer, sample);
	}
	if (!tally_passes(judge_modules(infer))) {
		infer_failed(infer,
			     "LDR_DATA_TABLE_ENTRY: the loader's lists don't agree with each "
			     "other and with the modules' headers");
		return false;
	}
	check_build(infer);
	if (!infer_offset(infer, EPROCESS_SectionBaseAddress, pointer, 0x40, INFER_BODY - pointer,
			  judge_section_base, true))
		infer_doubt(infer, "EPROCESS.SectionBaseAddress was not found: a process that runs "
				   "another image than its own may go unflagged");
	return true;
}

/* A 32-bit PEB: Ldr at 0xc, ImageBaseAddress at 8, which is the process's. */
static bool is_peb32(const struct infer_process *sample, uint64_t address)
{
	uint32_t image, ldr;
	return address && address <= UINT32_MAX && address % PAGE_SIZE == 0 &&
	       space_u32(sample->space, address + 8, &image) && image == sample->image_base &&
	       space_u32(sample->space, address + 0xc, &ldr) && ldr && ldr % 4 == 0;
}

/* Has it the 64-bit half of WoW64 loaded? */
static bool is_wow64(const struct infer_process *sample)
{
	for (size_t i = 0; i < sample->modules.count; i++)
		if (!strcasecmp(sample->modules.items[i].name, "wow64.dll"))
			return true;
	return false;
}

/*
 * How a member leads to the 32-bit PEB: 0 not, 1 itself, 2 through a structure that begins with it.
 */
static int wow64_way(const struct infer *infer, const struct infer_process *sample, uint32_t offset)
{
	uint64_t value, behind;
	if (!sample_value(sample, offset, 8, &value) || !value)
		return 0;
	if (value <= UINT32_MAX)
		return is_peb32(sample, value) ? 1 : 0;
	return is_kernel_address(PAGING_X64, value) &&
			       space_pointer(infer->kernel, value, 8, &behind) &&
			       is_peb32(sample, behind)
		       ? 2
		       : 0;
}

void infer_wow64(struct infer *infer)
{
	size_t most = 0, wow64 = 0;
	uint32_t place = 0;
	int way = 0;
	if (infer->candidate->pointer_size != 8)
		return;
	for (size_t i = 0; i < infer->sample_count; i++)
		wow64 += is_wow64(&infer->sample[i]);
	for (uint32_t offset = 0x40; offset < INFER_BODY - 8; offset += 8) {
		for (int w = 1; w <= 2; w++) {
			size_t good = 0;
			for (size_t i = 0; i < infer->sample_count; i++)
				good += infer->sample[i].peb &&
					wow64_way(infer, &infer->sample[i], offset) == w;
			if (good > most) {
				most = good;
				place = offset;
				way = w;
			}
		}
	}
	if (most && most >= wow64) {
		infer_set(infer, way == 1 ? EPROCESS_Wow64Process : EPROCESS_WoW64Process, place,
			  INFER_FOUND);
		if (way == 2)
			infer_set(infer, EWOW64PROCESS_Peb, 0, INFER_FOUND);
	} else if (wow64) {
		infer_doubt(infer,
			    "EPROCESS.WoW64Process was not found: the 32-bit modules of "
			    "%zu processes are listed by their VADs only",
			    wow64);
	}
}
