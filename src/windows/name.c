/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads names: each text once, however many structures name it. The names of one owner are bounded
 * in memory.
 */
#include <impscan/alloc.h>
#include <impscan/names.h>

/*
 * Steps of finding a name; bytes of its text that are read in a step. Nearly all names have at most
 * USUAL_LENGTH bytes. A longer one costs most where it is printed, for each structure that has it:
 * so SHOWN_LENGTH bytes beyond are a step, whenever it is asked for.
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
	/* The upper 16 bits of an address are copies of bit 47. */
	uint64_t place = buffer << 16 | length;
	if (address_map_get(&names->known, place, &known))
		return (const char *)(uintptr_t)known;
	/* UTF-8 needs at least a byte for each unit of UTF-16: without that room it is not read. */
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
