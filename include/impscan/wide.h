/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loops over much memory, compiled for the processor that the program runs on.
 *
 * Room: base.
 */
#ifndef IMPSCAN_WIDE_H
#define IMPSCAN_WIDE_H

#include <stdint.h> /* says whether this is glibc */

/*
 * Before a static function: it is compiled once more for vectors of 32 bytes, and which of the two
 * is called is decided when the program starts. Only for loops that compilers turn into vector
 * instructions, and not with sanitizers, which can't be called so early.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define IMPSCAN_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define IMPSCAN_WIDE
#endif

#endif
