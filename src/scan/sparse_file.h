/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: writing bytes to a new file, with holes where there are only zeros.
 */
#ifndef SCAN_SPARSE_FILE_H
#define SCAN_SPARSE_FILE_H

#include <stdint.h>

#include <impscan/pe.h>

/* Returns how many bytes of `file` are to be written: its size without the holes. */
uint64_t sparse_file_room(const struct pe_reader *file);

/*
 * Writes all bytes of `file` to a new file at `path`. A regular file that is there already with the
 * same content is left as it is: a run that was interrupted wrote it. Symbolic links are not
 * followed.
 *
 * Returns 0, or the errno; then no file is left behind, unless it was there before.
 */
int sparse_file_write(const char *path, const struct pe_reader *file);

#endif
