/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names in the image: each text is read once, by however many structures it is named, and all of
 * one owner are bounded in memory.
 */
#include <impscan/alloc.h>
#include <impscan/names.h>

/*
 * What a name counts: finding it, and reading so many bytes of its text. A long one costs most
 * where it is shown, which it is for each structure that it names: bytes beyond those that nearly
 * all have.
 */
#define NAME_STEPS   2
#define STEP_LENGTH  64
#define USUAL_LENGTH 256
#define SHOWN_LENGTH 2

const char *names_read(struct names *names, struct space *space, uint64_t address,
		       unsigned int pointer_size, struct budget *budget)
{
	uint64_t buffer, known;
	uint16_t length;
	(void)budget_spend(budget, NAME_STEPS);
	if (!space_unicode_place(space, address, pointer_size, &buffer, &length))
		return NULL;
	if (!length)
		return "";
	if (length > USUAL_LENGTH &&
	    !budget_spend(budget, (length - (uint64_t)USUAL_LENGTH) / SHOWN_LENGTH))
		return NULL;
	/* The upper 16 bits of an address say no more than the 17th. */
	uint64_t place = buffer << 16 | length;
	if (address_map_get(&names->known, place, &known))
		return (const char *)(uintptr_t)known;
	/* It has at least a byte for each two: what finds no room need not be read. */
	if (length / 2 > STRINGS_MAX - names->strings.bytes) {
		names->strings.left_out++;
		return NULL;
	}
	(void)budget_spend(budget, length / STEP_LENGTH);
	const char *name = strings_take(&names->strings, space_utf16(space, buffer, length));
	address_map_add(&names->known, place, (uintptr_t)name);
	return name;
}

void names_free(struct names *names)
{
	strings_free(&names->strings);
	address_map_free(&names->known);
}
