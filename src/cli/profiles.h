/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The profiles of a run, and runs that print profiles.
 */
#ifndef CLI_PROFILES_H
#define CLI_PROFILES_H

#include <impscan/profile.h>

#include "cli/output.h"

/* The shipped profiles and those of --profile-dir and --profile. The caller frees them. */
struct error *load_profiles(const struct options *options, struct profiles **ret);

/*
 * The profile of --profile, which is used whatever the build; NULL without it. Owned by `profiles`.
 */
struct error *forced_profile(const struct options *options, struct profiles *profiles,
			     const struct profile **ret);

/*
 * --profile-out: writes a profile to a file, which must not exist, and counts it in `*rows`. Fails
 * when it could not be written.
 */
struct error *write_profile(const char *path, const struct profile *profile, size_t *rows);

/* --list-profiles */
struct error *print_profiles(const struct profiles *profiles, struct output *output);

/* --import-symbols: prints the symbol file as a profile. */
struct error *print_imported(struct profiles *profiles, struct output *output);

#endif
