/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many links of an image a walk follows at most: far more than real systems have. Each walk
 * that reaches its limit notes that in the `damage` of what it read.
 */
#ifndef WINDOWS_LIMITS_H
#define WINDOWS_LIMITS_H

/*
 * Entries of one list of loaded modules; image sections in no list. Real processes have up to
 * 1,500.
 */
#define LIMIT_MODULES 16384

/* Nodes of a VAD tree. Browsers have about 20,000. */
#define LIMIT_VADS 262144

/* Bytes of a view of an image: SizeOfImage has 32 bits, so more is damage. */
#define LIMIT_IMAGE_SIZE (UINT64_C(1) << 32)

#endif
