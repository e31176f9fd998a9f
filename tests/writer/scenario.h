/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What runs on the machine: scenarios by name, and the damage they hold.
 */
#ifndef WRITER_SCENARIO_H
#define WRITER_SCENARIO_H

#include <writer/guest.h>

struct scenario {
	const char *name;
	const char *what; /* for mkimage --list-scenarios */
	void (*build)(struct guest *guest);
};

/* Returns the scenario of that name, or NULL when there is none. */
const struct scenario *scenario_find(const char *name);

/* Returns the table of scenarios, and sets `*count`. */
const struct scenario *scenario_list(size_t *count);

/* The process with that PID; dies when there is none. */
struct guest_process *scenario_process(struct guest *guest, uint32_t pid);

/* Starts a program from the user's downloads, as explorer.exe does; in WoW64 with `wow64`. */
struct guest_process *scenario_start(struct guest *guest, uint32_t pid, const char *name,
				     bool wow64);

/* A module of a process by its file's name; dies when it has none. */
struct guest_module *scenario_module(const struct guest_process *process, const char *name);

/* big.c: a busy machine, as large as its memory. */
void scenario_big(struct guest *guest);

/* absent.c: puts every page state into modules, PEBs and loader entries, names of mapped files;
 * and moves so many of a hundred user pages out, in equal parts. After the PEBs are made. */
void absent_modules(struct guest *guest);
void absent_loader_data(struct guest *guest);
void absent_file_names(struct guest *guest);
void absent_at_random(struct guest *guest, unsigned int percent);

/* hidden.c: everything that hides, in two steps. */
void hidden_before_pebs(struct guest *guest);
void hidden_after_pebs(struct guest *guest);

/* tampered.c: a packed program; and tables without names, hooked, resolved late, or elsewhere. */
void tampered_packed(struct guest *guest);
void tampered_tables(struct guest *guest);

/* managed.c: .NET assemblies wherever they lie; programs by Go. Before the PEBs are made. */
void managed_start(struct guest *guest);
void golang_start(struct guest *guest);

/* programs.c: the files that options.programs lists, a process each. Before the PEBs are made. */
void programs_start(struct guest *guest);

/* damage.c: each marks what it damages with the case's name (`damage`), which the truth states.
 * Before the PEB is made: */
void damage_strange_names(struct guest_process *process);

/* After it: */

/* The load order list runs in a circle that never meets its head again. */
void damage_cyclic_list(struct guest_process *process);
/* Entry number `n` (0: the program) of the load order list leads to where nothing is mapped. */
void damage_cut_list(struct guest_process *process, size_t n);
/* The pages with names of imported functions are absent in this process. */
void damage_import_names_absent(struct guest_process *process, const char *module);
void damage_header_absent(struct guest_process *process, const char *module);
/* The import directory entry in the header is zero, in this process only. */
void damage_import_directory_zeroed(struct guest_process *process, const char *module);
void damage_peb_absent(struct guest_process *process);
/* The page of the heap that holds a module's loader entry is absent, with what else it holds. */
void damage_entry_absent(struct guest_process *process, const char *module);

#endif
