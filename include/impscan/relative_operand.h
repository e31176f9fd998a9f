/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory operands of x64 code, which are relative to the instruction behind. They are how code
 * refers to a slot or a variable, where 32-bit code has its address.
 *
 * Room: rebuild.
 */
#ifndef IMPSCAN_RELATIVE_OPERAND_H
#define IMPSCAN_RELATIVE_OPERAND_H

#include <stddef.h>
#include <stdint.h>

#include <impscan/bytes.h>

/*
 * Returns the address of the operand in memory of a call, jump, push, mov or lea of 64 bits.
 *
 * p		the bytes that may be such an instruction, whose first byte lies at `address`
 * available	how many there are
 *
 * Returns 0 where it is another instruction, or not all there.
 *
 * Facts: FF /2, FF /4, FF /6, 8B, 89, 8D and the ModRM byte of Intel's manual, volume 2.
 */
static inline uint64_t relative_operand(const uint8_t *p, size_t available, uint64_t address)
{
	size_t length = 0;
	if (available < 6)
		return 0;
	if (p[0] == 0xff && (p[1] == 0x15 || p[1] == 0x25 || p[1] == 0x35))
		length = 6;
	else if ((p[0] & 0xfb) == 0x48 && (p[1] == 0x8b || p[1] == 0x89 || p[1] == 0x8d) &&
		 (p[2] & 0xc7) == 0x05)
		length = 7;
	if (!length || length > available)
		return 0;
	return address + length + (uint64_t)(int64_t)(int32_t)le32(p + length - 4);
}

/* How many positions relative_operand_next() looks at together. */
#define RELATIVE_OPERAND_BLOCK 16

/*
 * Returns the position to go on from at `i`, a multiple of RELATIVE_OPERAND_BLOCK, in `size` bytes
 * `p`: no such instruction begins before it. Blocks of positions without any are passed over at
 * once; they are compared without branches, so that compilers use vector instructions.
 */
static inline size_t relative_operand_next(const uint8_t *p, size_t size, size_t i)
{
	for (; i + RELATIVE_OPERAND_BLOCK + 2 <= size; i += RELATIVE_OPERAND_BLOCK) {
		uint8_t any = 0;
		for (size_t k = i; k < i + RELATIVE_OPERAND_BLOCK; k++) {
			uint8_t short_form =
				(uint8_t)(p[k] == 0xff) & (uint8_t)((p[k + 1] & 0xcf) == 0x05);
			uint8_t long_form = (uint8_t)((p[k] & 0xfb) == 0x48) &
					    (uint8_t)((p[k + 2] & 0xc7) == 0x05);
			any |= short_form | long_form;
		}
		if (any)
			break;
	}
	return i;
}

#endif
