/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the image writer share: a machine, the file written of it, and an own walk of
 * its page tables.
 */
#ifndef TEST_WRITTEN_H
#define TEST_WRITTEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <writer/ramfile.h>
#include <writer/scenario.h>

#define STRUCTS PROFILE_FACTS "/windows-structs.tsv"

static inline struct guest *new_guest(const char *build, const char *scenario)
{
	struct guest *guest = guest_new(&(struct guest_options){
		.structs = STRUCTS,
		.build = build,
		.arch = "x64",
		.memory = UINT64_C(64) << 20,
		.seed = 7,
	});
	scenario_find(scenario)->build(guest);
	guest_finish(guest);
	return guest;
}

/* A written file, mapped. */
struct written {
	uint8_t *data;
	size_t size;
};

static inline struct written write_as(struct guest *guest, const char *format)
{
	int fd = memfd_create(format, MFD_CLOEXEC);
	assert_true(fd >= 0);
	char *path = util_printf("/proc/self/fd/%d", fd);
	ramfile_write(ramfile_format(format), guest, path);
	free(path);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	struct written file = {.size = (size_t)st.st_size};
	file.data = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(file.data != MAP_FAILED);
	close(fd);
	return file;
}

static inline void drop(struct written *file)
{
	munmap(file->data, file->size);
}

static inline uint64_t get(const struct written *file, uint64_t offset, unsigned int size)
{
	assert_true(offset + size <= file->size);
	return util_get(file->data + offset, size);
}

/* An entry that is not valid, without the mask of struct paging_swizzle, which new_guest() leaves
 * as it is by default. */
static inline uint64_t unswizzled(uint64_t entry)
{
	return entry & 0x11 ? entry : entry & ~(UINT64_C(1) << 45);
}

/* The manual's walk of a raw file, valid and transition entries; 0: not there. */
static inline uint64_t walk(const struct written *raw, uint64_t dtb, uint64_t va)
{
	uint64_t table = dtb & ~UINT64_C(0xfff);
	for (int shift = 39; shift > 12; shift -= 9) {
		uint64_t entry = get(raw, table + ((va >> shift) & 511) * 8, 8);
		if (!(entry & 1))
			return 0;
		if (shift == 21 && (entry & 0x80))
			return (entry & UINT64_C(0xffffffe00000)) | (va & 0x1fffff);
		table = entry & UINT64_C(0xfffffffff000);
	}
	uint64_t entry = get(raw, table + ((va >> 12) & 511) * 8, 8);
	if (!(entry & 1) && (entry & 0xc00) != 0x800)
		return 0;
	return (unswizzled(entry) & UINT64_C(0xfffffffff000)) | (va & 0xfff);
}

static inline uint64_t read_at(const struct written *raw, uint64_t dtb, uint64_t va,
			       unsigned int size)
{
	uint64_t physical = walk(raw, dtb, va);
	assert_true(physical != 0);
	return get(raw, physical, size);
}

static inline struct guest_module *module_of(struct guest *guest, uint32_t pid, const char *name)
{
	struct guest_process *process = scenario_process(guest, pid);
	for (size_t i = 0; i < process->module_count; i++) {
		if (util_same_name(process->modules[i]->image->name, name))
			return process->modules[i];
	}
	fail_msg("%u has no %s", pid, name);
	return NULL;
}

#endif
