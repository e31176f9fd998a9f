/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room golang: whose a function is. */
#ifndef GOLANG_NAMES_H
#define GOLANG_NAMES_H

enum package_kind {
	PACKAGE_ALWAYS,	  /* the runtime's, or no package's: every program may have it */
	PACKAGE_STANDARD, /* of Go's standard library */
	PACKAGE_MAIN,	  /* the program's own, which has this name in every program */
	PACKAGE_OTHER,	  /* the program's own, or another one's that it uses */
};

/* Returns what the package is that a function belongs to, by the function's name. */
enum package_kind golang_package_kind(const char *name);

#endif
