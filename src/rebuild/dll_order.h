/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room rebuild: orders that an import directory may have had. */
#ifndef REBUILD_DLL_ORDER_H
#define REBUILD_DLL_ORDER_H

#include <stddef.h>
#include <stdint.h>

enum {
	ORDER_DLLS = 64, /* DLLs of a directory whose order is guessed */
	ORDER_GUESSES = 7,
};

/* A DLL that has address tables. */
struct order_dll {
	const char *name; /* in lower case */
	/* 1; 2: tables of its own for which the linker had its name in another case. Rust's kernel32.dll
	 * beside KERNEL32.dll is such. In memory these lie behind the others. */
	unsigned int place;
};

struct dll_orders {
	size_t count;				 /* of orders */
	uint8_t rank[ORDER_GUESSES][ORDER_DLLS]; /* of a DLL in an order, from 0 */
};

/*
 * Guesses in which orders Microsoft's linker may have put the descriptors of DLLs, the most likely
 * first. It gives the directory the order in which import libraries were needed. What comes before
 * what in other programs is in import_facts.h.
 *
 * dlls: `count` different ones, in the order of their address tables, which decides where nothing is
 *	known
 */
void dll_orders_guess(const struct order_dll *dlls, size_t count, struct dll_orders *orders);

#endif
