/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which PE files the machine has: real ones of a folder, stand-ins made of a table of exports,
 * generated ones of the catalog, and those a caller adds. See guest.h.
 */
#include <writer/guest.h>

#include <ctype.h>
#include <unistd.h>

#include <writer/catalog.h>

static struct guest_image *new_image(struct guest *guest, const char *name, uint8_t *data,
				     size_t size)
{
	struct guest_image *image = util_alloc(1, sizeof(*image));
	image->name = util_strdup(name);
	image->file = util_strdup(name);
	image->data = data;
	image->data_size = size;
	image->pe = pefile_parse(data, size, name);
	*util_push(guest->images, guest->image_count, guest->image_capacity) = image;
	return image;
}

/*
 * Gives a file without imports the directory that GNU ld makes: a section .idata of its own, of one
 * descriptor of zeros, aligned to a pointer. Takes `data`, and returns the new file.
 */
static uint8_t *add_empty_directory(uint8_t *data, size_t *size)
{
	enum { ALIGNMENT = 0x200, SECTION = 40 };
	uint8_t *nt = data + util_get(data + 0x3c, 4), *optional = nt + 24;
	bool plus = util_get(optional, 2) == 0x20b;
	uint64_t count = util_get(nt + 6, 2), image_size = util_get(optional + 56, 4);
	uint8_t *directory = optional + (plus ? 112 : 96) + 8;
	uint8_t *section = optional + util_get(nt + 20, 2) + count * SECTION;
	uint32_t length = plus ? 0x18 : 0x14;
	if (util_get(directory, 4) ||
	    section + SECTION > data + util_get(optional + 60, 4)) /* SizeOfHeaders */
		return data;
	size_t raw = util_round_up(*size, ALIGNMENT);
	memcpy(section, ".idata\0\0", 8);
	util_put(section + 8, length, 4);
	util_put(section + 12, image_size, 4);
	util_put(section + 16, ALIGNMENT, 4);
	util_put(section + 20, raw, 4);
	memset(section + 24, 0, 12);
	util_put(section + 36, 0xc0000040, 4); /* data, to be read and written */
	util_put(nt + 6, count + 1, 2);
	util_put(optional + 56, image_size + PAGE, 4);
	util_put(directory, image_size, 4);
	util_put(directory + 4, length, 4);
	uint8_t *file = util_alloc(raw + ALIGNMENT, 1);
	memcpy(file, data, *size);
	*size = raw + ALIGNMENT;
	free(data);
	return file;
}

struct guest_image *guest_add_image(struct guest *guest, const char *name, uint8_t *data,
				    size_t size)
{
	return new_image(guest, name, data, size);
}

/* A file of options.pe_dir, whose names are lower case there; NULL when it has none. */
static struct guest_image *read_real(struct guest *guest, const char *name)
{
	if (!guest->options.pe_dir || guest->pointer == 4) /* what there is, is 64-bit */
		return NULL;
	char *lower = util_strdup(name);
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	char *path = util_printf("%s/%s", guest->options.pe_dir, lower);
	struct guest_image *image = NULL;
	if (!access(path, R_OK)) {
		const struct catalog_module *known = catalog_find(name);
		size_t size;
		uint8_t *data = util_read_file(path, &size);
		image = new_image(guest, known ? known->name : lower, data, size);
		image->source = path;
		path = NULL;
	}
	free(path);
	free(lower);
	return image;
}

struct guest_image *guest_find_image(struct guest *guest, const char *name)
{
	for (size_t i = 0; i < guest->image_count; i++) {
		if (util_same_name(guest->images[i]->name, name) && !guest->images[i]->wow64)
			return guest->images[i];
	}
	struct guest_image *image = read_real(guest, name);
	const struct catalog_module *module = catalog_find(name);
	if (image)
		return image;
	size_t size, count;
	uint8_t *stand_in = guest_stand_in(guest, name, &size);
	if (stand_in)
		return new_image(guest, module ? module->name : name, stand_in, size);
	if (!module)
		return NULL;
	char **imports;
	uint8_t *data = catalog_build(module, guest->pointer == 8, &size, &imports, &count);
	if (guest->options.empty_imports)
		data = add_empty_directory(data, &size);
	image = new_image(guest, module->name, data, size);
	image->imports = imports;
	image->import_count = count;
	return image;
}

struct guest_image *guest_find_image32(struct guest *guest, const char *name)
{
	for (size_t i = 0; i < guest->image_count; i++) {
		if (util_same_name(guest->images[i]->name, name) && guest->images[i]->wow64)
			return guest->images[i];
	}
	const struct catalog_module *module = catalog_find(name);
	if (!module)
		return NULL;
	size_t size, count;
	char **imports;
	uint8_t *data = catalog_build(module, false, &size, &imports, &count);
	struct guest_image *image = new_image(guest, module->name, data, size);
	image->wow64 = true;
	image->imports = imports;
	image->import_count = count;
	free(image->file);
	image->file = util_printf("syswow64-%s", module->name);
	return image;
}
