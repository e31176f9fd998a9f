/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the report room: values, made short.
 */
#ifndef REPORT_VALUE_H
#define REPORT_VALUE_H

#include <impscan/report.h>

static inline struct value number_value(uint64_t number)
{
	return (struct value){.kind = VALUE_NUMBER, .number = number};
}

static inline struct value address_value(uint64_t address)
{
	return (struct value){.kind = VALUE_ADDRESS, .number = address};
}

static inline struct value share_value(double share)
{
	return (struct value){.kind = VALUE_SHARE, .share = share};
}

static inline struct value bool_value(bool is)
{
	return (struct value){.kind = VALUE_BOOL, .number = is};
}

/* NULL and "" are no value. */
static inline struct value text_value(const char *text)
{
	if (!text || !*text)
		return (struct value){.kind = VALUE_NULL};
	return (struct value){.kind = VALUE_TEXT, .text = text};
}

static inline struct value list_value(const char *const *list, size_t count)
{
	return (struct value){.kind = VALUE_LIST, .list = list, .list_count = count};
}

#endif
