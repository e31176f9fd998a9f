/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --regions: ranges that can run code without an image section behind them, as users of malfind
 * know them. New fields are added at the end.
 */
#include "report/value.h"

#include <impscan/bytes.h>
#include <impscan/text.h>

enum {
	PID,
	PROCESS,
	START,
	END,
	KIND,
	PROTECTION,
	COMMITTED,
	EXECUTABLE,
	WRITABLE,
	FIRST_EXECUTABLE,
	PE,
	FILE_NAME,
	BYTES_AT,
	BYTES,
	COLUMN_COUNT,
};

static const struct column columns[COLUMN_COUNT] = {
	[PID] = {"pid", "PID", 6, true},
	[PROCESS] = {"process", "Process", 15, false},
	[START] = {"start", "Start", 18, false},
	[END] = {"end", "End", 18, false},
	[KIND] = {"kind", "Kind", 7, false},
	[PROTECTION] = {"protection", "VAD Protection", 22, false},
	[COMMITTED] = {"committed", "Commit", 6, true},
	[EXECUTABLE] = {"executable", "Exec", 6, true},
	[WRITABLE] = {"writable", "Exec+W", 6, true},
	[FIRST_EXECUTABLE] = {"first_executable", "First Exec", 18, false},
	[PE] = {"pe", "PE", 18, false},
	[FILE_NAME] = {"file", "File", 24, false},
	[BYTES_AT] = {"bytes_at", "Bytes At", 18, false},
	[BYTES] = {"bytes", "First Bytes", 0, false},
};

static const uint8_t table[] = {PID,	   PROCESS,    START,	 END, KIND, PROTECTION,
				COMMITTED, EXECUTABLE, WRITABLE, PE,  BYTES};
static const uint8_t wide[] = {PID,	   PROCESS,   START,	  END,	    KIND,
			       PROTECTION, COMMITTED, EXECUTABLE, WRITABLE, FIRST_EXECUTABLE,
			       PE,	   FILE_NAME, BYTES_AT,	  BYTES};

static const struct report_shape shape = {
	.columns = columns,
	.count = COLUMN_COUNT,
	.table = table,
	.table_count = array_size(table),
	.wide = wide,
	.wide_count = array_size(wide),
};

struct report *report_regions_new(FILE *out, enum report_form form)
{
	return report_new(out, form, &shape);
}

void report_region(struct report *report, const struct region_row *row)
{
	const struct region *region = &row->region;
	_cleanup_text_ struct text bytes = {0};
	for (size_t i = 0; i < row->byte_count; i++)
		text_add_format(&bytes, "%02x", row->bytes[i]);
	const struct value values[COLUMN_COUNT] = {
		[PID] = number_value(row->process->pid),
		[PROCESS] = text_value(row->process->name),
		[START] = address_value(region->vad->start),
		[END] = address_value(region->vad->end),
		[KIND] = text_value(region->vad->kind == VAD_PRIVATE ? "private" : "mapped"),
		[PROTECTION] = text_value(vad_protection_name(region->vad->protection)),
		[COMMITTED] = number_value(region->committed),
		[EXECUTABLE] = number_value(region->executable),
		[WRITABLE] = number_value(region->writable),
		[FIRST_EXECUTABLE] = address_value(region->first_executable),
		[PE] = row->pe ? address_value(row->pe) : text_value(NULL),
		[FILE_NAME] = text_value(region->vad->file),
		[BYTES_AT] = row->byte_count ? address_value(row->bytes_at) : text_value(NULL),
		[BYTES] = text_value(text_string(&bytes)),
	};
	report_values(report, values);
}
