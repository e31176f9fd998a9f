/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room exports: hosts of common API sets, for processes whose schema can't be read. */
#ifndef EXPORTS_API_SET_COMMON_H
#define EXPORTS_API_SET_COMMON_H

/*
 * Returns the host of an API set, "kernelbase.dll", or NULL when the built-in table does not have
 * it. `name` is in lower case.
 */
const char *api_set_common_host(const char *name);

#endif
