/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory: decoding one page-table entry or prototype PTE, by tables of entries of several layouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <impscan/bytes.h>
#include <impscan/entry.h>

#include <string.h>

#define VALID	   UINT64_C(0x001)
#define SWIZZLE	   UINT64_C(0x010)
#define PROTOTYPE  UINT64_C(0x400)
#define TRANSITION UINT64_C(0x800)
#define MASK	   UINT64_C(0x200000000000) /* bit 45: a machine of 46 physical address bits */

/* MM_PROTECTION_MASK in bits 5 to 9. */
#define READ	   (UINT64_C(1) << 5)
#define READ_WRITE (UINT64_C(4) << 5)
#define RUN	   (UINT64_C(3) << 5)
#define RUN_COPY   (UINT64_C(7) << 5)

/* Since the updates of 2018, x64. */
#define LAYOUT_10                                                           \
	{                                                                   \
		.frame = {12, 36}, .protection = {5, 5}, .swizzle = {4, 1}, \
		.page_file_number = {12, 4}, .page_file_offset = {32, 32},  \
		.prototype_address = {16, 48}, .prototype_protection = {    \
			5,                                                  \
			5                                                   \
		}                                                           \
	}

static const struct entry_format windows_10 = {
	.layout = LAYOUT_10,
	.mask = MASK,
	.mask_known = true,
	.valid_frame = UINT64_C(0x000ffffffffff000),
	.address_bits = UINT64_MAX,
};

/* The same while the mask is not known; the image's memory ends at 4 GB. */
static const struct entry_format windows_10_early = {
	.layout = LAYOUT_10,
	.image_frames = UINT64_C(0xfffff000),
	.valid_frame = UINT64_C(0x000ffffffffff000),
	.address_bits = UINT64_MAX,
};

/* x64 before: the page file's number in bits 1 to 4. */
static const struct entry_format windows_7 = {
	.layout = {.frame = {12, 36},
		   .protection = {5, 5},
		   .page_file_number = {1, 4},
		   .page_file_offset = {32, 32},
		   .prototype_address = {16, 48},
		   .prototype_protection = {11, 5}},
	.image_frames = UINT64_C(0xfffff000),
	.valid_frame = UINT64_C(0x000ffffffffff000),
	.address_bits = UINT64_MAX,
};

static const struct entry_format windows_7_pae = {
	.layout = {.frame = {12, 26},
		   .protection = {5, 5},
		   .page_file_number = {1, 4},
		   .page_file_offset = {32, 32},
		   .prototype_address = {32, 32},
		   .prototype_protection = {11, 5}},
	.image_frames = UINT64_C(0xfffff000),
	.valid_frame = UINT64_C(0x000ffffffffff000),
	.address_bits = UINT32_MAX,
};

#define LAYOUT_X86(low_bits)                                                          \
	{                                                                             \
		.frame = {12, 20}, .protection = {5, 5}, .page_file_number = {1, 4},  \
		.page_file_offset = {12, 20}, .prototype_address_low = {1, low_bits}, \
		.prototype_address_high = {                                           \
			11,                                                           \
			21                                                            \
		}                                                                     \
	}

static const struct entry_format windows_7_x86 = {
	.layout = LAYOUT_X86(8),
	.image_frames = UINT64_C(0xfffff000),
	.valid_frame = UINT64_C(0xfffff000),
	.address_bits = UINT32_MAX,
};

static const struct entry_format windows_xp_x86 = {
	.layout = LAYOUT_X86(7),
	.image_frames = UINT64_C(0xfffff000),
	.valid_frame = UINT64_C(0xfffff000),
	.address_bits = UINT32_MAX,
};

struct entry_case {
	const struct entry_format *format;
	uint64_t bits;
	struct page_entry entry; /* as it is decoded */
};

static void check(const struct entry_case *c, size_t number,
		  void (*decode)(const struct entry_format *, uint64_t, struct page_entry *))
{
	struct page_entry entry, expected = c->entry;
	memset(&entry, 0xa5, sizeof(entry));
	decode(c->format, c->bits, &entry);
	if (entry.kind != expected.kind || entry.frame != expected.frame)
		print_error("case %zu: 0x%llx\n", number, (unsigned long long)c->bits);
	assert_int_equal(entry.kind, expected.kind);
	assert_int_equal(entry.frame, expected.frame);
	assert_int_equal(entry.page_file, expected.page_file);
	assert_int_equal(entry.page_file_offset, expected.page_file_offset);
	assert_int_equal(entry.prototype, expected.prototype);
	assert_int_equal(entry.prototype_unmasked, expected.prototype_unmasked
							   ? expected.prototype_unmasked
							   : expected.prototype);
	assert_int_equal(entry.protection, expected.protection);
	assert_int_equal(entry.writable, expected.writable);
	assert_int_equal(entry.executable, expected.executable);
}

/* The inverse of MiPteToProto() as the WRK has it: bits 2-8 to 1-7, 9-29 to 11-31. */
#define XP_ADDRESS 0xe14567e8
#define XP_BITS \
	(((XP_ADDRESS - 0xe1000000) >> 1 & 0xfe) | ((XP_ADDRESS - 0xe1000000) << 2 & 0xfffff800))

/* One bit more: 2-9 to 1-8, 10-30 to 11-31. */
#define SEVEN_ADDRESS 0x9d4567e8
#define SEVEN_BITS                                     \
	(((SEVEN_ADDRESS - 0x80000000) >> 1 & 0x1fe) | \
	 ((SEVEN_ADDRESS - 0x80000000) << 1 & 0xfffff800))

#define POOL UINT64_C(0xffffa00000123458)

static const struct entry_case page_table[] = {
	/* valid */
	{&windows_10, UINT64_C(0x8000000012345067), {ENTRY_VALID, .frame = 0x12345000}},
	{&windows_10,
	 UINT64_C(0x000ffffffffff001),
	 {ENTRY_VALID, .frame = UINT64_C(0xffffffffff000)}},
	{&windows_7_pae,
	 UINT64_C(0x8000003512345c67),
	 {ENTRY_VALID, .frame = UINT64_C(0x3512345000)}},
	{&windows_7_x86, 0xfedcbc67, {ENTRY_VALID, .frame = 0xfedcb000}},
	/* in transition: with the mask, with a bit of it of its own, and while it is not known */
	{&windows_10,
	 MASK | 0x22000 | TRANSITION | RUN,
	 {ENTRY_TRANSITION, .frame = 0x22000, .protection = 3, .executable = true}},
	{&windows_10,
	 MASK | 0x22000 | TRANSITION | SWIZZLE | RUN_COPY,
	 {ENTRY_TRANSITION, .frame = MASK | 0x22000, .protection = 7, .executable = true,
	  .writable = true}},
	{&windows_10_early,
	 MASK | 0x22000 | TRANSITION | READ_WRITE,
	 {ENTRY_TRANSITION, .frame = 0x22000, .protection = 4, .writable = true}},
	{&windows_10,
	 UINT64_C(0x10000022000) | TRANSITION | READ,
	 {ENTRY_TRANSITION, .frame = UINT64_C(0x10000022000), .protection = 1}},
	{&windows_7_pae,
	 UINT64_C(0x22000) | TRANSITION | READ,
	 {ENTRY_TRANSITION, .frame = 0x22000, .protection = 1}},
	{&windows_7_x86,
	 0x22000 | TRANSITION | READ,
	 {ENTRY_TRANSITION, .frame = 0x22000, .protection = 1}},
	/* in a page file */
	{&windows_10,
	 UINT64_C(0x2234) << 32 | 2 << 12 | READ,
	 {ENTRY_PAGE_FILE, .page_file = 2, .page_file_offset = 0x234, .protection = 1}},
	{&windows_10,
	 UINT64_C(0x2234) << 32 | 2 << 12 | SWIZZLE | READ,
	 {ENTRY_PAGE_FILE, .page_file = 2, .page_file_offset = 0x2234, .protection = 1}},
	{&windows_10,
	 UINT64_C(0x234) << 32 | 2 << 12 | READ, /* inverted by a kernel that always does */
	 {ENTRY_PAGE_FILE, .page_file = 2, .page_file_offset = 0x2234, .protection = 1}},
	{&windows_10_early,
	 UINT64_C(0x2234) << 32 | 2 << 12 | READ,
	 {ENTRY_PAGE_FILE, .page_file = 2, .page_file_offset = 0x2234, .protection = 1}},
	{&windows_7,
	 UINT64_C(0x234) << 32 | 1 << 1 | RUN,
	 {ENTRY_PAGE_FILE, .page_file = 1, .page_file_offset = 0x234, .protection = 3,
	  .executable = true}},
	{&windows_7_pae,
	 UINT64_C(0x234) << 32 | 1 << 1,
	 {ENTRY_PAGE_FILE, .page_file = 1, .page_file_offset = 0x234}},
	{&windows_7_x86,
	 0x234 << 12 | 15 << 1 | RUN,
	 {ENTRY_PAGE_FILE, .page_file = 15, .page_file_offset = 0x234, .protection = 3,
	  .executable = true}},
	/* nothing but a protection, with the mask and without */
	{&windows_10, READ_WRITE, {ENTRY_DEMAND_ZERO, .protection = 4, .writable = true}},
	{&windows_10, MASK | READ_WRITE, {ENTRY_DEMAND_ZERO, .protection = 4, .writable = true}},
	{&windows_7_x86, READ_WRITE, {ENTRY_DEMAND_ZERO, .protection = 4, .writable = true}},
	{&windows_10, 0, {.kind = ENTRY_DEMAND_ZERO}},
	/* prototype PTEs: the mask is bit 29 of the address */
	{&windows_10,
	 MASK | POOL << 16 | PROTOTYPE | RUN,
	 {ENTRY_PROTOTYPE, .prototype = POOL, .prototype_unmasked = POOL | MASK >> 16,
	  .protection = 3, .executable = true}},
	{&windows_10,
	 MASK | POOL << 16 | PROTOTYPE | SWIZZLE,
	 {ENTRY_PROTOTYPE, .prototype = POOL | MASK >> 16}},
	{&windows_7,
	 POOL << 16 | PROTOTYPE | 4 << 11,
	 {ENTRY_PROTOTYPE, .prototype = POOL, .protection = 4, .writable = true}},
	{&windows_7, UINT64_C(0x7ff0) << 16 | PROTOTYPE, {ENTRY_PROTOTYPE, .prototype = 0x7ff0}},
	{&windows_7_pae,
	 UINT64_C(0x9d456780) << 32 | PROTOTYPE | 3 << 11,
	 {ENTRY_PROTOTYPE, .prototype = 0x9d456780, .protection = 3, .executable = true}},
	{&windows_7_x86, SEVEN_BITS | PROTOTYPE, {ENTRY_PROTOTYPE, .prototype = SEVEN_ADDRESS}},
	{&windows_xp_x86, XP_BITS | PROTOTYPE, {ENTRY_PROTOTYPE, .prototype = XP_ADDRESS}},
	/* only the VAD knows */
	{&windows_10,
	 UINT64_C(0xffffffff00000400) | SWIZZLE | RUN,
	 {ENTRY_ASK_VAD, .protection = 3, .executable = true}},
	{&windows_10, UINT64_C(0x003ffffffffff400), {ENTRY_ASK_VAD, .protection = 0}},
	{&windows_7, UINT64_C(0xffffffff00000400), {.kind = ENTRY_ASK_VAD}},
	{&windows_7_pae,
	 UINT64_C(0xffffffff00000400) | RUN,
	 {ENTRY_ASK_VAD, .protection = 3, .executable = true}},
	{&windows_7_x86, 0xfffff400, {.kind = ENTRY_ASK_VAD}},
};

static const struct entry_case prototypes[] = {
	{&windows_10, UINT64_C(0x8000000012345067), {ENTRY_VALID, .frame = 0x12345000}},
	{&windows_10,
	 MASK | 0x22000 | TRANSITION | RUN,
	 {ENTRY_TRANSITION, .frame = 0x22000, .protection = 3, .executable = true}},
	{&windows_10,
	 UINT64_C(0x2234) << 32 | READ,
	 {ENTRY_PAGE_FILE, .page_file_offset = 0x234, .protection = 1}},
	{&windows_10, MASK | READ_WRITE, {ENTRY_DEMAND_ZERO, .protection = 4, .writable = true}},
	/* the subsection's address, with the prototype bit */
	{&windows_10,
	 POOL << 16 | PROTOTYPE | RUN_COPY,
	 {ENTRY_MAPPED_FILE, .protection = 7, .executable = true, .writable = true}},
	{&windows_7_pae,
	 UINT64_C(0x8123) << 32 | PROTOTYPE | RUN,
	 {ENTRY_MAPPED_FILE, .protection = 3, .executable = true}},
	{&windows_7_x86,
	 0x5000 | PROTOTYPE | RUN,
	 {ENTRY_MAPPED_FILE, .protection = 3, .executable = true}},
	/* the control area's address as it stands; without 16 bytes' alignment it is none */
	{&windows_10,
	 UINT64_C(0xffffa00012345260),
	 {ENTRY_MAPPED_FILE, .protection = 0x13, .executable = true}},
	{&windows_10,
	 UINT64_C(0xffffa00012345268),
	 {ENTRY_PAGE_FILE, .page_file = 5, .page_file_offset = 0xffff8000, .protection = 0x13,
	  .executable = true}},
	/* 32-bit kernels don't do that */
	{&windows_7_pae,
	 UINT64_C(0xffffa00000000060),
	 {ENTRY_PAGE_FILE, .page_file_offset = 0xffffa000, .protection = 3, .executable = true}},
};

static void entries_of_page_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_size(page_table); i++)
		check(&page_table[i], i, entry_decode);
}

static void prototype_ptes(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_size(prototypes); i++)
		check(&prototypes[i], i, entry_decode_prototype);
}

static void every_protection(void **state)
{
	(void)state;
	/* MM_READONLY, EXECUTE, EXECUTE_READ, READWRITE, WRITECOPY, EXECUTE_READWRITE, _WRITECOPY */
	static const bool writable[8] = {[4] = true, [5] = true, [6] = true, [7] = true};
	static const bool executable[8] = {[2] = true, [3] = true, [6] = true, [7] = true};
	for (uint64_t i = 0; i < 32; i++) {
		struct page_entry entry;
		entry_decode(&windows_10, 0x22000 | TRANSITION | i << 5, &entry);
		assert_int_equal(entry.protection, i);
		assert_int_equal(entry.writable, writable[i & 7]);
		assert_int_equal(entry.executable, executable[i & 7]);
	}
}

static void entries_lead_to_the_vads_prototype_pte(void **state)
{
	(void)state;
	assert_true(entry_leads_to(&windows_10, MASK | POOL << 16 | PROTOTYPE, POOL));
	assert_false(entry_leads_to(&windows_10, MASK | POOL << 16 | PROTOTYPE, POOL + 8));
	assert_true(entry_leads_to(&windows_10, UINT64_C(0xffffffff00000410), POOL));
	assert_true(entry_leads_to(&windows_7_x86, SEVEN_BITS | PROTOTYPE, SEVEN_ADDRESS));
	/* the VAD's is of 32 bits however it is extended */
	assert_true(entry_leads_to(&windows_7_pae, UINT64_C(0x9d456780) << 32 | PROTOTYPE,
				   UINT64_C(0xffffffff9d456780)));
	assert_false(entry_leads_to(&windows_7_pae, UINT64_C(0x9d456780) << 32 | PROTOTYPE,
				    UINT64_C(0x9d456788)));
}

static void kinds_of_bits(void **state)
{
	(void)state;
	assert_false(entry_is_kept(0));
	assert_false(entry_is_kept(VALID | TRANSITION));
	assert_false(entry_is_kept(PROTOTYPE));
	assert_true(entry_is_kept(TRANSITION));
	assert_true(entry_is_kept(READ));
	assert_false(entry_is_prototype(VALID | PROTOTYPE));
	assert_true(entry_is_prototype(PROTOTYPE | TRANSITION));
	/* a field that the kernel has not, one of all bits */
	assert_int_equal(entry_field_value((struct entry_field){0}, UINT64_MAX), 0);
	assert_int_equal(entry_field_value((struct entry_field){0, 64}, UINT64_MAX), UINT64_MAX);
	assert_int_equal(entry_field_value((struct entry_field){5, 5}, RUN_COPY | PROTOTYPE), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_of_page_tables),
		cmocka_unit_test(prototype_ptes),
		cmocka_unit_test(every_protection),
		cmocka_unit_test(entries_lead_to_the_vads_prototype_pte),
		cmocka_unit_test(kinds_of_bits),
	};
	return cmocka_run_group_tests_name("memory entry", tests, NULL, NULL);
}
