/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The profiles of a run: those to choose from, that of --profile, and writing one.
 */
#include "cli/profiles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct error *load_profiles(const struct options *options, struct profiles **ret)
{
	_cleanup_profiles_ struct profiles *profiles = NULL;
	try_(profiles_new(&profiles));
	for (size_t i = 0; i < options->profile_directories.count; i++)
		try_(profiles_add_directory(profiles, options->profile_directories.items[i]));
	if (options->profile)
		try_(profiles_add_file(profiles, options->profile));
	*ret = take_ptr(profiles);
	return NULL;
}

struct error *forced_profile(const struct options *options, struct profiles *profiles,
			     const struct profile **ret)
{
	*ret = NULL;
	for (size_t i = 0; options->profile && i < profiles_count(profiles); i++)
		if (!strcmp(profiles_summary(profiles, i).origin, options->profile))
			return profiles_get(profiles, i, ret);
	return NULL;
}

struct error *write_profile(const char *path, const struct profile *profile, size_t *rows)
{
	_cleanup_file_ FILE *file = fopen(path, "wxe");
	if (!file)
		return error_errno(errno, "can't write the profile to '%s'", path);
	_cleanup_free_ char *yaml = profile_to_yaml(profile);
	if (fputs(yaml, file) < 0 || fflush(file)) {
		int number = errno;
		unlink(path);
		return error_errno(number, "can't write the profile to '%s'", path);
	}
	(*rows)++;
	return NULL;
}

struct error *print_profiles(const struct profiles *profiles, struct output *output)
{
	output->report = report_new(stdout, output->options->form, &row_profiles);
	output->rows = profiles_count(profiles);
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		struct profile_summary summary = profiles_summary(profiles, i);
		report_profile(output->report, &summary);
	}
	return output_end(output);
}

struct error *print_imported(struct profiles *profiles, struct output *output)
{
	const struct options *options = output->options;
	_cleanup_profile_ struct profile *profile = NULL;
	try_(profile_import_symbols(options->import_symbols, options->build, profiles, &profile));
	_cleanup_free_ char *yaml = profile_to_yaml(profile);
	output->rows = 1;
	return fputs(yaml, stdout) < 0 || fflush(stdout) ? output_failed() : NULL;
}
