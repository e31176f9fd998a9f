/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data of a page, see docs/html-report.md: lines of JSON in an element that browsers do not
 * run. Memory is bounded: a text is written in full the first time and by its number from then on,
 * as long as there is room to remember texts.
 */
#include "report/html.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/hash_table.h>

#include "report/write_value.h"

/* By CMakeLists.txt, of the files in html/; behind each text stands a NUL. */
extern const char report_page[];
extern const char report_style[], report_style_end[];
extern const char report_script[], report_script_end[];

/* The most bytes of texts that are remembered. Later ones are written in full each time. */
#define TEXTS_MOST ((size_t)48 << 20)

/* The most kinds of rows that a page has. */
#define KINDS_MOST 8

/* A text that was written in full. */
struct written {
	uint64_t hash;
	uint64_t number; /* the first text of a page is number 1; 0: the slot is free */
	size_t start;	 /* of its copy in html->texts */
};

struct html {
	bool begun;
	bool failed; /* there is a fact "error" */
	const struct row_kind *kinds[KINDS_MOST];
	size_t kind_count;
	struct hash_table table; /* of struct written */
	struct text texts;	 /* each with its NUL */
	uint64_t count;		 /* of texts written in full, remembered or not */
	struct text early;	 /* lines of facts before the first row */
	struct text line;	 /* the line in work */
	struct text scratch;
};

/* What is looked up in the table. */
struct text_key {
	const struct html *html;
	uint64_t hash;
	const char *text;
};

static bool is_used(const void *slot, const void *key)
{
	const struct written *written = slot;
	(void)key;
	return written->number != 0;
}

static bool matches(const void *slot, const void *key)
{
	const struct written *written = slot;
	const struct text_key *wanted = key;
	return written->hash == wanted->hash &&
	       !strcmp(wanted->html->texts.data + written->start, wanted->text);
}

static uint64_t slot_hash(const void *slot)
{
	const struct written *written = slot;
	return written->hash;
}

static const struct hash_kind texts_kind = {sizeof(struct written), is_used, matches, slot_hash};

struct html *html_new(void)
{
	return alloc_new(struct html);
}

void html_free(struct html *html)
{
	if (!html)
		return;
	free(html->table.slots);
	text_free(&html->texts);
	text_free(&html->early);
	text_free(&html->line);
	text_free(&html->scratch);
	free(html);
}

/* Ends the line in work. A "<" could end the element that the data stand in. */
static void end_line(struct html *html, struct text *page)
{
	for (const char *s = text_string(&html->line); *s;) {
		size_t length = strcspn(s, "<");
		text_add(page, s, length);
		s += length;
		if (!*s)
			break;
		text_add_string(page, "\\u003c");
		s++;
	}
	text_add_char(page, '\n');
	text_clear(&html->line);
}

/* A text of a row: in full, or by its number. */
static void add_text(struct html *html, const char *text)
{
	const struct text_key key = {html, hash_string(text), text};
	size_t size = strlen(text) + 1;
	bool room = html->texts.length + size <= TEXTS_MOST;
	struct written *written = room ? hash_table_place(&html->table, &texts_kind, key.hash, &key)
				       : hash_table_find(&html->table, &texts_kind, key.hash, &key);
	if (written && written->number) {
		text_add_number(&html->line, written->number);
		return;
	}
	html->count++;
	if (written) {
		*written = (struct written){key.hash, html->count, html->texts.length};
		html->table.count++;
		text_add(&html->texts, text, size);
	}
	json_add_string(&html->line, text);
}

/* What the cells of a column are, by the field. */
static const char *column_type(const struct field *field)
{
	switch (field->kind) {
	case FIELD_NUMBER:
		return "number";
	case FIELD_SHARE:
		return "share";
	case FIELD_BOOL:
		return "bool";
	case FIELD_WORDS:
		return "words";
	case FIELD_LIST:
		return "list";
	default:
		return "text";
	}
}

static bool is_text_column(const struct field *field)
{
	return !strcmp(column_type(field), "text");
}

static void add_cell(struct html *html, const struct field *field, const void *row)
{
	struct value value = field_value(field, row, &html->scratch);
	_cleanup_text_ struct text plain = {0};
	if (value.kind == VALUE_NULL) {
		text_add_string(&html->line, is_text_column(field) ? "0" : "null");
	} else if (value.kind == VALUE_WORDS ||
		   (value.kind == VALUE_BOOL && !is_text_column(field))) {
		text_add_number(&html->line, value.number);
	} else if (value.kind == VALUE_TEXT) {
		add_text(html, value.text);
	} else if (value.kind != VALUE_LIST && is_text_column(field)) {
		value_add_plain(&plain, &value, ' ', text_add_string);
		add_text(html, text_string(&plain));
	} else {
		value_add_json(&html->line, &value);
	}
}

/* The line that describes a kind of rows, before the first of them. */
static void add_kind(struct html *html, const struct row_kind *kind, const char *name)
{
	struct text *line = &html->line;
	const char *separator = "";
	text_add_string(line, "{\"rows\":");
	json_add_string(line, name);
	text_add_string(line, ",\"columns\":[");
	for (size_t i = 0; i < kind->count; i++) {
		const struct field *field = &kind->fields[i];
		if (!field->name)
			continue;
		text_add_format(line, "%s{\"name\":", separator);
		separator = ",";
		json_add_string(line, field->name);
		text_add_format(line, ",\"type\":\"%s\"", column_type(field));
		for (size_t w = 0; field->kind == FIELD_WORDS && w < field->word_count; w++) {
			text_add_string(line, w ? "," : ",\"words\":[");
			json_add_string(line, field->words[w]);
		}
		text_add_string(line, field->kind == FIELD_WORDS ? "]}" : "}");
	}
	text_add_string(line, "]}");
}

/* Adds "sha256-..." of a text, as a Content-Security-Policy names it. */
static void add_digest(struct text *page, const char *start, const char *end)
{
	uint8_t digest[EVP_MAX_MD_SIZE] = {0};
	uint8_t base64[EVP_MAX_MD_SIZE * 2] = {0};
	unsigned int size = 0;
	EVP_Digest(start, (size_t)(end - start), digest, &size, EVP_sha256(), NULL);
	EVP_EncodeBlock(base64, digest, (int)size);
	text_add_format(page, "'sha256-%s'", (const char *)base64);
}

/* What may be loaded and run: nothing but the page's own style and script. */
static void add_policy(struct text *page)
{
	text_add_string(page,
			"<meta http-equiv=\"Content-Security-Policy\" content=\""
			"default-src 'none'; base-uri 'none'; form-action 'none'; style-src ");
	add_digest(page, report_style, report_style_end);
	text_add_string(page, "; script-src ");
	add_digest(page, report_script, report_script_end);
	text_add_string(page, "\" />");
}

static void add_element(struct text *page, const char *name, const char *content)
{
	text_add_format(page, "<%s>", name);
	text_add_string(page, content);
	text_add_format(page, "</%s>", name);
}

#define DATA_MARK "<!-- data -->"

/*
 * Adds the page from `start` on, with what comments stand for, up to where the data stand, or to
 * its end.
 */
static void add_page(struct text *page, const char *start)
{
	const char *mark;
	while ((mark = strstr(start, "<!-- "))) {
		text_add(page, start, (size_t)(mark - start));
		if (!strncmp(mark, DATA_MARK, strlen(DATA_MARK)))
			return;
		if (!strncmp(mark, "<!-- policy", 11))
			add_policy(page);
		else if (!strncmp(mark, "<!-- style", 10))
			add_element(page, "style", report_style);
		else if (!strncmp(mark, "<!-- script", 11))
			add_element(page, "script", report_script);
		start = strstr(mark, "-->") + strlen("-->");
	}
	text_add_string(page, start);
}

/* All that stands in front of the first row. */
static void begin(struct html *html, struct text *page)
{
	if (html->begun)
		return;
	html->begun = true;
	add_page(page, report_page);
	text_add_string(page, "<script type=\"application/x-ndjson\" id=\"data\">\n");
	text_add_format(&html->line, "{\"form\":\"impscan-html\",\"version\":1,\"impscan\":\"%s\"}",
			IMPSCAN_VERSION);
	end_line(html, page);
	text_add_string(page, text_string(&html->early));
	text_free(&html->early);
}

/* What the rows of a kind are called in the data. */
static const char *kind_name(const struct row_kind *kind)
{
	static const struct {
		const struct row_kind *kind;
		const char *name;
	} names[] = {
		{&row_modules, "modules"},
		{&row_processes, "processes"},
		{&row_surveys, "machines"},
		{&row_imports, "imports"},
	};
	size_t i = 0;
	while (i < array_size(names) - 1 && names[i].kind != kind)
		i++;
	return names[i].name;
}

/* The number of a kind; describes it where it is new. */
static size_t kind_number(struct html *html, const struct row_kind *kind, struct text *page)
{
	size_t i = 0;
	while (i < html->kind_count && html->kinds[i] != kind)
		i++;
	if (i == html->kind_count && i < KINDS_MOST) {
		html->kinds[html->kind_count++] = kind;
		add_kind(html, kind, kind_name(kind));
		end_line(html, page);
	}
	return i;
}

void html_row(struct html *html, const struct row_kind *kind, const void *row, struct text *page)
{
	begin(html, page);
	text_add_format(&html->line, "[%zu", kind_number(html, kind, page));
	for (size_t i = 0; i < kind->count; i++) {
		if (!kind->fields[i].name)
			continue;
		text_add_char(&html->line, ',');
		add_cell(html, &kind->fields[i], row);
	}
	text_add_char(&html->line, ']');
	end_line(html, page);
}

void html_fact(struct html *html, const char *image, const char *name, const char *value,
	       struct text *page)
{
	struct text *line = &html->line;
	text_add_string(line, "{\"fact\":");
	json_add_string(line, name);
	text_add_string(line, ",\"value\":");
	json_add_string(line, value);
	if (image) {
		text_add_string(line, ",\"image\":");
		json_add_string(line, image);
	}
	text_add_char(line, '}');
	html->failed |= !strcmp(name, "error");
	end_line(html, html->begun ? page : &html->early);
}

void html_end(struct html *html, struct text *page)
{
	if (!html->begun && html->failed)
		return;
	begin(html, page);
	text_add_string(&html->line, "{\"end\":true}");
	end_line(html, page);
	text_add_string(page, "</script>");
	add_page(page, strstr(report_page, DATA_MARK) + strlen(DATA_MARK));
}
