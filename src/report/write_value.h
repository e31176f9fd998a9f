/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the report room: one value as text. All functions add to `text`.
 */
#ifndef REPORT_WRITE_VALUE_H
#define REPORT_WRITE_VALUE_H

#include <impscan/fields.h>

/*
 * For people: nothing for VALUE_NULL, "yes" and "no". `add` writes each text so that it is fit to
 * print; `separator` stands between those of a list.
 */
void value_add_plain(struct text *text, const struct value *value, char separator,
		     void (*add)(struct text *, const char *));

/*
 * A cell of CSV by RFC 4180: quoted when it holds a quote, a comma or a line break, quotes doubled;
 * lists joined by ";". A text that a spreadsheet would run as a formula gets an apostrophe in
 * front.
 */
void value_add_csv(struct text *text, const struct value *value);

/* A value of JSON by RFC 8259. Addresses are texts, "0x1aa000". */
void value_add_json(struct text *text, const struct value *value);

/*
 * A string of JSON with its quotes. Characters that a terminal acts on or can't show are escaped;
 * a byte that is not UTF-8 becomes U+FFFD.
 */
void json_add_string(struct text *text, const char *s);

#endif
