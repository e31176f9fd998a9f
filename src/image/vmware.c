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

/*
 * Reads the state of a .vmem from a file beside it, that `source` has; NULL with `error`, which is
 * freed. One of the same name is believed, and what is wrong with it is told. Of another name it
 * must list exactly as much as the file has; so it must where the memory is not in a .vmem: a
 * machine's folder may also have images that were taken inside it.
 */
static bool read_state(struct image *image, const struct source *source, struct error *failed,
		       const char *path, enum vmware_kin kin, struct vmware_state *state)
{
	_cleanup_error_ struct error *error = failed;
	if (!error && !vmware_state_probe(source))
		error = error_new("'%s' is no VMware state file", path);
	if (!error)
		error = vmware_state_read(source, path, state);
	if (error && kin == VMWARE_SAME && is_vmem(image))
		image_warn(image, "the state file beside it is not used: %s", error_message(error));
	if (error)
		return false;
	return (kin == VMWARE_SAME && is_vmem(image)) || vmware_state_extent(state) == image->size;
}

/* Lays the memory out as a state says. */
static struct error *use_state(struct image *image, const struct vmware_state *state,
			       const char *path)
{
	if (state->arm)
		return refuse_arm(path);
	_cleanup_free_ char *name =
		alloc_printf("VMware memory, laid out by '%s'", file_name(path));
	add_memory(image, state, name);
	return NULL;
}

bool vmware_is_beside(const char *taken, const char *name)
{
	const size_t folder = (size_t)(file_name(taken) - taken);
	bool state = false;
	for (size_t i = 0; i < array_size(state_extensions); i++)
		state |= vmware_has_extension(name, state_extensions[i]);
	if (!state || folder != (size_t)(file_name(name) - name) ||
	    strncmp(taken, name, folder) != 0 || vmware_kin_of(taken, name) == VMWARE_OTHER)
		return false;
	/* It may be packed once more: "mem.vmem.gz". */
	const char *dot = strrchr(taken, '.');
	_cleanup_free_ char *inner = alloc_strndup(taken, dot ? (size_t)(dot - taken) : 0);
	return vmware_has_extension(taken, memory_extensions[0]) ||
	       vmware_has_extension(inner, memory_extensions[0]);
}

/* The state in the archive that the memory lay in: the one whose name is most like it. */
static bool find_packed_state(struct image *image, struct vmware_state *state, const char **path)
{
	const struct source *source;
	for (enum vmware_kin kin = VMWARE_SAME; kin < VMWARE_OTHER; kin++)
		for (size_t i = 0; (source = source_beside(image->source, i)); i++) {
			*path = source_name(source);
			if (vmware_kin_of(source_name(image->source), *path) == kin &&
			    read_state(image, source, NULL, *path, kin, state))
				return true;
		}
	return false;
}

static struct error *parse_memory(struct image *image)
{
	_cleanup_vmware_files_ struct vmware_files files = {0};
	struct vmware_state state;
	const char *packed;
	if (find_packed_state(image, &state, &packed))
		return use_state(image, &state, packed);
	vmware_files_find(image->path, state_extensions, array_size(state_extensions), &files);
	for (size_t i = 0; i < files.count && files.items[i].kin != VMWARE_OTHER; i++) {
		const struct vmware_file *file = &files.items[i];
		_cleanup_source_ struct source *source = NULL;
		struct error *error = source_open(file->path, NULL, &source);
		if (read_state(image, source, error, file->path, file->kin, &state))
			return use_state(image, &state, file->path);
	}
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
