/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkassembly FOLDER COUNT [SEED]: writes COUNT random assemblies, NUMBER.dll, and each as it is
 * mapped, NUMBER.mapped, and mapped with something wiped, NUMBER.wipeN.mapped.
 */
#include <stdio.h>

#include <writer/assembly.h>
#include <writer/pe_builder.h>

static void write_one(const char *folder, const char *name, const void *data, size_t size)
{
	char *path = util_printf("%s/%s", folder, name);
	util_write_file(path, data, size);
	free(path);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		util_die("mkassembly FOLDER COUNT [SEED]");
	uint64_t count = strtoull(argv[2], NULL, 10),
		 seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
	for (uint64_t i = 0; i < count; i++) {
		struct assembly assembly;
		size_t size;
		char name[64];
		assembly_random(&assembly, seed + i);
		struct assembly_file file = assembly_write(&assembly);
		uint8_t *mapped = pe_builder_map(file.data, file.size, 0x400000, &size);
		snprintf(name, sizeof(name), "%06llu.dll", (unsigned long long)i);
		write_one(argv[1], name, file.data, file.size);
		snprintf(name, sizeof(name), "%06llu.mapped", (unsigned long long)i);
		write_one(argv[1], name, mapped, size);
		enum assembly_wipe wipe = (enum assembly_wipe)(i % ASSEMBLY_WIPES);
		assembly_wipe(&file, wipe, mapped, true);
		snprintf(name, sizeof(name), "%06llu.wipe%d.mapped", (unsigned long long)i,
			 (int)wipe);
		write_one(argv[1], name, mapped, size);
		free(mapped);
		free(file.data);
		assembly_free(&assembly);
	}
	return 0;
}
