/*
 * A process's memory as one thread sees it: its page map, the kernel's, and its VADs, which tell
 * where pages are that the page map does not know.
 */
#include <impscan/windows.h>

#include <stdlib.h>

#include <impscan/alloc.h>

/* VAD.FirstPrototypePte + an entry a page: MiGetProtoPteAddress, for views that have one run. */
static uint64_t find_prototype(void *context, uint64_t address)
{
	const struct view *view = context;
	const struct vad *vad = vads_find(&view->vads, address);
	if (!vad || !vad->first_prototype_pte)
		return 0;
	return vad->first_prototype_pte + (address - vad->start) / PAGE_SIZE * view->entry_size;
}

void view_open(struct view *view, const struct windows *windows, const struct process *process)
{
	*view = (struct view){.entry_size = profile_offset(windows->profile, MMPTE_size)};
	view->kernel = windows_kernel_space(windows);
	if (process->eprocess == windows->system) {
		view->space = view->kernel;
		return;
	}
	view->space = space_new(windows->memory, process->dtb);
	process_vads(windows, process, view->kernel, &view->vads);
	space_set_prototypes(view->space, view->kernel, find_prototype, view);
}

void view_close(struct view *view)
{
	if (view->space != view->kernel)
		space_free(view->space);
	space_free(view->kernel);
	vads_free(&view->vads);
	*view = (struct view){0};
}
