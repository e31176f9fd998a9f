/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the rooms imports and rebuild: names of imports by pefile 2023.2.7's rules, and how they
 * are written into the string that is hashed.
 */
#ifndef IMPORTS_IMPORT_NAMES_H
#define IMPORTS_IMPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <impscan/text.h>

/*
 * Sets `low` to the DLL's name in lower case, or to "*invalid*" where the name has characters that
 * file names don't have. Returns the length of the part that is hashed: without ".dll", ".ocx" or
 * ".sys".
 */
size_t names_library(struct text *low, const char *dll, size_t length);

/*
 * Adds "lib.func" to `text`, after a comma where `text` is not empty. `low` and `library` are what
 * names_library() gave. `name` is the function; NULL: the import is by `ordinal`. Returns false,
 * and adds nothing, when pefile's rules leave the import out.
 */
bool names_append(struct text *text, const struct text *low, size_t library, const char *name,
		  uint32_t ordinal);

/* Has a function's name, or a DLL's, only characters that pefile accepts there? */
bool names_valid_function(const char *name, size_t length);
bool names_valid_dll(const char *name, size_t length);

/*
 * Has a name in memory other characters than printable ASCII? Then its page most likely holds
 * something else by now. pefile would accept it in a file; here the list gets no hash instead of a
 * wrong one.
 */
bool names_garbage(const char *name, size_t length);

#endif
