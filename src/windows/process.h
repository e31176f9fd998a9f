/*
 * Inside the windows room: reading one EPROCESS.
 */
#ifndef WINDOWS_PROCESS_H
#define WINDOWS_PROCESS_H

#include <impscan/windows.h>

/*
 * Reads the process at `eprocess`; false when it is not present or can't be one. Uses of `windows`
 * only image, profile and pointer_size. The caller frees process->name.
 */
bool process_read(const struct windows *windows, struct space *kernel, uint64_t eprocess,
		  struct process *process);

#endif
