/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Code of a PE file being built: deterministic instructions, calls of imported functions. */
#include <writer/pe_builder_parts.h>

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* One call through a random slot of the IAT. */
static size_t write_call(struct pe_builder *b, uint32_t rva, uint32_t *state)
{
	const struct dll *dll = &b->imports.items[next_random(state) % b->imports.count];
	uint32_t slot = dll->functions[next_random(state) % dll->count].slot;
	uint8_t *p = at(b, SECTION_TEXT, rva);
	p[0] = 0xff;
	p[1] = 0x15;
	if (b->pe32_plus)
		put(p + 2, slot - (rva + 6), 4);
	else
		put_pointer(b, SECTION_TEXT, rva + 2, slot);
	return 6;
}

void pe_builder_write_code(struct pe_builder *b, const struct code *code)
{
	static const struct {
		uint8_t size;
		uint8_t bytes[7];
	} common[] = {
		{3, {0x8b, 0x45, 0x08}},	     /* mov eax, [ebp+8] */
		{2, {0x33, 0xc0}},		     /* xor eax, eax */
		{2, {0x85, 0xc0}},		     /* test eax, eax */
		{2, {0x74, 0x02}},		     /* je +2 */
		{1, {0x90}},			     /* nop */
		{5, {0xb8, 1, 0, 0, 0}},	     /* mov eax, 1 */
		{3, {0x83, 0xf8, 0x10}},	     /* cmp eax, 16 */
		{3, {0x89, 0x45, 0xf8}},	     /* mov [ebp-8], eax */
		{5, {0xc3, 0xcc, 0xcc, 0xcc, 0x55}}, /* ret; int3...; push ebp */
	};
	uint32_t state = code->seed * 2654435761u + 1;
	uint32_t done = 0;
	while (done < code->size) {
		uint32_t left = code->size - done;
		uint32_t pick = next_random(&state) % 12;
		if (pick >= (sizeof(common) / sizeof(common[0])) && left >= 6 && b->imports.count) {
			done += (uint32_t)write_call(b, code->rva + done, &state);
			continue;
		}
		pick %= (sizeof(common) / sizeof(common[0]));
		uint8_t *p = at(b, SECTION_TEXT, code->rva + done);
		if (common[pick].size > left) {
			*p = 0xcc;
			done++;
			continue;
		}
		memcpy(p, common[pick].bytes, common[pick].size);
		done += common[pick].size;
	}
}
