/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making a profile of a symbol file in Volatility 3's intermediate symbol format (its schemas 4 to
 * 6):
 *
 *	metadata.windows.pdb	GUID, age, database (name of the PDB), machine_type (of a PE header)
 *	metadata.windows.pe	major, minor, revision (what Windows calls its build), build; rarely
 *	user_types._EPROCESS	size, fields.NAME: offset, type {kind: bitfield, bit_position,
 *				bit_length}; fields marked `anonymous` hold their members in their type
 *
 * A PDB does not have the build number of its kernel. Where neither the metadata nor the user gives
 * one, it is that of the known profile with the same layout.
 */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/machine_type.h>
#include <impscan/text.h>

#include "symbol_file.h"

/* How deep anonymous structures and unions may hold each other. */
#define ANONYMOUS_DEPTH 4

/* How many of them are looked into for one member. */
#define ANONYMOUS_LIMIT 10000

struct symbols {
	const char *origin;
	struct json_object *types; /* user_types */
	struct json_object *pdb;   /* metadata.windows.pdb, or NULL */
	struct json_object *pe;	   /* metadata.windows.pe, or NULL */
};

static struct json_object *get(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;
	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, key, &value);
	return value;
}

static bool get_number(struct json_object *object, const char *key, uint32_t most, uint32_t *ret)
{
	struct json_object *value = get(object, key);
	if (!json_object_is_type(value, json_type_int))
		return false;
	int64_t number = json_object_get_int64(value);
	if (number < 0 || number > most)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static bool get_string(struct json_object *object, const char *key, const char **ret)
{
	struct json_object *value = get(object, key);
	if (!json_object_is_type(value, json_type_string))
		return false;
	*ret = json_object_get_string(value);
	return true;
}

/* Of a string in the file, what may be shown on one line. The caller frees it. */
static char *printable(const char *s)
{
	_cleanup_text_ struct text text = {0};
	_cleanup_free_ char *start = alloc_strndup(s, 80);
	text_add_printable(&text, start);
	return alloc_strdup(text_string(&text));
}

static struct error *bad_member(const struct symbols *symbols, enum profile_member member,
				const char *what)
{
	return error_new("%s: user_types._%s.fields.%s: %s", symbols->origin,
			 profile_type_name(member), profile_member_name(member), what);
}

/*
 * A member by name, also within anonymous members; `*base` is increased by the offset of what it is
 * within. NULL when the type has none, or `*visits` came to its limit.
 */
static struct json_object *find_field(const struct symbols *symbols, struct json_object *type,
				      const char *name, unsigned int depth, uint32_t *base,
				      unsigned int *visits)
{
	struct json_object *fields = get(type, "fields");
	struct json_object *field = get(fields, name);
	if (field || !depth || !json_object_is_type(fields, json_type_object))
		return field;
	json_object_object_foreach(fields, key, candidate)
	{
		(void)key;
		const char *of;
		uint32_t offset, below = 0;
		if (!json_object_get_boolean(get(candidate, "anonymous")) ||
		    !get_string(get(candidate, "type"), "name", &of) ||
		    !get_number(candidate, "offset", OFFSET_LIMIT - 1, &offset))
			continue;
		if (++*visits > ANONYMOUS_LIMIT)
			return NULL;
		field = find_field(symbols, get(symbols->types, of), name, depth - 1, &below,
				   visits);
		if (field) {
			*base += offset + below;
			return field;
		}
	}
	return NULL;
}

static struct error *read_field(const struct symbols *symbols, struct json_object *type,
				enum profile_member member, struct profile_field *field)
{
	uint32_t base = 0, offset, size, bit, bits;
	unsigned int visits = 0;
	struct json_object *found = find_field(symbols, type, profile_member_name(member),
					       ANONYMOUS_DEPTH, &base, &visits);
	if (visits > ANONYMOUS_LIMIT)
		return bad_member(symbols, member, "it is sought in too many anonymous members");
	if (!found)
		return NULL;
	if (!get_number(found, "offset", OFFSET_LIMIT - 1, &offset))
		return bad_member(symbols, member, "it has no offset, or one beyond reason");
	*field = (struct profile_field){.present = true, .offset = base + offset};
	struct json_object *kind = get(found, "type");
	const char *name;
	if (!get_string(kind, "kind", &name))
		return bad_member(symbols, member, "it has no type.kind");
	if (!strcmp(name, "bitfield")) {
		if (!get_number(kind, "bit_position", 63, &bit) ||
		    !get_number(kind, "bit_length", 64, &bits) || !bits || bit + bits > 64)
			return bad_member(symbols, member,
					  "bit_position or bit_length is missing, or beyond 64");
		field->bit = (uint8_t)bit;
		field->bits = (uint8_t)bits;
	}
	uint32_t end = field->offset + (field->bit + field->bits + 7u) / 8;
	if (!get_number(type, "size", OFFSET_LIMIT, &size) || max_of(end, field->offset + 1) > size)
		return bad_member(symbols, member, "it lies beyond the type's size");
	_cleanup_free_ char *beyond = profile_beyond_limit(member, field);
	return beyond ? bad_member(symbols, member, beyond) : NULL;
}

static struct error *read_fields(const struct symbols *symbols, struct profile *profile)
{
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		enum profile_member member = (enum profile_member)i;
		struct profile_field *field = &profile->field[i];
		_cleanup_free_ char *name = alloc_printf("_%s", profile_type_name(member));
		struct json_object *type = get(symbols->types, name);
		if (!type)
			continue;
		if (!profile_member_is_size(member)) {
			try_(read_field(symbols, type, member, field));
			continue;
		}
		if (!get_number(type, "size", OFFSET_LIMIT, &field->offset) || !field->offset)
			return error_new("%s: user_types.%s: it has no size, or one beyond reason",
					 symbols->origin, name);
		_cleanup_free_ char *beyond = profile_beyond_limit(member, field);
		if (beyond)
			return error_new("%s: user_types.%s: %s", symbols->origin, name, beyond);
		field->present = true;
	}
	return NULL;
}

/* Whose symbols: "ntkrnlmp.pdb CA8E2F01B822EDE6357898BFBF862997-1". The caller frees it. */
static char *pdb_name(const struct symbols *symbols)
{
	const char *database, *guid;
	uint32_t age;
	if (!get_string(symbols->pdb, "database", &database) ||
	    !get_string(symbols->pdb, "GUID", &guid) ||
	    !get_number(symbols->pdb, "age", UINT32_MAX, &age))
		return alloc_strdup("a PDB that it does not name");
	_cleanup_free_ char *shown_database = printable(database);
	_cleanup_free_ char *shown_guid = printable(guid);
	return alloc_printf("%s %s-%" PRIu32, shown_database, shown_guid, age);
}

/* All that is required and missing, in one error: mostly it is the wrong PDB. */
static struct error *check_required(const struct symbols *symbols, const struct profile *profile)
{
	static const size_t shown = 8;
	size_t missing = 0;
	_cleanup_text_ struct text text = {0};
	const char *missing_type = "";
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		enum profile_member member = (enum profile_member)i;
		const char *type = profile_type_name(member);
		if (profile->field[i].present || !profile_member_required(member) ||
		    !strcmp(type, missing_type))
			continue;
		_cleanup_free_ char *name = alloc_printf("_%s", type);
		bool whole = !get(symbols->types, name);
		if (whole)
			missing_type = type;
		if (++missing > shown)
			continue;
		text_add_format(&text, "%s%s", missing > 1 ? ", " : "", name);
		if (!whole)
			text_add_format(&text, ".%s", profile_member_name(member));
	}
	if (!missing)
		return NULL;
	if (missing > shown)
		text_add_format(&text, " and %zu more", missing - shown);
	_cleanup_free_ char *pdb = pdb_name(symbols);
	return error_new("%s: these are the symbols of %s, which lack %s; a Windows kernel's "
			 "(ntkrnlmp.pdb, ntkrpamp.pdb ...) are needed",
			 symbols->origin, pdb, text_string(&text));
}

static struct error *read_architecture(const struct symbols *symbols, struct json_object *root,
				       struct profile *profile)
{
	uint32_t machine, size;
	bool known = get_number(symbols->pdb, "machine_type", 0xffff, &machine);
	if (!known && get_number(get(get(root, "base_types"), "pointer"), "size", 8, &size))
		machine = size == 8 ? IMAGE_FILE_MACHINE_AMD64 : IMAGE_FILE_MACHINE_I386;
	else if (!known)
		return error_new("%s: neither metadata.windows.pdb.machine_type nor "
				 "base_types.pointer tells the architecture",
				 symbols->origin);
	if (machine != IMAGE_FILE_MACHINE_AMD64 && machine != IMAGE_FILE_MACHINE_I386)
		return error_new("%s: symbols of a machine of type 0x%" PRIx32
				 "; impscan knows x64 (0x8664) and x86 (0x14c)",
				 symbols->origin, machine);
	profile->architecture =
		machine == IMAGE_FILE_MACHINE_AMD64 ? ARCHITECTURE_X64 : ARCHITECTURE_X86;
	return NULL;
}

static bool same_fields(const struct profile *a, const struct profile *b)
{
	for (size_t i = 0; i < PROFILE_MEMBER_COUNT; i++) {
		const struct profile_field *x = &a->field[i], *y = &b->field[i];
		/* A profile for several updates has the smallest of their sizes. */
		bool size = profile_member_is_size((enum profile_member)i);
		if (!x->present && !profile_member_in_symbols((enum profile_member)i))
			continue;
		if (x->present != y->present || x->bit != y->bit || x->bits != y->bits ||
		    (size ? x->offset < y->offset : x->offset != y->offset))
			return false;
	}
	return true;
}

/* Takes the header of the one profile that is equal; `*found` is how many are, named in `names`. */
static struct error *take_header(struct profile *profile, struct profiles *known, size_t *found,
				 struct text *names)
{
	*found = 0;
	for (size_t i = 0; i < profiles_count(known); i++) {
		const struct profile *other;
		if (profiles_summary(known, i).architecture != profile->architecture)
			continue;
		try_(profiles_get(known, i, &other));
		if (!same_fields(profile, other))
			continue;
		text_add_format(names, "%s%s", (*found)++ ? ", " : "", other->name);
		if (*found > 1)
			continue;
		profile->name = alloc_strdup(other->name);
		profile->description = alloc_strdup(other->description);
		free(profile->variant);
		profile->variant = alloc_strdup(other->variant);
		profile->build_first = other->build_first;
		profile->build_last = other->build_last;
	}
	return NULL;
}

static void make_header(const struct symbols *symbols, uint32_t build, struct profile *profile)
{
	const char *guid;
	bool pae = profile_offset(profile, MMPTE_size) == 8;
	profile->build_first = profile->build_last = build;
	if (profile->architecture == ARCHITECTURE_X86 &&
	    build < 9200) { /* later ones all have it */
		free(profile->variant);
		profile->variant = alloc_strdup(pae ? "PAE" : "without PAE");
	}
	_cleanup_free_ char *suffix = NULL;
	if (get_string(symbols->pdb, "GUID", &guid)) {
		_cleanup_free_ char *start = alloc_strndup(guid, 8);
		_cleanup_free_ char *shown = printable(start);
		suffix = alloc_printf("-%s", shown);
	}
	profile->name =
		alloc_printf("windows-%" PRIu32 "-%s%s", build,
			     architecture_name(profile->architecture), suffix ? suffix : "");
	profile->description = alloc_printf("Windows build %" PRIu32, build);
}

static struct error *find_header(const struct symbols *symbols, uint32_t build,
				 struct profiles *known, struct profile *profile)
{
	if (build || get_number(symbols->pe, "revision", UINT32_MAX, &build)) {
		if (!build)
			return error_new("%s: metadata.windows.pe.revision is 0, not a build",
					 symbols->origin);
		make_header(symbols, build, profile);
		return NULL;
	}
	size_t found = 0;
	_cleanup_text_ struct text names = {0};
	if (known)
		try_(take_header(profile, known, &found, &names));
	if (found == 1)
		return NULL;
	return error_new("%s: it does not say which build of Windows it is of, and its layout is "
			 "%s%s; give the build",
			 symbols->origin,
			 found ? "that of several profiles: " : "of no known profile",
			 text_string(&names));
}

/* What no symbol file has, from a known profile of the same build. */
static struct error *take_unpublished(struct profiles *known, struct profile *profile)
{
	for (size_t i = 0; known && i < profiles_count(known); i++) {
		struct profile_summary summary = profiles_summary(known, i);
		const struct profile *other;
		if (summary.architecture != profile->architecture ||
		    profile->build_first < summary.build_first ||
		    profile->build_last > summary.build_last)
			continue;
		try_(profiles_get(known, i, &other));
		for (size_t m = 0; m < PROFILE_MEMBER_COUNT; m++)
			if (!profile->field[m].present &&
			    !profile_member_in_symbols((enum profile_member)m))
				profile->field[m] = other->field[m];
	}
	return NULL;
}

static struct error *import(const struct symbols *symbols, struct json_object *root, uint32_t build,
			    struct profiles *known, struct profile *profile)
{
	try_(read_architecture(symbols, root, profile));
	try_(read_fields(symbols, profile));
	try_(check_required(symbols, profile));
	_cleanup_free_ char *pdb = pdb_name(symbols);
	profile->source = alloc_printf("symbols of %s in Volatility 3's form", pdb);
	try_(find_header(symbols, build, known, profile));
	try_(take_unpublished(known, profile));
	enum profile_member member;
	_cleanup_free_ char *gap = profile_gap(profile, &member);
	return gap ? error_new("%s: %s", symbols->origin, gap) : NULL;
}

struct error *profile_parse_symbols(const void *data, size_t size, const char *origin,
				    uint32_t build, struct profiles *known, struct profile **ret)
{
	_cleanup_json_ struct json_object *root = NULL;
	*ret = NULL;
	try_(symbol_file_parse(data, size, origin, &root));
	struct json_object *metadata = get(root, "metadata");
	struct symbols symbols = {
		.origin = origin,
		.types = get(root, "user_types"),
		.pdb = get(get(metadata, "windows"), "pdb"),
		.pe = get(get(metadata, "windows"), "pe"),
	};
	if (!json_object_is_type(symbols.types, json_type_object))
		return error_new("%s: JSON, but no symbol file of Volatility 3: it has no "
				 "user_types",
				 origin);
	if (get(metadata, "linux") || get(metadata, "mac"))
		return error_new("%s: these are the symbols of a %s kernel, not of Windows", origin,
				 get(metadata, "linux") ? "Linux" : "macOS");
	_cleanup_profile_ struct profile *profile = alloc_new(struct profile);
	profile->origin = alloc_strdup(origin);
	profile->variant = alloc_strdup("");
	try_(import(&symbols, root, build, known, profile));
	*ret = take_ptr(profile);
	return NULL;
}

struct error *profile_import_symbols(const char *path, uint32_t build, struct profiles *known,
				     struct profile **ret)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size = 0;
	*ret = NULL;
	try_(symbol_file_read(path, SYMBOL_FILE_LIMIT, &data, &size));
	return profile_parse_symbols(data, size, path, build, known, ret);
}
