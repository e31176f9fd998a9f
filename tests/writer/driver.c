/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernel modules: mapped into kernel space and entered in PsLoadedModuleList. See guest.h.
 */
#include <writer/guest.h>

/* KLDR_DATA_TABLE_ENTRY; the symbols before Windows 10 lack it, where the kernel's entries start
 * like the loader's. */
static const char *entry_type(const struct guest *guest)
{
	return layout_has(guest->layout, "_KLDR_DATA_TABLE_ENTRY", "DllBase")
		       ? "_KLDR_DATA_TABLE_ENTRY"
		       : "_LDR_DATA_TABLE_ENTRY";
}

struct guest_module *guest_enter_driver(struct guest *guest, struct guest_image *image,
					uint64_t base, const char *path)
{
	const char *type = entry_type(guest);
	struct paging *space = guest->kernel;
	struct guest_module *module = util_alloc(1, sizeof(*module));
	module->image = image;
	module->base = base;
	module->name = util_strdup(image->name);
	module->path = util_strdup(path);
	module->in_load = true;
	uint64_t entry =
		guest_pool_alloc(guest, GUEST_NONPAGED, size_of(guest->layout, type), "MmLd");
	module->entry = entry;
	guest_put(guest, space, entry, type, "DllBase", base, guest->pointer);
	guest_put(guest, space, entry, type, "EntryPoint", base + image->pe->entry_point,
		  guest->pointer);
	guest_put(guest, space, entry, type, "SizeOfImage", image->pe->size, 4);
	guest_put_if(guest, space, entry, type, "Flags", 0x49104000, 4);
	guest_put_if(guest, space, entry, type, "LoadCount", 1, 2);
	guest_put_kernel_string(guest, entry + offset_of(guest->layout, type, "FullDllName"), path);
	guest_put_kernel_string(guest, entry + offset_of(guest->layout, type, "BaseDllName"),
				image->name);
	guest_list_append(space, guest_symbol(guest, "PsLoadedModuleList"),
			  entry + offset_of(guest->layout, type, "InLoadOrderLinks"));
	*util_push(guest->drivers, guest->driver_count, guest->driver_capacity) = module;
	return module;
}

/*
 * Makes addresses of the RVAs in the name tables, as the loaders of NT do that resolve the imports
 * by name (MiSnapThunk). The boot loader does so before the kernel moves the image.
 */
static void snap_names(struct guest *guest, const struct guest_module *driver)
{
	const struct pefile *pe = driver->image->pe;
	const unsigned int width = pe->pe32_plus ? 8 : 4;
	uint64_t base = driver->base;
	uint32_t size, at = pefile_directory(pe, 1, &size);
	if (guest->options.driver_names == GUEST_NAMES_RVA)
		return;
	if (guest->options.driver_names == GUEST_NAMES_BOOT)
		base = (width == 8 ? UINT64_C(0xfffff80000800000) : UINT64_C(0x80800000)) +
		       util_random_below(&guest->random, 0x1000) * PAGE;
	for (; at && util_get(pe->mapped + at + 12, 4); at += 20) {
		uint64_t names = util_get(pe->mapped + at, 4), value;
		for (; names && (value = util_get(pe->mapped + names, width)); names += width)
			if (!(value >> (8 * width - 1)))
				paging_put(guest->kernel, driver->base + names, base + value,
					   width);
	}
}

struct guest_module *guest_load_driver(struct guest *guest, const char *name)
{
	struct guest_image *image = guest_find_image(guest, name);
	if (!image)
		util_die("there is no driver %s", name);
	uint64_t base = guest_map_image(guest, guest->kernel, image, false);
	const char *dot = strrchr(name, '.');
	char *path = util_printf(dot && util_same_name(dot, ".dll")
					 ? "\\SystemRoot\\system32\\%s"
					 : "\\SystemRoot\\System32\\drivers\\%s",
				 image->name);
	struct guest_module *module = guest_enter_driver(guest, image, base, path);
	free(path);
	guest_link_driver(guest, module);
	snap_names(guest, module);
	return module;
}
