/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the files of an image are opened: bounds, the password, what is told meanwhile; and its page
 * files where they are packed.
 */
#ifndef CLI_IMAGE_SOURCES_H
#define CLI_IMAGE_SOURCES_H

#include <impscan/source.h>
#include <impscan/windows.h>

#include "cli/output.h"

/* What the options say of opening; sentences and progress go to the output, which must outlive it. */
struct source_options image_source_options(struct output *output);

/* Page files by number that are packed or split, and opened; NULL: none. */
struct page_sources {
	struct source *files[PAGE_FILES];
};

/*
 * Opens the packed page files of the output's image. Those that lie there as they are stay NULL:
 * they are opened where they are read. Fails when one is packed and can't be unpacked.
 */
struct error *page_sources_open(struct output *output, struct page_sources *sources);

/* Tells what is wrong with them, and what of them could not be unpacked. */
void page_sources_warn(struct output *output, const struct page_sources *sources);
void page_sources_close(struct page_sources *sources);
#define _cleanup_page_sources_ __attribute__((cleanup(page_sources_close)))

#endif
