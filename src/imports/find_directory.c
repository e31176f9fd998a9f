/*
 * The import directory of a module whose headers are gone, found by what it looks like: an array of
 * IMAGE_IMPORT_DESCRIPTOR, each with the RVA of a DLL's name and of tables within the module, ended
 * by one of zeros.
 */
#include <impscan/imports.h>

#include <impscan/bytes.h>

#define DESCRIPTOR_SIZE 20

/* A file name as DLLs have: printable, without separators, 3 to 64 characters. */
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

/* Does the first thunk at `rva` lead to a name within the module, or is it an ordinal? */
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

static bool is_descriptor(const struct pe *pe, const uint8_t *bytes, uint64_t size)
{
	uint32_t names = le32(bytes), chain = le32(bytes + 8), dll = le32(bytes + 12);
	uint32_t addresses = le32(bytes + 16);
	/* Cheap tests first: this is asked of every 4 bytes of the module. */
	if (!dll || dll >= size || !addresses || addresses >= size || addresses % 4 ||
	    names >= size || names % 4 || (chain && chain != UINT32_MAX))
		return false;
	return is_dll_name(pe, dll) && is_thunk_table(pe, names ? names : addresses, size);
}

static bool is_end(const uint8_t *bytes)
{
	for (size_t i = 0; i < DESCRIPTOR_SIZE; i++)
		if (bytes[i])
			return false;
	return true;
}

/* How many descriptors stand at `rva`; 0 unless they end as a directory does. */
static size_t directory_length(const struct pe *pe, uint64_t rva, uint64_t size)
{
	uint8_t bytes[DESCRIPTOR_SIZE];
	for (size_t count = 0;; count++, rva += DESCRIPTOR_SIZE) {
		if (rva + DESCRIPTOR_SIZE > size ||
		    pe_copy(pe, rva, bytes, sizeof(bytes)) != PE_READ_OK)
			return 0;
		if (is_end(bytes))
			return count;
		if (!is_descriptor(pe, bytes, size))
			return 0;
	}
}

uint32_t imports_find_directory(const struct pe *pe)
{
	uint64_t size = pe->size_of_image;
	uint64_t best = 0;
	size_t most = 0;
	for (uint64_t page = 0; page < size; page += PE_PAGE_SIZE) {
		size_t available;
		enum pe_read how;
		if (!pe_at(pe, page, &available, &how))
			continue;
		for (uint64_t rva = page; rva < page + PE_PAGE_SIZE; rva += 4) {
			uint8_t bytes[DESCRIPTOR_SIZE];
			/* Within the page without a copy, across its end with one. */
			size_t offset = (size_t)(rva - page);
			const uint8_t *at = pe_at(pe, rva, &available, &how);
			if (!at)
				break;
			if (available < DESCRIPTOR_SIZE) {
				if (offset + DESCRIPTOR_SIZE <= PE_PAGE_SIZE ||
				    pe_copy(pe, rva, bytes, sizeof(bytes)) != PE_READ_OK)
					continue;
				at = bytes;
			}
			if (!is_descriptor(pe, at, size))
				continue;
			size_t length = directory_length(pe, rva, size);
			if (length > most) {
				most = length;
				best = rva;
			}
			if (length)
				rva += (length - 1) * DESCRIPTOR_SIZE;
		}
	}
	return (uint32_t)best;
}
