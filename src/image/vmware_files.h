/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Within the room `image`: VMware's files that belong together by their names: a .vmem, and the
 * .vmss or .vmsn that says what lies where in it.
 */
#ifndef IMPSCAN_IMAGE_VMWARE_FILES_H
#define IMPSCAN_IMAGE_VMWARE_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* How two names are alike. The fewer, the better. */
enum vmware_kin {
	VMWARE_SAME,   /* they differ in the extension only */
	VMWARE_PREFIX, /* one begins with the other, as with copies and snapshots */
	VMWARE_OTHER,
};

struct vmware_file {
	char *path;
	enum vmware_kin kin;
	size_t common;	  /* of VMWARE_PREFIX: how much they have in common, in bytes; else 0 */
	size_t extension; /* its number */
};

struct vmware_files {
	struct vmware_file *items; /* the best first */
	size_t count;
	size_t capacity;
};

/* Returns whether a path has an extension, given with its dot; case makes no difference. */
bool vmware_has_extension(const char *path, const char *extension);

/* How the names of two files are alike. */
enum vmware_kin vmware_kin_of(const char *path, const char *other);

/*
 * Finds files with one of the extensions in the folder of `path`. Those that are as much alike as
 * others are in the order of the extensions, then of their names; those that have most of a name in
 * common come first.
 * Release them with vmware_files_free().
 */
void vmware_files_find(const char *path, const char *const *extensions, size_t extension_count,
		       struct vmware_files *files);
void vmware_files_free(struct vmware_files *files);
#define _cleanup_vmware_files_ __attribute__((cleanup(vmware_files_free)))

#endif
