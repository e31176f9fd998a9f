/*
 * The truth file: what is in an image, as JSON, for the tests to compare with.
 *
 * Top: build, arch, variant, pae, seed, memory, dtb, kernel_base, kernel_size, ps_active_process_head,
 * ps_loaded_module_list, kdbg, kdbg_encoded, self_index, low_stub, runs, drivers, processes.
 * A process: pid, ppid, name, eprocess, dtb, peb, path, command_line, hidden, exited, case,
 * absent (page address: state, outside of modules), vads,
 * modules. A module: base, size, name, path, file (the original's name in --pe-out), lists
 * (load, memory, init),
 * absent (page RVA: transition, proto, lookup, zero, file, pagefile), case; of a generated file `imports`, the list that is hashed. Addresses
 * are "0x..." strings, absent values null.
 */
#ifndef WRITER_TRUTH_H
#define WRITER_TRUTH_H

#include <writer/guest.h>

void truth_write(const struct guest *guest, const char *path);

/* The original bytes of every file that was mapped, into `folder` (made when it is missing). */
void truth_write_files(const struct guest *guest, const char *folder);

#endif
