/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room discover: the search for a machine, and what is told when there is none.
 */
#ifndef DISCOVER_FINDER_H
#define DISCOVER_FINDER_H

#include <impscan/discover.h>

#include "discover/candidate.h"

/* What was tried, for the error. */
struct attempts {
	size_t maps;		 /* page maps tried to their end, ... */
	size_t listed;		 /* ... of so many */
	bool cut;		 /* the search was cut off: not all could be tried */
	uint64_t kernel_base;	 /* a kernel that was found, but not confirmed */
	uint32_t build;		 /* its build */
	enum paging paging;	 /* its page map's kind */
	bool no_profile;	 /* there is none for its build */
	char *inference;	 /* why none could be inferred, a line each; NULL: not tried */
	bool other_profile;	 /* the user's is for another kind of page map */
	struct error *profile;	 /* a profile that could not be read */
	struct error *page_file; /* one that can't be used: the search ends */
};

/* Why windows_open() fails, in a sentence. */
struct error *windows_not_found(const struct image *image, const struct windows_options *options,
				const struct attempts *attempts);

/*
 * Finds the machine. Of `page_files`, bit N says whether page file N of the options is read. On
 * success the caller owns candidate->memory, `inferred` and `doubt`. Errors say what was tried.
 */
struct error *find_machine(const struct image *image, struct profiles *profiles,
			   const struct windows_options *options, unsigned int page_files,
			   struct candidate *candidate);

/* A profile that may be the machine's. */
struct choice {
	const struct profile *profile;
	bool added; /* by the user */
};

struct choices {
	struct choice *items;
	size_t count;
	size_t capacity;
};

/* Collects the user's profile, or those of the candidate's build. The caller frees the items. */
void choices_collect(const struct candidate *candidate, struct profiles *profiles,
		     const struct windows_options *options, struct choices *choices,
		     struct attempts *attempts);

/* A way to find System by candidate->profile. */
typedef bool find_system(struct candidate *candidate, struct space *space,
			 const struct windows_options *options);

/*
 * Takes the profile that fits best of those by which `find` finds System; where they are equal the
 * user's, and of the shipped ones the last, which is of the latest updates. False: none does.
 */
bool choices_try(const struct choices *choices, struct candidate *candidate, struct space *space,
		 find_system *find, const struct windows_options *options);

#endif
