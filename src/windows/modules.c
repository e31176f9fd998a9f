/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A table of modules by base, and the words for what is known of one.
 */
#include <impscan/module.h>

#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/damage.h>

const char *const found_in_names[FOUND_IN_COUNT] = {"load",	"memory", "init",    "load32",
						    "memory32", "init32", "vad",     "private",
						    "kernel",	"dump",	  "managed", "headers"};

const char *const module_flag_names[MODULE_FLAG_COUNT] = {
	"hidden",  "exited",	"unlinked", "partial-list", "stale",	  "hollowed",
	"patched", "no-header", "hooked",   "wow64",	    "hook-target"};

struct module *modules_add(struct modules *modules, uint64_t base)
{
	address_map_add(&modules->by_base, base, modules->count);
	struct module *module = array_push(modules->items, modules->count, modules->capacity);
	*module = (struct module){.base = base, .name = "", .path = ""};
	return module;
}

struct module *modules_at(const struct modules *modules, uint64_t base)
{
	uint64_t at;
	return address_map_get(&modules->by_base, base, &at) ? &modules->items[at] : NULL;
}

void modules_note_cut(struct modules *modules, const char *what)
{
	damage_once(modules->damage, "%s cut off: it costs too much work", what);
}

void modules_free(struct modules *modules)
{
	free(modules->items);
	address_map_free(&modules->by_base);
	names_free(&modules->names);
	*modules = (struct modules){0};
}
