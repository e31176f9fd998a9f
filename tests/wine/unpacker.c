/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stub of a packed program, compiled as dumper.c is: changes the body back in place, fills the
 * original's address table by itself, and goes on at the original's entry point. Its notes and
 * address table are made by pack() of e2e/windows_program.py.
 */
#include <stdint.h>

#define API __attribute__((ms_abi))

/* What lies at the RVA that the stub's section begins with; the stub itself is behind it. */
struct notes {
	uint64_t(API *load_library)(const char *name);
	uint64_t(API *proc_address)(uint64_t module, const char *name);
	uint64_t end;
	uint32_t body, size, imports, entry; /* but for the size they are RVAs */
};

/* The stub is called with no argument: where its notes are is told by the program counter. */
__attribute__((section(".text.start"), ms_abi)) void start(void)
{
	uint8_t *here;
	__asm__ volatile("lea (%%rip), %0" : "=r"(here));
	const struct notes *notes = (const void *)((uintptr_t)here & ~(uintptr_t)0xfff);
	const uint8_t *peb;
	__asm__ volatile("mov %%gs:0x60, %0" : "=r"(peb));
	uint8_t *base = *(uint8_t *const *)(peb + 0x10);
	const uint8_t *packed = (const uint8_t *)notes + 0x1000;
	for (uint32_t i = 0; i < notes->size; i++)
		base[notes->body + i] = packed[i] ^ (uint8_t)(i * 0x9d ^ i >> 7 ^ 0x5a);
	/* slot (4), DLL, 0, function, 0 for each; ends with slot 0 */
	const uint8_t *record = base + notes->imports;
	uint32_t slot;
	while ((slot = *(const uint32_t *)record) != 0) {
		const char *dll = (const char *)record + 4, *name = dll;
		while (*name++)
			;
		*(uint64_t *)(base + slot) = notes->proc_address(notes->load_library(dll), name);
		while (*name++)
			;
		record = (const uint8_t *)name;
	}
	((void(API *)(void))(base + notes->entry))();
}
