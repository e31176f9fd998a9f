/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Within the room `imports`: the hosts of common API sets, for when no schema can be read. */
#ifndef IMPORTS_API_SET_COMMON_H
#define IMPORTS_API_SET_COMMON_H

/* `name` is lower case. NULL when unknown. */
const char *api_set_common_host(const char *name);

#endif
