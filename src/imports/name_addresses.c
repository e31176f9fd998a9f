/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Name tables of kernel modules that have addresses in place of RVAs.
 *
 * When the NT kernel's loader has resolved an import by name, it leaves the address of the name in
 * the name table (MiSnapThunk). The boot loader does the same for the drivers that it loads, at the
 * base where it put them; the kernel moves them later, and relocations don't change the table. So
 * an entry is an RVA plus the module's base, or plus a base that nothing else tells, which is a
 * multiple of a page. Ordinals stay as they are.
 */
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/cleanup.h>

#include "imports/import_names.h"
#include "imports/reading.h"

enum {
	CERTAIN_NAMES = 4,	/* so many agree by chance with no other base */
	DESCRIPTORS_MAX = 1024, /* whose tables a base is tried with */
	MODULE_PAGES = 1 << 14, /* of a module that is searched for names */
	STEPS_A_NAME = 3,	/* of a budget */
};

static uint64_t ordinal_flag(const struct import_reading *r)
{
	return r->pe->pe32_plus ? UINT64_C(1) << 63 : UINT64_C(1) << 31;
}

bool names_is_address(const struct import_reading *r, uint64_t value)
{
	uint64_t flag = ordinal_flag(r);
	return r->memory && r->pe->reader->base & flag && value & flag && (value ^ flag) > 0xffff;
}

/* The addresses of a module's name tables. */
struct name_samples {
	uint64_t *values;
	size_t count, capacity;
	size_t names; /* how many different ones there are, up to CERTAIN_NAMES */
};

static void samples_free(struct name_samples *samples)
{
	free(samples->values);
}
#define _cleanup_samples_ __attribute__((cleanup(samples_free)))

static void add_sample(struct name_samples *samples, uint64_t value)
{
	bool known = samples->names == CERTAIN_NAMES;
	for (size_t i = 0; i < samples->count && !known; i++)
		known = samples->values[i] == value;
	samples->names += !known;
	*array_push(samples->values, samples->count, samples->capacity) = value;
}

/* Takes those of a table; returns false when the budget is used up. */
static bool sample_table(const struct import_reading *r, uint64_t rva, struct name_samples *samples)
{
	unsigned int size = pe_pointer_size(r->pe);
	uint8_t bytes[8];
	for (size_t i = 0; i < THUNKS_MAX && samples->count < THUNKS_MAX; i++, rva += size) {
		if (!budget_spend(r->imports->budget, STEPS_A_NAME))
			return false;
		if (pe_copy(r->pe, rva, bytes, size) != PE_READ_OK || !le_pointer(bytes, size))
			break;
		if (names_is_address(r, le_pointer(bytes, size)))
			add_sample(samples, le_pointer(bytes, size));
	}
	return true;
}

static bool take_samples(const struct import_reading *r, struct name_samples *samples)
{
	uint64_t rva = r->pe->directory[PE_DIRECTORY_IMPORT].rva;
	uint8_t bytes[20];
	for (size_t i = 0; i < DESCRIPTORS_MAX; i++, rva += sizeof(bytes)) {
		if (pe_copy(r->pe, rva, bytes, sizeof(bytes)) != PE_READ_OK || !le32(bytes + 12))
			break;
		if (le32(bytes) && !sample_table(r, le32(bytes), samples))
			return false;
	}
	return samples->count > 0;
}

/*
 * Is there an IMAGE_IMPORT_BY_NAME at `rva`: at an even address, behind the end of something else,
 * a hint and a name?
 */
static enum pe_read is_name(const struct pe *pe, uint64_t rva, bool *name)
{
	char text[NAME_MAX_LENGTH + 1];
	uint8_t before;
	*name = false;
	if (rva % 2 || rva < 0x40 || rva >= pe->size_of_image)
		return PE_READ_OK;
	enum pe_read how = pe_copy(pe, rva - 1, &before, 1);
	if (how != PE_READ_OK || before)
		return how;
	how = pe_string(pe, rva + 2, text, sizeof(text));
	if (how == PE_READ_OK)
		*name = *text && names_valid_function(text, strlen(text));
	return how;
}

/* Do all of them lead to names when the first one is at `rva`? Sets `*absent` where pages lack. */
static bool fits(const struct import_reading *r, const struct name_samples *samples, uint64_t rva,
		 bool *absent)
{
	bool lacking = false;
	for (size_t i = 0; i < samples->count; i++) {
		bool name;
		/* by wrapping: what is below the first one too */
		uint64_t at = rva + (samples->values[i] - samples->values[0]);
		if (!budget_spend(r->imports->budget, STEPS_A_NAME))
			return false;
		enum pe_read how = is_name(r->pe, at, &name);
		if (how == PE_READ_ABSENT)
			lacking = true;
		else if (how != PE_READ_OK || !name)
			return false;
	}
	*absent |= lacking;
	return !lacking;
}

/*
 * Finds the base that was added to the RVAs: the only one by which all addresses lead to names. Few
 * of them could lead to a page that is not present as well.
 */
static uint64_t find_base(const struct import_reading *r)
{
	_cleanup_samples_ struct name_samples samples = {0};
	uint64_t base = 0, size = min_of((uint64_t)r->pe->size_of_image, r->pe->reader->size);
	size_t found = 0;
	bool absent = false;
	if (size > MODULE_PAGES * PAGE_SIZE || !take_samples(r, &samples))
		return 0;
	for (uint64_t page = 0; page < size; page += PAGE_SIZE) {
		uint64_t rva = page + samples.values[0] % PAGE_SIZE;
		if (!fits(r, &samples, rva, &absent))
			continue;
		base = samples.values[0] - rva;
		found++;
	}
	if (budget_exceeded(r->imports->budget) || found != 1)
		return 0;
	return absent && samples.names < CERTAIN_NAMES ? 0 : base;
}

bool names_rva(struct import_reading *r, uint64_t value, uint64_t *rva)
{
	*rva = value - r->pe->reader->base;
	if (*rva < r->pe->size_of_image)
		return true;
	if (!r->names_base_tried) {
		r->names_base_tried = true;
		r->names_base = find_base(r);
	}
	*rva = value - r->names_base;
	return r->names_base && *rva < r->pe->size_of_image;
}
