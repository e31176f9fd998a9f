/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the room windows: modules by the loader's lists, before they are held against anything
 * else.
 */
#ifndef WINDOWS_LOADER_LISTS_H
#define WINDOWS_LOADER_LISTS_H

#include <impscan/module.h>

/* Of which lists is it known that they are whole? */
struct whole_lists {
	bool native; /* those of the PEB */
	bool wow64;  /* those of the 32-bit PEB, or it is known that there is none */
};

/*
 * Adds the modules of the PEB's three lists, merged by base, and of a WoW64 process's 32-bit PEB.
 * What is wrong with the lists is noted in modules->damage. Costs no more than a part of
 * view->budget.
 */
struct whole_lists process_lists(const struct windows *windows, const struct process *process,
				 struct view *view, struct modules *modules);

#endif
