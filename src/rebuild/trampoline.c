/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a slot leads that does not hold an export's address. Hooks, shims and packers let it point
 * to a trampoline: a few instructions that end in a jump to the real export.
 *
 * The forms, x86 and x64 (opcodes by Intel's manual, volume 2):
 *
 *	jmp rel8			jmp rel32
 *	jmp [rip+x] or [abs]		push imm32; ret
 *	push imm32; mov [rsp+4], imm32; ret
 *	mov reg, imm; jmp reg		mov reg, imm; push reg; ret
 *
 * Instructions without effect in front (nop, endbr, mov edi,edi) are skipped. Any other instruction
 * ends the search: a function that jumps somewhere later on is no trampoline.
 */
#include <string.h>

#include <impscan/bytes.h>

#include "rebuild/rebuilding.h"

enum {
	HOPS_MAX = 6,  /* jumps from one trampoline to the next */
	CODE_MAX = 24, /* bytes of the longest form */
	SKIPS_MAX = 8, /* instructions without effect */
};

/* Returns the length of an instruction without effect; 0 when it is another one. */
static size_t idle(const uint8_t *p)
{
	if (p[0] == 0x90)
		return 1;
	if (p[0] == 0x66 && p[1] == 0x90)
		return 2;
	if (p[0] == 0x8b && p[1] == 0xff)
		return 2;
	if (p[0] == 0xf3 && p[1] == 0x0f && p[2] == 0x1e && (p[3] == 0xfa || p[3] == 0xfb))
		return 4;
	return 0;
}

/* Does "jmp reg" or "push reg; ret" stand at `p`, with the register of this number? */
static bool jumps_to(const uint8_t *p, unsigned int reg)
{
	if (reg >= 8) {
		if (p[0] != 0x41)
			return false;
		p++;
		reg -= 8;
	}
	return (p[0] == 0xff && p[1] == 0xe0 + reg) || (p[0] == 0x50 + reg && p[1] == 0xc3);
}

/* Returns where the code at `address` jumps to; 0 when it is no trampoline. */
static uint64_t jump(struct rebuilding *r, uint64_t address)
{
	uint8_t code[CODE_MAX + SKIPS_MAX * 4] = {0};
	bool x64 = r->pointer_size == 8;
	uint64_t mask = x64 ? UINT64_MAX : UINT32_MAX;
	size_t n = sizeof(code);
	/* where the present memory ends, fewer bytes are enough */
	while (n > 5 && !rebuild_read(r, address, code, n)) {
		memset(code, 0, sizeof(code));
		n -= n > CODE_MAX ? n - CODE_MAX : 1;
	}
	if (n <= 5 && !rebuild_read(r, address, code, n))
		return 0;
	const uint8_t *p = code;
	for (int i = 0; i < SKIPS_MAX && idle(p); i++) {
		address += idle(p);
		p += idle(p);
	}
	if (p[0] == 0xe9)
		return (address + 5 + (uint64_t)(int64_t)(int32_t)le32(p + 1)) & mask;
	if (p[0] == 0xeb)
		return (address + 2 + (uint64_t)(int64_t)(int8_t)p[1]) & mask;
	if (x64 && p[0] == 0x48 && p[1] == 0xff && p[2] == 0x25) {
		p++;
		address++;
	}
	if (p[0] == 0xff && p[1] == 0x25) {
		uint64_t slot = le32(p + 2);
		uint64_t value;
		if (x64)
			slot = address + 6 + (uint64_t)(int64_t)(int32_t)le32(p + 2);
		return rebuild_slot(r, slot, &value) ? value : 0;
	}
	if (p[0] == 0x68) {
		uint64_t low = le32(p + 1);
		if (p[5] == 0xc3)
			return x64 ? (uint64_t)(int64_t)(int32_t)low : low;
		if (x64 && !memcmp(p + 5, "\xc7\x44\x24\x04", 4) && p[13] == 0xc3)
			return low | (uint64_t)le32(p + 9) << 32;
		return 0;
	}
	if (x64 && (p[0] == 0x48 || p[0] == 0x49) && (p[1] & 0xf8) == 0xb8)
		return jumps_to(p + 10, (p[1] & 7u) + (p[0] & 1u) * 8) ? le64(p + 2) : 0;
	if ((p[0] & 0xf8) == 0xb8)
		return jumps_to(p + 5, p[0] & 7u) ? le32(p + 1) : 0;
	return 0;
}

uint64_t rebuild_target(struct rebuilding *r, uint64_t value)
{
	for (int hop = 0; hop < HOPS_MAX && value; hop++) {
		if (export_map_hit(r->map, value))
			return value;
		value = jump(r, value);
	}
	return 0;
}
