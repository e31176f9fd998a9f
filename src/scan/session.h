/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the scan room: what all units of one run share, made and released together.
 */
#ifndef SCAN_SESSION_H
#define SCAN_SESSION_H

#include "scan/selection.h"
#include "scan/unit.h"

struct session {
	struct selection selection;
	struct unit_context context;
};

/* Fails as selection_make() does. Always to be closed, also after that. */
struct error *session_open(struct session *session, const struct windows *windows,
			   const struct scan_options *options, const struct scan_events *events);
void session_close(struct session *session);
#define _cleanup_session_ __attribute__((cleanup(session_close)))

#endif
