/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the room golang: build information, of Go 1.13 and later. */
#ifndef GOLANG_BUILD_INFO_H
#define GOLANG_BUILD_INFO_H

#include <stdbool.h>
#include <stdint.h>

#include "golang/program.h"

#define GO_BUILD_INFO_ALIGNMENT	 16
#define GO_BUILD_INFO_MAGIC_SIZE 14

/* Returns whether GO_BUILD_INFO_MAGIC_SIZE bytes are what it begins with. */
bool go_is_build_info(const uint8_t *bytes);

/* Reads version and module from program->build_info; what can't be read is left empty. */
void go_build_info_read(struct go_program *program, struct golang *golang);

#endif
