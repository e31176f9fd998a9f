/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Profiles: the layout of the structures of one Windows kernel, read from YAML.
 *
 * All kernels of one build number have the same layout of what is read here, so a profile belongs
 * to an architecture and a range of builds. Where updates changed the layout within a build, it has
 * several profiles, called variants. A file:
 *
 *	name: windows-10-19041-x64
 *	description: Windows 10 2004 to 22H2
 *	architecture: x64                  # or x86
 *	builds: [19041, 19045]             # first and last
 *	variant: as of 7601.24000          # only where one build has several layouts
 *	source: public symbols of ntkrnlmp.pdb 10.0.19041.3324
 *	inferred: 40 of 52 fields verified # only where it was inferred from an image: members
 *	                                   # that could not be verified may be missing then
 *	types:
 *	  EPROCESS:
 *	    size: 0xa40
 *	    UniqueProcessId: 0x440
 *	  MMVAD_FLAGS:
 *	    Protection: {offset: 0x0, bit: 7, bits: 5}
 *
 * `types` comes last, so that the header can be read without it. An offset is decimal or 0x...; the
 * bits of a bit field are counted from the least significant one of the integer at its offset.
 * profile_fields.h says which members may be missing, and how large a value may be.
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

/* The place of one member. */
struct profile_field {
	bool present;
	uint8_t bit;	 /* first bit, from the least significant of the value at offset */
	uint8_t bits;	 /* width; 0: not a bit field */
	uint32_t offset; /* bytes from the start of the type; for `size`, the size */
};

/* One profile in memory. All strings are its own. */
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

/* Tells whether the profile has the member. */
static inline bool profile_has(const struct profile *profile, enum profile_member member)
{
	return profile->field[member].present;
}

/*
 * Returns the offset of a member in bytes from the start of its type; for `size`, the size of the
 * type. 0 when the profile lacks it.
 */
static inline uint32_t profile_offset(const struct profile *profile, enum profile_member member)
{
	return profile->field[member].offset;
}

/*
 * Returns the value of a bit field.
 *
 * value: the integer at the offset of the member.
 *
 * Where the member is no bit field it is `value`.
 */
static inline uint64_t profile_bits(const struct profile *profile, enum profile_member member,
				    uint64_t value)
{
	const struct profile_field *field = &profile->field[member];
	if (!field->bits || field->bits >= 64)
		return value >> field->bit;
	return (value >> field->bit) & ((UINT64_C(1) << field->bits) - 1);
}

/* Tells whether a profile must have the member, unless it is inferred (R of profile_fields.h). */
bool profile_member_required(enum profile_member member);

/* Tells whether every known Windows has the member (R and F). */
bool profile_member_universal(enum profile_member member);

/* Tells whether a symbol file can have the member (all but S). */
bool profile_member_in_symbols(enum profile_member member);

/* Tells whether an inferred profile must have the member, too: nothing can be read without it. */
bool profile_member_core(enum profile_member member);

/* Return the two parts of "EPROCESS.UniqueProcessId". */
const char *profile_type_name(enum profile_member member);
const char *profile_member_name(enum profile_member member);

/*
 * Parses a profile.
 *
 * text, length: YAML in UTF-8, up to PROFILE_TEXT_LIMIT bytes.
 * origin: what errors call the text: "ORIGIN:LINE:COLUMN: ...".
 *
 * Fails on a key, type or member that is unknown, given twice or missing, on a value beyond the
 * limit that profile_fields.h has or beyond the size of the type, and on YAML that no profile needs
 * (anchors, aliases, tags, several documents). Members that only former versions of impscan read
 * are accepted and ignored. The caller owns the result.
 */
#define PROFILE_TEXT_LIMIT (1u << 20)
struct error *profile_parse(const char *text, size_t length, const char *origin,
			    struct profile **ret);
void profile_free(struct profile *profile);
DEFINE_CLEANUP(struct profile, profile_free)
#define _cleanup_profile_ _cleanup_(profile_free_p)

/*
 * Returns a profile as YAML, from which profile_parse() makes an equal one. The caller frees the
 * text.
 */
char *profile_to_yaml(const struct profile *profile);

/*
 * Returns the layout of what a process's loader keeps in its memory, by the size of its pointers
 * and its build: members of PEB, PEB_LDR_DATA and LDR_DATA_TABLE_ENTRY only. It is static.
 */
const struct profile *profile_of_process(enum architecture architecture, uint32_t build);

/* The profiles of a run: those compiled in, and those that the user added, which are preferred. */
struct profiles;

/*
 * Makes a set of the profiles that are compiled in. Their headers are read at once, their types
 * when a profile is asked for.
 */
struct error *profiles_new(struct profiles **ret);
void profiles_free(struct profiles *profiles);
DEFINE_CLEANUP(struct profiles, profiles_free)
#define _cleanup_profiles_ _cleanup_(profiles_free_p)

/*
 * Add a file, or every *.yaml of a folder, to the set. They are parsed at once. A profile of the
 * same name is replaced. Fail when one can't be parsed, or when the folder has none.
 *
 * Afterwards profiles have other numbers, and pointers from profiles_get() are invalid.
 */
struct error *profiles_add_file(struct profiles *profiles, const char *path);
struct error *profiles_add_directory(struct profiles *profiles, const char *path);

/* The header of a profile. All strings are the set's. */
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

/* Returns the number of profiles in the set. */
size_t profiles_count(const struct profiles *profiles);
/*
 * Returns the header of profile number `i`, 0 to profiles_count() - 1. They are sorted by
 * architecture, build and name.
 */
struct profile_summary profiles_summary(const struct profiles *profiles, size_t i);

/* Parses profile number `i` in full, once. The set owns it. For one thread at a time. */
struct error *profiles_get(struct profiles *profiles, size_t i, const struct profile **ret);

/*
 * Finds the profiles of a build: first those of the user, each part in the order of numbers.
 *
 * found: gets their numbers, `limit` of them at most.
 *
 * Returns how many there are, which may be more than `limit`.
 */
size_t profiles_match(const struct profiles *profiles, enum architecture architecture,
		      uint32_t build, size_t *found, size_t limit);

/*
 * Makes a profile of a symbol file in Volatility 3's format: JSON, plain or compressed with xz.
 *
 * build: the build number that the user gave; 0: none. Few files have it.
 * known: where neither the user nor the file has the build, the header is that of the profile in
 *	this set that has the same layout; it is an error when there is none, or more than one. May
 *	be NULL.
 *
 * Errors begin with "PATH: " or "PATH:LINE:COLUMN: " and name the place in the JSON, for example
 * user_types._EPROCESS.fields.Peb. The caller owns the result.
 */
#define SYMBOL_FILE_LIMIT ((size_t)64 << 20)
struct error *profile_import_symbols(const char *path, uint32_t build, struct profiles *known,
				     struct profile **ret);

/* The same for the content of a file; `origin` is what errors call it. */
struct error *profile_parse_symbols(const void *data, size_t size, const char *origin,
				    uint32_t build, struct profiles *known, struct profile **ret);

#endif
