/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the report room: modules as an event of MISP, in the JSON that it imports. All functions
 * add to `line`.
 */
#ifndef REPORT_MISP_H
#define REPORT_MISP_H

#include <impscan/rows.h>
#include <impscan/text.h>

struct misp;

struct misp *misp_new(void);
void misp_free(struct misp *misp);

/*
 * Adds a row: an object `pe` for each import list of a module, which refers to an object `process`.
 * Rows of one module, which follow each other, are one object; so it is written with the next
 * module.
 */
void misp_row(struct misp *misp, const struct row *row, struct text *line);

/* Adds what is left, and the end of the event; also of one without a module. */
void misp_end(struct misp *misp, struct text *line);

#endif
