/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Archives: ZIP, 7-Zip and tar, read by libarchive. Files that are images are taken one after the
 * other, and the page files beside them.
 */
#include "source/archive_list.h"

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
#define ENTRIES_MAX  100000u
/* Entries that are judged by their first bytes, the largest first; smaller ones where there is no other. */
#define JUDGED_MAX   1024u
#define JUDGED_LEAST (UINT64_C(64) << 10)
#define TRIES_MAX    8u
/* Entries that are named in a sentence. */
#define NAMED_MAX    5u
/* What of an entry is looked at to judge what it is. */
#define HEAD_SIZE    ((size_t)1 << 16)

/* How often an archive is read from its start again, for parts that are in no order in it. */
#define STARTS_MAX 8u
/* Files that may belong to others, and that may have such: those that are compared. */
#define OWNERS_MAX ((size_t)512)
/* Files that are read beside the image at most. */
#define BESIDE_MAX 8u

/* An archive that is open: what is in it, and where it was read last. It belongs to its source. */
struct archive_session {
	const struct source *source;
	const char *kind;
	struct listing listing;
	bool judged;
	struct unpacker unpacker;
};

static void session_free(void *own)
{
	struct archive_session *session = own;
	unpacker_close(&session->unpacker);
	listing_free(&session->listing);
	free(session);
}

static struct error *begin(struct unpacker *unpacker, const struct source *source,
			   const struct source_options *options)
{
	const char *password = options->password;
	try_(unpacker_open(unpacker, source, reader_new(READER_ARCHIVES, password)));
	unpacker->named = password && *password;
	return NULL;
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
			listing_add(listing, entry, number);
	}
	return error;
}

/* The archive's session, which is made where it has none. */
static struct error *open_session(struct source *source, const char *kind,
				  const struct source_options *options,
				  struct archive_session **ret)
{
	struct source_state *state = source->state;
	*ret = state->session;
	if (state->session)
		return NULL;
	struct archive_session *session = alloc_new(struct archive_session);
	*session = (struct archive_session){.source = source, .kind = kind};
	struct error *error = list(source, options, &session->listing);
	if (error) {
		session_free(session);
		return error;
	}
	listing_finish(&session->listing);
	state->session = session;
	state->free_session = session_free;
	*ret = session;
	return NULL;
}

/* Goes to the data of an entry, and on from where it is where the entry is behind that. */
static struct error *go_to(struct archive_session *session, size_t number, bool encrypted,
			   const struct source_options *options)
{
	struct unpacker *unpacker = &session->unpacker;
	const uint64_t most = whole_most(session->source->size, options);
	struct archive_entry *entry;
	if (!unpacker->archive || number < unpacker->next) {
		const unsigned int starts = unpacker->starts + 1;
		if (starts > STARTS_MAX)
			return error_new(
				"'%s' has the parts of a file in no order: unpack it first",
				source_path(session->source));
		unpacker_close(unpacker);
		try_(begin(unpacker, session->source, options));
		unpacker->starts = starts;
	}
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
	unpacker->encrypted = encrypted;
	return NULL;
}

/* Where an entry that is not packed lies in the source; false when it may be packed. */
static bool find_stored(const struct archive_session *session, const struct member *member,
			uint64_t *offset)
{
	struct archive *archive = session->unpacker.archive;
	/* A tar archive has it right behind the header that was just read. */
	*offset = (uint64_t)archive_filter_bytes(archive, -1);
	return archive_format(archive) >> 16 == ARCHIVE_FORMAT_TAR >> 16 && member->size &&
	       *offset < session->source->size;
}

/* Whether the first bytes of an entry, read by libarchive, are those at `offset` of the source. */
static bool is_stored_at(const struct archive_session *session, uint64_t offset)
{
	const void *bytes;
	size_t size;
	la_int64_t at;
	if (archive_read_data_block(session->unpacker.archive, &bytes, &size, &at) != ARCHIVE_OK ||
	    at)
		return false;
	size = min_of(size, HEAD_SIZE);
	const uint8_t *there = source_bytes(session->source, offset, size);
	return there && !memcmp(there, bytes, size);
}

/* A window on an entry of a tar archive; `*ret` stays NULL where it is not in one piece. */
static struct error *open_stored(struct archive_session *session, const struct member *member,
				 const struct source_options *options, struct source **ret)
{
	const struct source *source = session->source;
	uint64_t offset = 0;
	char there[SOURCE_SIZE_TEXT], size[SOURCE_SIZE_TEXT];
	try_(go_to(session, member->number, member->encrypted, options));
	if (!find_stored(session, member, &offset) || !is_stored_at(session, offset))
		return NULL;
	uint64_t left = min_of(member->size, source->size - offset);
	*ret = source_window(source, offset, left);
	if (left < member->size)
		source_warn(*ret, "the archive is cut off: it holds %s of the %s of '%s'",
			    source_size_text(left, there), source_size_text(member->size, size),
			    member->name);
	return NULL;
}

/* The places of a split file's parts; returns how many have one. What is wrong is told. */
static size_t place_parts(const struct member *member, struct part_place *places, struct text *told)
{
	_cleanup_free_ const char **names = alloc_zero(member->part_count, sizeof(*names));
	for (size_t i = 0; i < member->part_count; i++) {
		const struct member_part *part = &member->parts[i];
		names[i] = part->name;
		places[i] = (struct part_place){
			.size = part->size, .missing = !part->size, .empty = !part->missing};
	}
	size_t count = parts_place(places, member->part_count);
	parts_tell(told, names, places, member->part_count, count);
	return count;
}

/* Unpacks the parts of a split file one behind the other, with gaps where they are missing. */
static struct error *add_parts(struct archive_session *session, const struct member *member,
			       const struct source_options *options, struct whole *whole, bool *cut,
			       struct source_gap *gaps, size_t *gap_count, struct text *told)
{
	_cleanup_free_ struct part_place *places = alloc_zero(member->part_count, sizeof(*places));
	const size_t count = place_parts(member, places, told);
	for (size_t i = 0; i < count && !*cut; i++) {
		const uint64_t start = whole->size;
		if (places[i].missing) {
			try_(whole_add_zeros(whole, places[i].size));
			gaps[(*gap_count)++] = (struct source_gap){start, whole->size};
			continue;
		}
		try_(go_to(session, member->parts[i].number, member->encrypted, options));
		try_(unpacker_add_all(&session->unpacker, whole, cut));
		if (!*cut && whole->size - start != places[i].size)
			return error_new("'%s' is damaged: '%s' in it is not as large as it says",
					 source_path(session->source), member->parts[i].name);
	}
	return NULL;
}

static struct error *unpack_to(struct archive_session *session, const struct member *member,
			       const struct source_options *options, struct whole *whole,
			       struct source **ret)
{
	_cleanup_free_ struct source_gap *gaps = alloc_zero(member->part_count + 1, sizeof(*gaps));
	_cleanup_text_ struct text told = {0};
	size_t gap_count = 0;
	bool cut = false;
	char size[SOURCE_SIZE_TEXT];
	if (member->part_count)
		try_(add_parts(session, member, options, whole, &cut, gaps, &gap_count, &told));
	else
		try_(unpacker_add_all(&session->unpacker, whole, &cut));
	try_(whole_finish(whole, ret));
	if (gap_count)
		source_set_gaps(*ret, gaps, gap_count);
	if (told.length)
		source_warn(*ret, "%s", text_string(&told));
	if (cut)
		source_warn(*ret, "the archive is cut off: the first %s of '%s' are there",
			    source_size_text((*ret)->size, size), member->name);
	return NULL;
}

static struct error *unpack_member(struct archive_session *session, const struct member *member,
				   const struct source_options *options, struct source **ret)
{
	const struct source *source = session->source;
	_cleanup_whole_ struct whole whole = {.fd = -1};
	size_t there = 0;
	for (size_t i = 0; i < member->part_count; i++)
		there += !member->parts[i].missing;
	_cleanup_free_ char *from =
		there ? alloc_printf("%s, %zu parts of '%s'", session->kind, there, member->name)
		      : alloc_printf("%s, '%s'", session->kind, member->name);
	try_(go_to(session, member->number, member->encrypted, options));
	try_(whole_begin(&whole, source_path(source), from, source->size, member->size, options));
	if (member->belongs && options->judge)
		whole.member = member->name;
	return unpack_to(session, member, options, &whole, ret);
}

/* Opens an entry. `*kept`: it is read from the archive, so that this must stay open. */
static struct error *open_member(struct archive_session *session, const struct member *member,
				 const struct source_options *options, struct source **ret,
				 bool *kept)
{
	struct error *error = NULL;
	*kept = false;
	session->unpacker.starts = 0;
	if (!strcmp(session->kind, "tar") && !member->part_count)
		error = open_stored(session, member, options, ret);
	*kept = *ret;
	if (!error && !*ret)
		error = unpack_member(session, member, options, ret);
	if (error) /* what libarchive does after a failure is not said */
		unpacker_close(&session->unpacker);
	return error;
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

static bool is_page_file(const struct member *member)
{
	return page_file_of(member->name) < SOURCE_PAGE_FILES;
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

static int compare_numbers(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* Judges an entry by its first bytes, or by its name without the ending of what it is packed by. */
static enum source_worth worth_of(struct archive_session *session, struct member *member,
				  const struct source_options *options)
{
	_cleanup_free_ uint8_t *head = alloc_zero(HEAD_SIZE, 1);
	session->unpacker.starts = 0;
	_cleanup_error_ struct error *error =
		go_to(session, member->number, member->encrypted, options);
	la_ssize_t size =
		error ? -1 : archive_read_data(session->unpacker.archive, head, HEAD_SIZE);
	if (size < 0)
		unpacker_close(&session->unpacker);
	if (size <= 0)
		return member->size ? options->judge(member->name, NULL, 0) : SOURCE_UNWANTED;
	struct source *start = source_of_bytes(member->name, head, (uint64_t)size);
	const bool compressed = container_gzip.probe(start) || container_xz.probe(start) ||
				container_stream.probe(start);
	member->archive = probe(start);
	source_close(start);
	if (!compressed && !member->archive)
		return options->judge(member->name, head, (size_t)size);
	const char *dot = strrchr(member->name, '.');
	_cleanup_free_ char *inner =
		alloc_strndup(member->name, dot ? (size_t)(dot - member->name) : 0);
	return options->judge(inner, NULL, 0);
}

/*
 * Marks the files that belong to others, by their names. Each of those that may is compared with
 * each that may have such files, so an archive has few of either.
 */
static void find_belonging(struct listing *listing, const struct source_options *options)
{
	_cleanup_free_ const char **owners = alloc_zero(OWNERS_MAX, sizeof(*owners));
	size_t owner_count = 0, asked = 0;
	for (size_t i = 0; i < listing->count && owner_count < OWNERS_MAX; i++)
		if (options->beside(listing->members[i].name, NULL))
			owners[owner_count++] = listing->members[i].name;
	for (size_t i = 0; owner_count && i < listing->count && asked < OWNERS_MAX; i++) {
		struct member *member = &listing->members[i];
		if (!options->beside(NULL, member->name))
			continue;
		asked++;
		for (size_t k = 0; k < owner_count && !member->belongs; k++)
			member->belongs = member->name != owners[k] &&
					  options->beside(owners[k], member->name);
	}
	if (owner_count == OWNERS_MAX || asked == OWNERS_MAX)
		text_add_format(&listing->told,
				"%sthe archive has %zu files or more that may belong to others: "
				"some may be taken for images",
				listing->told.length ? "; " : "", OWNERS_MAX);
}

/*
 * Judges files, those that are first in the archive first: of at least `least` bytes and less than
 * `end`, or whose size is not known, and `most` of them, the largest. Returns whether one may be an
 * image.
 */
static bool judge_members(struct archive_session *session, uint64_t least, uint64_t end,
			  size_t most, const struct source_options *options)
{
	struct listing *listing = &session->listing;
	bool found = false;
	size_t count = 0;
	for (size_t i = 0; i < listing->count; i++) {
		struct member *member = &listing->members[i];
		const uint64_t size = member->size ? member->size : least;
		member->chosen = !is_page_file(member) && size >= least && size < end &&
				 count < most && !member->belongs;
		count += member->chosen;
	}
	if (count == most && most == JUDGED_MAX)
		text_add_format(&listing->told,
				"%sthe archive has more than %zu large files, of which only these "
				"many are looked at",
				listing->told.length ? "; " : "", most);
	qsort(listing->members, listing->count, sizeof(*listing->members), compare_numbers);
	for (size_t i = 0; i < listing->count; i++) {
		struct member *member = &listing->members[i];
		if (!member->chosen)
			continue;
		member->chosen = false;
		member->worth = worth_of(session, member, options);
		found |= member->worth != SOURCE_UNWANTED;
	}
	qsort(listing->members, listing->count, sizeof(*listing->members), compare_members);
	return found;
}

/* Judges all files that may be images, once. */
static void judge_all(struct archive_session *session, const struct source_options *options)
{
	struct listing *listing = &session->listing;
	if (session->judged || !listing->count)
		return;
	session->judged = true;
	if (options->beside)
		find_belonging(listing, options);
	qsort(listing->members, listing->count, sizeof(*listing->members), compare_members);
	if (!options->judge)
		for (size_t i = 0; i < listing->count; i++)
			listing->members[i].worth = is_page_file(&listing->members[i])
							    ? SOURCE_UNWANTED
							    : SOURCE_PERHAPS;
	else if (!judge_members(session, JUDGED_LEAST, UINT64_MAX, JUDGED_MAX, options))
		(void)judge_members(session, 0, JUDGED_LEAST, TRIES_MAX, options);
}

static bool wants_page_file(const struct source_options *options)
{
	return options->page_file;
}

/* The page file of a number by its name, or else the largest file that is not named as another. */
static struct member *choose_page_file(const struct listing *listing, unsigned int number)
{
	struct member *other = NULL;
	for (size_t i = 0; i < listing->count; i++) {
		struct member *member = &listing->members[i];
		const unsigned int named = page_file_of(member->name);
		if (named == number && named < SOURCE_PAGE_FILES)
			return member;
		if (!other && named == SOURCE_PAGE_FILES)
			other = member;
	}
	return other;
}

/* The file that the user names, or that is one of several; NULL: it is not here, or none is named. */
static struct member *choose_named(const struct listing *listing,
				   const struct source_options *options, size_t *length)
{
	for (size_t i = 0; i < listing->count; i++) {
		struct member *member = &listing->members[i];
		const size_t size = strlen(member->name);
		*length = 0;
		if (options->number && member->number == options->number - 1)
			return member;
		if (options->number || !options->member ||
		    strncmp(options->member, member->name, size) != 0)
			continue;
		*length = size + (options->member[size] == '!');
		if (options->member[size] == '\0' || options->member[size] == '!')
			return member;
	}
	*length = 0;
	return NULL;
}

/*
 * Marks the files that are taken: all that are images by their first bytes or names, and the
 * largest that may be one. Where that is an archive, so are all archives. Returns the first in the
 * archive, or NULL when there is none, and how many there are.
 */
static struct member *choose_images(struct archive_session *session,
				    const struct source_options *options, size_t *count)
{
	const struct listing *listing = &session->listing;
	const struct member *largest = NULL;
	struct member *first = NULL;
	judge_all(session, options);
	*count = 0;
	for (size_t i = 0; i < listing->count; i++) {
		struct member *member = &listing->members[i];
		if (!largest && member->worth != SOURCE_UNWANTED)
			largest = member;
		member->chosen = member->worth == SOURCE_WANTED || (largest && member == largest) ||
				 (largest && largest->archive && member->archive);
		*count += member->chosen;
		if (member->chosen && (!first || member->number < first->number))
			first = member;
	}
	return first;
}

/* Opens a file beside the image; NULL where it can't be, which is told. Sets `*kept` for a window. */
static struct source *open_beside(struct archive_session *session, const struct member *member,
				  struct source_options *options, struct text *told, bool *kept)
{
	const char *path = source_path(session->source);
	bool window = false;
	struct source *file = NULL;
	struct error *error = open_member(session, member, options, &file, &window);
	if (error) {
		text_add_format(told, "%sthe archive's '%s' can't be used: %s",
				told->length ? "; " : "", member->name, error_message(error));
		error_free(error);
		return NULL;
	}
	if (!file) /* never: but that an error is not NULL, the analyzer can't see */
		return NULL;
	free(file->state->path);
	file->state->path = alloc_printf("%s: %s", path, member->name);
	file->state->name = alloc_strdup(member->name);
	*kept |= window;
	source_count_unpacked(options, file);
	return file;
}

static size_t folder_length(const char *name)
{
	const char *slash = strrchr(name, '/');
	return slash ? (size_t)(slash - name) + 1 : 0;
}

/* The page file of a number: the one in the image's folder, else the first. */
static const struct member *page_file_for(const struct listing *listing, const char *image,
					  unsigned int number)
{
	const struct member *found = NULL;
	const size_t folder = folder_length(image);
	for (size_t i = 0; i < listing->count; i++) {
		const struct member *member = &listing->members[i];
		if (page_file_of(member->name) != number)
			continue;
		if (folder_length(member->name) == folder && !strncmp(member->name, image, folder))
			return member;
		if (!found || member->number < found->number)
			found = member;
	}
	return found;
}

/* What is opened of an archive together. */
struct opening {
	struct archive_session *session;
	const struct member *image;
	/* What it may be unpacked to is for all of its files. */
	struct source_options left;
	struct source *source;
	struct error *error; /* of the image */
	struct source *page_files[SOURCE_PAGE_FILES];
	struct source *beside[BESIDE_MAX];
	size_t beside_count;
	struct text told;
	bool kept;
};

static void opening_free(struct opening *opening)
{
	source_close(opening->source);
	for (size_t i = 0; i < SOURCE_PAGE_FILES; i++)
		source_close(opening->page_files[i]);
	for (size_t i = 0; i < opening->beside_count; i++)
		source_close(opening->beside[i]);
	text_free(&opening->told);
	error_free(opening->error);
}

static void open_image(struct opening *opening)
{
	bool kept = false;
	opening->error = open_member(opening->session, opening->image, &opening->left,
				     &opening->source, &kept);
	opening->kept |= kept;
	if (opening->source)
		source_count_unpacked(&opening->left, opening->source);
}

/* Opens a file beside the image, of which is left what the image won't take. */
static struct source *open_other(struct opening *opening, const struct member *member)
{
	const uint64_t reserved = opening->source ? 0 : opening->image->size;
	opening->left.unpacked_before += reserved;
	struct source *file = open_beside(opening->session, member, &opening->left, &opening->told,
					  &opening->kept);
	opening->left.unpacked_before -= reserved;
	return file;
}

static void open_page_file(struct opening *opening, const struct member *member)
{
	const unsigned int number = page_file_of(member->name);
	struct source *file = open_other(opening, member);
	if (!file)
		return;
	opening->page_files[number] = file;
	source_tell(&opening->left, "'%s' of the archive is page file %u%s", member->name, number,
		    opening->left.page_files_given >> number & 1
			    ? ", unless the one that is given is the image's"
			    : "");
	if (source_warning(file))
		text_add_format(&opening->told, "%spage file %u: %s",
				opening->told.length ? "; " : "", number, source_warning(file));
}

static void open_state(struct opening *opening, const struct member *member)
{
	if (opening->beside_count == BESIDE_MAX) {
		text_add_format(&opening->told,
				"%s'%s' is not read: %u files beside the image are at most",
				opening->told.length ? "; " : "", member->name, BESIDE_MAX);
		return;
	}
	struct source *file = open_other(opening, member);
	if (!file)
		return;
	source_tell(&opening->left, "'%s' of the archive belongs to '%s'", member->name,
		    opening->image->name);
	opening->beside[opening->beside_count++] = file;
}

static bool is_beside(const struct member *image, const struct member *member,
		      const struct source_options *options)
{
	return member != image && options->beside && options->beside(image->name, member->name);
}

/* Opens an image, and what belongs to it, in the order of the archive: it is read once. */
static void open_together(struct opening *opening)
{
	struct archive_session *session = opening->session;
	const struct listing *listing = &session->listing;
	const struct member *page_files[SOURCE_PAGE_FILES] = {NULL};
	_cleanup_free_ const struct member **members = alloc_zero(listing->count, sizeof(*members));
	size_t count = 0;
	for (unsigned int i = 0; i < SOURCE_PAGE_FILES && !wants_page_file(&opening->left); i++)
		page_files[i] = page_file_for(listing, opening->image->name, i);
	for (size_t i = 0; i < listing->count; i++) {
		const struct member *member = &listing->members[i];
		bool taken = member == opening->image;
		for (unsigned int k = 0; k < SOURCE_PAGE_FILES; k++)
			taken |= member == page_files[k];
		if (!wants_page_file(&opening->left))
			taken |= is_beside(opening->image, member, &opening->left);
		if (!taken)
			continue;
		size_t at = count++;
		for (; at && members[at - 1]->number > member->number; at--)
			members[at] = members[at - 1];
		members[at] = member;
	}
	for (size_t i = 0; i < count && !opening->error; i++) {
		if (members[i] == opening->image)
			open_image(opening);
		else if (is_page_file(members[i]))
			open_page_file(opening, members[i]);
		else
			open_state(opening, members[i]);
	}
}

/* Adds names to a sentence: of those that are chosen, or of all others but what belongs to these. */
static size_t add_names(struct text *text, const struct listing *listing, bool chosen,
			const struct source_options *options)
{
	size_t count = 0;
	for (size_t i = 0; i < listing->count; i++) {
		const struct member *member = &listing->members[i];
		if (member->chosen != chosen)
			continue;
		if (!chosen &&
		    ((is_page_file(member) && !wants_page_file(options)) || member->belongs))
			continue;
		if (count++ < NAMED_MAX)
			text_add_format(text, "%s'%s'", count > 1 ? ", " : "", member->name);
	}
	if (count > NAMED_MAX)
		text_add_format(text, " and %zu more", count - NAMED_MAX);
	return count;
}

/* Says which entries were taken, and which not. */
static void tell_choice(const struct listing *listing, const struct source_options *options)
{
	_cleanup_text_ struct text taken = {0}, left = {0};
	const size_t count = add_names(&taken, listing, true, options);
	if (!add_names(&left, listing, false, options)) {
		if (count > 1)
			source_tell(options, "%zu of the archive's files are images: %s", count,
				    text_string(&taken));
		return;
	}
	source_tell(options, "of the archive's files %s %s read, not %s (ARCHIVE!FILE names one)",
		    text_string(&taken), count > 1 ? "are" : "is", text_string(&left));
}

static bool is_aff4(const struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		if (!strcmp(listing->members[i].name, "container.description") ||
		    !strcmp(listing->members[i].name, "information.turtle"))
			return true;
	return false;
}

static struct error *none_chosen(const struct archive_session *session, const char *wanted)
{
	const struct listing *listing = &session->listing;
	const char *path = source_path(session->source);
	if (!listing->count)
		return error_new("'%s' is a %s archive without files%s", path, session->kind,
				 listing->cut ? ": it is cut off" : "");
	return error_new(
		"'%s' is a %s archive, and none of its files is a %s (the largest is '%s')", path,
		session->kind, wanted, listing->members[0].name);
}

/* Lists the images of an archive, of which there are several; the first of them is opened. */
static void list_others(const struct archive_session *session, struct other_files *others)
{
	size_t capacity = 0;
	qsort(session->listing.members, session->listing.count, sizeof(struct member),
	      compare_numbers);
	for (size_t i = 0; i < session->listing.count; i++) {
		const struct member *member = &session->listing.members[i];
		if (member->chosen)
			*array_push(others->items, others->count, capacity) = (struct source_other){
				.name = alloc_strdup(member->name), .number = member->number + 1};
	}
}

/* Makes what was opened a source of its own, which has what belongs to it. */
static struct source *finish_opening(struct opening *opening, struct source *archive)
{
	struct source *source = take_ptr(opening->source);
	struct source_state *state = source->state;
	const struct listing *listing = &opening->session->listing;
	_cleanup_free_ char *container =
		opening->image->part_count
			? alloc_printf("%s ('%s'), %zu parts", opening->session->kind,
				       opening->image->name, opening->image->part_count)
			: alloc_printf("%s ('%s')", opening->session->kind, opening->image->name);
	for (size_t i = 0; i < SOURCE_PAGE_FILES; i++)
		state->page_files[i] = take_ptr(opening->page_files[i]);
	for (size_t i = 0; i < opening->beside_count; i++)
		*array_push(state->beside, state->beside_count, state->beside_capacity) =
			opening->beside[i];
	opening->beside_count = 0;
	if (opening->told.length)
		source_warn(source, "%s", text_string(&opening->told));
	if (listing->told.length)
		source_warn(source, "%s", text_string(&listing->told));
	if (listing->cut && !source_warning(source))
		source_warn(source, "the archive is cut off: files may be missing");
	state->name = alloc_strdup(opening->image->name);
	source_put_upon(source, archive, container, opening->kept);
	return source;
}

/* The file that is opened. `*count`: how many there are; `*named`: see source_state. */
static struct error *choose(struct archive_session *session, const struct source_options *options,
			    size_t *count, size_t *named, const struct member **ret)
{
	struct listing *listing = &session->listing;
	*count = 1;
	*ret = choose_named(listing, options, named);
	if (*ret)
		return NULL;
	if (wants_page_file(options)) {
		struct member *page_file = NULL;
		if (listing->count)
			qsort(listing->members, listing->count, sizeof(*listing->members),
			      compare_members);
		page_file = choose_page_file(listing, options->page_file - 1);
		if (!page_file)
			return none_chosen(session, "page file of that number");
		page_file->chosen = true;
		*ret = page_file;
		tell_choice(listing, options);
		return NULL;
	}
	*ret = choose_images(session, options, count);
	if (!*ret)
		return none_chosen(session, "memory image");
	if (options->member && *count > 1)
		return error_new("'%s' is a %s archive without a file '%s'",
				 source_path(session->source), session->kind, options->member);
	if (!options->member)
		tell_choice(listing, options);
	return NULL;
}

static struct error *open_archive(struct source *source, const char *name,
				  const struct source_options *options, struct source **ret)
{
	struct archive_session *session = NULL;
	size_t count, named;
	try_(open_session(source, name, options, &session));
	if (!session || is_aff4(&session->listing))
		return NULL; /* an image format of its own */
	__attribute__((cleanup(opening_free))) struct opening opening = {.session = session,
									 .left = *options};
	const struct member *image = NULL;
	try_(choose(session, options, &count, &named, &image));
	const size_t number = image ? image->number : 0;
	__attribute__((cleanup(other_files_free))) struct other_files others = {0};
	if (count > 1)
		list_others(session, &others);
	for (size_t i = 0; i < session->listing.count; i++)
		if (session->listing.members[i].number == number)
			opening.image = &session->listing.members[i];
	if (opening.image)
		open_together(&opening);
	if (!opening.source) {
		/* The others can be read all the same: see source_others(). */
		other_files_take(&source->state->others, &others, source->state->member);
		return take_ptr(opening.error);
	}
	for (size_t i = 0; i < others.count; i++)
		others.items[i].archive = source_share(source);
	opening.source->state->named = named;
	if (count > 1)
		opening.source->state->member = alloc_strdup(opening.image->name);
	opening.source->state->others = others;
	others = (struct other_files){0};
	*ret = finish_opening(&opening, source);
	if (options->number) { /* the archive's others are known already */
		other_files_free(&(*ret)->state->others);
		free(take_ptr((*ret)->state->member));
	}
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
