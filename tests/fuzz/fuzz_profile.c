/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile: any text is read or declined; what was read survives being written and read again. */
#include <stdint.h>
#include <string.h>

#include <impscan/profile.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_profile_ struct profile *profile = NULL;
	_cleanup_error_ struct error *error =
		profile_parse((const char *)data, size, "fuzz", &profile);
	if (!error == !profile)
		__builtin_trap();
	if (error)
		return 0;
	_cleanup_free_ char *yaml = profile_to_yaml(profile);
	_cleanup_profile_ struct profile *again = NULL;
	error = profile_parse(yaml, strlen(yaml), "again", &again);
	if (error || strcmp(profile->name, again->name) ||
	    strcmp(profile->description, again->description) ||
	    strcmp(profile->variant, again->variant) || strcmp(profile->source, again->source) ||
	    profile->architecture != again->architecture ||
	    profile->build_first != again->build_first || profile->build_last != again->build_last)
		__builtin_trap();
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		const struct profile_field *a = &profile->field[i];
		const struct profile_field *b = &again->field[i];
		if (a->present != b->present || a->offset != b->offset || a->bit != b->bit ||
		    a->bits != b->bits)
			__builtin_trap();
	}
	return 0;
}
