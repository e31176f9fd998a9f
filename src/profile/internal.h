/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files of this room only. */
#ifndef IMPSCAN_PROFILE_INTERNAL_H
#define IMPSCAN_PROFILE_INTERNAL_H

#include <stdio.h>

#include <impscan/profile.h>

/* No structure of the kernel is larger: bounds what is read before it is known what it is of. */
#define OFFSET_LIMIT 0x100000u

/*
 * The positions of a type's members: stores the first and how many in `*first` and `*count`;
 * false when there is no type of that name.
 */
bool profile_find_type(const char *name, size_t length, enum profile_member *first, size_t *count);

/* Is this not a member but the size of its type? */
bool profile_member_is_size(enum profile_member member);

/* What is wrong with a member's value, a sentence that names it; NULL: nothing. Caller frees. */
char *profile_beyond_limit(enum profile_member member, const struct profile_field *field);

/*
 * What the members of a profile lack of each other, as a sentence; NULL: nothing. `*member` is the
 * one that it begins with, or PROFILE_MEMBER_COUNT where none is to blame. An inferred profile may
 * lack members. The caller frees the sentence.
 */
char *profile_gap(const struct profile *profile, enum profile_member *member);

/*
 * Members that former versions wrote into profiles, and that nobody reads: does a profile's type, or
 * member of a type, belong to them? Names need not end with 0.
 */
bool profile_former_type(const char *type, size_t length);
bool profile_former_member(const char *type, size_t type_length, const char *member, size_t length);

/* profile_parse() of all that stands before `types`, which may be missing. */
struct error *profile_parse_header(const char *text, size_t length, const char *origin,
				   struct profile **ret);

/*
 * Opens a file to be read; `what` is it for sentences. Fails on what is no regular file: a pipe
 * could block, a device never end. The caller closes it.
 */
struct error *open_regular(const char *path, const char *what, FILE **ret);

#endif
