/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slots that code uses: by call [slot], jmp [slot] or mov reg, [slot], relative to the instruction
 * on x64 and absolute on x86. Compilers reach imports in no other way. So such a slot shows that
 * the run around it is a table, and a slot that stands alone is found by it.
 *
 * The bytes are searched for the opcodes (FF /2, FF /4, 8B, A1), then the disassembler confirms the
 * instruction. Where instructions begin is not known: other bytes lead to an export only by
 * accident, so that one slot alone is not believed.
 */
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "rebuild/rebuilding.h"

enum { INSTRUCTION_MAX = 15 }; /* bytes of the longest instruction */

struct decoder {
	ZydisDecoder zydis;
	struct rebuilding *r;
};

/*
 * Finds the memory operand of the call, jump or load at `code`, which lies at `address`. Returns
 * false when it is another instruction.
 */
static bool operand(struct decoder *d, const uint8_t *code, size_t size, uint64_t address,
		    uint64_t *slot)
{
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d->zydis, code, size, &instruction, operands)))
		return false;
	const ZydisDecodedOperand *o;
	if (instruction.mnemonic == ZYDIS_MNEMONIC_CALL ||
	    instruction.mnemonic == ZYDIS_MNEMONIC_JMP)
		o = &operands[0];
	else if (instruction.mnemonic == ZYDIS_MNEMONIC_MOV)
		o = &operands[1];
	else
		return false;
	if (o->type != ZYDIS_OPERAND_TYPE_MEMORY || o->size != d->r->pointer_size * 8 ||
	    o->mem.index != ZYDIS_REGISTER_NONE)
		return false;
	ZyanU64 result;
	if (!ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&instruction, o, address, &result)))
		return false;
	*slot = result;
	return true;
}

/* May an instruction begin at `p` whose operand is memory at a fixed address? A quick test. */
static bool interesting(const uint8_t *p, bool x64)
{
	if (p[0] == 0xff)
		return p[1] == 0x15 || p[1] == 0x25;
	if (p[0] == 0x8b)
		return (p[1] & 0xc7) == 0x05;
	return !x64 && p[0] == 0xa1;
}

/* Adds the slots that the instructions in `size` bytes `p` use; they lie at `address`. */
static void search(struct decoder *d, const uint8_t *p, size_t size, uint64_t address)
{
	struct rebuilding *r = d->r;
	struct rebuild_scratch *s = r->scratch;
	bool x64 = r->pointer_size == 8;
	for (size_t i = 0; i + 6 <= size; i++) {
		if (!interesting(p + i, x64))
			continue;
		/* a load of 64 bits has a prefix */
		size_t at = x64 && p[i] == 0x8b ? i - 1 : i;
		if (at > i || (x64 && p[i] == 0x8b && (p[at] & 0xf8) != 0x48))
			continue;
		uint64_t slot, value;
		if (!rebuild_spend(r, STEPS_DECODE))
			return;
		if (!operand(d, p + at, size - at, address + at, &slot) || slot % 4 ||
		    !rebuild_slot(r, slot, &value))
			continue;
		if (!export_map_hit(r->map, value) ||
		    (r->area && value - r->area->base < r->area->size) ||
		    !address_set_add(&s->called_set, slot))
			continue;
		if (s->called_count >= CALLED_MAX) {
			rebuild_too_many(r);
			return;
		}
		*array_push(s->called, s->called_count, s->called_capacity) = slot;
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Does an address lie in a section with code, as far as sections are known? */
static bool executable(const struct rebuilding *r, uint64_t address)
{
	if (!r->pe || !r->pe->section_count)
		return true;
	uint32_t section = rebuild_section(r, address);
	return section != UINT32_MAX &&
	       r->pe->sections[section].characteristics & IMAGE_SCN_MEM_EXECUTE;
}

void rebuild_find_called(struct rebuilding *r)
{
	struct rebuild_scratch *s = r->scratch;
	struct decoder d = {.r = r};
	s->called_count = 0;
	address_set_free(&s->called_set);
	ZydisDecoderInit(&d.zydis,
			 r->pointer_size == 8 ? ZYDIS_MACHINE_MODE_LONG_64
					      : ZYDIS_MACHINE_MODE_LEGACY_32,
			 r->pointer_size == 8 ? ZYDIS_STACK_WIDTH_64 : ZYDIS_STACK_WIDTH_32);
	/* The end of a page is searched with the next one, for instructions that cross. */
	uint8_t bytes[INSTRUCTION_MAX + PAGE_SIZE];
	size_t kept = 0;
	uint64_t behind = 0; /* the end of the page that was read last */
	for (uint64_t a = r->start; (a = rebuild_present(r, a, r->end)) < r->end;
	     a += min_of((uint64_t)PAGE_SIZE, r->end - a)) {
		size_t available;
		const uint8_t *p = NULL;
		a -= a % PAGE_SIZE;
		kept = a == behind ? kept : 0;
		behind = a + PAGE_SIZE;
		if (!rebuild_spend(r, STEPS_BYTES + 2 * rebuild_section_steps(r)))
			break;
		if (executable(r, a) || executable(r, a + PAGE_SIZE - 1))
			p = r->memory->at(r->memory, a, &available);
		if (!p) {
			kept = 0;
			continue;
		}
		size_t n = min_of(available, (size_t)PAGE_SIZE);
		memcpy(bytes + kept, p, n);
		search(&d, bytes, kept + n, a - kept);
		size_t tail = min_of(kept + n, (size_t)INSTRUCTION_MAX);
		memmove(bytes, bytes + kept + n - tail, tail);
		kept = n == PAGE_SIZE ? tail : 0;
	}
	if (s->called_count)
		qsort(s->called, s->called_count, sizeof(*s->called), compare);
}

bool rebuild_is_called(const struct rebuilding *r, uint64_t slot)
{
	const struct rebuild_scratch *s = r->scratch;
	return s->called_count && bsearch(&slot, s->called, s->called_count, sizeof(slot), compare);
}
