/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A Windows program that writes two dumps of itself, with all of its memory and with stacks only.
 * It is compiled for any x86-64 system, and put into a PE file by e2e/windows_program.py, so that
 * no compiler for Windows is needed: one function, at the file's first section, which uses nothing
 * but what follows at fixed RVAs.
 */
#include <stdint.h>

#define API __attribute__((ms_abi))

enum { NAMES = 0x2000, SLOTS = 0x3000, NAME_SIZE = 64 };
enum { GENERIC_WRITE = 0x40000000, CREATE_ALWAYS = 2 };
enum { WITH_FULL_MEMORY = 2, NORMAL = 0 }; /* MINIDUMP_TYPE */

/* The address table, in the order of test_wine_dump.py's imports. */
struct slots {
	uint64_t(API *create_file)(const char *name, uint32_t access, uint32_t share,
				   void *security, uint32_t disposition, uint32_t flags,
				   void *template);
	uint64_t(API *current_process)(void);
	uint32_t(API *current_pid)(void);
	void(API *exit_process)(uint32_t code);
	uint64_t end_of_kernel32;
	uint32_t(API *write_dump)(uint64_t process, uint32_t pid, uint64_t file, uint32_t type,
				  void *exception, void *streams, void *callback);
};

__attribute__((section(".text.start"), ms_abi)) void start(void)
{
	const uint8_t *peb;
	__asm__ volatile("mov %%gs:0x60, %0" : "=r"(peb));
	const uint8_t *base = *(const uint8_t *const *)(peb + 0x10);
	const struct slots *slots = (const void *)(base + SLOTS);
	uint32_t written = 0;
	for (unsigned int i = 0; i < 2; i++) {
		const char *name = (const char *)base + NAMES + i * NAME_SIZE;
		uint64_t file = slots->create_file(name, GENERIC_WRITE, 0, 0, CREATE_ALWAYS, 0, 0);
		written += slots->write_dump(slots->current_process(), slots->current_pid(), file,
					     i ? NORMAL : WITH_FULL_MEMORY, 0, 0, 0);
	}
	slots->exit_process(written == 2 ? 0 : 1);
}
