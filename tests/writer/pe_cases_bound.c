/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files at the edges of pefile's rules: delay imports, bound imports, and no imports at all (rules
 * 11 to 13).
 */
#include <writer/pe_case_group.h>

#include <string.h>

static void delayed(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	uint64_t name = raw_name(r, "delayed");
	uint32_t d = raw_reserve(r, 64);
	raw_put_rva(r, d, 1, 4);
	raw_put_rva(r, d + 4, raw_string(r, "d.dll"), 4);
	raw_put_rva(r, d + 12, raw_table(r, &name, 1), 4);
	raw_put_rva(r, d + 16, raw_table(r, &name, 1), 4);
	raw_put(r, raw_directory(r, 13), d, 4);
	raw_put(r, raw_directory(r, 13) + 4, 64, 4);
}

/*
 * A descriptor whose address table has `bound` bits set where it differs, by addresses from `start`
 * on. Names and addresses in one table must not be more than 128 MiB apart to count.
 */
static void import_bound_at(struct raw *r, const char *dll, size_t count, unsigned int bound,
			    size_t addresses, uint64_t start)
{
	uint64_t values[16];
	uint64_t other[16];
	pe_case_fill_names(r, values, count, "n%u");
	for (size_t i = 0; i < 16; i++) {
		other[i] = i < count ? values[i] : start + 0x1000 + i;
		if (bound & 1u << i)
			other[i] = start + i * 16;
	}
	uint32_t by_name = raw_table(r, values, count);
	uint32_t by_address = raw_table(r, other, addresses);
	raw_descriptor(r, by_name, raw_string(r, dll), by_address);
}

static void import_bound(struct raw *r, const char *dll, size_t count, unsigned int bound,
			 size_t addresses)
{
	import_bound_at(r, dll, count, bound, addresses, 0x7000000);
}

static void bound_directory(struct raw *r)
{
	import_bound_at(r, "a.dll", 4, 0xf, 4, 0x77700000);
	raw_put_rva(r, RAW_RVA + 4, 0xffffffff, 4);
	uint32_t d = raw_reserve(r, 32);
	raw_put_rva(r, d, 0x5f000000, 4);
	raw_put_rva(r, d + 4, 16, 2);
	memcpy(r->data + (d - RAW_RVA + RAW_HEADERS) + 16, "a.dll", 5);
	raw_put(r, raw_directory(r, 11), d, 4);
	raw_put(r, raw_directory(r, 11) + 4, 32, 4);
}

static void bound_all(struct raw *r)
{
	import_bound_at(r, "a.dll", 5, 0x1f, 5, r->plus ? 0x7ff812340000 : 0x77700000);
}

static void bound_some(struct raw *r)
{
	raw_import(r, "x.dll", "before");
	import_bound(r, "a.dll", 6, 0x15, 6);
	raw_import(r, "y.dll", "behind #4");
	import_bound(r, "b.dll", 3, 0x3, 3);
}

static void bound_not_first(struct raw *r)
{
	import_bound(r, "a.dll", 6, 0x3e, 6);
}

static void bound_short(struct raw *r)
{
	import_bound(r, "a.dll", 6, 0x7, 3);
}

static void bound_long(struct raw *r)
{
	import_bound(r, "a.dll", 3, 0x5, 6);
}

static void bound_first_invalid(struct raw *r)
{
	/* The first import that is kept decides, not the first thunk. */
	uint64_t values[] = {raw_name(r, "-"), raw_name(r, "b"), raw_name(r, "c")};
	uint64_t other[] = {values[0], 0x7000000, values[2]};
	raw_descriptor(r, raw_table(r, values, 3), raw_string(r, "a.dll"), raw_table(r, other, 3));
}

static void bound_spread(struct raw *r)
{
	/* Addresses too far apart: the address table is dropped, the file counts as not bound. */
	uint64_t values[] = {raw_name(r, "a"), raw_name(r, "b"), raw_name(r, "c")};
	uint64_t other[] = {0x60000000, 0x77700000, values[2]};
	raw_descriptor(r, raw_table(r, values, 3), raw_string(r, "a.dll"), raw_table(r, other, 3));
}

static void none_declared(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_put(r, raw_directory(r, 1), 0, 4);
}

static void none_outside(struct raw *r)
{
	raw_put(r, raw_directory(r, 1), 0x7ff00000, 4);
}

static void none_listed(struct raw *r)
{
	(void)r;
}

static void none_but_bad(struct raw *r)
{
	pe_case_import_bad(r);
	pe_case_import_bad(r);
}

static const struct pe_case_recipe recipes[] = {
	{{"11-delayed", true}, 0x1000, delayed},
	{{"11-bound-directory", true}, 0x1000, bound_directory},
	{{"12-all", true}, 0x1000, bound_all},
	{{"12-some", true}, 0x1000, bound_some},
	{{"12-not-first", true}, 0x1000, bound_not_first},
	{{"12-short", true}, 0x1000, bound_short},
	{{"12-long", true}, 0x1000, bound_long},
	{{"12-first-invalid", true}, 0x1000, bound_first_invalid},
	{{"12-spread", true}, 0x1000, bound_spread},
	{{"13-none-declared", true}, 0x1000, none_declared},
	{{"13-none-outside", false}, 0x1000, none_outside},
	{{"13-none-listed", false}, 0x1000, none_listed},
	{{"13-none-but-bad", false}, 0x1000, none_but_bad},
};

const struct pe_case_group pe_cases_bound = {recipes, sizeof(recipes) / sizeof(recipes[0])};
