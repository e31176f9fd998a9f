/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: the forms of lists. Each is recognised by the start of its text, and read
 * by a function that takes all the rest. list.c has the table of them.
 */
#ifndef IMPSCAN_MATCH_LIST_FORM_H
#define IMPSCAN_MATCH_LIST_FORM_H

#include "list.h"

struct list_table;
void csv_row_free_of(struct list_table *table);

/* Does the start of a text look like the form? */
bool list_is_json(struct slice head);
bool list_is_openioc(struct slice head);
bool list_is_yara(struct slice head);
bool list_is_sigma(struct slice head);
bool list_is_own_table(struct slice head);
bool list_is_csv(struct slice head);
bool list_is_ssdeep(struct slice head);
bool list_is_sysmon(struct slice head);
bool list_is_stix_patterns(struct slice head);

/* Read a list of the form; see struct list_form in list.c. */
struct error *list_read_json(struct list *list);
struct error *list_read_openioc(struct list *list);
struct error *list_read_yara(struct list *list);
struct error *list_read_sigma(struct list *list);
struct error *list_read_own_table(struct list *list);
struct error *list_read_csv(struct list *list);
struct error *list_read_ssdeep(struct list *list);
struct error *list_read_sysmon(struct list *list);
struct error *list_read_stix_patterns(struct list *list);
struct error *list_read_plain(struct list *list);

/* Why a text of this kind can't be a list of import hashes, with what to do; NULL: it may be one. */
const char *list_refusal(struct slice head);

/* Takes every IMPHASH= of a text that Sysmon wrote. Returns how many there were. */
struct error *list_take_sysmon(struct list *list, struct slice text, struct slice name,
			       size_t *count);

/* Does a STIX pattern name an import hash? */
bool list_pattern_has_hash(struct slice pattern);

/* Takes what a STIX pattern compares with an import hash. */
struct error *list_take_pattern(struct list *list, struct slice pattern, struct slice name,
				struct slice comment);

#endif
