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

/*
 * Starts a run over a machine. `options` must outlive it. Fails as selection_make() does. Close it
 * with session_close(), also after an error.
 */
struct error *session_open(struct session *session, const struct windows *windows,
			   const struct scan_options *options, const struct scan_events *events);
void session_close(struct session *session);
#define _cleanup_session_ __attribute__((cleanup(session_close)))

#endif
