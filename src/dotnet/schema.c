/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The columns of the tables, ECMA-335 II.22 and II.24.2.6; the tables of pointers (FieldPtr,
 * MethodPtr, ...), which only "#-" has, by System.Reflection.Metadata's TableIndex.
 */
#include <impscan/bytes.h>

#include "dotnet/metadata.h"

/*
 * A column is a letter: 2 or 4 bytes; S, G, B: an index into #Strings, #GUID, #Blob; a letter of
 * `targets`: an index into one of the tables there.
 */
static const char *const columns[TABLES_KNOWN] = {
	[0x00] = "2SGGG",     /* Module */
	[0x01] = "rSS",	      /* TypeRef */
	[0x02] = "4SStfm",    /* TypeDef */
	[0x03] = "f",	      /* FieldPtr */
	[0x04] = "2SB",	      /* Field */
	[0x05] = "m",	      /* MethodPtr */
	[0x06] = "422SBp",    /* MethodDef */
	[0x07] = "p",	      /* ParamPtr */
	[0x08] = "22S",	      /* Param */
	[0x09] = "dt",	      /* InterfaceImpl */
	[0x0a] = "jSB",	      /* MemberRef */
	[0x0b] = "2cB",	      /* Constant */
	[0x0c] = "ayB",	      /* CustomAttribute */
	[0x0d] = "lB",	      /* FieldMarshal */
	[0x0e] = "2sB",	      /* DeclSecurity */
	[0x0f] = "24d",	      /* ClassLayout */
	[0x10] = "4f",	      /* FieldLayout */
	[0x11] = "B",	      /* StandAloneSig */
	[0x12] = "de",	      /* EventMap */
	[0x13] = "e",	      /* EventPtr */
	[0x14] = "2St",	      /* Event */
	[0x15] = "dq",	      /* PropertyMap */
	[0x16] = "q",	      /* PropertyPtr */
	[0x17] = "2SB",	      /* Property */
	[0x18] = "2mh",	      /* MethodSemantics */
	[0x19] = "doo",	      /* MethodImpl */
	[0x1a] = "S",	      /* ModuleRef */
	[0x1b] = "B",	      /* TypeSpec */
	[0x1c] = "2wSu",      /* ImplMap */
	[0x1d] = "4f",	      /* FieldRVA */
	[0x1e] = "44",	      /* ENCLog */
	[0x1f] = "4",	      /* ENCMap */
	[0x20] = "422224BSS", /* Assembly */
	[0x21] = "4",	      /* AssemblyProcessor */
	[0x22] = "444",	      /* AssemblyOS */
	[0x23] = "22224BSSB", /* AssemblyRef */
	[0x24] = "4v",	      /* AssemblyRefProcessor */
	[0x25] = "444v",      /* AssemblyRefOS */
	[0x26] = "4SB",	      /* File */
	[0x27] = "44SSi",     /* ExportedType */
	[0x28] = "44Si",      /* ManifestResource */
	[0x29] = "dd",	      /* NestedClass */
	[0x2a] = "22gS",      /* GenericParam */
	[0x2b] = "oB",	      /* MethodSpec */
	[0x2c] = "xt",	      /* GenericParamConstraint */
};

/*
 * The tables that an index may lead to, and how many of its bits say into which one. An index of
 * one table into another one may lead to the table of pointers in front of that.
 */
static const struct target {
	uint8_t tag_bits;
	uint8_t count;
	uint8_t tables[22];
} targets['z' + 1] =
	{
		['a'] = {5, 22, {0x06, 0x04, 0x01, 0x02, 0x08, 0x09, 0x0a, 0x00,
				 0x0e, 0x17, 0x14, 0x11, 0x1a, 0x1b, 0x20, 0x23,
				 0x26, 0x27, 0x28, 0x2a, 0x2c, 0x2b}}, /* HasCustomAttribute */
		['c'] = {2, 3, {0x04, 0x08, 0x17}},		       /* HasConstant */
		['d'] = {0, 1, {0x02}},				       /* TypeDef */
		['e'] = {0, 2, {0x14, 0x13}},			       /* Event */
		['f'] = {0, 2, {0x04, 0x03}},			       /* Field */
		['g'] = {1, 2, {0x02, 0x06}},			       /* TypeOrMethodDef */
		['h'] = {1, 2, {0x14, 0x17}},			       /* HasSemantics */
		['i'] = {2, 3, {0x26, 0x23, 0x27}},		       /* Implementation */
		['j'] = {3, 5, {0x02, 0x01, 0x1a, 0x06, 0x1b}},	       /* MemberRefParent */
		['l'] = {1, 2, {0x04, 0x08}},			       /* HasFieldMarshal */
		['m'] = {0, 2, {0x06, 0x05}},			       /* MethodDef */
		['o'] = {1, 2, {0x06, 0x0a}},			       /* MethodDefOrRef */
		['p'] = {0, 2, {0x08, 0x07}},			       /* Param */
		['q'] = {0, 2, {0x17, 0x16}},			       /* Property */
		['r'] = {2, 4, {0x00, 0x1a, 0x23, 0x01}},	       /* ResolutionScope */
		['s'] = {2, 3, {0x02, 0x06, 0x20}},		       /* HasDeclSecurity */
		['t'] = {2, 3, {0x02, 0x01, 0x1b}},		       /* TypeDefOrRef */
		['u'] = {0, 1, {0x1a}},				       /* ModuleRef */
		['v'] = {0, 1, {0x23}},				       /* AssemblyRef */
		['w'] = {1, 2, {0x04, 0x06}},			       /* MemberForwarded */
		['x'] = {0, 1, {0x2a}},				       /* GenericParam */
		['y'] = {3, 2, {0x06, 0x0a}},			       /* CustomAttributeType */
};

/* An index has 4 bytes where a table that it may lead to has a row that 2 bytes can't tell. */
static uint32_t index_size(const struct target *target, const uint32_t rows[TABLES])
{
	for (size_t i = 0; i < target->count; i++)
		if (rows[target->tables[i]] >= UINT32_C(1) << (16 - target->tag_bits))
			return 4;
	return 2;
}

static uint32_t column_size(char column, uint8_t heap_bits, const uint32_t rows[TABLES])
{
	switch (column) {
	case '2':
		return 2;
	case '4':
		return 4;
	case 'S':
		return heap_bits & WIDE_STRINGS ? 4 : 2;
	case 'G':
		return heap_bits & WIDE_GUID ? 4 : 2;
	case 'B':
		return heap_bits & WIDE_BLOB ? 4 : 2;
	default:
		return index_size(&targets[(uint8_t)column], rows);
	}
}

uint32_t schema_row_size(unsigned int table, uint8_t heap_bits, const uint32_t rows[TABLES])
{
	uint32_t size = 0;
	for (const char *c = columns[table]; *c; c++)
		size += column_size(*c, heap_bits, rows);
	return size;
}
