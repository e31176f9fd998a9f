/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the report room: a run as one page of HTML, which needs no other file. The page itself is
 * what stands in the folder html/; here its data are written, line by line, as rows come. Their
 * form is described in docs/html-report.md. All functions add to `page`.
 */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include <impscan/rows.h>
#include <impscan/text.h>

struct html;

struct html *html_new(void);
void html_free(struct html *html);

/* Adds a row, a struct of the kind; before the first one, all of the page that is in front of it. */
void html_row(struct html *html, const struct row_kind *kind, const void *row, struct text *page);

/*
 * Adds what is known of the run or, where `image` is not NULL, of one of its images: "threshold" is
 * "30". What comes before the first row is kept until then.
 */
void html_fact(struct html *html, const char *image, const char *name, const char *value,
	       struct text *page);

/*
 * Adds the end of the page; all of it where there was no row. Nothing is added where there was none
 * and a fact is called "error": the run has failed.
 */
void html_end(struct html *html, struct text *page);

#endif
