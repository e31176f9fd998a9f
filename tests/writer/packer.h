/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packer for the tests, as real ones work: of a program's file it makes another whose sections
 * are empty on disk, with a stub that declares four imports, unpacks the body in place, relocates
 * it and fills the original address table by itself. Shares nothing with src/.
 */
#ifndef WRITER_PACKER_H
#define WRITER_PACKER_H

#include <stddef.h>
#include <stdint.h>

/* What the stub declares, in this order, of KERNEL32.dll; ends with NULL. */
extern const char *const packer_stub_imports[];

/* The packed file, malloc'ed. */
uint8_t *packer_pack(const uint8_t *file, size_t size, size_t *packed_size);

/* GetProcAddress(LoadLibrary()) of the process that the stub runs in; `function` NULL: by ordinal. */
typedef uint64_t packer_resolve(void *context, const char *dll, const char *function,
				uint32_t ordinal);

/* What the stub does, once: `image` is a packed file's image, `size` bytes as mapped at `base`. */
void packer_run(uint8_t *image, size_t size, uint64_t base, packer_resolve *resolve, void *context);

#endif
