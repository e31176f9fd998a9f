/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Profiles: the layout of one Windows kernel's structures, read from YAML.
 *
 * Within one build number every kernel has the same layout of what is read here, so a profile
 * belongs to (architecture, range of builds); the few exceptions are variants of one build. A file:
 *
 *	name: windows-10-19041-x64
 *	description: Windows 10 2004 to 22H2
 *	architecture: x64                  # or x86
 *	builds: [19041, 19045]             # first and last
 *	variant: as of 7601.24000          # only where one build has several layouts
 *	source: public symbols of ntkrnlmp.pdb 10.0.19041.3324
 *	inferred: 40 of 52 fields verified # only in one that was inferred from an image: it may
 *	                                   # leave out what its making could not verify
 *	types:
 *	  EPROCESS:
 *	    size: 0xa40
 *	    UniqueProcessId: 0x440
 *	  MMVAD_FLAGS:
 *	    Protection: {offset: 0x0, bit: 7, bits: 5}
 *
 * `types` comes last, so that the header can be read without it. An offset is decimal or 0x...; a
 * bit field counts bits from the least significant one of the integer at its offset. What may be
 * left out, and how large a value may be, is in profile_fields.h.
 *
 * Room: profile.
 */
#ifndef IMPSCAN_PROFILE_H
#define IMPSCAN_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/error.h>
#include <impscan/profile_fields.h>

#define PROFILE_ENUM(type, member, need, limit) type##_##member,
enum profile_member { PROFILE_FIELDS(PROFILE_ENUM) PROFILE_MEMBER_COUNT };
#undef PROFILE_ENUM

enum architecture { ARCHITECTURE_X86, ARCHITECTURE_X64 };

/* "x86", "x64" */
const char *architecture_name(enum architecture architecture);

struct profile_field {
	bool present;
	uint8_t bit;	 /* first bit, from the least significant of the value at offset */
	uint8_t bits;	 /* width; 0: not a bit field */
	uint32_t offset; /* bytes from the start of the type; for `size`, the size */
};

struct profile {
	char *name;
	char *description;
	char *variant;	/* "" where the build has one layout */
	char *source;	/* where the facts come from */
	char *origin;	/* the file it was read from, or "built in" */
	char *inferred; /* how it was found in an image; NULL: it is of symbols, and complete */
	enum architecture architecture;
	uint32_t build_first;
	uint32_t build_last;
	struct profile_field field[PROFILE_MEMBER_COUNT];
};

static inline bool profile_has(const struct profile *profile, enum profile_member member)
{
	return profile->field[member].present;
}

/* Bytes from the start of the type; for a `size`, the size. 0 when the profile lacks it. */
static inline uint32_t profile_offset(const struct profile *profile, enum profile_member member)
{
	return profile->field[member].offset;
}

/* The value of a bit field (or of all of it, where it is none) within the integer `value`. */
static inline uint64_t profile_bits(const struct profile *profile, enum profile_member member,
				    uint64_t value)
{
	const struct profile_field *field = &profile->field[member];
	if (!field->bits || field->bits >= 64)
		return value >> field->bit;
	return (value >> field->bit) & ((UINT64_C(1) << field->bits) - 1);
}

/* Does reading take the member, so that only an inferred profile may lack it? */
bool profile_member_required(enum profile_member member);

/* Has every known Windows the member? */
bool profile_member_universal(enum profile_member member);

/* Can a symbol file have it? */
bool profile_member_in_symbols(enum profile_member member);

/* Is this a member that nothing works without, so that not even an inferred profile may lack it? */
bool profile_member_core(enum profile_member member);

/* "EPROCESS.UniqueProcessId" in two parts. */
const char *profile_type_name(enum profile_member member);
const char *profile_member_name(enum profile_member member);

/*
 * Reads one profile from YAML text (UTF-8, up to PROFILE_TEXT_LIMIT bytes). `origin` names it in
 * errors, which begin with "ORIGIN:LINE:COLUMN: ": unknown key, type or member, missing member,
 * duplicate, value beyond the member's limit in profile_fields.h or beyond the type's size, bad
 * number, anything that a profile doesn't need of YAML (anchors, aliases, tags, several documents).
 * Members that former versions asked for and nobody reads are passed over. The caller frees
 * the result.
 */
#define PROFILE_TEXT_LIMIT (1u << 20)
struct error *profile_parse(const char *text, size_t length, const char *origin,
			    struct profile **ret);
void profile_free(struct profile *profile);
DEFINE_CLEANUP(struct profile, profile_free)
#define _cleanup_profile_ _cleanup_(profile_free_p)

/* Writes a profile as YAML that profile_parse() reads back equal. The caller frees the result. */
char *profile_to_yaml(const struct profile *profile);

/* The profiles of a run: those compiled in, and those the user added, which come first. */
struct profiles;

/* With the shipped ones. Their headers are read now, their types when they are asked for. */
struct error *profiles_new(struct profiles **ret);
void profiles_free(struct profiles *profiles);
DEFINE_CLEANUP(struct profiles, profiles_free)
#define _cleanup_profiles_ _cleanup_(profiles_free_p)

/*
 * Adds a file, or every *.yaml of a folder (an error when there is none), read in full; replaces a
 * profile of the same name. Positions change, and what the set handed out is gone: add first.
 */
struct error *profiles_add_file(struct profiles *profiles, const char *path);
struct error *profiles_add_directory(struct profiles *profiles, const char *path);

/* What --list-profiles shows of one, in the order of architecture, build, name. */
struct profile_summary {
	const char *name;
	const char *description;
	const char *variant;
	const char *source;
	const char *origin;
	enum architecture architecture;
	uint32_t build_first;
	uint32_t build_last;
	bool added; /* by the user */
};

size_t profiles_count(const struct profiles *profiles);
struct profile_summary profiles_summary(const struct profiles *profiles, size_t i);

/* Reads number `i` in full; owned by the set. For one thread at a time. */
struct error *profiles_get(struct profiles *profiles, size_t i, const struct profile **ret);

/*
 * The profiles whose builds include `build`, those of the user first, then in list order: stores
 * up to `limit` positions in `found` and returns how many there are.
 */
size_t profiles_match(const struct profiles *profiles, enum architecture architecture,
		      uint32_t build, size_t *found, size_t limit);

/*
 * Turns a symbol file of Volatility 3 (its JSON, plain or xz) into a profile. Such a file seldom
 * tells the build it is of: `build` is what the user says, or 0. When neither says, the header is
 * that of the profile in `known` (which may be NULL) with the same layout, and it is an error when
 * there is none, or more than one. Errors begin with "PATH: " or "PATH:LINE:COLUMN: " and name the
 * place in the JSON, as in user_types._EPROCESS.fields.Peb. The caller frees the result.
 */
#define SYMBOL_FILE_LIMIT ((size_t)64 << 20)
struct error *profile_import_symbols(const char *path, uint32_t build, struct profiles *known,
				     struct profile **ret);

/* The same of a file's content; `origin` is what errors call it. */
struct error *profile_parse_symbols(const void *data, size_t size, const char *origin,
				    uint32_t build, struct profiles *known, struct profile **ret);

#endif
