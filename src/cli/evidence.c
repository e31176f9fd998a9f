/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The images of a run: which options belong to which of them.
 */
#include "cli/evidence.h"

#include <impscan/image.h>
#include <impscan/source.h>

#include "cli/option_table.h"

const char *evidence_name(const struct evidence *evidence)
{
	return evidence->label ? evidence->label : evidence->path;
}

const char *evidence_other_name(const struct evidence *evidence)
{
	return evidence->label || evidence->archive ? evidence_name(evidence) : NULL;
}

/* How the option of an argument is called. */
static const char *name_of(const struct placed *placed, char name[32])
{
	size_t i = 0;
	while (i < OPTION_COUNT - 1 && option_table[i].key != placed->key)
		i++;
	return option_name(&option_table[i], name);
}

static struct error *twice(const struct evidence *evidence, const struct placed *placed)
{
	char name[32];
	return error_new("%s is given twice for '%s'", name_of(placed, name), evidence->path);
}

static struct error *give_address(const struct evidence *evidence, const struct placed *placed,
				  uint64_t *address)
{
	if (*address)
		return twice(evidence, placed);
	*address = placed->number;
	return NULL;
}

/* Gives an image what stands behind it. */
static struct error *give(struct evidence *evidence, const struct placed *placed)
{
	switch (placed->key) {
	case OPTION_LABEL:
		if (evidence->label)
			return twice(evidence, placed);
		evidence->label = placed->text;
		return NULL;
	case OPTION_PAGEFILE:
		if (evidence->page_files[placed->number])
			return error_new("--pagefile %u is given twice for '%s': '%s' and '%s'",
					 (unsigned int)placed->number, evidence->path,
					 evidence->page_files[placed->number], placed->text);
		evidence->page_files[placed->number] = placed->text;
		return NULL;
	case OPTION_FORMAT:
		if (evidence->format)
			return twice(evidence, placed);
		evidence->format = placed->text;
		return NULL;
	case OPTION_DTB:
		return give_address(evidence, placed, &evidence->dtb);
	case OPTION_KERNEL:
		return give_address(evidence, placed, &evidence->kernel_base);
	}
	return NULL;
}

struct error *evidence_assign(struct evidence *images, size_t count, const struct placed *placed,
			      size_t placed_count)
{
	size_t next = 0; /* image */
	for (size_t i = 0; count && i < placed_count; i++) {
		char name[32];
		if (placed[i].key == 'f') {
			next++;
			continue;
		}
		if (placed[i].key == PLACED_ALONE)
			continue;
		if (!next && count > 1)
			return error_new("%s stands before the first image: with several images it "
					 "belongs behind the one that it is for",
					 name_of(&placed[i], name));
		try_(give(&images[next ? next - 1 : 0], &placed[i]));
	}
	return NULL;
}

static bool has_options(const struct evidence *evidence)
{
	bool has = evidence->label || evidence->format || evidence->dtb || evidence->kernel_base;
	for (size_t i = 0; i < PAGE_FILES; i++)
		has |= evidence->page_files[i] != NULL;
	return has;
}

void evidence_leave_out_parts(struct evidence *images, size_t *count)
{
	size_t kept = 0;
	for (size_t i = 0; i < *count; i++) {
		/* Before `kept` are those that stay, from `i` on those that are not yet looked at. */
		struct evidence *first = NULL;
		for (size_t k = 0; !first && k < *count && !has_options(&images[i]); k++)
			if ((k < kept || k > i) && source_is_part(images[i].path, images[k].path))
				first = &images[k];
		if (first)
			first->parts++;
		else
			images[kept++] = images[i];
	}
	*count = kept;
}

void evidence_leave_out_beside(struct evidence *images, size_t *count)
{
	size_t kept = 0;
	for (size_t i = 0; i < *count; i++) {
		struct evidence *memory = NULL;
		for (size_t k = 0; !memory && k < *count && !has_options(&images[i]); k++)
			if ((k < kept || k > i) && image_belongs_to(images[i].path, images[k].path))
				memory = &images[k];
		if (memory)
			memory->beside++;
		else
			images[kept++] = images[i];
	}
	*count = kept;
}
