/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See archive_list.h. */
#include "source/archive_list.h"

#ifdef HAVE_LIBARCHIVE
#include <stdlib.h>

#include <impscan/alloc.h>

/* Parts that a split file has at most; numbers behind that are other files'. */
#define PARTS_MAX 100000u

static void member_free(struct member *member)
{
	for (size_t i = 0; i < member->part_count; i++)
		free(member->parts[i].name);
	free(member->parts);
	free(member->name);
	*member = (struct member){0};
}

void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		member_free(&listing->members[i]);
	free(listing->members);
	text_free(&listing->told);
	*listing = (struct listing){0};
}

/* A name that sentences can have: of one that is longer than names of files are, both ends. */
static char *shown_name(const char *name)
{
	enum { LONGEST = 255, KEPT = 120 };
	const size_t length = strlen(name);
	if (length <= LONGEST)
		return alloc_strdup(name);
	return alloc_printf("%.*s...%s", KEPT, name, name + length - KEPT);
}

void listing_add(struct listing *listing, struct archive_entry *entry, size_t number)
{
	const char *name = reader_name(entry);
	*array_push(listing->members, listing->count, listing->capacity) = (struct member){
		.name = name ? shown_name(name) : alloc_printf("entry %zu", number + 1),
		.number = number,
		.size = archive_entry_size_is_set(entry)
				? (uint64_t)max_of(archive_entry_size(entry), (la_int64_t)0)
				: 0,
		.encrypted = archive_entry_is_encrypted(entry) > 0,
	};
}

/* A name, and the number that a part of a split file has at its end. */
struct part_name {
	size_t stem;   /* the length of what is before the number; without one of the name */
	size_t digits; /* 0: no number */
	unsigned int number;
};

static struct part_name part_name_of(const char *name)
{
	size_t digits = split_digits(name), stem = strlen(name) - digits;
	return (struct part_name){stem, digits,
				  digits ? (unsigned int)strtoul(name + stem, NULL, 10) : 0};
}

/* The parts of a file behind each other; what has the same name as it is in the archive. */
static int compare_parts(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	const struct part_name p = part_name_of(x->name), q = part_name_of(y->name);
	int order = strncmp(x->name, y->name, min_of(p.stem, q.stem));
	if (!order)
		order = p.stem != q.stem	? (p.stem < q.stem ? -1 : 1)
			: p.digits != q.digits	? (p.digits < q.digits ? -1 : 1)
			: p.number != q.number	? (p.number < q.number ? -1 : 1)
			: x->number < y->number ? -1
						: x->number > y->number;
	return order;
}

/* Keeps the last of files of the same name. They are sorted. */
static void drop_same(struct listing *listing)
{
	struct member *members = listing->members;
	size_t kept = 0, dropped = 0;
	for (size_t i = 0; i < listing->count; i++) {
		if (!kept || strcmp(members[kept - 1].name, members[i].name) != 0) {
			members[kept++] = members[i];
			continue;
		}
		if (!dropped++)
			text_add_format(&listing->told,
					"the archive has '%s' more than once: the last is read",
					members[i].name);
		/* No parts are joined yet. */
		free(take_ptr(members[kept - 1].name));
		members[kept - 1] = members[i];
	}
	if (dropped > 1)
		text_add_format(&listing->told, ", and so it is with others");
	listing->count = kept;
}

/* Adds a part to a split file, and those that are missing before it. */
static void add_part(struct member *first, const struct member *part, unsigned int last)
{
	const struct part_name name = part_name_of(part->name);
	for (unsigned int number = last + 1; first->part_count && number < name.number; number++)
		*array_push(first->parts, first->part_count, first->part_capacity) =
			(struct member_part){
				.name = alloc_printf("%.*s%0*u", (int)name.stem, part->name,
						     (int)name.digits, number),
				.missing = true,
			};
	*array_push(first->parts, first->part_count, first->part_capacity) = (struct member_part){
		.name = alloc_strdup(part->name), .number = part->number, .size = part->size};
	first->encrypted |= part->encrypted;
}

/* Whether a part belongs to the split file that `first` is, of which `last` was found before. */
static bool is_next_part(const struct member *first, const struct part_name *last,
			 const struct member *part)
{
	const struct part_name name = part_name_of(part->name);
	return last->digits && name.digits == last->digits && name.stem == last->stem &&
	       name.number > last->number && name.number - last->number < PARTS_MAX &&
	       !strncmp(first->name, part->name, name.stem);
}

/* Makes one member of the parts of a split file. They are sorted. */
static void join_parts(struct listing *listing)
{
	struct member *members = listing->members;
	struct part_name last = {0};
	size_t kept = 0;
	for (size_t i = 0; i < listing->count; i++) {
		const struct part_name name = part_name_of(members[i].name);
		if (kept && is_next_part(&members[kept - 1], &last, &members[i])) {
			struct member *first = &members[kept - 1];
			if (!first->part_count)
				add_part(first, first, 0);
			add_part(first, &members[i], last.number);
			first->size += members[i].size;
			last.number = name.number;
			member_free(&members[i]);
			continue;
		}
		members[kept++] = members[i];
		last = name.digits && name.number <= 1 ? name : (struct part_name){0};
	}
	listing->count = kept;
	for (size_t i = 0; i < kept; i++)
		if (members[i].part_count) /* with the point before it */
			members[i].name[part_name_of(members[i].name).stem - 1] = '\0';
}

void listing_finish(struct listing *listing)
{
	if (!listing->count)
		return;
	qsort(listing->members, listing->count, sizeof(*listing->members), compare_parts);
	drop_same(listing);
	join_parts(listing);
}
#endif
