/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * VMware's files. A machine's memory is in a .vmem, which is nothing but that, and what lies where
 * in it stands in the .vmss (suspended) or .vmsn (snapshot) beside it; older products put the
 * memory into that. Any of them may be given; what belongs to it is found by its name.
 *
 * A .vmem without the other file is read as raw memory is, by what makes sense of it: see plain.c.
 */
#include "internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <impscan/alloc.h>

#include "vmware_files.h"
#include "vmware_state.h"

static const char *const state_extensions[] = {".vmss", ".vmsn"};
static const char *const memory_extensions[] = {".vmem"};

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static struct error *refuse_arm(const char *path)
{
	return error_new("'%s' is the state of an ARM64 machine of VMware: only x86 and x64 are "
			 "supported",
			 path);
}

/* Adds what the state says, of memory that begins at an offset of the image's source. */
static void add_regions(struct image *image, const struct vmware_state *state, uint64_t offset,
			uint64_t size, const char *name)
{
	/* CR3's low bits are flags; with PAE the table is aligned to 32 bytes. */
	if (state->product[0])
		image_add_fact(image, IMAGE_FACT_TOOL, "%s%s%s", state->product,
			       state->version[0] ? " " : "", state->version);
	image->hints.dtb = state->cr3 & (IMAGE_PHYSICAL_END - 1) & ~UINT64_C(0x1f);
	if (!state->region_count) {
		image_add_plain(image, name, offset, size, true);
		return;
	}
	image_name_format(image, "%s", name);
	for (size_t i = 0; i < state->region_count; i++)
		image_add_range(image, state->regions[i].start, state->regions[i].size,
				offset + state->regions[i].offset);
}

/* Says what is in the .vmem, whose size may not be what the state says. */
static void add_memory(struct image *image, const struct vmware_state *state, const char *name)
{
	char more[IMAGE_SIZE_TEXT];
	const uint64_t extent = vmware_state_extent(state);
	if (extent && image->size > extent)
		image_warn(
			image,
			"the .vmem has %s more than its state file lists, which are left out: it "
			"may belong to another state",
			image_size_text(image->size - extent, more));
	add_regions(image, state, 0, image->size, name);
}

/* Opens a .vmem, if it may be that of the state: one of another name must be as large as it says. */
static struct error *open_memory(const struct vmware_file *file, const struct vmware_state *state,
				 struct source **ret)
{
	struct error *error = source_open(file->path, NULL, ret);
	if (file->kin == VMWARE_SAME)
		return error;
	error_free(error);
	if (!error && (*ret)->size != vmware_state_extent(state)) {
		source_close(*ret);
		*ret = NULL;
	}
	return NULL;
}

/*
 * Finds the .vmem of a state file: of the same name, else of the name that is most like it. Where
 * several are equally like it, none is taken.
 */
static struct error *find_memory(const char *path, const struct vmware_state *state,
				 struct source **ret)
{
	_cleanup_vmware_files_ struct vmware_files files = {0};
	_cleanup_source_ struct source *found = NULL;
	const struct vmware_file *first = NULL;
	vmware_files_find(path, memory_extensions, array_size(memory_extensions), &files);
	for (size_t i = 0; i < files.count; i++) {
		const struct vmware_file *file = &files.items[i];
		_cleanup_source_ struct source *source = NULL;
		if (first && (file->kin != first->kin || file->common != first->common))
			break;
		try_(open_memory(file, state, &source));
		if (!source)
			continue;
		if (first)
			return error_new("'%s' is a VMware state file, and its memory may be in "
					 "'%s' or in '%s': give that one the same name",
					 path, first->path, file->path);
		first = file;
		found = take_ptr(source);
	}
	if (!found)
		return error_new("'%s' is a VMware state file without the memory, which is in a "
				 ".vmem: put that beside it, by the same name",
				 path);
	*ret = take_ptr(found);
	return NULL;
}

static bool probe_state(const struct image *image)
{
	return vmware_state_probe(image->source);
}

static struct error *parse_state(struct image *image)
{
	struct vmware_state state;
	image_name_format(image, "VMware state file");
	try_(vmware_state_read(image->source, image->path, &state));
	if (state.arm)
		return refuse_arm(image->path);
	if (state.inside) {
		add_regions(image, &state, state.memory_offset, state.memory_size,
			    "VMware state file with the memory inside");
		return NULL;
	}
	struct source *memory = NULL, *file = image->source;
	try_(find_memory(image->path, &state, &memory));
	image_use_source(image, memory);
	source_close(file);
	_cleanup_free_ char *name = alloc_printf("VMware memory '%s', laid out by this file",
						 file_name(source_path(memory)));
	add_memory(image, &state, name);
	return NULL;
}

const struct image_format image_format_vmware_state = {
	.name = "vmware",
	.probe = probe_state,
	.parse = parse_state,
};

/* Is there a file of the same name that may be the state of this one? Costs less than a folder. */
static bool has_state(const char *path)
{
	static const char *const extensions[] = {".vmss", ".vmsn", ".VMSS", ".VMSN"};
	const char *name = file_name(path), *dot = strrchr(name, '.');
	const size_t stem = dot && dot != name ? (size_t)(dot - path) : strlen(path);
	for (size_t i = 0; i < array_size(extensions); i++) {
		_cleanup_free_ char *beside =
			alloc_printf("%.*s%s", (int)stem, path, extensions[i]);
		if (stem <= INT_MAX && !access(beside, F_OK))
			return true;
	}
	return false;
}

static bool is_vmem(const struct image *image)
{
	return vmware_has_extension(source_name(image->source), memory_extensions[0]);
}

static bool probe_memory(const struct image *image)
{
	return is_vmem(image) || has_state(image->path);
}

/* A state that may be the memory's. */
struct candidate {
	char *path;
	struct vmware_state state;
	bool same;  /* it has the memory's name */
	bool exact; /* it lists exactly as much as there is */
};

struct candidates {
	struct candidate *items; /* in the order of their names' likeness */
	size_t count;
	size_t capacity;
};

static void candidates_free(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->count; i++)
		free(candidates->items[i].path);
	free(candidates->items);
}
#define _cleanup_candidates_ __attribute__((cleanup(candidates_free)))

/*
 * Reads the state of a .vmem from a file beside it, that `source` has; NULL with `error`, which is
 * freed. One of the same name is believed, and what is wrong with it is told. Of another name it
 * must list exactly as much as the file has; so it must where the memory is not in a .vmem: a
 * machine's folder may also have images that were taken inside it.
 */
static void add_candidate(struct image *image, const struct source *source, struct error *failed,
			  const char *path, enum vmware_kin kin, struct candidates *candidates)
{
	_cleanup_error_ struct error *error = failed;
	struct candidate candidate = {.same = kin == VMWARE_SAME && is_vmem(image)};
	if (!error && !vmware_state_probe(source))
		error = error_new("'%s' is no VMware state file", path);
	if (!error)
		error = vmware_state_read(source, path, &candidate.state);
	if (error && candidate.same)
		image_warn(image, "the state file beside it is not used: %s", error_message(error));
	if (error)
		return;
	candidate.exact = vmware_state_extent(&candidate.state) == image->size;
	if (!candidate.same && !candidate.exact)
		return;
	candidate.path = alloc_strdup(path);
	*array_push(candidates->items, candidates->count, candidates->capacity) = candidate;
}

/* Whether two states say the same of where memory lies. */
static bool same_layout(const struct vmware_state *a, const struct vmware_state *b)
{
	return a->region_count == b->region_count && a->inside == b->inside &&
	       !memcmp(a->regions, b->regions, a->region_count * sizeof(*a->regions));
}

/* How well a state fits: the more, the better. */
static int fit_of(const struct image *image, const struct candidate *candidate)
{
	const uint64_t extent = vmware_state_extent(&candidate->state);
	if (candidate->state.inside ||
	    candidate->state.arm) /* it is another machine's, or useless */
		return 0;
	return candidate->exact ? 4 : !extent ? 3 : extent < image->size ? 2 : 1;
}

/* The state that fits best; the first of those that fit as well. */
static const struct candidate *best_of(const struct image *image,
				       const struct candidates *candidates)
{
	const struct candidate *best = &candidates->items[0];
	for (size_t i = 1; i < candidates->count; i++)
		if (fit_of(image, &candidates->items[i]) > fit_of(image, best))
			best = &candidates->items[i];
	return best;
}

/* Another layout that fits as well as the best: what is in the memory decides. Mostly there is none. */
static const struct candidate *rival_of(const struct image *image,
					const struct candidates *candidates,
					const struct candidate *best)
{
	for (size_t i = 0; i < candidates->count; i++) {
		const struct candidate *other = &candidates->items[i];
		if (best->state.region_count && other->state.region_count &&
		    fit_of(image, other) == fit_of(image, best) &&
		    !same_layout(&other->state, &best->state))
			return other;
	}
	return NULL;
}

/* Names the states that are not used, and why. */
static void tell_unused(struct image *image, const struct candidates *candidates,
			const struct candidate *best, const struct candidate *rival)
{
	char lists[IMAGE_SIZE_TEXT], has[IMAGE_SIZE_TEXT];
	for (size_t i = 0; i < candidates->count; i++) {
		const struct candidate *other = &candidates->items[i];
		const uint64_t extent = vmware_state_extent(&other->state);
		if (other == best || other == rival)
			continue;
		if (extent && !other->exact)
			image_warn(
				image,
				"the state file '%s' is used; not '%s', which lists %s of memory "
				"where there are %s",
				file_name(best->path), file_name(other->path),
				image_size_text(extent, lists), image_size_text(image->size, has));
		else
			image_warn(image, "the state file '%s' is used; not '%s'%s",
				   file_name(best->path), file_name(other->path),
				   same_layout(&other->state, &best->state)
					   ? ", which says the same of memory"
					   : ", which fits less");
	}
}

/* Lays the memory out as the state says that fits best. */
static struct error *use_states(struct image *image, const struct candidates *candidates)
{
	const struct candidate *best = best_of(image, candidates);
	const struct candidate *rival = rival_of(image, candidates, best);
	if (best->state.arm)
		return refuse_arm(best->path);
	_cleanup_free_ char *name =
		alloc_printf("VMware memory, laid out by '%s'", file_name(best->path));
	add_memory(image, &best->state, name);
	tell_unused(image, candidates, best, rival);
	if (!rival)
		return NULL;
	struct image *other = image_add_layout(image);
	image_name_format(other, "VMware memory, laid out by '%s'", file_name(rival->path));
	for (size_t i = 0; i < rival->state.region_count; i++)
		image_add_range(other, rival->state.regions[i].start, rival->state.regions[i].size,
				rival->state.regions[i].offset);
	image->laid_by = alloc_strdup(file_name(best->path));
	other->laid_by = alloc_strdup(file_name(rival->path));
	return NULL;
}

/* Has it the name of a .vmem? It may be packed once more: "mem.vmem.gz". */
static bool is_named_vmem(const char *name)
{
	const char *dot = strrchr(name, '.');
	if (vmware_has_extension(name, memory_extensions[0]))
		return true;
	_cleanup_free_ char *inner = alloc_strndup(name, dot ? (size_t)(dot - name) : 0);
	return vmware_has_extension(inner, memory_extensions[0]);
}

static bool is_named_state(const char *name)
{
	bool state = false;
	for (size_t i = 0; i < array_size(state_extensions); i++)
		state |= vmware_has_extension(name, state_extensions[i]);
	return state;
}

bool vmware_is_beside(const char *taken, const char *name)
{
	if ((name && !is_named_state(name)) || (taken && !is_named_vmem(taken)))
		return false;
	if (!name || !taken)
		return true;
	const size_t folder = (size_t)(file_name(taken) - taken);
	return folder == (size_t)(file_name(name) - name) && !strncmp(taken, name, folder) &&
	       vmware_kin_of(taken, name) != VMWARE_OTHER;
}

/* Files beside a machine's memory that never have any: settings, disks, logs. */
static bool has_no_memory(const char *path)
{
	static const char *const extensions[] = {".nvram", ".vmx",  ".vmxf", ".vmsd",
						 ".vmdk",  ".vmpl", ".log",  ".scoreboard"};
	bool none = false;
	for (size_t i = 0; i < array_size(extensions); i++)
		none |= vmware_has_extension(path, extensions[i]);
	return none;
}

bool image_belongs_to(const char *path, const char *memory)
{
	const size_t folder = (size_t)(file_name(memory) - memory);
	struct vmware_state state = {0};
	if (!vmware_has_extension(memory, memory_extensions[0]) ||
	    folder != (size_t)(file_name(path) - path) || strncmp(path, memory, folder) != 0)
		return false;
	if (has_no_memory(path))
		return vmware_kin_of(memory, path) != VMWARE_OTHER ||
		       !strncasecmp(file_name(path), "vmware", 6);
	if (!vmware_is_beside(memory, path))
		return false;
	_cleanup_source_ struct source *source = NULL;
	_cleanup_error_ struct error *error = source_open(path, NULL, &source);
	if (!error && source && vmware_state_probe(source))
		error = vmware_state_read(source, path, &state);
	return error || !state.inside;
}

/* The states in the archive that the memory lay in: those whose names are most like it first. */
static void find_packed_states(struct image *image, struct candidates *candidates)
{
	const struct source *source;
	for (enum vmware_kin kin = VMWARE_SAME; kin < VMWARE_OTHER; kin++)
		for (size_t i = 0; (source = source_beside(image->source, i)); i++) {
			const char *path = source_name(source);
			if (vmware_kin_of(source_name(image->source), path) == kin)
				add_candidate(image, source, NULL, path, kin, candidates);
		}
}

/* The states in the folder. */
static void find_states(struct image *image, struct candidates *candidates)
{
	_cleanup_vmware_files_ struct vmware_files files = {0};
	vmware_files_find(image->path, state_extensions, array_size(state_extensions), &files);
	for (size_t i = 0; i < files.count && files.items[i].kin != VMWARE_OTHER; i++) {
		const struct vmware_file *file = &files.items[i];
		_cleanup_source_ struct source *source = NULL;
		struct error *error = source_open(file->path, NULL, &source);
		add_candidate(image, source, error, file->path, file->kin, candidates);
	}
}

static struct error *parse_memory(struct image *image)
{
	_cleanup_candidates_ struct candidates candidates = {0};
	find_packed_states(image, &candidates);
	if (!candidates.count)
		find_states(image, &candidates);
	if (candidates.count)
		return use_states(image, &candidates);
	image_add_plain(image, "raw", 0, image->size, is_vmem(image));
	if (is_vmem(image))
		image->lacks = "where the memory of a .vmem lies is told by the .vmss or .vmsn "
			       "that belongs to it, and none that fits is beside it";
	return NULL;
}

const struct image_format image_format_vmware_memory = {
	.name = "vmem",
	.any = true,
	.probe = probe_memory,
	.parse = parse_memory,
};
