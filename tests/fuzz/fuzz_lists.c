/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of known hashes in any form, recognised by their content: with the lists of tests/lists/ as
 * seeds each form's reader is reached. LIST_FORM in the environment, a form of
 * tests/lists/corpus.py, gives all inputs to the reader of that form, whatever they look like. Of a
 * text that is not packed and has no escapes, every hash that is taken must be in it.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <impscan/match.h>

#include "match/index.h"
#include "match/known.h"
#include "match/list_archive.h"
#include "match/list_form.h"

/* The index takes longer to build than most lists to read: fuzz_match is for that. */
#define SEALED_SIZES 64

typedef struct error *(*reader)(struct list *list);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Forms that a reader of their own has; others are recognised, by their seeds. */
static const struct {
	const char *form;
	reader read;
} readers[] = {
	{"plain", list_read_plain},
	{"ssdeep", list_read_ssdeep},
	{"csv", list_read_csv},
	{"malwarebazaar", NULL},
	{"misp", NULL},
	{"stix", NULL},
	{"patterns", list_read_stix_patterns},
	{"yara", list_read_yara},
	{"sigma", list_read_sigma},
	{"sysmon", list_read_sysmon},
	{"virustotal", NULL},
	{"cape", NULL},
	{"json", list_read_json},
	{"openioc", list_read_openioc},
	{"utf16", NULL},
	{"own-table", list_read_own_table},
	{"refused", NULL},
};

static reader chosen;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *form = getenv("LIST_FORM");
	(void)argc;
	(void)argv;
	for (size_t i = 0; form && i < sizeof(readers) / sizeof(*readers); i++) {
		if (strcmp(readers[i].form, form))
			continue;
		chosen = readers[i].read;
		return 0;
	}
	if (form) {
		fprintf(stderr, "LIST_FORM=%s: there is no such form\n", form);
		exit(2);
	}
	return 0;
}

/* Does a text say no more than it has? Not where it is packed, UTF-16, or has escapes. */
static bool is_literal(const uint8_t *data, size_t size)
{
	bool packed = size >= 2 && (data[0] == 0x1f || data[0] == 'P' || data[0] == 'B' ||
				    data[0] == '7' || data[0] >= 0xfd || data[0] == 0x28);
	return !packed && !memchr(data, '\\', size) && !memchr(data, '&', size) &&
	       (size < 263 || memcmp(data + 257, "ustar", 5));
}

static bool has(const uint8_t *data, size_t size, const char *hash)
{
	size_t n = strlen(hash);
	for (size_t i = 0; i + n <= size; i++)
		if (!strncasecmp((const char *)data + i, hash, n))
			return true;
	return false;
}

static ssize_t read_slice(void *context, void *to, size_t size, struct error **error)
{
	struct slice *text = context;
	size_t n = size < text->length ? size : text->length;
	(void)error;
	if (n)
		memcpy(to, text->at, n);
	*text = slice_from(*text, n);
	return (ssize_t)n;
}

/* By the chosen reader, which has to bear any text. */
static void read_chosen(struct known *known, struct slice text, struct list_report *report)
{
	struct list list = {
		.known = known,
		.report = report,
		.label = "list",
		.bytes = {read_slice, &text},
		.next_line = 1,
	};
	struct error *error = list_need(&list, LIST_HEAD_SIZE);
	error_free(error ? error : chosen(&list));
	list_input_free(&list);
}

/* Archives are opened by their path. */
static void read_file(struct known *known, struct slice text, struct list_report *report)
{
	char path[32];
	int fd = memfd_create("list", MFD_CLOEXEC);
	if (fd < 0 || write(fd, text.at, text.length) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	error_free(known_add_list(known, path, report));
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice text = {(const char *)data, size};
	struct known *known = known_new();
	struct list_report report = {0};
	if (chosen)
		read_chosen(known, text, &report);
	else if (list_is_archive(text))
		read_file(known, text, &report);
	else
		error_free(known_add_text(known, "list", text, &report));
	size_t taken = report.either;
	for (unsigned int type = 0; type < HASH_TYPES; type++)
		taken += report.taken[type];
	if (taken != known->count)
		abort();
	for (size_t i = 0; size && is_literal(data, size) && i < known->count && i < 100; i++) {
		const struct known_entry *entry = &known->entries[i];
		const char *hash = known->text + entry->text + strlen(type_prefix(entry->type));
		if (!has(data, size, hash))
			abort();
	}
	if (known->count && size % SEALED_SIZES == 0)
		known_seal(known);
	list_report_free(&report);
	known_free(known);
	return 0;
}
