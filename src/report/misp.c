/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An event of MISP: objects `process` and, for each module, `pe` with its imphash and impfuzzy,
 * which is contained within the process. Only what matched is meant for detection (to_ids): the
 * hashes of a listing are those of clean programs as well.
 *
 * Templates and attribute types are those of misp-objects (pe version 6, process version 7). UUIDs
 * are made of what the objects say (RFC 9562, version 5), so the same results give the same event.
 */
#include "report/misp.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/module.h>

#include "report/write_value.h"

#define UUID_SIZE 37

struct misp {
	bool begun;
	bool object;		 /* one was written: a comma comes before the next */
	char process[UUID_SIZE]; /* of the process object written last; "": none */
	struct text process_key;
	struct row *row; /* of the module whose rows are being collected; NULL: none */
	struct text matches;
	bool detect; /* one of them is meant for detection */
	char event[UUID_SIZE];
};

struct misp *misp_new(void)
{
	return alloc_new(struct misp);
}

void misp_free(struct misp *misp)
{
	if (!misp)
		return;
	row_free(misp->row);
	text_free(&misp->process_key);
	text_free(&misp->matches);
	free(misp);
}

/* A UUID of a text: SHA-1 behind the UUID of a namespace of impscan's own. */
static void make_uuid(char uuid[UUID_SIZE], const char *text)
{
	static const uint8_t space[16] = {0x69, 0x6d, 0x70, 0x73, 0x63, 0x61, 0x50, 0x6e,
					  0x80, 0x6d, 0x69, 0x73, 0x70, 0x2d, 0x31, 0x00};
	_cleanup_text_ struct text name = {0};
	uint8_t d[EVP_MAX_MD_SIZE] = {0};
	unsigned int size = 0;
	text_add(&name, (const char *)space, sizeof(space));
	text_add_string(&name, text);
	EVP_Digest(name.data, name.length, d, &size, EVP_sha1(), NULL);
	d[6] = (uint8_t)((d[6] & 0x0f) | 0x50);
	d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
	snprintf(uuid, UUID_SIZE,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", d[0], d[1],
		 d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11], d[12], d[13], d[14],
		 d[15]);
}

static void add_member(struct text *line, const char *name, const char *value)
{
	json_add_string(line, name);
	text_add_char(line, ':');
	json_add_string(line, value);
}

static void begin(struct misp *misp, const char *image, struct text *line)
{
	_cleanup_text_ struct text info = {0};
	char date[16] = "1970-01-01";
	time_t now = time(NULL);
	struct tm tm;
	if (gmtime_r(&now, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	text_add_string(&info, "impscan: modules in memory");
	if (image && *image) {
		text_add_string(&info, " of ");
		text_add_string(&info, text_base_name(image));
	}
	text_add_string(line, "{\"Event\":{");
	add_member(line, "info", text_string(&info));
	text_add_char(line, ',');
	add_member(line, "date", date);
	text_add_string(line,
			",\"analysis\":\"0\",\"threat_level_id\":\"4\",\"distribution\":\"0\","
			"\"published\":false,\"Attribute\":[],\"Object\":[");
	misp->begun = true;
}

/* One attribute of an object. */
struct attribute {
	const char *relation;
	const char *type;
	const char *category;
	bool detect;
};

static void add_attribute(struct text *line, const char *object, const struct attribute *attribute,
			  const char *value, bool *first)
{
	char uuid[UUID_SIZE];
	_cleanup_text_ struct text key = {0};
	if (!value || !*value)
		return;
	text_add_format(&key, "%s %s %s", object, attribute->relation, value);
	make_uuid(uuid, text_string(&key));
	text_add_string(line, *first ? "{" : ",{");
	*first = false;
	add_member(line, "uuid", uuid);
	text_add_char(line, ',');
	add_member(line, "object_relation", attribute->relation);
	text_add_char(line, ',');
	add_member(line, "type", attribute->type);
	text_add_char(line, ',');
	add_member(line, "category", attribute->category);
	text_add_char(line, ',');
	add_member(line, "value", value);
	text_add_format(line, ",\"to_ids\":%s,\"disable_correlation\":%s,\"distribution\":\"5\"}",
			attribute->detect ? "true" : "false",
			attribute->detect || strcmp(attribute->type, "text") ? "false" : "true");
}

/* The start of an object, up to its attributes. */
static void begin_object(struct misp *misp, struct text *line, const char *uuid, const char *name,
			 const char *category, const char *template, const char *version,
			 const char *comment)
{
	text_add_string(line, misp->object ? ",\n{" : "\n{");
	misp->object = true;
	add_member(line, "uuid", uuid);
	text_add_char(line, ',');
	add_member(line, "name", name);
	text_add_char(line, ',');
	add_member(line, "meta-category", category);
	text_add_char(line, ',');
	add_member(line, "template_uuid", template);
	text_add_char(line, ',');
	add_member(line, "template_version", version);
	text_add_char(line, ',');
	add_member(line, "comment", comment);
	text_add_string(line, ",\"distribution\":\"5\",\"Attribute\":[");
}

/* The object of a row's process, unless it is the one written last. */
static void write_process(struct misp *misp, const struct row *row, struct text *line)
{
	static const struct attribute name = {"name", "text", "Other", false};
	static const struct attribute pid = {"pid", "text", "Other", false};
	static const struct attribute parent = {"parent-pid", "text", "Other", false};
	static const struct attribute hidden = {"hidden", "boolean", "Other", false};
	_cleanup_text_ struct text key = {0};
	char number[16];
	bool first = true;
	text_add_format(&key, "process %s %u %llx", row->image ? row->image : "", row->pid,
			(unsigned long long)row->eprocess);
	if (*misp->process && !strcmp(text_string(&key), text_string(&misp->process_key)))
		return;
	text_clear(&misp->process_key);
	text_add_string(&misp->process_key, text_string(&key));
	make_uuid(misp->process, text_string(&key));
	begin_object(misp, line, misp->process, "process", "misc",
		     "02aeef94-ac23-455c-addb-731757ceafb5", "7", row->image ? row->image : "");
	add_attribute(line, misp->process, &name, row->process, &first);
	snprintf(number, sizeof(number), "%u", row->pid);
	add_attribute(line, misp->process, &pid, number, &first);
	snprintf(number, sizeof(number), "%u", row->ppid);
	add_attribute(line, misp->process, &parent, number, &first);
	if (row->flags & MODULE_HIDDEN)
		add_attribute(line, misp->process, &hidden, "1", &first);
	text_add_string(line, "]}");
}

/* What a row says beside hashes. */
static void describe(struct text *text, const struct misp *misp, const struct row *row,
		     bool rebuilt)
{
	text_add_format(text, "%s at 0x%llx in %s (%u)", row->module, (unsigned long long)row->base,
			row->process, row->pid);
	if (row->path && *row->path)
		text_add_format(text, "; path %s", row->path);
	if (rebuilt)
		text_add_string(text, "; import list rebuilt from addresses");
	else if (row->reason && *row->reason)
		text_add_format(text, "; %s", row->reason);
	for (size_t i = 0; i < MODULE_FLAG_COUNT; i++)
		if (row->flags & 1u << i)
			text_add_format(text, "; %s", module_flag_names[i]);
	for (unsigned int i = HASH_TYPEREFHASH; !rebuilt && i < HASH_TYPES; i++) {
		enum hash_type type = (enum hash_type)i;
		const char *hash = hash_of_type(&row->hashes, type);
		if (*hash)
			text_add_format(text, "; %s %s", hash_type_name(type), hash);
	}
	text_add_string(text, text_string(&misp->matches));
}

static void write_pe(struct misp *misp, const struct row *row, const struct hashes *hashes,
		     bool rebuilt, struct text *line)
{
	const struct attribute imphash = {"imphash", "imphash", "Payload delivery", misp->detect};
	const struct attribute impfuzzy = {"impfuzzy", "impfuzzy", "Payload delivery",
					   misp->detect};
	static const struct attribute text = {"text", "text", "Other", false};
	static const struct attribute compiled = {"compilation-timestamp", "datetime", "Other",
						  false};
	_cleanup_text_ struct text key = {0}, said = {0}, name = {0};
	char uuid[UUID_SIZE], reference[UUID_SIZE], stamp[40] = "";
	bool first = true;
	time_t time = (time_t)row->timestamp;
	struct tm tm;
	describe(&said, misp, row, rebuilt);
	text_add_format(&name, "%s%s", row->module, rebuilt ? " (rebuilt)" : "");
	text_add_format(&key, "pe %s %llx %d %s %s", misp->process, (unsigned long long)row->base,
			rebuilt, hashes->imphash, text_string(&said));
	make_uuid(uuid, text_string(&key));
	if (time && gmtime_r(&time, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S+00:00", &tm);
	begin_object(misp, line, uuid, "pe", "file", "cf7adecc-d4f0-4e88-9d90-f978ee151a07", "6",
		     text_string(&name));
	add_attribute(line, uuid, &imphash, hashes->imphash, &first);
	add_attribute(line, uuid, &impfuzzy, hashes->impfuzzy, &first);
	add_attribute(line, uuid, &compiled, stamp, &first);
	add_attribute(line, uuid, &text, text_string(&said), &first);
	text_add_string(&key, " reference");
	make_uuid(reference, text_string(&key));
	text_add_string(line, "],\"ObjectReference\":[{");
	add_member(line, "uuid", reference);
	text_add_char(line, ',');
	add_member(line, "object_uuid", uuid);
	text_add_char(line, ',');
	add_member(line, "referenced_uuid", misp->process);
	text_add_string(line, ",\"relationship_type\":\"contained-within\",\"comment\":\"\"}]}");
	/* The event's own is of all that is in it. */
	text_clear(&key);
	text_add_format(&key, "event %s %s", misp->event, uuid);
	make_uuid(misp->event, text_string(&key));
}

/* Writes the module whose rows have been collected. */
static void write_module(struct misp *misp, struct text *line)
{
	const struct row *row = misp->row;
	if (!row)
		return;
	write_process(misp, row, line);
	if (row->found_in) {
		if (*row->hashes.imphash || !*row->rebuilt.imphash)
			write_pe(misp, row, &row->hashes, false, line);
		if (*row->rebuilt.imphash)
			write_pe(misp, row, &row->rebuilt, true, line);
	}
	row_free(take_ptr(misp->row));
	text_clear(&misp->matches);
	misp->detect = false;
}

static bool is_same(const struct row *a, const struct row *b)
{
	return a->pid == b->pid && a->eprocess == b->eprocess && a->base == b->base &&
	       !strcmp(a->module, b->module) &&
	       !strcmp(a->image ? a->image : "", b->image ? b->image : "");
}

void misp_row(struct misp *misp, const struct row *row, struct text *line)
{
	if (!misp->begun)
		begin(misp, row->image, line);
	if (misp->row && !is_same(misp->row, row))
		write_module(misp, line);
	if (!misp->row)
		misp->row = row_copy(row);
	if (row->match.by == MATCHED_NOTHING)
		return;
	text_add_format(&misp->matches, "; %s %u: %s", row_matched_name(row->match.by),
			row->match.score, row->match.name);
	if (row->match.note)
		text_add_format(&misp->matches, " (%s)", row->match.note);
	else if (!hash_type_is_of_names(row_matched_type(row->match.by)))
		misp->detect = true;
}

void misp_end(struct misp *misp, struct text *line)
{
	if (!misp->begun)
		begin(misp, NULL, line);
	write_module(misp, line);
	if (!*misp->event)
		make_uuid(misp->event, "event without modules");
	text_add_string(line, misp->object ? "\n]," : "],");
	add_member(line, "uuid", misp->event);
	text_add_string(line, "}}\n");
}
