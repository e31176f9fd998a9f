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

struct dll_orders {
	size_t count;				 /* of orders */
	uint8_t rank[ORDER_GUESSES][ORDER_DLLS]; /* of a DLL in an order, from 0 */
};

/*
 * Guesses in which orders Microsoft's linker may have put the descriptors of DLLs, the most likely
 * first. It gives the directory the order in which import libraries were needed. What comes before
 * what in other programs is in import_facts.h.
 *
 * dlls: `count` different names, in lower case, in the order of their address tables, which decides
 * where nothing is known
 */
void dll_orders_guess(const char *const *dlls, size_t count, struct dll_orders *orders);

#endif
