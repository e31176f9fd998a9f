/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the match room: hashing the bytes of a sample.
 */
#ifndef IMPSCAN_MATCH_SAMPLE_FILE_H
#define IMPSCAN_MATCH_SAMPLE_FILE_H

#include <impscan/match.h>
#include <impscan/pe.h>
#include <impscan/sample.h>

/* Fills a sample, all zero but for its path, from a PE in file layout; see sample_read(). */
void sample_hash(struct sample *sample, const struct pe_reader *reader, bool impset,
		 struct imports *scratch);

#endif
