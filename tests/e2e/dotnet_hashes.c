/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What impscan makes of .NET assemblies, for comparison with other programs. A line a file, between
 * tabs: status, number of type references, TypeRefHash in linguistic and ordinal order,
 * typerefuzzy, assembly, version, MVID, version of the runtime, how the metadata was found, 1 if it
 * was wiped, the reason.
 *
 *	dotnet_hashes FILE...		files
 *	dotnet_hashes --list		files named on standard input, one a line
 *
 * Names that end with ".mapped" are those of images as they lie in memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/dotnet.h>
#include <impscan/hash.h>
#include <impscan/pe.h>

#include "lines.h"

static void show(struct dotnet *dotnet, const struct pe_reader *reader)
{
	_cleanup_pe_ struct pe pe;
	char linguistic[SHA256_SIZE], ordinal[SHA256_SIZE], fuzzy[IMPFUZZY_SIZE];
	pe_open(&pe, reader);
	dotnet_read(dotnet, &pe);
	hash_sha256(linguistic, &dotnet->linguistic);
	hash_sha256(ordinal, &dotnet->ordinal);
	hash_fuzzy(fuzzy, &dotnet->unsorted);
	printf("%s\t%zu\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n",
	       dotnet_status_name(dotnet->status), dotnet->typerefs, linguistic, ordinal, fuzzy,
	       dotnet->assembly, dotnet->version, dotnet->mvid, dotnet->runtime, dotnet->found,
	       dotnet->wiped, dotnet->reason);
}

static bool show_file(void *dotnet, const char *path)
{
	_cleanup_pe_file_ struct pe_file file;
	_cleanup_error_ struct error *error = pe_file_open(&file, path);
	if (error) {
		fprintf(stderr, "%s\n", error_message(error));
		return false;
	}
	const char *dot = strrchr(path, '.');
	if (dot && !strcmp(dot, ".mapped"))
		file.reader.layout = PE_LAYOUT_MEMORY;
	show(dotnet, &file.reader);
	return true;
}

int main(int argc, char **argv)
{
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	bool good = true;
	if (argc == 2 && !strcmp(argv[1], "--list"))
		return each_line(show_file, &dotnet) ? 0 : 2;
	for (int i = 1; i < argc; i++)
		good &= show_file(&dotnet, argv[i]);
	return good ? 0 : 2;
}
