/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The structure layouts of one Windows kernel, looked up by Microsoft's names in the published
 * table (profiles/facts/windows-structs.tsv: build, arch, variant, source, type, member, offset,
 * bit, bits; a row without a member gives the type's size).
 *
 * Member names are compared without case: the symbols say Wow64Process up to build 10240 and
 * WoW64Process after it.
 */
#ifndef WRITER_LAYOUT_H
#define WRITER_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

struct layout;

struct layout_field {
	uint32_t offset; /* bytes from the start of the type */
	uint8_t bit;	 /* first bit of a bit field */
	uint8_t bits;	 /* its width; 0: not a bit field */
};

/*
 * Reads the layout of `build` ("19041" or "10.0.19041"), `arch` ("x64", "x86") and `variant`
 * (NULL: the last one listed). Dies with a list of what there is when the table lacks it.
 */
struct layout *layout_load(const char *path, const char *build, const char *arch,
			   const char *variant);
void layout_free(struct layout *layout);

/* "10.0.19041", "10.0.19041.3324": as in the table. */
const char *layout_version(const struct layout *layout);
const char *layout_variant(const struct layout *layout);

/* 19041 */
uint32_t layout_build(const struct layout *layout);

bool layout_has(const struct layout *layout, const char *type, const char *member);

/* NULL when the type has no such member in this build. */
const struct layout_field *layout_find(const struct layout *layout, const char *type,
				       const char *member);

/* Bytes from the start of the type; dies when this build has no such member: ask layout_has(). */
uint32_t offset_of(const struct layout *layout, const char *type, const char *member);

/* Bytes of the type; dies when the table does not say. */
uint32_t size_of(const struct layout *layout, const char *type);

/* Stores `value` in a bit field of the structure at `p` (the field's bytes are read back). */
void layout_put_bits(const struct layout *layout, const char *type, const char *member, uint8_t *p,
		     uint64_t value);

/* Calls `call` for every (build, arch, variant) of the table, in its order. */
void layout_each(const char *path,
		 void (*call)(const char *build, const char *arch, const char *variant, void *data),
		 void *data);

#endif
