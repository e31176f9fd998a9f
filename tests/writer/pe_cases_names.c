/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files at the edges of pefile's rules: the string, names of DLLs and functions, ordinals (rules 01
 * to 05).
 */
#include <writer/pe_case_group.h>

#include <string.h>

static void string_of_two(struct raw *r)
{
	raw_import(r, "KERNEL32.dll", "CreateFileW CloseHandle LoadLibraryA");
	raw_import(r, "USER32.dll", "MessageBoxW");
}

static void string_same_dll_twice(struct raw *r)
{
	raw_import(r, "B.dll", "z a");
	raw_import(r, "A.dll", "m");
	raw_import(r, "B.dll", "z b");
}

static void dll_extensions(struct raw *r)
{
	static const char *const names[] = {"A.DLL",  "b.ocx",	    "c.Sys",   "winspool.drv",
					    "e.exe",  "f",	    "a.b.dll", "g.dll.dll",
					    ".dll",   "dll",	    "h.",      "..dll",
					    "i.dllx", "x\\y/z.dll", "j.dll "};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		raw_import(r, names[i], "F");
}

static void ordinals_known(struct raw *r)
{
	raw_import(r, "WS2_32.dll", "#1 #2 #23 #115 #116 #500 #1140 #1142");
	raw_import(r, "wsock32.DLL", "#1 #1142 #24 #1100");
	raw_import(r, "OLEAUT32.dll", "#2 #150 #443 #500 #3 #10");
}

static void ordinals_other(struct raw *r)
{
	raw_import(r, "mfc42.dll", "#1 #65535 Name #1000");
	raw_import(r, "ws2_32", "#1");
	raw_import(r, "ws2_32.ocx", "#1");
	raw_import(r, "x\\ws2_32.dll", "#1");
	raw_import(r, "ws2_32.dll", "#499 #118 #501");
}

static void ordinals_zero(struct raw *r)
{
	raw_import(r, "ws2_32.dll", "#0 send #0");
	raw_import(r, "a.dll", "#0");
	raw_import(r, "b.dll", "x");
}

static void ordinals_wide(struct raw *r)
{
	/* In 64 bits what lies between the ordinal and bit 63 is partly ignored. */
	uint64_t odd =
		r->plus ? raw_ordinal(r, 5) | UINT64_C(0x7fffffff80000000) : raw_ordinal(r, 5);
	pe_case_import_values(r, "a.dll", (uint64_t[]){odd, raw_ordinal(r, 6)}, 2);
}

static void names_characters(struct raw *r)
{
	raw_import(r, "a.dll", "?f@C@@QAE@XZ _a@4 a.b a$b a(b)c a<b> Z9");
	raw_import(r, "b.dll", "ok a-b a+b a:b a[b] a!b a,b a~b a\\b a/b a\"b a=b ok2");
}

static void names_not_ascii(struct raw *r)
{
	raw_import(r, "a.dll", "a a\x80z b\x01 c");
}

static void names_empty(struct raw *r)
{
	uint64_t values[] = {raw_name(r, "a"), raw_name(r, ""), raw_name(r, "b")};
	pe_case_import_values(r, "a.dll", values, 3);
}

/* `invalid` names from the start, then a valid one. */
static void names_invalid(struct raw *r, size_t invalid)
{
	uint64_t *values = calloc(invalid + 2, sizeof(*values));
	pe_case_fill_names(r, values, invalid, "-%u");
	values[invalid] = raw_name(r, "valid");
	pe_case_import_values(r, "a.dll", values, invalid + 1);
	raw_import(r, "b.dll", "next");
	free(values);
}

static void names_invalid_1001(struct raw *r)
{
	names_invalid(r, 1001);
}

static void names_invalid_1002(struct raw *r)
{
	names_invalid(r, 1002);
}

static void names_invalid_later(struct raw *r)
{
	uint64_t values[1200];
	values[0] = raw_name(r, "first");
	pe_case_fill_names(r, values + 1, 1198, "-%u");
	values[1199] = raw_name(r, "last");
	pe_case_import_values(r, "a.dll", values, 1200);
}

static void dll_invalid(struct raw *r)
{
	raw_import(r, "a b.dll", "f #3");
	raw_import(r, "a:b.dll", "g");
	raw_import(r, "a?.dll", "i");
	raw_import(r, "!#$%&'()-@^_`{}~+,.;=[].dll", "j");
}

static void dll_not_ascii(struct raw *r)
{
	raw_import(r, "\x80.dll", "h");
	raw_import(r, "a\x01.dll", "i");
}

static void dll_empty(struct raw *r)
{
	raw_import(r, "", "lost");
	raw_import(r, "a.dll", "kept");
	for (int i = 0; i < 8; i++) /* doesn't count as an error */
		raw_import(r, "", "lost");
	raw_import(r, "b.dll", "kept");
}

static void dll_nowhere(struct raw *r)
{
	raw_import(r, "a.dll", "a");
	raw_import(r, "b.dll", "b");
	raw_put_rva(r, RAW_RVA + 12, 0x7ff00000, 4); /* empty: dropped */
	raw_import(r, "c.dll", "c");
	raw_put_rva(r, RAW_RVA + 40 + 12, 0,
		    4); /* the file's start: "MZ..." is valid up to a NUL */
}

static void names_long(struct raw *r)
{
	char name[700];
	memset(name, 'n', sizeof(name));
	name[600] = '\0';
	char dll[700];
	memset(dll, 'd', sizeof(dll));
	strcpy(dll + 506, ".dll"); /* 510 */
	pe_case_import_values(r, dll, (uint64_t[]){raw_name(r, name)}, 1);
	memset(dll, 'd', sizeof(dll));
	strcpy(dll + 508, ".dll"); /* exactly 512 */
	pe_case_import_values(r, dll, (uint64_t[]){raw_name(r, name)}, 1);
	memset(dll, 'd', sizeof(dll));
	strcpy(dll + 600, ".dll");
	name[511] = '\0';
	pe_case_import_values(r, dll, (uint64_t[]){raw_name(r, name)}, 1);
}

static const struct pe_case_recipe recipes[] = {
	{{"01-string", true}, 0x1000, string_of_two},
	{{"01-same-dll-twice", true}, 0x1000, string_same_dll_twice},
	{{"02-extensions", true}, 0x1000, dll_extensions},
	{{"03-ordinals-known", true}, 0x1000, ordinals_known},
	{{"03-ordinals-other", true}, 0x1000, ordinals_other},
	{{"03-ordinals-zero", true}, 0x1000, ordinals_zero},
	{{"03-ordinals-wide", true}, 0x1000, ordinals_wide},
	{{"04-characters", true}, 0x1000, names_characters},
	{{"04-not-ascii", false}, 0x1000, names_not_ascii},
	{{"04-empty-name", true}, 0x1000, names_empty},
	{{"04-invalid-1001", true}, 0x10000, names_invalid_1001},
	{{"04-invalid-1002", true}, 0x10000, names_invalid_1002},
	{{"04-invalid-later", true}, 0x10000, names_invalid_later},
	{{"05-invalid-dll", true}, 0x1000, dll_invalid},
	{{"05-dll-not-ascii", false}, 0x1000, dll_not_ascii},
	{{"05-empty-dll", true}, 0x1000, dll_empty},
	{{"05-dll-nowhere", false}, 0x1000, dll_nowhere},
	{{"05-long-names", true}, 0x2000, names_long},
};

const struct pe_case_group pe_cases_names = {recipes, sizeof(recipes) / sizeof(recipes[0])};
