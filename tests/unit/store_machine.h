/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A machine with compressed stores in it, for the tests and the fuzzer of the store: kernel memory,
 * a kernel image whose variable leads to the store manager, and the process that owns the stores.
 */
#ifndef TEST_STORE_MACHINE_H
#define TEST_STORE_MACHINE_H

#include "machine.h"

#include "discover/internal.h"
#include <impscan/profile.h>
#include <impscan/store.h>
#include <writer/store.h>

#define IMAGE_PAGES   48
#define GLOBALS_AT    0x12f40 /* in the kernel image; the manager crosses pages */
#define VIRTUAL_STORE 2	      /* the page file's number */

struct store_machine {
	struct machine m;
	struct store_layout layout;
	struct store_writer *writer;
	uint64_t owner_pml4;
	uint64_t image; /* address of the kernel image */
	uint64_t manager;
	struct store *store;
};

static inline uint64_t store_machine_kernel_new(void *context, uint64_t size)
{
	return machine_kernel_new(&((struct store_machine *)context)->m, size);
}

static inline void store_machine_kernel_write(void *context, uint64_t va, const void *data,
					      size_t size)
{
	machine_write(&((struct store_machine *)context)->m, MACHINE_PML4, va, data, size);
}

static inline void store_machine_owner_map(void *context, uint64_t va, uint64_t size)
{
	struct store_machine *s = context;
	machine_map(&s->m, s->owner_pml4, va, size);
}

static inline void store_machine_owner_write(void *context, uint64_t va, const void *data,
					     size_t size)
{
	struct store_machine *s = context;
	machine_write(&s->m, s->owner_pml4, va, data, size);
}

/* The profile's layout; x86 structures are laid out too, behind the same page tables. */
static inline void store_machine_init(struct store_machine *s, const char *profile_name,
				      struct store_options options)
{
	*s = (struct store_machine){0};
	_cleanup_profiles_ struct profiles *profiles = NULL;
	const struct profile *profile = NULL;
	machine_check(!profiles_new(&profiles));
	for (size_t i = 0; i < profiles_count(profiles) && !profile; i++)
		if (!strcmp(profiles_summary(profiles, i).name, profile_name))
			machine_check(!profiles_get(profiles, i, &profile));
	machine_check(profile);
	s->layout = store_layout_of(profile);
	machine_init(&s->m);
	if (s->layout.pointer_size == 4)
		s->m.kernel_next = 0x90000000;
	s->owner_pml4 = machine_frames(&s->m, 1);
	uint64_t process = machine_kernel_new(&s->m, PAGE_SIZE);
	machine_write(&s->m, MACHINE_PML4, process + s->layout.process_dtb, &s->owner_pml4,
		      s->layout.pointer_size);
	options.facts = PROFILE_FACTS "/windows-store.tsv";
	options.build = profile->build_first;
	options.arch = architecture_name(profile->architecture);
	options.memory = (struct store_memory){
		.context = s,
		.kernel_new = store_machine_kernel_new,
		.kernel_write = store_machine_kernel_write,
		.owner_map = store_machine_owner_map,
		.owner_write = store_machine_owner_write,
	};
	options.owner = process;
	options.region_base = 0x10000000;
	s->image = machine_kernel_new(&s->m, IMAGE_PAGES * PAGE_SIZE);
	s->writer = store_writer_new(&options);
}

/* Writes the stores, and leads to them from the kernel image. */
static inline void store_machine_finish(struct store_machine *s)
{
	size_t size = 0;
	uint64_t link = 0;
	s->manager = store_writer_finish(s->writer);
	const uint8_t *globals = store_writer_globals(s->writer, &size, &link);
	if (globals)
		s->manager = s->image + GLOBALS_AT;
	machine_write(&s->m, MACHINE_PML4, s->image + GLOBALS_AT, globals ? globals : (void *)&link,
		      globals ? size : s->layout.pointer_size);
}

static inline void store_machine_free(struct store_machine *s)
{
	store_writer_free(s->writer);
	machine_free(&s->m);
}
#define _cleanup_store_machine_ __attribute__((cleanup(store_machine_free)))

#endif
