/* Shared by the files of this room only. */
#ifndef IMPSCAN_PROFILE_INTERNAL_H
#define IMPSCAN_PROFILE_INTERNAL_H

#include <impscan/profile.h>

/* No structure of the kernel is larger: bounds the offsets of members whose type has no size. */
#define OFFSET_LIMIT 0x100000u

/*
 * The positions of a type's members: stores the first and how many in `*first` and `*count`;
 * false when there is no type of that name.
 */
bool profile_find_type(const char *name, size_t length, enum profile_member *first, size_t *count);

/* Is this not a member but the size of its type? */
bool profile_member_is_size(enum profile_member member);

/* profile_parse() of all that stands before `types`, which may be missing. */
struct error *profile_parse_header(const char *text, size_t length, const char *origin,
				   struct profile **ret);

#endif
