/*
 * --only: which rows are wanted.
 */
#include <impscan/scan.h>

#include <string.h>

#include <impscan/bytes.h>

bool scan_only_add(struct scan_only *only, const char *word)
{
	for (size_t i = 0; i < MODULE_FLAG_COUNT; i++)
		if (!strcmp(word, module_flag_names[i])) {
			only->flags |= 1u << i;
			return true;
		}
	const struct {
		const char *word;
		bool *wanted;
	} kinds[] = {
		{"listed", &only->listed},
		{"injected", &only->injected},
		{"kernel", &only->kernel},
	};
	for (size_t i = 0; i < array_size(kinds); i++)
		if (!strcmp(word, kinds[i].word)) {
			*kinds[i].wanted = true;
			return true;
		}
	return false;
}

bool scan_only_matches(const struct scan_only *only, const struct row *row)
{
	if (!only->flags && !only->listed && !only->injected && !only->kernel)
		return true;
	const struct module *module = row->module;
	return (row->flags & only->flags) ||
	       (only->listed && module->found_in & (FOUND_LISTS | FOUND_LISTS32)) ||
	       (only->injected && module->injected) ||
	       (only->kernel && module->found_in & FOUND_KERNEL);
}
