/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --list-profiles.
 */
#include "report/value.h"

#include <impscan/bytes.h>

enum { NAME, ARCHITECTURE, FIRST, LAST, VARIANT, DESCRIPTION, ORIGIN, SOURCE, COLUMN_COUNT };

static const struct column columns[COLUMN_COUNT] = {
	[NAME] = {"name", "Name", 40, false},
	[ARCHITECTURE] = {"architecture", "Arch", 4, false},
	[FIRST] = {"build_first", "From", 5, true},
	[LAST] = {"build_last", "To", 5, true},
	[VARIANT] = {"variant", "Variant", 24, false},
	[DESCRIPTION] = {"description", "Description", 34, false},
	[ORIGIN] = {"origin", "Origin", 8, false},
	[SOURCE] = {"source", "Source", 0, false},
};

static const uint8_t table[] = {NAME, ARCHITECTURE, FIRST, LAST, ORIGIN, DESCRIPTION};
static const uint8_t wide[] = {NAME,	ARCHITECTURE, FIRST,  LAST,
			       VARIANT, DESCRIPTION,  ORIGIN, SOURCE};

static const struct report_shape shape = {
	.columns = columns,
	.count = COLUMN_COUNT,
	.table = table,
	.table_count = array_size(table),
	.wide = wide,
	.wide_count = array_size(wide),
};

bool report_profiles(FILE *out, enum report_form form, const struct profiles *profiles)
{
	struct report *report = report_new(out, form, &shape);
	for (size_t i = 0; i < profiles_count(profiles); i++) {
		struct profile_summary summary = profiles_summary(profiles, i);
		const struct value values[COLUMN_COUNT] = {
			[NAME] = text_value(summary.name),
			[ARCHITECTURE] = text_value(architecture_name(summary.architecture)),
			[FIRST] = number_value(summary.build_first),
			[LAST] = number_value(summary.build_last),
			[VARIANT] = text_value(summary.variant),
			[DESCRIPTION] = text_value(summary.description),
			[ORIGIN] = text_value(summary.origin),
			[SOURCE] = text_value(summary.source),
		};
		report_values(report, values);
	}
	return report_end(report);
}
