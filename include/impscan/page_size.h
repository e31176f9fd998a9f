/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page size of x86 and x64 processors. Evidence is measured in it, whatever the machine that
 * impscan runs on.
 *
 * Room: base.
 */
#ifndef IMPSCAN_PAGE_SIZE_H
#define IMPSCAN_PAGE_SIZE_H

#include <stdint.h>

/* In bytes. */
#define PAGE_SIZE UINT64_C(4096)

/* The bits of an address that say which page it lies in. */
#define PAGE_MASK (~(PAGE_SIZE - 1))

#endif
