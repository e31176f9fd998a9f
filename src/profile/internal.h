/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the profile room: what several of its files use.
 */
#ifndef IMPSCAN_PROFILE_INTERNAL_H
#define IMPSCAN_PROFILE_INTERNAL_H

#include <stdio.h>

#include <impscan/profile.h>

/* No structure of the kernel is larger. Checked for values whose own limit is not known yet. */
#define OFFSET_LIMIT 0x100000u

/*
 * Finds the members of a type, which have consecutive numbers: the first, and how many there are.
 * Returns false when there is no type of that name.
 */
bool profile_find_type(const char *name, size_t length, enum profile_member *first, size_t *count);

/* Tells whether this is the size of a type, and no member of it. */
bool profile_member_is_size(enum profile_member member);

/*
 * Returns what is wrong with the value of a member, as a sentence; NULL: nothing. The caller frees
 * it.
 */
char *profile_beyond_limit(enum profile_member member, const struct profile_field *field);

/*
 * Checks members that belong together. Returns which one is missing, as a sentence, which the
 * caller frees; NULL: none.
 *
 * member: the one that needs the missing one, or PROFILE_MEMBER_COUNT where there is no such one.
 *
 * An inferred profile may lack members.
 */
char *profile_gap(const struct profile *profile, enum profile_member *member);

/*
 * Tell whether a type, or a member of a type, is one that only former versions read. Names need not
 * end with a NUL.
 */
bool profile_former_type(const char *type, size_t length);
bool profile_former_member(const char *type, size_t type_length, const char *member, size_t length);

/* Like profile_parse(), but stops before `types`, which may be missing. */
struct error *profile_parse_header(const char *text, size_t length, const char *origin,
				   struct profile **ret);

/*
 * Opens a file for reading. Fails when it is no regular file: reading a pipe could block, and a
 * device might never end. The caller closes it.
 *
 * what: what the file is called in errors.
 */
struct error *open_regular(const char *path, const char *what, FILE **ret);

#endif
