/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of known hashes: the table of their forms. A list is recognised by how its text begins, the
 * more telling forms first, and read by the form's own file; what is none of them is a plain list.
 */
#include "list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "list_archive.h"
#include "list_form.h"

struct list_form {
	const char *title; /* NULL: the reader says it */
	bool (*is)(struct slice head);
	struct error *(*read)(struct list *list);
};

static const struct list_form forms[] = {
	{NULL, list_is_json, list_read_json},
	{"OpenIOC", list_is_openioc, list_read_openioc},
	{"YARA rules", list_is_yara, list_read_yara},
	{"Sigma rules", list_is_sigma, list_read_sigma},
	{"STIX patterns", list_is_stix_patterns, list_read_stix_patterns},
	{"impscan table", list_is_own_table, list_read_own_table},
	{"ssdeep", list_is_ssdeep, list_read_ssdeep},
	{NULL, list_is_csv, list_read_csv},
	{"text with Sysmon's hashes", list_is_sysmon, list_read_sysmon},
};

static size_t taken(const struct list_report *report)
{
	size_t count = report->either;
	for (unsigned int type = 0; type < HASH_TYPES; type++)
		count += report->taken[type];
	return count;
}

/* That nothing was taken is an error, unless there was nothing to take. */
static struct error *check_taken(const struct list *list)
{
	const struct list_report *report = list->report;
	_cleanup_text_ struct text left = {0};
	if (taken(report) || report->nothing)
		return NULL;
	for (size_t i = 0; i < LIST_LEFT_KINDS; i++)
		if (report->left[i])
			text_add_format(&left, "%s%zu %s", left.length ? ", " : "", report->left[i],
					list_left_name((enum list_left)i));
	if (report->left[LIST_LEFT_EQUAL])
		return NULL;
	return error_new("%s: read as %s, but there is no import hash in it%s%s", list->label,
			 text_string(&report->form), left.length ? ": " : "", text_string(&left));
}

static bool is_blank(struct slice text)
{
	return !slice_clean(text).length;
}

/* Reads a list whose bytes are text. */
static struct error *read_text(struct list *list)
{
	try_(list_need(list, LIST_HEAD_SIZE));
	struct slice head = list_rest(list);
	if (slice_begins(head, "\xef\xbb\xbf")) {
		list_skip(list, 3, 0);
		head = list_rest(list);
	}
	if (list->at_end && is_blank(head)) {
		list->report->nothing = true;
		return NULL;
	}
	const struct list_form *form = NULL;
	head.length = min_of(head.length, (size_t)LIST_HEAD_SIZE);
	for (size_t i = 0; !form && i < array_size(forms); i++)
		if (forms[i].is(head))
			form = &forms[i];
	const char *refusal = form ? NULL : list_refusal(head);
	if (refusal)
		return error_new("%s: %s", list->label, refusal);
	static const struct list_form plain = {"plain list", NULL, list_read_plain};
	if (!form)
		form = &plain;
	text_clear(&list->report->form);
	if (form->title)
		text_add_string(&list->report->form, form->title);
	return form->read(list);
}

/* Reads a list, or those that an archive has; `nested` within an archive already. */
static struct error *read_list(struct list *list, bool nested);

static struct error *read_members(struct list *list)
{
	_cleanup_list_archive_ struct list_archive *archive = NULL;
	size_t members = 0;
	try_(list_archive_open(list, &archive));
	for (;;) {
		_cleanup_free_ char *label = NULL;
		struct list member = {.known = list->known,
				      .report = list->report,
				      .next_line = 1,
				      .bytes = list_archive_bytes(archive)};
		try_(list_archive_next(archive, &label));
		if (!label)
			break;
		members++;
		member.label = label;
		struct error *error = read_list(&member, true);
		list_input_free(&member);
		try_(error);
	}
	if (!members)
		return error_new("%s: an archive without a file in it", list->label);
	return NULL;
}

static struct error *read_list(struct list *list, bool nested)
{
	try_(list_need(list, 512));
	if (list_is_archive(list_rest(list))) {
		if (nested)
			return error_new("%s: an archive within an archive: unpack it",
					 list->label);
		return read_members(list);
	}
	return read_text(list);
}

struct descriptor {
	int fd;
	const char *label;
};

static ssize_t read_file(void *context, void *to, size_t size, struct error **error)
{
	const struct descriptor *file = context;
	ssize_t n;
	do
		n = read(file->fd, to, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		*error = error_errno(errno, "%s: can't be read", file->label);
	return n;
}

static bool is_regular(int fd)
{
	struct stat status;
	return fd >= 0 && !fstat(fd, &status) && S_ISREG(status.st_mode);
}

struct error *known_add_list(struct known *known, const char *path, struct list_report *report)
{
	_cleanup_list_report_ struct list_report own = {0};
	_cleanup_close_ int opened = -1;
	struct descriptor file = {STDIN_FILENO, "standard input"};
	if (strcmp(path, "-")) {
		opened = open(path, O_RDONLY | O_CLOEXEC);
		file = (struct descriptor){opened, path};
		if (opened < 0)
			return error_errno(errno, "%s: can't be opened", path);
	}
	struct list list = {
		.known = known,
		.report = report ? report : &own,
		.label = file.label,
		.path = is_regular(opened) ? path : NULL,
		.bytes = {read_file, &file},
		.next_line = 1,
	};
	struct error *error = read_list(&list, false);
	list_input_free(&list);
	return error ? error : check_taken(&list);
}

static ssize_t read_slice(void *context, void *to, size_t size, struct error **error)
{
	struct slice *text = context;
	size_t n = min_of(size, text->length);
	(void)error;
	if (n)
		memcpy(to, text->at, n);
	*text = slice_from(*text, n);
	return (ssize_t)n;
}

struct error *known_add_text(struct known *known, const char *label, struct slice text,
			     struct list_report *report)
{
	_cleanup_list_report_ struct list_report own = {0};
	struct list list = {
		.known = known,
		.report = report ? report : &own,
		.label = label,
		.bytes = {read_slice, &text},
		.next_line = 1,
	};
	struct error *error = read_list(&list, true);
	list_input_free(&list);
	return error ? error : check_taken(&list);
}
