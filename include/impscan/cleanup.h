/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scope-bound cleanup: a variable so marked is released when its scope ends, so an error path is
 * a plain return.
 *
 *	_cleanup_free_ char *name = ...;
 *	if (bad)
 *		return error_new(...);		// name is freed
 *	*ret = take_ptr(name);			// ownership goes to the caller
 *
 * Room: base.
 */
#ifndef IMPSCAN_CLEANUP_H
#define IMPSCAN_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)	__attribute__((cleanup(f)))
#define _cleanup_free_	_cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_file_	_cleanup_(cleanup_file)

/* Defines FUNCTION_p for use with _cleanup_(): calls FUNCTION on a pointer variable's value. */
#define DEFINE_CLEANUP(type, function)            \
	static inline void function##_p(type **p) \
	{                                         \
		if (*p)                           \
			function(*p);             \
	}

/* Hands a scope-bound pointer on: its value, leaving NULL behind. */
#define take_ptr(p)                         \
	({                                  \
		__typeof__(p) _taken = (p); \
		(p) = NULL;                 \
		_taken;                     \
	})

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

#endif
