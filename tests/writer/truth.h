/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The truth file: what is in an image, as JSON, for the tests to compare with.
 *
 * Top: build, arch, variant, pae, seed, memory, dtb, kernel_base, kernel_size,
 * ps_active_process_head, ps_loaded_module_list, kdbg, kdbg_encoded, self_index, low_stub, runs,
 * drivers, processes.
 *
 * A process: pid, ppid, name, eprocess, dtb, peb, peb32, path, command_line, hidden, exited, wow64,
 * case, absent (page address: state, outside of modules), modules, vads, injected, decoys,
 * slots, hook_targets.
 *
 * A module: base, size, name, path, file (the original's name in --pe-out), lists (load, memory,
 * init, and with 32 behind it those of the WoW64 loader), absent (page RVA: transition, proto,
 * lookup, zero, file, pagefile, compressed), import_pages (RVAs of the pages that a hash needs),
 * flags (what a scan must say), patched_pages, holds (the file that lies there in truth), bits,
 * case; of a generated file `imports`, the list that is hashed.
 *
 * A VAD: start, end, kind (private, image, data), protection, private, path, path_state. An
 * injected file: case, kind, base, size, vad_start, vad_end, file, flags, imports, iat (slot,
 * import, value), layout (memory, file), header, bits, found (false: mere data, to be left alone),
 * managed (data, but an assembly in a process with a runtime: it has a row).
 * A decoy: case, start, size of a region with code that is no PE. A hook target: module, start,
 * size (0: an injected file's) of a region that so many slots of the module lead into.
 *
 * Addresses are "0x..." strings, absent values null.
 */
#ifndef WRITER_TRUTH_H
#define WRITER_TRUTH_H

#include <writer/guest.h>

void truth_write(const struct guest *guest, const char *path);

/* The original bytes of every file that was mapped, into `folder` (made when it is missing). */
void truth_write_files(const struct guest *guest, const char *folder);

#endif
