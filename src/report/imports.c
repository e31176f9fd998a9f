/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --imports: one import a row, as Volatility 2's impscan showed them. New fields are added at the
 * end.
 */
#include "report/value.h"

#include <impscan/bytes.h>

enum {
	PID,
	PROCESS,
	BASE,
	MODULE,
	SLOT,
	VALUE,
	TARGET,
	DLL,
	FUNCTION,
	ORDINAL,
	SOURCE,
	HOOKED,
	COLUMN_COUNT,
};

static const struct column columns[COLUMN_COUNT] = {
	[PID] = {"pid", "PID", 6, true},
	[PROCESS] = {"process", "Process", 15, false},
	[BASE] = {"base", "Module Base", 18, false},
	[MODULE] = {"module", "Module Name", 24, false},
	[SLOT] = {"slot", "Slot", 18, false},
	[VALUE] = {"value", "Value", 18, false},
	[TARGET] = {"target", "Target", 18, false},
	[DLL] = {"dll", "DLL", 44, false},
	[FUNCTION] = {"function", "Function", 40, false},
	[ORDINAL] = {"ordinal", "Ord", 5, true},
	[SOURCE] = {"source", "Source", 6, false},
	[HOOKED] = {"hooked", "Hooked", 6, false},
};

static const uint8_t table[] = {PID, MODULE, SLOT, VALUE, DLL, FUNCTION, ORDINAL, SOURCE, HOOKED};
/* What may be of any length comes last. */
static const uint8_t wide[] = {PID,    PROCESS, BASE,	MODULE, SLOT, VALUE,
			       TARGET, ORDINAL, SOURCE, HOOKED, DLL,  FUNCTION};

static const struct report_shape shape = {
	.columns = columns,
	.count = COLUMN_COUNT,
	.table = table,
	.table_count = array_size(table),
	.wide = wide,
	.wide_count = array_size(wide),
};

struct report *report_imports_new(FILE *out, enum report_form form)
{
	return report_new(out, form, &shape);
}

static struct value address_or_nothing(uint64_t address)
{
	return address ? address_value(address) : text_value(NULL);
}

void report_import(struct report *report, const struct import_row *row)
{
	const struct rebuilt_entry *entry = row->entry;
	const struct value values[COLUMN_COUNT] = {
		[PID] = number_value(row->process->pid),
		[PROCESS] = text_value(row->process->name),
		[BASE] = address_value(row->module->base),
		[MODULE] = text_value(row->module->name),
		[SLOT] = address_value(entry->slot),
		[VALUE] = entry->present ? address_value(entry->value) : text_value(NULL),
		[TARGET] = address_or_nothing(entry->target),
		[DLL] = text_value(rebuilt_dll(row->rebuilt, entry)),
		[FUNCTION] = text_value(rebuilt_name(row->rebuilt, entry)),
		[ORDINAL] = entry->kind == IMPORT_ORDINAL ? number_value(entry->ordinal)
							  : text_value(NULL),
		[SOURCE] = text_value(rebuilt_source_name(entry->source)),
		[HOOKED] = bool_value(entry->hooked),
	};
	report_values(report, values);
}
