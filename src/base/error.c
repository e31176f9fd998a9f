/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors: a sentence on the heap.
 */
#include <impscan/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <impscan/alloc.h>

struct error {
	char *message;
};

static struct error *error_take(char *message)
{
	struct error *error = alloc_new(struct error);
	error->message = message;
	return error;
}

static char *format_message(const char *format, va_list args)
{
	_cleanup_free_ char *message = NULL;
	if (vasprintf(&message, format, args) < 0)
		message = NULL;
	return message ? take_ptr(message) : alloc_strdup(format);
}

struct error *error_new(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *message = format_message(format, args);
	va_end(args);
	return error_take(message);
}

struct error *error_errno(int number, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	_cleanup_free_ char *what = format_message(format, args);
	va_end(args);
	char system[128];
	return error_take(alloc_printf("%s: %s", what, strerror_r(number, system, sizeof(system))));
}

struct error *error_prefix(struct error *error, const char *format, ...)
{
	if (!error)
		return NULL;
	va_list args;
	va_start(args, format);
	_cleanup_free_ char *prefix = format_message(format, args);
	va_end(args);
	struct error *longer = error_take(alloc_printf("%s: %s", prefix, error->message));
	error_free(error);
	return longer;
}

const char *error_message(const struct error *error)
{
	return error->message;
}

void error_free(struct error *error)
{
	if (!error)
		return;
	free(error->message);
	free(error);
}
