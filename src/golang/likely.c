/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a program by Go is known by before it is searched. Searching every program for the table of
 * functions would cost more than all else that is read of it.
 */
#include <impscan/golang.h>

#include <string.h>

#include <impscan/bytes.h>

/*
 * What Go's runtime imports of kernel32 in all versions from 1.2 on (runtime/os_windows.go), and
 * hardly anything else: it turns off the boosting of priorities, and waits with timers. kernel32
 * imports both itself, of others.
 */
static const char *const runtime_imports[] = {"kernel32.setprocesspriorityboost",
					      "kernel32.setwaitabletimer"};

bool golang_likely_by_imports(const struct text *list)
{
	for (size_t i = 0; i < array_size(runtime_imports); i++)
		if (!list->length || !memmem(list->data, list->length, runtime_imports[i],
					     strlen(runtime_imports[i])))
			return false;
	return true;
}

bool golang_likely_by_sections(const struct pe *pe)
{
	/* cmd/link/internal/ld/pe.go writes it last, stripped or not */
	static const char name[8] = ".symtab";
	return pe->section_count &&
	       !memcmp(pe->sections[pe->section_count - 1].name, name, sizeof(name));
}
