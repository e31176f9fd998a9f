/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Findings as values: copies of them, reasons, release.
 */
#include "scan/finding.h"

#include <stdlib.h>

#include <impscan/alloc.h>

void finding_copy(struct finding *to, const struct finding *from)
{
	*to = *from;
	if (from->reason)
		to->reason = alloc_strdup(from->reason);
	to->hits = hits_ref(from->hits);
	to->rebuilt_others = (struct text_list){0};
	for (size_t i = 0; i < from->rebuilt_others.count; i++)
		text_list_add(&to->rebuilt_others, alloc_strdup(from->rebuilt_others.items[i]));
	if (from->names) {
		to->names = alloc_new(struct program_names);
		*to->names = *from->names;
	}
}

void finding_add_reason(struct finding *finding, char *more)
{
	char *before = finding->reason;
	finding->reason = before ? alloc_printf("%s; %s", before, more) : alloc_strdup(more);
	free(before);
	free(more);
}

void finding_free(struct finding *finding)
{
	free(finding->reason);
	free(finding->names);
	text_list_free(&finding->rebuilt_others);
	hits_unref(finding->hits);
}
