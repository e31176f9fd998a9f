/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which virtual addresses are the kernel's: the upper half of the address space. On x64 that is all
 * addresses whose 17 upper bits are set (canonical ones, Intel SDM volume 1, 3.3.7.1), on x86 the
 * upper 2 GB.
 *
 * x86 started with /3GB has only the upper 1 GB for the kernel. Nothing in a pointer tells, and the
 * kernel's structures of such machines lie above 0xc0000000 all the same: so this takes no account
 * of it. What asks for addresses of the user's part, and would miss some, says so where it does
 * otherwise.
 *
 * Room: memory.
 */
#ifndef IMPSCAN_KERNEL_ADDRESS_H
#define IMPSCAN_KERNEL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/memory.h>

/* The first address of the kernel's half. */
#define KERNEL_HALF_X64 UINT64_C(0xffff800000000000)
#define KERNEL_HALF_X86 UINT64_C(0x80000000)

/* The first address above the user's half of x64; of x86 it is KERNEL_HALF_X86. */
#define USER_END_X64 UINT64_C(0x800000000000)

/* The first address of the kernel's half, by the size of a pointer (4 or 8 bytes). */
static inline uint64_t kernel_half(unsigned int pointer_size)
{
	return pointer_size == 8 ? KERNEL_HALF_X64 : KERNEL_HALF_X86;
}

/* The first address above the user's half, by the size of a pointer (4 or 8 bytes). */
static inline uint64_t user_end(unsigned int pointer_size)
{
	return pointer_size == 8 ? USER_END_X64 : KERNEL_HALF_X86;
}

/* Is `address`, of a pointer of 4 or 8 bytes, in the kernel's half? */
static inline bool is_kernel_pointer(unsigned int pointer_size, uint64_t address)
{
	return address >= kernel_half(pointer_size) && (pointer_size == 8 || address <= UINT32_MAX);
}

/* The same, by the kind of page tables. */
static inline bool is_kernel_address(enum paging paging, uint64_t address)
{
	return is_kernel_pointer(paging == PAGING_X64 ? 8 : 4, address);
}

/*
 * Is any of the pointers in `size` bytes one to the kernel's half? Looks at each multiple of
 * `pointer_size` (4 or 8 bytes) from the start. Only a first look, made fast: of pointers of 8
 * bytes it compares the upper 4.
 */
bool any_kernel_pointer(const uint8_t *bytes, size_t size, unsigned int pointer_size);

#endif
