/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The types of hashes: what they are called, and where a struct hashes has them.
 */
#include <impscan/hash.h>

static const struct {
	const char *name;
	const char *prefix;
	size_t offset; /* in struct hashes */
} types[HASH_TYPES] = {
	[HASH_IMPHASH] = {"imphash", "", offsetof(struct hashes, imphash)},
	[HASH_IMPFUZZY] = {"impfuzzy", "", offsetof(struct hashes, impfuzzy)},
	[HASH_IMPSET] = {"impset", IMPSET_PREFIX, offsetof(struct hashes, impset)},
	[HASH_TYPEREFHASH] = {"typerefhash", TYPEREFHASH_PREFIX,
			      offsetof(struct hashes, typerefhash)},
	[HASH_TYPEREFUZZY] = {"typerefuzzy", TYPEREFUZZY_PREFIX,
			      offsetof(struct hashes, typerefuzzy)},
	[HASH_GIMPHASH] = {"gimphash", GIMPHASH_PREFIX, offsetof(struct hashes, gimphash)},
	[HASH_GIMPFUZZY] = {"gimpfuzzy", GIMPFUZZY_PREFIX, offsetof(struct hashes, gimpfuzzy)},
};

const char *hash_type_name(enum hash_type type)
{
	return types[type].name;
}

const char *hash_type_prefix(enum hash_type type)
{
	return types[type].prefix;
}

const char *hash_of_type(const struct hashes *hashes, enum hash_type type)
{
	return (const char *)hashes + types[type].offset;
}

bool hashes_any(const struct hashes *hashes)
{
	bool any = false;
	for (unsigned int type = 0; type < HASH_TYPES; type++)
		any |= *hash_of_type(hashes, (enum hash_type)type) != '\0';
	return any;
}
