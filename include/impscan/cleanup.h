/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scope-bound cleanup. A variable that is marked with one of these attributes is released when its
 * scope ends, so that an error path is a plain return. It must be initialised where it is declared.
 *
 *	_cleanup_free_ char *name = ...;
 *	if (bad)
 *		return error_new(...);		// name is freed
 *	*ret = take_ptr(name);			// the caller owns it now
 *
 * Room: base.
 */
#ifndef IMPSCAN_CLEANUP_H
#define IMPSCAN_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)	__attribute__((cleanup(f))) /* calls f(&variable) */
#define _cleanup_free_	_cleanup_(cleanup_free)	    /* free() */
#define _cleanup_close_ _cleanup_(cleanup_close)    /* close(), unless it is negative */
#define _cleanup_file_	_cleanup_(cleanup_file)	    /* fclose(), unless it is NULL */

/*
 * Defines FUNCTION_p for use with _cleanup_(), on a variable that is a pointer to TYPE. It calls
 * FUNCTION with the variable's value, unless that is NULL.
 */
#define DEFINE_CLEANUP(type, function)            \
	static inline void function##_p(type **p) \
	{                                         \
		if (*p)                           \
			function(*p);             \
	}

/* The value of a pointer variable, which is set to NULL: so the value is not released. */
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

/* The value of a descriptor, which is set to -1: so it is not closed. */
static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
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
