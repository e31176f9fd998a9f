/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The types of hashes: what they are called, and where a struct hashes has them.
 */
#include <impscan/hash.h>

#include <string.h>

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

/* The member that a word of a list belongs to, and its hash without a prefix; NULL: none. */
static char *member_of(struct hashes *hashes, const char **word, size_t *length, size_t *room)
{
	const size_t prefix = strlen(IMPSET_PREFIX);
	if (*length > prefix && !memcmp(*word, IMPSET_PREFIX, prefix)) {
		*word += prefix;
		*length -= prefix;
		*room = sizeof(hashes->impset);
		return hashes->impset;
	}
	if (memchr(*word, ':', *length)) {
		*room = sizeof(hashes->impfuzzy);
		return hashes->impfuzzy;
	}
	*room = sizeof(hashes->imphash);
	return *length == IMPHASH_SIZE - 1 ? hashes->imphash : NULL;
}

bool hashes_read(struct hashes *hashes, const char *text)
{
	*hashes = (struct hashes){0};
	while (*text) {
		size_t length = strcspn(text, " "), room;
		const char *word = text;
		text += length;
		text += strspn(text, " ");
		char *member = member_of(hashes, &word, &length, &room);
		if (!member || *member || length >= room) {
			*hashes = (struct hashes){0};
			return false;
		}
		memcpy(member, word, length);
	}
	return hashes_any(hashes);
}

bool hashes_any(const struct hashes *hashes)
{
	bool any = false;
	for (unsigned int type = 0; type < HASH_TYPES; type++)
		any |= *hash_of_type(hashes, (enum hash_type)type) != '\0';
	return any;
}
