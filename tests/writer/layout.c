/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See layout.h. */
#include <writer/layout.h>

#include <stdio.h>
#include <strings.h>

#include <writer/util.h>

enum {
	COLUMN_BUILD,
	COLUMN_ARCH,
	COLUMN_VARIANT,
	COLUMN_TYPE = 4,
	COLUMN_MEMBER,
	COLUMN_OFFSET,
	COLUMN_BIT,
	COLUMN_BITS,
	COLUMNS
};

struct entry {
	const char *type;
	const char *member; /* "" for the type's size */
	struct layout_field field;
};

struct layout {
	char *text; /* what the names point into */
	const char *version;
	const char *variant;
	uint32_t build;
	struct entry *entries; /* sorted */
	size_t count;
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->type, y->type);
	return order ? order : strcasecmp(x->member, y->member);
}

/* Cuts the next line of `*text` into columns in place; false at the end. */
static bool next_row(char **text, const char *columns[COLUMNS])
{
	while (**text) {
		char *line = *text;
		char *end = strchr(line, '\n');
		*text = end ? end + 1 : line + strlen(line);
		if (end)
			*end = '\0';
		size_t n = 0;
		for (char *column = line; column && n < COLUMNS; n++) {
			columns[n] = column;
			column = strchr(column, '\t');
			if (column)
				*column++ = '\0';
		}
		if (n == COLUMNS)
			return true;
		if (*line && *line != '#')
			util_die("structure table: a line of %zu columns: %s", n, line);
	}
	return false;
}

static char *read_text(const char *path)
{
	size_t size;
	uint8_t *data = util_read_file(path, &size);
	char *text = util_alloc(size + 1, 1);
	memcpy(text, data, size);
	free(data);
	return text;
}

/* "10.0.19041" for "19041" and for "10.0.19041". */
static bool is_build(const char *row, const char *build)
{
	const char *last = strrchr(row, '.');
	return strcmp(row, build) == 0 || (last && strcmp(last + 1, build) == 0);
}

void layout_each(const char *path,
		 void (*call)(const char *build, const char *arch, const char *variant, void *data),
		 void *data)
{
	char *text = read_text(path), *at = text;
	const char *row[COLUMNS], *build = "", *variant = "", *arch = "";
	next_row(&at, row); /* the columns' names */
	while (next_row(&at, row)) {
		if (!strcmp(row[COLUMN_BUILD], build) && !strcmp(row[COLUMN_ARCH], arch) &&
		    !strcmp(row[COLUMN_VARIANT], variant))
			continue;
		build = row[COLUMN_BUILD];
		arch = row[COLUMN_ARCH];
		variant = row[COLUMN_VARIANT];
		call(build, arch, variant, data);
	}
	free(text);
}

struct layout *layout_load(const char *path, const char *build, const char *arch,
			   const char *variant)
{
	struct layout *layout = util_alloc(1, sizeof(*layout));
	layout->text = read_text(path);
	char *at = layout->text;
	const char *row[COLUMNS];
	size_t capacity = 0;
	while (next_row(&at, row)) {
		if (!is_build(row[COLUMN_BUILD], build) || strcmp(row[COLUMN_ARCH], arch) ||
		    (variant && strcmp(row[COLUMN_VARIANT], variant)))
			continue;
		if (!layout->variant || strcmp(layout->variant, row[COLUMN_VARIANT])) {
			layout->count = 0; /* a later variant replaces the one before */
			layout->version = row[COLUMN_BUILD];
			layout->variant = row[COLUMN_VARIANT];
		}
		struct entry *entry = util_push(layout->entries, layout->count, capacity);
		entry->type = row[COLUMN_TYPE];
		entry->member = row[COLUMN_MEMBER];
		entry->field.offset = (uint32_t)strtoul(row[COLUMN_OFFSET], NULL, 0);
		entry->field.bit = (uint8_t)strtoul(row[COLUMN_BIT], NULL, 0);
		entry->field.bits = (uint8_t)strtoul(row[COLUMN_BITS], NULL, 0);
	}
	if (!layout->count)
		util_die("%s has no layout of build %s, %s, variant %s", path, build, arch,
			 variant ? variant : "(any)");
	const char *last = strrchr(layout->version, '.');
	layout->build = (uint32_t)strtoul(last ? last + 1 : layout->version, NULL, 10);
	qsort(layout->entries, layout->count, sizeof(*layout->entries), compare_entries);
	return layout;
}

void layout_free(struct layout *layout)
{
	free(layout->entries);
	free(layout->text);
	free(layout);
}

const char *layout_version(const struct layout *layout)
{
	return layout->version;
}

const char *layout_variant(const struct layout *layout)
{
	return layout->variant;
}

uint32_t layout_build(const struct layout *layout)
{
	return layout->build;
}

const struct layout_field *layout_find(const struct layout *layout, const char *type,
				       const char *member)
{
	const struct entry key = {.type = type, .member = member};
	const struct entry *found =
		bsearch(&key, layout->entries, layout->count, sizeof(key), compare_entries);
	return found ? &found->field : NULL;
}

bool layout_has(const struct layout *layout, const char *type, const char *member)
{
	return layout_find(layout, type, member) != NULL;
}

uint32_t offset_of(const struct layout *layout, const char *type, const char *member)
{
	const struct layout_field *field = layout_find(layout, type, member);
	if (!field)
		util_die("%s (%s) has no %s.%s", layout->version, layout->variant, type, member);
	return field->offset;
}

uint32_t size_of(const struct layout *layout, const char *type)
{
	return offset_of(layout, type, "");
}

void layout_put_bits(const struct layout *layout, const char *type, const char *member, uint8_t *p,
		     uint64_t value)
{
	const struct layout_field *field = layout_find(layout, type, member);
	if (!field || !field->bits)
		util_die("%s has no bit field %s.%s", layout->version, type, member);
	unsigned int bytes = (unsigned int)(field->bit + field->bits + 7) / 8;
	uint64_t mask = field->bits == 64 ? UINT64_MAX : (UINT64_C(1) << field->bits) - 1;
	uint64_t old = util_get(p + field->offset, bytes);
	old = (old & ~(mask << field->bit)) | (value & mask) << field->bit;
	util_put(p + field->offset, old, bytes);
}
