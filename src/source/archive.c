/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Archives: ZIP, 7-Zip and tar, read by libarchive. The largest file that may be an image is taken,
 * and the page files beside it.
 */
#include "source/unpacker.h"

#include <stdlib.h>
#include <strings.h>

#include <impscan/alloc.h>
#include <impscan/unpack.h>

static bool is_tar(const struct source *source)
{
	enum { CHECKSUM = 148, MAGIC = 257, SIZE = 512 };
	const uint8_t *header = source_bytes(source, 0, SIZE);
	if (!header || memcmp(header + MAGIC, "ustar", 5) != 0)
		return false;
	/* The sum of all bytes, with spaces for itself, as octal digits. */
	uint64_t sum = 0, given = 0;
	for (size_t i = 0; i < SIZE; i++)
		sum += i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : header[i];
	for (size_t i = CHECKSUM; i < CHECKSUM + 8; i++)
		if (header[i] >= '0' && header[i] <= '7')
			given = given * 8 + header[i] - '0';
	return sum == given;
}

bool unpack_knows_7zip(const void *head, size_t size)
{
	return size >= 6 && !memcmp(head, "7z\xbc\xaf\x27\x1c", 6);
}

static const char *probe(const struct source *source)
{
	const uint8_t *magic = source_bytes(source, 0, 6);
	if (!magic)
		return NULL;
	if (!memcmp(magic, "PK\3\4", 4) || !memcmp(magic, "PK\5\6", 4))
		return "ZIP";
	if (unpack_knows_7zip(magic, 6))
		return "7-Zip";
	return is_tar(source) ? "tar" : NULL;
}

#ifdef HAVE_LIBARCHIVE
/* Entries of an archive that are looked at. */
#define ENTRIES_MAX 100000u
/* Entries that are tried, the largest first, until one may be an image. */
#define TRIES_MAX   8u
/* Entries that are named in a sentence. */
#define NAMED_MAX   5u
/* What of an entry is looked at to judge what it is. */
#define HEAD_SIZE   ((size_t)1 << 16)

/* How often an archive is read from its start again, for parts that are in no order in it. */
#define STARTS_MAX 8u
/* Files that are read beside the image at most. */
#define BESIDE_MAX 8u

struct member {
	char *name;    /* of a split file without the number */
	size_t number; /* in the archive */
	uint64_t size; /* unpacked; 0: not known, or nothing */
	bool encrypted;
	/* Of a split file: its other parts, by their numbers in the archive. */
	size_t *parts;
	size_t part_count;
	size_t part_capacity;
	char *missing; /* the first that is not there; NULL: none */
};

struct listing {
	struct member *members;
	size_t count;
	size_t capacity;
	bool cut;
};

static void member_free(struct member *member)
{
	free(member->name);
	free(member->parts);
	free(member->missing);
}

static void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		member_free(&listing->members[i]);
	free(listing->members);
}

static struct error *begin(struct unpacker *unpacker, const struct source *source,
			   const struct source_options *options)
{
	const char *password = options ? options->password : NULL;
	try_(unpacker_open(unpacker, source, reader_new(READER_ARCHIVES, password)));
	unpacker->named = password && *password;
	return NULL;
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

static void add_member(struct listing *listing, struct archive_entry *entry, size_t number)
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

/* Lists the files of an archive. */
static struct error *list(const struct source *source, const struct source_options *options,
			  struct listing *listing)
{
	_cleanup_unpacker_ struct unpacker unpacker = {0};
	struct archive_entry *entry;
	struct error *error = begin(&unpacker, source, options);
	for (size_t number = 0; !error; number++) {
		int result = reader_next_entry(unpacker.archive, &entry);
		if (archive_read_has_encrypted_entries(unpacker.archive) > 0)
			unpacker.encrypted = true;
		if (result == ARCHIVE_EOF)
			return NULL;
		if (result == ARCHIVE_RETRY)
			continue;
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
			listing->cut = unpacker.ended;
			/* What was found before is there. */
			return listing->count ? NULL : unpacker_failure(&unpacker);
		}
		if (number >= ENTRIES_MAX)
			return error_new("'%s' has more than %u files: unpack the image first",
					 source_path(source), ENTRIES_MAX);
		if (archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry))
			add_member(listing, entry, number);
	}
	return error;
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

/* The parts of a file behind each other. */
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

/* Adds a part to the split file that `first` is. `last`: the number of the part before. */
static void add_part(struct member *first, const struct member *part, unsigned int last)
{
	const struct part_name name = part_name_of(part->name);
	if (name.number != last + 1 && !first->missing)
		first->missing = alloc_printf("%.*s%0*u", (int)name.stem, part->name,
					      (int)name.digits, last + 1);
	*array_push(first->parts, first->part_count, first->part_capacity) = part->number;
	first->size += part->size;
	first->encrypted |= part->encrypted;
}

/* Whether a part belongs to the split file that `first` is, of which `last` was found before. */
static bool is_next_part(const struct member *first, const struct part_name *last,
			 const struct member *part)
{
	const struct part_name name = part_name_of(part->name);
	return last->digits && name.digits == last->digits && name.stem == last->stem &&
	       name.number > last->number && !strncmp(first->name, part->name, name.stem);
}

/* Makes one member of the parts of a split file. */
static void join_parts(struct listing *listing)
{
	struct member *members = listing->members;
	struct part_name last = {0};
	size_t kept = 0;
	if (listing->count)
		qsort(members, listing->count, sizeof(*members), compare_parts);
	for (size_t i = 0; i < listing->count; i++) {
		const struct part_name name = part_name_of(members[i].name);
		if (kept && is_next_part(&members[kept - 1], &last, &members[i])) {
			add_part(&members[kept - 1], &members[i], last.number);
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

/* Goes to an entry, and on from where it is where the entry is behind that. */
static struct error *advance(struct unpacker *unpacker, const struct source *source, size_t number,
			     const struct source_options *options)
{
	struct archive_entry *entry;
	if (!unpacker->archive || number < unpacker->next) {
		const unsigned int starts = unpacker->starts + 1;
		if (starts > STARTS_MAX)
			return error_new(
				"'%s' has the parts of a file in no order: unpack it first",
				source_path(source));
		unpacker_close(unpacker);
		try_(begin(unpacker, source, options));
		unpacker->starts = starts;
	}
	const uint64_t most = whole_most(source->size, options);
	while (unpacker->next <= number) {
		struct error *error = NULL;
		int result = unpacker_next(unpacker, most, &entry, &error);
		if (error)
			return error;
		if (result == ARCHIVE_RETRY)
			continue;
		if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
			return unpacker_failure(unpacker);
		unpacker->next++;
	}
	return NULL;
}

/* Goes to a member of an archive. */
static struct error *go_to(struct unpacker *unpacker, const struct source *source,
			   const struct member *member, const struct source_options *options)
{
	try_(advance(unpacker, source, member->number, options));
	unpacker->encrypted = member->encrypted;
	return NULL;
}

/* Where an entry that is not packed lies in the source; false when it may be packed. */
static bool find_stored(struct unpacker *unpacker, const struct member *member, uint64_t *offset)
{
	const struct source *source = unpacker->source;
	/* A tar archive has it right behind the header that was just read. */
	*offset = (uint64_t)archive_filter_bytes(unpacker->archive, -1);
	return archive_format(unpacker->archive) >> 16 == ARCHIVE_FORMAT_TAR >> 16 &&
	       member->size && *offset < source->size;
}

/* Whether the first bytes of an entry, read by libarchive, are those at `offset` of the source. */
static bool is_stored_at(struct unpacker *unpacker, const struct source *source, uint64_t offset)
{
	const void *bytes;
	size_t size;
	la_int64_t at;
	if (archive_read_data_block(unpacker->archive, &bytes, &size, &at) != ARCHIVE_OK || at)
		return false;
	size = min_of(size, HEAD_SIZE);
	const uint8_t *there = source_bytes(source, offset, size);
	return there && !memcmp(there, bytes, size);
}

/* A window on an entry of a tar archive; `*ret` stays NULL where it is not in one piece. */
static struct error *open_stored(const struct source *source, const struct member *member,
				 const struct source_options *options, struct source **ret)
{
	_cleanup_unpacker_ struct unpacker unpacker = {0};
	uint64_t offset = 0;
	char there[SOURCE_SIZE_TEXT], size[SOURCE_SIZE_TEXT];
	try_(go_to(&unpacker, source, member, options));
	if (!find_stored(&unpacker, member, &offset) || !is_stored_at(&unpacker, source, offset))
		return NULL;
	uint64_t left = min_of(member->size, source->size - offset);
	*ret = source_window(source, offset, left);
	if (left < member->size)
		source_warn(*ret, "the archive is cut off: it holds %s of the %s of '%s'",
			    source_size_text(left, there), source_size_text(member->size, size),
			    member->name);
	return NULL;
}

static struct error *unpack_member(const struct source *source, const struct member *member,
				   const char *kind, const struct source_options *options,
				   struct source **ret)
{
	_cleanup_unpacker_ struct unpacker unpacker = {0};
	_cleanup_whole_ struct whole whole = {.fd = -1};
	bool cut = false;
	char size[SOURCE_SIZE_TEXT];
	_cleanup_free_ char *from = member->part_count
					    ? alloc_printf("%s, %zu parts of '%s'", kind,
							   member->part_count + 1, member->name)
					    : alloc_printf("%s, '%s'", kind, member->name);
	try_(go_to(&unpacker, source, member, options));
	if (member->missing)
		return error_new("'%s' is a %s archive, and of the parts of '%s' in it '%s' is "
				 "missing",
				 source_path(source), kind, member->name, member->missing);
	try_(whole_begin(&whole, source_path(source), from, source->size, member->size, options));
	try_(unpacker_add_all(&unpacker, &whole, &cut));
	for (size_t i = 0; i < member->part_count && !cut; i++) {
		try_(advance(&unpacker, source, member->parts[i], options));
		try_(unpacker_add_all(&unpacker, &whole, &cut));
	}
	try_(whole_finish(&whole, ret));
	if (cut)
		source_warn(*ret, "the archive is cut off: the first %s of '%s' are there",
			    source_size_text((*ret)->size, size), member->name);
	return NULL;
}

/* Opens an entry. `*kept`: it is read from the archive, so that this must stay open. */
static struct error *open_member(const struct source *source, const struct member *member,
				 const char *kind, const struct source_options *options,
				 struct source **ret, bool *kept)
{
	*kept = false;
	if (!strcmp(kind, "tar") && !member->part_count)
		try_(open_stored(source, member, options, ret));
	*kept = *ret;
	return *ret ? NULL : unpack_member(source, member, kind, options, ret);
}

/* Which page file a name is that of, or SOURCE_PAGE_FILES. */
static unsigned int page_file_of(const char *name)
{
	static const char *const names[SOURCE_PAGE_FILES] = {"pagefile.sys", "swapfile.sys"};
	const char *end = strrchr(name, '/');
	unsigned int i = 0;
	end = end ? end + 1 : name;
	while (i < SOURCE_PAGE_FILES && strcasecmp(end, names[i]) != 0)
		i++;
	return i;
}

/* The largest first; those whose size is not known before all others. */
static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	uint64_t first = x->size - 1, second = y->size - 1;
	if (first != second)
		return first > second ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Whether an entry is known by its first bytes to be something else than an image. */
static bool is_unwanted(const struct source *source, const struct member *member,
			const struct source_options *options)
{
	_cleanup_unpacker_ struct unpacker unpacker = {0};
	_cleanup_free_ uint8_t *head = alloc_zero(HEAD_SIZE, 1);
	if (page_file_of(member->name) < SOURCE_PAGE_FILES)
		return true;
	if (!options || !options->unwanted)
		return false;
	_cleanup_error_ struct error *error = go_to(&unpacker, source, member, options);
	la_ssize_t size = error ? 0 : archive_read_data(unpacker.archive, head, HEAD_SIZE);
	if (size <= 0)
		return !member->size;
	struct source *start = source_of_bytes(member->name, head, (uint64_t)size);
	bool packed = container_gzip.probe(start) || container_xz.probe(start) ||
		      container_stream.probe(start) || probe(start);
	source_close(start);
	return !packed && options->unwanted(member->name, head, (size_t)size);
}

static bool wants_page_file(const struct source_options *options)
{
	return options && options->page_file;
}

/* The page file of a number by its name, or else the largest file that is not named as another. */
static const struct member *choose_page_file(const struct listing *listing, unsigned int number)
{
	const struct member *other = NULL;
	for (size_t i = 0; i < listing->count; i++) {
		const struct member *member = &listing->members[i];
		const unsigned int named = page_file_of(member->name);
		if (named == number && named < SOURCE_PAGE_FILES)
			return member;
		if (!other && named == SOURCE_PAGE_FILES)
			other = member;
	}
	return other;
}

/* The entry that is taken, or NULL when none may be what is wanted. */
static const struct member *choose(const struct source *source, struct listing *listing,
				   const struct source_options *options)
{
	if (listing->count)
		qsort(listing->members, listing->count, sizeof(*listing->members), compare_members);
	if (wants_page_file(options))
		return choose_page_file(listing, options->page_file - 1);
	size_t tries = 0;
	for (size_t i = 0; i < listing->count && tries < TRIES_MAX; i++) {
		if (!is_unwanted(source, &listing->members[i], options))
			return &listing->members[i];
		tries += page_file_of(listing->members[i].name) == SOURCE_PAGE_FILES;
	}
	return NULL;
}

/* Opens a file beside the image; NULL where it can't be, which is told. Sets `*kept` for a window. */
static struct source *open_beside(const struct source *source, const struct member *member,
				  const char *kind, struct source_options *options,
				  struct source *image, bool *kept)
{
	bool window = false;
	struct source *file = NULL;
	struct error *error = open_member(source, member, kind, options, &file, &window);
	if (error) {
		source_warn(image, "the archive's '%s' can't be used: %s", member->name,
			    error_message(error));
		error_free(error);
		return NULL;
	}
	if (!file) /* never: but that an error is not NULL, the analyzer can't see */
		return NULL;
	free(file->state->path);
	file->state->path = alloc_printf("%s: %s", source_path(source), member->name);
	file->state->name = alloc_strdup(member->name);
	*kept |= window;
	source_count_unpacked(options, file);
	return file;
}

/* Opens the page files, and says so. */
static void open_page_files(const struct source *source, const struct listing *listing,
			    const char *kind, struct source_options *options, struct source *image,
			    bool *kept)
{
	for (size_t i = 0; i < listing->count; i++) {
		const struct member *member = &listing->members[i];
		unsigned int number = page_file_of(member->name);
		if (number == SOURCE_PAGE_FILES || image->state->page_files[number])
			continue;
		struct source *file = open_beside(source, member, kind, options, image, kept);
		if (!file)
			continue;
		image->state->page_files[number] = file;
		source_tell(options, "'%s' of the archive is page file %u", member->name, number);
		if (source_warning(file))
			source_warn(image, "page file %u: %s", number, source_warning(file));
	}
}

static bool is_beside(const struct member *chosen, const struct member *member,
		      const struct source_options *options)
{
	return member != chosen && options && options->beside &&
	       options->beside(chosen->name, member->name);
}

/* Opens what belongs to the chosen file, and says so. */
static void open_files_beside(const struct source *source, const struct listing *listing,
			      const struct member *chosen, const char *kind,
			      struct source_options *options, struct source *image, bool *kept)
{
	for (size_t i = 0; i < listing->count; i++) {
		const struct member *member = &listing->members[i];
		if (!is_beside(chosen, member, options))
			continue;
		if (image->state->beside_count == BESIDE_MAX) {
			source_warn(image,
				    "of the archive's files that belong to it only %u are "
				    "read",
				    BESIDE_MAX);
			return;
		}
		struct source *file = open_beside(source, member, kind, options, image, kept);
		if (!file)
			continue;
		source_tell(options, "'%s' of the archive is read with it", member->name);
		*array_push(image->state->beside, image->state->beside_count,
			    image->state->beside_capacity) = file;
	}
}

/* Says which entry was taken, and which not. */
static void tell_choice(const struct listing *listing, const struct member *chosen,
			const struct source_options *options)
{
	_cleanup_text_ struct text text = {0};
	size_t others = 0;
	for (size_t i = 0; i < listing->count; i++) {
		const struct member *member = &listing->members[i];
		if (member == chosen || is_beside(chosen, member, options) ||
		    (page_file_of(member->name) < SOURCE_PAGE_FILES && !wants_page_file(options)))
			continue;
		if (others++ < NAMED_MAX)
			text_add_format(&text, "%s'%s'", others > 1 ? ", " : "", member->name);
	}
	if (others > NAMED_MAX)
		text_add_format(&text, " and %zu more", others - NAMED_MAX);
	if (others)
		source_tell(options, "of the archive's files '%s' is read, not %s", chosen->name,
			    text_string(&text));
}

static bool is_aff4(const struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		if (!strcmp(listing->members[i].name, "container.description") ||
		    !strcmp(listing->members[i].name, "information.turtle"))
			return true;
	return false;
}

static struct error *none_chosen(const struct source *source, const struct listing *listing,
				 const char *kind, const char *wanted)
{
	if (!listing->count)
		return error_new("'%s' is a %s archive without files%s", source_path(source), kind,
				 listing->cut ? ": it is cut off" : "");
	return error_new(
		"'%s' is a %s archive, and none of its files is a %s (the largest is '%s')",
		source_path(source), kind, wanted, listing->members[0].name);
}

static struct error *open_archive(struct source *source, const char *name,
				  const struct source_options *options, struct source **ret)
{
	__attribute__((cleanup(listing_free))) struct listing listing = {0};
	bool kept = false;
	try_(list(source, options, &listing));
	join_parts(&listing);
	if (is_aff4(&listing))
		return NULL; /* an image format of its own */
	const struct member *chosen = choose(source, &listing, options);
	if (!chosen)
		return none_chosen(source, &listing, name,
				   wants_page_file(options) ? "page file of that number"
							    : "memory image");
	tell_choice(&listing, chosen, options);
	_cleanup_source_ struct source *image = NULL;
	try_(open_member(source, chosen, name, options, &image, &kept));
	if (!image) /* never: but that an error is not NULL, the analyzer can't see */
		return NULL;
	if (!wants_page_file(options)) {
		/* What it may be unpacked to is for all of its files. */
		struct source_options left = options ? *options : (struct source_options){0};
		source_count_unpacked(&left, image);
		open_page_files(source, &listing, name, &left, image, &kept);
		open_files_beside(source, &listing, chosen, name, &left, image, &kept);
	}
	if (listing.cut && !source_warning(image))
		source_warn(image, "the archive is cut off: files may be missing");
	_cleanup_free_ char *container = alloc_printf("%s ('%s')", name, chosen->name);
	image->state->name = alloc_strdup(chosen->name);
	*ret = take_ptr(image);
	source_put_upon(*ret, source, container, kept);
	return NULL;
}
#else
static struct error *open_archive(struct source *source, const char *name,
				  const struct source_options *options, struct source **ret)
{
	(void)options, (void)ret;
	return error_new("'%s' is a %s archive, and this impscan is built without libarchive: "
			 "unpack it first",
			 source_path(source), name);
}
#endif

const struct container container_archive = {.probe = probe, .open = open_archive};
