/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the profile room: a symbol file as JSON in memory, in Volatility 3's intermediate symbol
 * format, plain or compressed with xz. The memory it takes is bounded, some hundred megabytes at
 * most.
 */
#ifndef IMPSCAN_PROFILE_SYMBOL_FILE_H
#define IMPSCAN_PROFILE_SYMBOL_FILE_H

#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include <impscan/error.h>

static inline void json_put_p(struct json_object **json)
{
	json_object_put(*json);
}
#define _cleanup_json_ _cleanup_(json_put_p)

/* `data` is the file's content; errors begin with "ORIGIN: " or "ORIGIN:LINE:COLUMN: ". */
struct error *symbol_file_parse(const uint8_t *data, size_t size, const char *origin,
				struct json_object **ret);

/* Reads a file of up to `limit` bytes. The caller frees `*data`. */
struct error *symbol_file_read(const char *path, size_t limit, uint8_t **data, size_t *size);

#endif
