/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room golang: finding the table of functions and the build information. */
#ifndef GOLANG_SEARCH_H
#define GOLANG_SEARCH_H

#include "golang/program.h"

/*
 * Looks for both, and sets `program->table` and `program->build_info`, or what was absent. No page
 * is searched twice. Returns false when the budget has ended.
 */
bool go_search(struct go_program *program);

#endif
