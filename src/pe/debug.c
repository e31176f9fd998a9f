/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The debug directory: which PDB belongs to a PE.
 *
 * Facts: IMAGE_DEBUG_DIRECTORY of "PE Format"; CV_INFO_PDB70 of github.com/microsoft/microsoft-pdb:
 * signature "RSDS", GUID, age, path.
 */
#include <impscan/bytes.h>
#include <impscan/pe.h>

#include <stdio.h>
#include <string.h>

enum {
	ENTRY_SIZE = 28,
	ENTRIES_MAX = 64, /* linkers write fewer than ten */
	TYPE_CODEVIEW = 2,
	RECORD_SIZE = 24, /* before the path */
};

static bool read_record(const struct pe *pe, uint32_t rva, struct pe_pdb *pdb)
{
	uint8_t r[RECORD_SIZE];
	if (pe_copy(pe, rva, r, sizeof(r)) != PE_READ_OK || memcmp(r, "RSDS", 4) != 0)
		return false;
	snprintf(pdb->guid_age, sizeof(pdb->guid_age),
		 "%08X%04X%04X%02X%02X%02X%02X%02X%02X%02X%02X-%u", le32(r + 4), le16(r + 8),
		 le16(r + 10), r[12], r[13], r[14], r[15], r[16], r[17], r[18], r[19],
		 le32(r + 20));
	if (pe_string(pe, (uint64_t)rva + RECORD_SIZE, pdb->name, sizeof(pdb->name)) != PE_READ_OK)
		pdb->name[0] = '\0';
	return true;
}

bool pe_pdb(const struct pe *pe, struct pe_pdb *pdb)
{
	*pdb = (struct pe_pdb){0};
	if (pe->status != PE_OK)
		return false;
	const struct pe_data_directory *directory = &pe->directory[PE_DIRECTORY_DEBUG];
	uint32_t count = min_of(directory->size / ENTRY_SIZE, (uint32_t)ENTRIES_MAX);
	for (uint32_t i = 0; directory->rva && i < count; i++) {
		uint8_t entry[ENTRY_SIZE];
		if (pe_copy(pe, (uint64_t)directory->rva + i * ENTRY_SIZE, entry, sizeof(entry)) !=
		    PE_READ_OK)
			continue;
		uint32_t rva = le32(entry + 20); /* AddressOfRawData */
		if (le32(entry + 12) == TYPE_CODEVIEW && rva && read_record(pe, rva, pdb))
			return true;
	}
	return false;
}
