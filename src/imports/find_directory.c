/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds the import directory of a module whose headers are gone, by its content: an array of
 * IMAGE_IMPORT_DESCRIPTOR, each with the RVAs of a DLL's name and of tables within the module,
 * ended by one that is all zero.
 */
#include <impscan/imports.h>

#include <impscan/bytes.h>

#define DESCRIPTOR_SIZE 20

/* Steps of a budget: for looking at a whole page, and for reading what a descriptor leads to. */
#define STEPS_A_PAGE	   20
#define STEPS_A_DESCRIPTOR 4

/* A descriptor may start at any multiple of 4 bytes: so there are five interleaved rows of them. */
#define ROWS (DESCRIPTOR_SIZE / 4)

/* Is there a file name such as DLLs have: printable, no separators, a dot, 3 to 64 characters? */
static bool is_dll_name(const struct pe *pe, uint32_t rva)
{
	char name[66];
	size_t length = 0, dots = 0;
	if (pe_string(pe, rva, name, sizeof(name)) != PE_READ_OK)
		return false;
	for (; name[length]; length++) {
		char c = name[length];
		if (c <= ' ' || c >= 0x7f || c == '\\' || c == '/' || c == ':')
			return false;
		dots += c == '.';
	}
	return length >= 3 && length <= 64 && dots;
}

/* Is the first thunk at `rva` an ordinal, or does it lead to a name within the module? */
static bool is_thunk_table(const struct pe *pe, uint32_t rva, uint64_t size)
{
	uint8_t bytes[8];
	char name[8];
	unsigned int pointer = pe_pointer_size(pe);
	if (pe_copy(pe, rva, bytes, pointer) != PE_READ_OK)
		return false;
	uint64_t thunk = le_pointer(bytes, pointer);
	if (thunk >> (pointer * 8 - 1))
		return (thunk & 0x7fffffff) <= 0xffff;
	if (thunk + 2 >= size || pe_string(pe, thunk + 2, name, sizeof(name)) != PE_READ_OK)
		return false;
	return name[0] > ' ' && name[0] < 0x7f;
}

/* The cheap part of is_descriptor(), for every 4 bytes of the module. */
static bool may_be_descriptor(const uint8_t *bytes, uint64_t size)
{
	uint32_t names = le32(bytes), chain = le32(bytes + 8), dll = le32(bytes + 12);
	uint32_t addresses = le32(bytes + 16);
	return dll && dll < size && addresses && addresses < size && addresses % 4 == 0 &&
	       names < size && names % 4 == 0 && (!chain || chain == UINT32_MAX);
}

static bool is_descriptor(const struct pe *pe, const uint8_t *bytes, uint64_t size)
{
	uint32_t names = le32(bytes);
	return may_be_descriptor(bytes, size) && is_dll_name(pe, le32(bytes + 12)) &&
	       is_thunk_table(pe, names ? names : le32(bytes + 16), size);
}

static bool is_end(const uint8_t *bytes)
{
	for (size_t i = 0; i < DESCRIPTOR_SIZE; i++)
		if (bytes[i])
			return false;
	return true;
}

/*
 * Returns the number of descriptors at `*rva`; 0 unless one of zeros ends them. Sets `*rva` to
 * where they end.
 */
static size_t directory_length(const struct pe *pe, uint64_t *rva, uint64_t size,
			       struct budget *budget)
{
	uint8_t bytes[DESCRIPTOR_SIZE];
	for (size_t count = 0;; count++, *rva += DESCRIPTOR_SIZE) {
		if (*rva + DESCRIPTOR_SIZE > size || !budget_spend(budget, STEPS_A_DESCRIPTOR) ||
		    pe_copy(pe, *rva, bytes, sizeof(bytes)) != PE_READ_OK)
			return 0;
		if (is_end(bytes))
			return count;
		if (!is_descriptor(pe, bytes, size))
			return 0;
	}
}

/* The search so far. */
struct directory_search {
	uint64_t best; /* RVA of the longest directory */
	size_t most;   /* its descriptors */
	/* For each row: below this RVA no directory starts, since none ends properly there. */
	uint64_t bad[ROWS];
};

/* Looks for a directory at `rva`, where a descriptor may be. Returns the bytes to go on by. */
static uint64_t look(const struct pe *pe, uint64_t rva, struct directory_search *search,
		     struct budget *budget)
{
	uint64_t *bad = &search->bad[rva / 4 % ROWS];
	if (rva < *bad)
		return 4;
	uint64_t end = rva;
	size_t length = directory_length(pe, &end, pe->size_of_image, budget);
	if (!length) {
		*bad = end;
		return 4;
	}
	if (length > search->most) {
		search->most = length;
		search->best = rva;
	}
	return (length - 1) * DESCRIPTOR_SIZE + 4;
}

uint32_t imports_find_directory(const struct pe *pe, struct budget *budget)
{
	uint64_t size = pe->size_of_image;
	struct directory_search search = {0};
	for (uint64_t page = 0; page < size; page += PAGE_SIZE) {
		size_t available;
		enum pe_read how;
		bool present = pe_at(pe, page, &available, &how);
		if (!budget_spend(budget, present ? STEPS_A_PAGE : 1))
			return 0;
		if (!present)
			continue;
		for (uint64_t rva = page; rva < page + PAGE_SIZE;) {
			uint8_t bytes[DESCRIPTOR_SIZE];
			/* Only what crosses the page's end is copied. */
			size_t offset = (size_t)(rva - page);
			const uint8_t *at = pe_at(pe, rva, &available, &how);
			if (!at)
				break;
			bool whole = available >= DESCRIPTOR_SIZE;
			if (!whole && offset + DESCRIPTOR_SIZE > PAGE_SIZE) {
				whole = pe_copy(pe, rva, bytes, sizeof(bytes)) == PE_READ_OK;
				at = bytes;
			}
			bool may_be = whole && may_be_descriptor(at, size);
			rva += may_be ? look(pe, rva, &search, budget) : 4;
		}
	}
	return budget_exceeded(budget) ? 0 : (uint32_t)search.best;
}
