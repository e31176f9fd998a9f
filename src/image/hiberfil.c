/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hibernation files, hiberfil.sys: which kind of one a file is, and in which state.
 *
 * The signature tells whether the machine was resumed since. XP to 7 then clear the first page, or
 * only its signature, and all else stays; 8 and later clear the pages, but not always. So no file
 * is refused by its signature: what is there is read.
 */
#include "hiberfil.h"

#include <strings.h>

struct signature {
	const char *bytes; /* 4 */
	const char *state; /* for the name of the format; NULL: hibernated */
};

static const struct signature signatures[] = {
	{"hibr", NULL},
	{"HIBR", NULL},
	{"wake", ", resumed"},
	{"WAKE", ", resumed"},
	{"RSTR", ", of a resume that failed"},
	{"rstr", ", of a resume that failed"},
	{"HORM", ", to be resumed many times"},
	{"BRKP", ", for debugging"},
};

static const struct signature *signature_of(const struct image *image)
{
	for (size_t i = 0; i < array_size(signatures); i++)
		if (image_has(image, 0, signatures[i].bytes, 4))
			return &signatures[i];
	return NULL;
}

static bool is_first_page_clear(const struct image *image)
{
	const uint8_t *first = image_bytes(image, 0, PAGE_SIZE);
	return first && !first[0] && !memcmp(first, first + 1, PAGE_SIZE - 1);
}

/* Whether the file has the name that Windows gives it; what else could tell when it is cleared? */
static bool is_named_so(const struct image *image)
{
	static const char name[] = "hiberfil";
	const char *slash = strrchr(image->path, '/');
	return !strncasecmp(slash ? slash + 1 : image->path, name, sizeof(name) - 1);
}

static bool probe(const struct image *image)
{
	if (signature_of(image))
		return true;
	return is_first_page_clear(image) &&
	       (is_named_so(image) || hiberfil_old_probe(image) || hiberfil_new_search(image));
}

static struct error *nothing_found(const struct image *image, const struct hiberfil_new *found)
{
	const struct signature *signature = signature_of(image);
	char size[IMAGE_SIZE_TEXT];
	if (found->cut)
		return error_new("'%s' is a Windows hibernation file of which only the first %s "
				 "are there, and no page of memory: it is cut off",
				 image->path, image_size_text(image->size, size));
	if (!found->cleared)
		return error_new(
			"'%s' is a Windows hibernation file whose compressed pages are not "
			"where its header says: it is damaged, or of Windows 2000",
			image->path);
	if (signature && !signature->state)
		return error_new(
			"'%s' is a Windows hibernation file that holds no memory: its pages "
			"were cleared or never written",
			image->path);
	return error_new(
		"'%s' is a Windows hibernation file that holds no memory: it was cleared when "
		"the machine resumed, or nothing was saved to it yet",
		image->path);
}

static struct error *parse_sets(struct hiberfil *hiberfil)
{
	struct image *image = hiberfil->image;
	const struct signature *signature = signature_of(image);
	if (!hiberfil_new_probe(image) && hiberfil_old_probe(image)) {
		const char *versions = "";
		try_(hiberfil_old_parse(hiberfil, &versions));
		image_name_format(image, "Windows hibernation file (%s%s)", versions,
				  signature ? signature->state ? signature->state : ""
					    : ", header cleared by resuming");
		return NULL;
	}
	struct hiberfil_new found;
	try_(hiberfil_new_parse(hiberfil, &found));
	if (!hiberfil->piece_count)
		return nothing_found(image, &found);
	image_name_format(image, "Windows hibernation file (%u-bit, %s%s%s)",
			  found.pointer_size * 8,
			  found.versions ? found.versions : "Windows 8 or later",
			  signature ? signature->state ? signature->state : ""
				    : ", header cleared by resuming",
			  found.hiberboot ? ", fast startup" : "");
	if (found.hiberboot)
		image_add_fact(image, IMAGE_FACT_MISSING,
			       "fast startup: users were logged off, kernel and session 0 only");
	return NULL;
}

static struct error *parse(struct image *image)
{
	_cleanup_(hiberfil_free)
	struct hiberfil hiberfil = {.image = image};
	image_name_format(image, "Windows hibernation file");
	/* Headers of sets are everywhere in the file: to read all of it in order is faster. */
	source_expect_all(image->source, true);
	try_(parse_sets(&hiberfil));
	source_expect_all(image->source, false);
	return hiberfil_finish(&hiberfil);
}

const struct image_format image_format_hiberfil = {
	.name = "hiberfil",
	.any = true,
	.probe = probe,
	.parse = parse,
};
