/* SPDX-License-Identifier: GPL-3.0-or-later */
/* profile: any symbol file, plain or xz, is imported or declined; what was imported can be read. */
#include <stdint.h>
#include <string.h>

#include <impscan/profile.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_profile_ struct profile *profile = NULL;
	_cleanup_error_ struct error *error =
		profile_parse_symbols(data, size, "fuzz", 19041, NULL, &profile);
	if (!error == !profile)
		__builtin_trap();
	if (error)
		return 0;
	_cleanup_free_ char *yaml = profile_to_yaml(profile);
	_cleanup_profile_ struct profile *again = NULL;
	error = profile_parse(yaml, strlen(yaml), "again", &again);
	if (error)
		__builtin_trap();
	return 0;
}
