/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Infers what is behind an image VAD: its first prototype PTE, and by way of subsection and control
 * area the file's name. A place is right when the first prototype PTE leads to the page with the
 * module's header, and when the name is that of the loader's list.
 */
#include "discover/infer.h"

#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>

#include "discover/internal.h"

/* Modules that are asked; each tells of every member. */
#define MOST_MODULES 64

/* Steps of asking one. */
#define ASK_STEPS 5

static bool is_kernel(const struct infer *infer, uint64_t address)
{
	return is_kernel_address(memory_paging(infer->candidate->memory), address);
}

/* Calls `ask` for modules and the VADs that begin with them, until it said enough. */
static struct tally ask_modules(struct infer *infer,
				void (*ask)(struct infer *infer, struct infer_process *sample,
					    const struct module *module, const struct vad *vad,
					    struct tally *tally))
{
	struct tally tally = {0};
	int asked = 0;
	for (size_t i = 0; i < infer->sample_count && asked < MOST_MODULES; i++) {
		struct infer_process *sample = &infer->sample[i];
		for (size_t k = 0; k < sample->modules.count && asked < MOST_MODULES; k++) {
			const struct module *module = &sample->modules.items[k];
			const struct vad *vad = vads_find(&sample->vads, module->base);
			if (!vad || vad->start != module->base || !*module->name)
				continue;
			asked++;
			if (!infer_spend(infer, ASK_STEPS))
				return (struct tally){0};
			ask(infer, sample, module, vad, &tally);
			if (tally.bad > 8 && tally.bad > tally.good)
				return tally;
		}
	}
	return tally;
}

static uint64_t control_area_of(const struct infer *infer, const struct vad *vad)
{
	const struct profile *profile = infer->profile;
	unsigned int pointer = infer->candidate->pointer_size;
	uint64_t at;
	bool direct = !profile_has(profile, MMVAD_Subsection);
	if (!space_pointer(infer->kernel,
			   vad->address + profile_offset(profile, direct ? MMVAD_ControlArea
									 : MMVAD_Subsection),
			   pointer, &at) ||
	    !is_kernel(infer, at))
		return 0;
	if (!direct &&
	    (!space_pointer(infer->kernel, at + profile_offset(profile, SUBSECTION_ControlArea),
			    pointer, &at) ||
	     !is_kernel(infer, at)))
		return 0;
	return at;
}

static void ask_file(struct infer *infer, struct infer_process *sample, const struct module *module,
		     const struct vad *vad, struct tally *tally)
{
	(void)sample;
	uint64_t area = control_area_of(infer, vad), file;
	unsigned int pointer = infer->candidate->pointer_size;
	if (!area) {
		tally->bad++;
		return;
	}
	if (!space_pointer(infer->kernel,
			   area + profile_offset(infer->profile, CONTROL_AREA_FilePointer), pointer,
			   &file))
		return;
	file &= ~(uint64_t)(pointer == 8 ? 15 : 7);
	if (!is_kernel(infer, file)) {
		tally->bad++;
		return;
	}
	char *name = space_unicode_string(
		infer->kernel, file + profile_offset(infer->profile, FILE_OBJECT_FileName),
		pointer);
	(void)infer_spend(infer, name ? strlen(name) / 32 : 0);
	if (name) /* paged out otherwise, and says nothing */
		tally_add(tally, !strcasecmp(text_base_name(name), module->name));
	free(name);
}

static int test_file(struct infer *infer)
{
	struct tally tally = ask_modules(infer, ask_file);
	return tally_passes(tally) ? tally.good : 0;
}

/* `link`: MMVAD_Subsection, or MMVAD_ControlArea where VADs lead to that (to Server 2003). */
static bool search_file(struct infer *infer, enum profile_member link)
{
	unsigned int pointer = infer->candidate->pointer_size;
	infer_set(infer, SUBSECTION_ControlArea, 0, INFER_FOUND);
	for (uint32_t name = pointer * 4; name < pointer * 20; name += pointer) {
		infer_set(infer, FILE_OBJECT_FileName, name, INFER_FOUND);
		for (uint32_t at = pointer * 5; at < pointer * 16; at += pointer) {
			infer_set(infer, link, at, INFER_FOUND);
			for (uint32_t file = pointer; file < pointer * 16; file += pointer) {
				infer_set(infer, CONTROL_AREA_FilePointer, file, INFER_FOUND);
				if (test_file(infer))
					return true;
			}
		}
	}
	return false;
}

/* The frame that a prototype PTE names, valid or in transition. */
static void ask_prototype(struct infer *infer, struct infer_process *sample,
			  const struct module *module, const struct vad *vad, struct tally *tally)
{
	uint64_t first;
	struct page ours, theirs;
	space_page(sample->space, module->base, &ours);
	if (!ours.data || !ours.mapped)
		return;
	if (!space_pointer(infer->kernel,
			   vad->address + profile_offset(infer->profile, MMVAD_FirstPrototypePte),
			   infer->candidate->pointer_size, &first))
		return;
	if (!is_kernel(infer, first) || first % profile_offset(infer->profile, MMPTE_size)) {
		tally->bad++;
		return;
	}
	space_prototype_page(infer->kernel, first, &theirs);
	if (theirs.data == ours.data)
		tally->good++;
	else if (theirs.state == PAGE_LOST || (theirs.data && memcmp(theirs.data, "MZ", 2) != 0))
		tally->bad++;
}

static int test_prototype(struct infer *infer)
{
	struct tally tally = ask_modules(infer, ask_prototype);
	return tally_passes(tally) ? tally.good : 0;
}

static bool search_prototype(struct infer *infer)
{
	unsigned int pointer = infer->candidate->pointer_size;
	for (uint32_t at = pointer * 5; at < pointer * 20; at += pointer) {
		infer_set(infer, MMVAD_FirstPrototypePte, at, INFER_FOUND);
		if (test_prototype(infer))
			return true;
	}
	return false;
}

void infer_sections(struct infer *infer)
{
	static const enum profile_member file[] = {MMVAD_Subsection, MMVAD_ControlArea,
						   SUBSECTION_ControlArea, CONTROL_AREA_FilePointer,
						   FILE_OBJECT_FileName};
	static const enum profile_member prototype[] = {MMVAD_FirstPrototypePte};
	bool found = infer_group(infer, file, array_size(file), test_file) ||
		     search_file(infer, MMVAD_Subsection);
	if (!found) {
		infer_drop(infer, file, array_size(file));
		found = search_file(infer, MMVAD_ControlArea);
	}
	if (!found) {
		infer_drop(infer, file, array_size(file));
		infer_doubt(infer, "what leads from a VAD to its file was not found: modules that "
				   "no list has are shown without a name");
	}
	if (!infer_group(infer, prototype, array_size(prototype), test_prototype) &&
	    !search_prototype(infer)) {
		infer_drop(infer, prototype, array_size(prototype));
		infer_doubt(infer, "MMVAD.FirstPrototypePte was not found: pages that a process "
				   "has not touched are not read");
	}
}
