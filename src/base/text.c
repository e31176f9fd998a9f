/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Growing strings, and conversion to and from UTF-8. Which characters are shown how is in
 * text_code.c.
 */
#include <impscan/text.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* Combining characters on one base that are not escaped. More of them could reach other lines. */
#define MARKS_MAX 2

void text_enlarge(struct text *text, size_t more)
{
	size_t capacity = max_of(text->capacity * 2, text->length + more + 1);
	text->data = alloc_resize(text->data, capacity, 1);
	text->capacity = capacity;
}

void text_add_string(struct text *text, const char *string)
{
	text_add(text, string, strlen(string));
}

void text_add_spaces(struct text *text, size_t count)
{
	text_reserve(text, count);
	memset(text->data + text->length, ' ', count);
	text->length += count;
	text->data[text->length] = '\0';
}

void text_add_number(struct text *text, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	text_add(text, digits + at, sizeof(digits) - at);
}

void text_add_address(struct text *text, uint64_t address)
{
	char digits[18];
	size_t at = sizeof(digits);
	do
		digits[--at] = "0123456789abcdef"[address % 16];
	while (address /= 16);
	digits[--at] = 'x';
	digits[--at] = '0';
	text_add(text, digits + at, sizeof(digits) - at);
}

void text_add_file_name(struct text *text, const char *name, size_t most)
{
	for (size_t i = 0; i < most && name[i]; i++) {
		char c = name[i];
		bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
		text_add_char(text, safe ? c : '_');
	}
}

/* FILETIME counts from 1601, Unix from 1970. */
#define FILETIME_SECOND 10000000
#define UNIX_EPOCH	INT64_C(11644473600)

/* Seconds of Unix that are a time: of 1990 to 2199. */
static bool is_time(time_t seconds)
{
	return seconds >= 631152000 && seconds < 7258118400;
}

bool text_add_utc(struct text *text, uint64_t filetime)
{
	time_t seconds = (time_t)((int64_t)(filetime / FILETIME_SECOND) - UNIX_EPOCH);
	struct tm time;
	char utc[32];
	if (!is_time(seconds) || !gmtime_r(&seconds, &time))
		return false;
	strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%SZ", &time);
	text_add_string(text, utc);
	return true;
}

/* The number that two digits are. */
static int pair(const char *digits)
{
	return (digits[0] - '0') * 10 + digits[1] - '0';
}

bool text_utc(const char *utc, uint64_t *filetime)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	if (strlen(utc) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '0' ? utc[i] < '0' || utc[i] > '9' : utc[i] != form[i])
			return false;
	struct tm time = {
		.tm_year = pair(utc) * 100 + pair(utc + 2) - 1900,
		.tm_mon = pair(utc + 5) - 1,
		.tm_mday = pair(utc + 8),
		.tm_hour = pair(utc + 11),
		.tm_min = pair(utc + 14),
		.tm_sec = pair(utc + 17),
	};
	const struct tm written = time;
	time_t seconds = timegm(&time);
	/* What is no date, as the 31st of February, timegm() makes one of. */
	if (!is_time(seconds) || time.tm_mon != written.tm_mon || time.tm_mday != written.tm_mday ||
	    time.tm_hour != written.tm_hour || time.tm_min != written.tm_min ||
	    time.tm_sec != written.tm_sec)
		return false;
	*filetime = (uint64_t)(seconds + UNIX_EPOCH) * FILETIME_SECOND;
	return true;
}

void text_add_format(struct text *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	va_list again;
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length > 0) {
		text_reserve(text, (size_t)length);
		vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
		text->length += (size_t)length;
	}
	va_end(again);
}

void text_add_count(struct text *text, uint64_t count, const char *one, const char *more)
{
	text_add_number(text, count);
	text_add_char(text, ' ');
	text_add_string(text, count == 1 ? one : more);
}

void text_clear(struct text *text)
{
	text->length = 0;
	if (text->data)
		text->data[0] = '\0';
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

const char *text_string(const struct text *text)
{
	return text->data ? text->data : "";
}

static void add_code(struct text *text, uint32_t code)
{
	if (!code) {
		text_add(text, "\xc0\x80", 2); /* see text_utf8_next() */
	} else if (code < 0x80) {
		text_add_char(text, (char)code);
	} else if (code < 0x800) {
		text_add_char(text, (char)(0xc0 | code >> 6));
		text_add_char(text, (char)(0x80 | (code & 0x3f)));
	} else if (code < 0x10000) {
		text_add_char(text, (char)(0xe0 | code >> 12));
		text_add_char(text, (char)(0x80 | (code >> 6 & 0x3f)));
		text_add_char(text, (char)(0x80 | (code & 0x3f)));
	} else {
		text_add_char(text, (char)(0xf0 | code >> 18));
		text_add_char(text, (char)(0x80 | (code >> 12 & 0x3f)));
		text_add_char(text, (char)(0x80 | (code >> 6 & 0x3f)));
		text_add_char(text, (char)(0x80 | (code & 0x3f)));
	}
}

char *text_from_utf16(const void *utf16, size_t bytes)
{
	const uint8_t *p = utf16;
	size_t count = bytes / 2;
	struct text text = {0};
	while (count && !le16(p + 2 * (count - 1)))
		count--;
	text_reserve(&text, count + 1);
	/* Most names are plain from start to end. */
	size_t i = 0;
	for (uint32_t unit; i < count && (unit = le16(p + 2 * i)) && unit < 0x80; i++)
		text.data[text.length++] = (char)unit;
	text.data[text.length] = '\0';
	for (; i < count; i++) {
		uint32_t unit = le16(p + 2 * i);
		if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < count) {
			uint32_t low = le16(p + 2 * (i + 1));
			if (low >= 0xdc00 && low < 0xe000) {
				i++;
				unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
			}
		}
		if (unit >= 0xd800 && unit < 0xe000)
			unit = 0xfffd;
		add_code(&text, unit);
	}
	return text.data;
}

char *text_from_latin1(const void *bytes, size_t length)
{
	const uint8_t *p = bytes;
	struct text text = {0};
	text_reserve(&text, length + 1);
	text.data[0] = '\0';
	for (size_t i = 0; i < length && p[i]; i++)
		add_code(&text, p[i]);
	return text.data;
}

size_t text_utf8_next(const char *s, uint32_t *code)
{
	const uint8_t *p = (const uint8_t *)s;
	if (!p[0])
		return 0;
	if (p[0] < 0x80) {
		*code = p[0];
		return 1;
	}
	size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] == 0xc0 && p[1] == 0x80) {
		*code = 0;
		return 2;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	uint32_t value = p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80) /* also ends at the NUL */
			return 0;
		value = value << 6 | (p[i] & 0x3fu);
	}
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	*code = value;
	return length;
}

/* Returns whether "xNN" or "u{" follows, as behind the backslash of an escape. */
static bool looks_like_escape(const char *s)
{
	if (s[0] == 'u')
		return s[1] == '{';
	return s[0] == 'x' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]);
}

/*
 * Adds the backslashes at `s`: doubled where an escape or what looks like one comes behind them, so
 * that an odd number of them before "xNN" or "u{" is always an escape. Returns how many there are.
 */
static size_t add_backslashes(struct text *text, const char *s, bool columns)
{
	size_t count = strspn(s, "\\");
	uint32_t code;
	size_t length = text_utf8_next(s + count, &code);
	bool escaped = s[count] && (!length || text_is_control(code));
	escaped |= columns && s[count] == ' ' && !s[count + 1]; /* blank_misleads() */
	for (size_t i = 0; i < count; i++)
		text_add(text, "\\\\", escaped || looks_like_escape(s + count) ? 2 : 1);
	return count;
}

static void add_escape(struct text *text, uint32_t code)
{
	text_add_format(text, code < 0x80 ? "\\x%02x" : "\\u{%04x}", code);
}

/* Returns whether a blank would look like a separator of columns, or be invisible. */
static bool blank_misleads(const char *start, const char *blank)
{
	return blank == start || blank[-1] == ' ' || !blank[1];
}

static void add_escaped(struct text *text, const char *utf8, bool columns)
{
	const char *start = utf8;
	unsigned int marks = MARKS_MAX; /* at first there is no base character for a mark */
	while (*utf8) {
		/* Most of it, and most often all, is plain. */
		size_t plain = 0;
		while (utf8[plain] > ' ' && utf8[plain] < 0x7f && utf8[plain] != '\\')
			plain++;
		text_add(text, utf8, plain);
		utf8 += plain;
		if (plain)
			marks = 0;
		if (!*utf8)
			return;
		uint32_t code;
		size_t length = text_utf8_next(utf8, &code);
		if (!length) {
			text_add_format(text, "\\x%02x", (unsigned char)*utf8++);
			marks = MARKS_MAX;
			continue;
		}
		if (code == '\\') {
			utf8 += add_backslashes(text, utf8, columns);
			marks = 0;
			continue;
		}
		bool mark = !text_code_width(code);
		bool misleads = code == ' ' && columns && blank_misleads(start, utf8);
		if (text_is_control(code) || misleads || (mark && marks == MARKS_MAX)) {
			add_escape(text, code);
			marks = MARKS_MAX;
		} else {
			text_add(text, utf8, length);
			marks = mark ? marks + 1 : code == ' ' ? MARKS_MAX : 0;
		}
		utf8 += length;
	}
}

void text_add_printable(struct text *text, const char *utf8)
{
	add_escaped(text, utf8, true);
}

void text_add_escaped(struct text *text, const char *utf8)
{
	add_escaped(text, utf8, false);
}

/* Adds what "xNN" or "u{NNNN}" stands for. Returns its length; 0: it is none. */
static size_t add_unescaped_code(struct text *text, const char *s)
{
	char *end = NULL;
	const char two[3] = {s[1], s[0] == 'x' ? s[2] : '\0', '\0'};
	if (!looks_like_escape(s))
		return 0;
	unsigned long code = strtoul(s[0] == 'x' ? two : s + 2, &end, 16);
	if (s[0] == 'x') {
		if (code && code < 0x100)
			text_add_char(text, (char)code);
		else
			add_code(text, 0);
		return 3;
	}
	if (*end != '}' || !isxdigit((unsigned char)s[2]) || code > 0x10ffff)
		return 0;
	add_code(text, (uint32_t)code);
	return (size_t)(end - s) + 1;
}

void text_add_unescaped(struct text *text, const char *escaped)
{
	while (*escaped) {
		size_t plain = strcspn(escaped, "\\"), count = strspn(escaped + plain, "\\");
		text_add(text, escaped, plain);
		escaped += plain + count;
		bool doubled = looks_like_escape(escaped);
		for (size_t i = 0; i < (doubled ? count / 2 : count); i++)
			text_add_char(text, '\\');
		size_t used = doubled && count % 2 ? add_unescaped_code(text, escaped) : 0;
		if (doubled && count % 2 && !used)
			text_add_char(text, '\\');
		escaped += used;
	}
}

size_t text_width(const char *utf8)
{
	size_t width = 0;
	while (*utf8) {
		uint32_t code = 0;
		if (*utf8 >= ' ' && *utf8 < 0x7f) { /* nearly all */
			width++;
			utf8++;
			continue;
		}
		size_t length = text_utf8_next(utf8, &code);
		width += length ? text_code_width(code) : 1;
		utf8 += length ? length : 1;
	}
	return width;
}

const char *text_base_name(const char *path)
{
	const char *base = path;
	for (const char *p = path; *p; p++)
		if (*p == '\\' || *p == '/')
			base = p + 1;
	return base;
}
