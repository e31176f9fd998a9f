/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What becomes of lists of hashes, for tests:
 *
 *	list_read LIST...
 *	list_read --mutate COUNT SEED LIST...
 *
 * The first prints what is taken of each list, what is left out and what is told. The second reads
 * COUNT damaged copies of each, others with another SEED, and fails where something is taken that
 * the damaged text does not have as a word of its own, or that was a hash of a file: these begin
 * with "dec0", or their first part with "DECOY", in lists that are made for it
 * (tests/lists/corpus.py).
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/match.h>

#include "match/index.h"
#include "match/known.h"

static const char *kind_of(const struct known_entry *entry)
{
	return entry->type < HASH_TYPES ? hash_type_name((enum hash_type)entry->type) : "either";
}

static void print_list(const char *path)
{
	struct known *known = known_new();
	struct list_report report = {0};
	struct error *error = known_add_list(known, path, &report);
	printf("list\t%s\nform\t%s\n", path, text_string(&report.form));
	for (size_t i = 0; i < known->count; i++) {
		const char *hash = known->text + known->entries[i].text;
		const char *name = hash + strlen(hash) + 1;
		printf("%s\t%s\t%s\t%s\t%u\n", kind_of(&known->entries[i]), hash, name,
		       name + strlen(name) + 1, known->entries[i].place);
	}
	for (size_t i = 0; i < LIST_LEFT_KINDS; i++)
		if (report.left[i])
			printf("left\t%zu\t%s\n", report.left[i],
			       list_left_name((enum list_left)i));
	if (report.not_for_detection)
		printf("not for detection\t%zu\n", report.not_for_detection);
	if (report.lines.length)
		printf("told\t%s", text_string(&report.lines));
	if (error)
		printf("error\t%s\n", error_message(error));
	printf("end\n");
	error_free(error);
	list_report_free(&report);
	known_free(known);
}

/* --- Damage --- */

struct bytes {
	char *data;
	size_t size;
};

static uint64_t state;

static size_t draw(size_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
	return below ? (size_t)(state >> 33) % below : 0;
}

static const char signs[] = "\"',;:|#{}[]()<>=\\/-*!. \n\t\r0129abcdefABCDEFxyz\x80\xe2\xff";

/* Up to three small edits. */
static struct bytes damage(const struct bytes *original)
{
	struct bytes copy = {alloc_zero(original->size + 64, 1), original->size};
	if (original->size)
		memcpy(copy.data, original->data, original->size);
	for (size_t edits = 1 + draw(3); edits && copy.size; edits--) {
		size_t at = draw(copy.size), n = 1 + draw(3);
		n = n > copy.size - at ? copy.size - at : n;
		char sign = draw(4) ? signs[draw(sizeof(signs) - 1)] : (char)draw(256);
		switch (draw(6)) {
		case 0:
			copy.data[at] ^= (char)(1u << draw(8));
			break;
		case 1:
			copy.data[at] = sign;
			break;
		case 2:
			memmove(copy.data + at, copy.data + at + n, copy.size - at - n);
			copy.size -= n;
			break;
		case 3:
			memmove(copy.data + at + 1, copy.data + at, copy.size - at);
			copy.data[at] = sign;
			copy.size++;
			break;
		case 4: /* doubled */
			memmove(copy.data + at + n, copy.data + at, copy.size - at);
			copy.size += n;
			break;
		default:
			copy.size = draw(8) ? copy.size : at;
		}
	}
	return copy;
}

/* --- What may be taken --- */

/* UTF-16 with a byte order mark: its ASCII, and a sign for every other unit. */
static struct bytes of_utf16(const struct bytes *text)
{
	struct bytes out = {alloc_zero(text->size + 1, 1), 0};
	size_t low = (uint8_t)text->data[0] == 0xff ? 0 : 1;
	for (size_t i = 2; i + 1 < text->size; i += 2) {
		char c = text->data[i + low];
		out.data[out.size++] = text->data[i + 1 - low] || c < 0 ? '\x01' : c;
	}
	return out;
}

/* The text with another sign for NULs, and without backslashes before slashes (JSON). */
static struct bytes readable(const struct bytes *text)
{
	struct bytes out = {alloc_zero(text->size + 1, 1), 0};
	if (text->size >= 2 &&
	    (!memcmp(text->data, "\xff\xfe", 2) || !memcmp(text->data, "\xfe\xff", 2))) {
		free(out.data);
		return of_utf16(text);
	}
	for (size_t i = 0; i < text->size; i++)
		if (!(text->data[i] == '\\' && i + 1 < text->size && text->data[i + 1] == '/'))
			out.data[out.size++] = text->data[i] ? text->data[i] : '\x01';
	return out;
}

static bool goes_on(char c, bool fuzzy)
{
	return isalnum((unsigned char)c) || (fuzzy && (c == '+' || c == '/' || c == ':'));
}

/* Is the hash a word of the text? An imphash in any case. */
static bool is_word(const struct bytes *text, const char *hash, bool fuzzy)
{
	size_t n = strlen(hash);
	for (size_t i = 0; i + n <= text->size; i++) {
		const char *at = text->data + i;
		if (fuzzy ? memcmp(at, hash, n) != 0 : strncasecmp(at, hash, n) != 0)
			continue;
		bool before = i && goes_on(at[-1], false);
		bool behind = i + n < text->size && goes_on(at[n], fuzzy);
		if (!before && !behind)
			return true;
	}
	return false;
}

/* `packed`: what the list has where it is not damaged, in the place of its text; NULL: a text. */
static size_t check(const struct known *known, const struct bytes *text, const struct bytes *packed,
		    const char *path)
{
	size_t wrong = 0;
	bool doubtful = strstr(path, "/doubtful-") != NULL;
	struct bytes words = readable(packed ? packed : text);
	for (size_t i = 0; i < known->count; i++) {
		const struct known_entry *entry = &known->entries[i];
		const char *hash = known->text + entry->text;
		const char *prefix = type_prefix(entry->type), *bare = hash + strlen(prefix);
		const char *colon = strchr(bare, ':');
		bool decoy = !doubtful &&
			     (!strncmp(bare, "dec0", 4) || (colon && !strncmp(colon, ":DECOY", 6)));
		if (!decoy && is_word(&words, bare, entry_is_fuzzy(entry)))
			continue;
		printf("%s: %s was taken: %s\n", path, decoy ? "a file's hash" : "what isn't there",
		       hash);
		wrong++;
	}
	free(words.data);
	return wrong;
}

static struct bytes load(const char *path)
{
	struct bytes file = {alloc_zero(1 << 20, 1), 0};
	FILE *in = fopen(path, "rb");
	if (!in)
		exit(2);
	file.size = fread(file.data, 1, 1 << 20, in);
	fclose(in);
	return file;
}

/* The hashes of a packed list, as lines; NULL where it is none. */
static struct bytes *unpacked(const struct bytes *list, const char *path)
{
	static struct bytes lines;
	if (list->size < 2 || (memcmp(list->data, "PK", 2) && memcmp(list->data, "\x1f\x8b", 2)))
		return NULL;
	struct known *known = known_new();
	error_free(known_add_list(known, path, NULL));
	free(lines.data);
	lines = (struct bytes){alloc_zero(known->text_length + 1, 1), known->text_length};
	for (size_t i = 0; i < lines.size; i++)
		lines.data[i] = known->text[i] ? known->text[i] : '\n';
	known_free(known);
	return &lines;
}

static size_t read_damaged(const struct bytes *original, const struct bytes *packed,
			   const char *path, const char *save)
{
	struct bytes copy = damage(original);
	char name[32];
	int fd = memfd_create("list", MFD_CLOEXEC);
	if (fd < 0 || write(fd, copy.data, copy.size) < 0)
		exit(2);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	struct known *known = known_new();
	struct error *error = known_add_list(known, name, NULL);
	close(fd);
	/* What is damaged packed is an error, which ends a run. */
	size_t wrong = packed && error ? 0 : check(known, &copy, packed, path);
	error_free(error);
	if (wrong && save) {
		FILE *out = fopen(save, "wb");
		if (out) {
			fwrite(copy.data, 1, copy.size, out);
			fclose(out);
		}
	}
	known_seal(known);
	known_free(known);
	free(copy.data);
	return wrong;
}

int main(int argc, char **argv)
{
	bool mutate = argc > 4 && !strcmp(argv[1], "--mutate");
	size_t count = mutate ? strtoul(argv[2], NULL, 10) : 0, wrong = 0;
	uint64_t seed = mutate ? strtoul(argv[3], NULL, 10) : 0;
	int first = mutate ? 4 : 1;
	for (int i = first; i < argc; i++) {
		if (!mutate) {
			print_list(argv[i]);
			continue;
		}
		struct bytes original = load(argv[i]);
		struct bytes *packed = unpacked(&original, argv[i]);
		state = seed << 32 | (uint64_t)(i - first);
		draw(1);
		for (size_t n = 0; n < count; n++)
			wrong += read_damaged(&original, packed, argv[i], getenv("LIST_READ_SAVE"));
		free(original.data);
	}
	if (mutate)
		printf("%zu wrong of %zu damaged lists\n", wrong, count * (size_t)(argc - first));
	return wrong ? 1 : 0;
}
