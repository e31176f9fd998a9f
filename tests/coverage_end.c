/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Linked into the program of the preset "coverage": writes what has been counted where a process
 * ends without exit(), by _exit() (out of memory, a file that shrinks) or by a signal that it
 * raises. The linker leads calls here: --wrap=_exit, --wrap=raise.
 */
#include <gcov.h>

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
int __real_raise(int number);
int __wrap_raise(int number);

void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}

int __wrap_raise(int number)
{
	__gcov_dump();
	return __real_raise(number);
}
