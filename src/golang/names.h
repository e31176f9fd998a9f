/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room golang: whose a function is. */
#ifndef GOLANG_NAMES_H
#define GOLANG_NAMES_H

enum package_kind {
	PACKAGE_ALWAYS,	  /* the runtime's, main, or no package's */
	PACKAGE_STANDARD, /* of Go's standard library */
	PACKAGE_OTHER,
};

/* Returns what the package is that a function belongs to, by the function's name. */
enum package_kind golang_package_kind(const char *name);

#endif
