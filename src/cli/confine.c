/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See confine.h: what is left to a run, by its options.
 */
#include "cli/confine.h"

#include <dirent.h>
#include <fts.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "cli/image_folder.h"

#define READ_ALL   (SANDBOX_READ | SANDBOX_LIST)
#define CREATE_ALL (READ_ALL | SANDBOX_CREATE)

/* What libraries open late: each other (modules of iconv and OpenSSL), time zones, the processors. */
static const char *const of_the_system[] = {
	"/lib",
	"/lib64",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local/lib",
	"/etc/ld.so.cache",
	"/usr/share/zoneinfo",
	"/etc/localtime",
	"/sys/devices/system/cpu",
};

/* Where one of the program's libraries lies, there may be those that it opens late. */
static int allow_library(struct dl_phdr_info *library, size_t size, void *sandbox)
{
	(void)size;
	const char *slash = strrchr(library->dlpi_name, '/');
	if (!slash || slash == library->dlpi_name)
		return 0;
	_cleanup_free_ char *folder =
		alloc_strndup(library->dlpi_name, (size_t)(slash - library->dlpi_name));
	sandbox_allow(sandbox, folder, READ_ALL);
	return 0;
}

static void allow_system(struct sandbox *sandbox)
{
	for (size_t i = 0; i < array_size(of_the_system); i++)
		sandbox_allow(sandbox, of_the_system[i], READ_ALL);
	dl_iterate_phdr(allow_library, sandbox);
	if (SANDBOX_SANITIZED) /* its report and its check of leaks */
		sandbox_allow(sandbox, "/proc", READ_ALL);
#ifdef COVERAGE_FOLDER
	sandbox_allow(sandbox, COVERAGE_FOLDER, CREATE_ALL); /* where gcov counts */
#endif
}

/* The folder that a path lies in; the caller frees it. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? alloc_strndup(path, (size_t)(slash - path) + 1) : alloc_strdup(".");
}

/* Does a name end in a dot and the number of a part of a split file? */
static bool is_part(const char *name)
{
	const char *dot = strrchr(name, '.');
	const size_t digits = dot ? strspn(dot + 1, "0123456789") : 0;
	return digits >= 3 && !dot[1 + digits];
}

/* May a file in an image's folder belong to the image, by their names? */
static bool belongs(const char *name, const char *image)
{
	static const char *const extensions[] = {".vmem", ".vmss", ".vmsn"};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && i < array_size(extensions); i++)
		if (!strcasecmp(dot, extensions[i]))
			return true;
	/* A part of a split file: the same but for the digits at the end. */
	return dot && is_part(name) && is_part(image) && strlen(name) == strlen(image) &&
	       !strncmp(name, image, (size_t)(dot + 1 - name));
}

/* What belongs to an image and lies beside it. */
static void allow_beside(struct sandbox *sandbox, const char *folder, const char *image)
{
	DIR *directory = opendir(folder);
	if (!directory)
		return;
	sandbox_allow(sandbox, folder, SANDBOX_LIST);
	for (const struct dirent *entry; (entry = readdir(directory));) {
		if (!belongs(entry->d_name, image))
			continue;
		_cleanup_free_ char *beside = alloc_printf("%s/%s", folder, entry->d_name);
		sandbox_allow(sandbox, beside, SANDBOX_READ);
	}
	closedir(directory);
}

/* `last` is the folder of the file before this one; a folder may have thousands of dumps. */
static void allow_file(struct sandbox *sandbox, const char *path, char **last)
{
	_cleanup_free_ char *folder = folder_of(path);
	const char *slash = strrchr(path, '/'), *image = slash ? slash + 1 : path;
	sandbox_allow(sandbox, path, READ_ALL);
	if (*last && !strcmp(*last, folder) && !is_part(image))
		return;
	allow_beside(sandbox, folder, image);
	free(*last);
	*last = take_ptr(folder);
}

/* An image's file, or the archive that it is in: "ARCHIVE!FILE" (source_open()). */
static void allow_image(struct sandbox *sandbox, const char *path, char **last)
{
	if (!access(path, F_OK)) {
		allow_file(sandbox, path, last);
		return;
	}
	for (const char *at = path; (at = strchr(at, '!')); at++) {
		_cleanup_free_ char *archive = alloc_strndup(path, (size_t)(at - path));
		allow_file(sandbox, archive, last);
	}
}

static void allow_images(struct sandbox *sandbox, const struct options *options)
{
	_cleanup_free_ char *last = NULL;
	for (size_t i = 0; i < options->image_count; i++) {
		const struct evidence *evidence = &options->images[i];
		if (strcmp(evidence->path, "-") != 0)
			allow_image(sandbox, evidence->path, &last);
		for (size_t n = 0; n < array_size(evidence->page_files); n++)
			if (evidence->page_files[n])
				allow_image(sandbox, evidence->page_files[n], &last);
	}
}

/* What links below a folder lead to: they are files of the folder like the others. */
static void allow_links(struct sandbox *sandbox, const char *folder)
{
	_cleanup_free_ char *root = alloc_strdup(folder);
	FTS *tree =
		fts_open((char *[]){root, NULL}, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	if (!tree)
		return;
	for (const FTSENT *entry; (entry = fts_read(tree));)
		if (entry->fts_info == FTS_SL && !path_is_folder(entry->fts_accpath))
			sandbox_allow(sandbox, entry->fts_accpath, SANDBOX_READ);
	fts_close(tree);
}

/* Files, and folders with all below. */
static void allow_arguments(struct sandbox *sandbox, const struct arguments *arguments)
{
	for (size_t i = 0; i < arguments->count; i++) {
		sandbox_allow(sandbox, arguments->items[i], READ_ALL);
		if (path_is_folder(arguments->items[i]))
			allow_links(sandbox, arguments->items[i]);
	}
}

/*
 * The folder of -d. What goes wrong in making it goes wrong there again, where it is told. It is
 * removed by its parent's right.
 */
static void allow_dump(struct sandbox *sandbox, const char *dump, struct confinement *confinement)
{
	if (!mkdir(dump, 0777)) {
		_cleanup_free_ char *path = alloc_strdup(dump);
		for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
			path[n - 1] = 0;
		_cleanup_free_ char *parent = folder_of(path);
		confinement->made = dump;
		sandbox_allow(sandbox, parent, SANDBOX_REMOVE_FOLDERS);
	}
	sandbox_allow(sandbox, dump, CREATE_ALL | SANDBOX_FOLDERS);
}

static void allow_writing(struct sandbox *sandbox, const struct options *options,
			  struct confinement *confinement)
{
	const char *temporary = getenv("TMPDIR");
	sandbox_allow(sandbox, temporary && *temporary ? temporary : "/var/tmp", CREATE_ALL);
	if (options->profile_out) {
		_cleanup_free_ char *folder = folder_of(options->profile_out);
		sandbox_allow(sandbox, folder, SANDBOX_CREATE);
	}
	if (options->dump)
		allow_dump(sandbox, options->dump, confinement);
	if (options->graph)
		allow_dump(sandbox, options->graph, confinement);
}

struct error *confine(const struct options *options, struct confinement *confinement)
{
	*confinement = (struct confinement){0};
	if (options->no_sandbox)
		return NULL;
	_cleanup_sandbox_ struct sandbox *sandbox = sandbox_new();
	allow_system(sandbox);
	allow_images(sandbox, options);
	allow_arguments(sandbox, &options->samples);
	allow_arguments(sandbox, &options->lists);
	allow_arguments(sandbox, &options->good);
	allow_arguments(sandbox, &options->rows);
	allow_arguments(sandbox, &options->joined);
	allow_arguments(sandbox, &options->profile_directories);
	if (options->profile)
		sandbox_allow(sandbox, options->profile, SANDBOX_READ);
	if (options->import_symbols)
		sandbox_allow(sandbox, options->import_symbols, SANDBOX_READ);
	allow_writing(sandbox, options, confinement);
	return sandbox_enter(sandbox, &confinement->state);
}

void confine_end(struct confinement *confinement)
{
	/* Only an empty one goes. */
	if (confinement->made)
		rmdir(confinement->made);
	confinement->made = NULL;
}
