/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LiME, version 1: for each range a header of 32 bytes (magic, version, first and last address)
 * and the bytes. Source: the header struct lime_mem_range_header of LiME's documentation. See
 * ramfile.h.
 */
#include <writer/ramfile.h>

enum { LIME_MAGIC = 0x4c694d45, LIME_VERSION = 1, LIME_HEADER = 32, MOST_RANGES = 16 };

static void put_range(struct ramfile *file, const struct ram *ram, const struct ram_run *run)
{
	uint8_t header[LIME_HEADER] = {0};
	util_put(header, LIME_MAGIC, 4);
	util_put(header + 4, LIME_VERSION, 4);
	util_put(header + 8, run->start, 8);
	util_put(header + 16, run->start + run->size - 1, 8);
	ramfile_put(file, header, sizeof(header));
	ramfile_put_ram(file, ram, run->start, run->size);
}

static void write_ranges(const struct ram *ram, const char *path, const struct ram_run *runs,
			 size_t count)
{
	struct ramfile file = ramfile_create(path);
	for (size_t i = 0; i < count; i++)
		put_range(&file, ram, &runs[i]);
	ramfile_close(&file);
}

void ramfile_write_lime(struct guest *guest, const char *path)
{
	size_t count;
	const struct ram_run *runs = ram_runs(guest->ram, &count);
	write_ranges(guest->ram, path, runs, count);
}

void ramfile_write_lime_shuffled(struct guest *guest, const char *path)
{
	size_t run_count, count = 0;
	const struct ram_run *runs = ram_runs(guest->ram, &run_count);
	struct ram_run ranges[MOST_RANGES];
	struct util_random *random = &guest->random;
	for (size_t i = 0; i < run_count; i++) {
		struct ram_run rest = runs[i];
		for (size_t parts = i ? 5 : 1; parts > 1 && rest.size > 2 * PAGE; parts--) {
			uint64_t cut = PAGE * (1 + util_random_below(random, rest.size / PAGE - 1));
			ranges[count++] = (struct ram_run){rest.start, cut};
			rest.start += cut;
			rest.size -= cut;
		}
		ranges[count++] = rest;
	}
	for (size_t i = count; i > 1; i--) {
		size_t j = util_random_below(random, i);
		struct ram_run swap = ranges[i - 1];
		ranges[i - 1] = ranges[j];
		ranges[j] = swap;
	}
	write_ranges(guest->ram, path, ranges, count);
}
