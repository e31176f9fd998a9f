/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mkpe FOLDER: writes the files of pe_cases.h and some of pe_builder.h, NAME.pe32 and NAME.pe64. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <writer/pe_builder.h>
#include <writer/pe_cases.h>

static bool write_file(const char *folder, const char *name, bool plus, uint8_t *data, size_t size)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s.%s", folder, name, plus ? "pe64" : "pe32");
	FILE *f = fopen(path, "wb");
	bool good = f && fwrite(data, 1, size, f) == size;
	if (f && fclose(f) != 0)
		good = false;
	if (!good)
		perror(path);
	free(data);
	return good;
}

/* A module as a linker makes it. */
static uint8_t *linked(bool plus, size_t *size)
{
	struct pe_builder *b = pe_builder_new(plus, true, "linked.dll");
	pe_builder_import(b, "KERNEL32.dll", "CreateFileW");
	pe_builder_import(b, "KERNEL32.dll", "CloseHandle");
	pe_builder_import_ordinal(b, "WS2_32.dll", 23);
	pe_builder_import(b, "WS2_32.dll", "WSASocketW");
	pe_builder_import(b, "api-ms-win-crt-runtime-l1-1-0.dll", "_initterm");
	pe_builder_import_ordinal(b, "COMCTL32.dll", 17);
	pe_builder_delay_import(b, "USER32.dll", "MessageBoxW");
	pe_builder_export(b, "DllMain");
	pe_builder_code(b, 4000, 1);
	uint8_t *data = pe_builder_build(b, size);
	pe_builder_free(b);
	return data;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "mkpe FOLDER\n");
		return 2;
	}
	for (int plus = 0; plus < 2; plus++) {
		size_t size;
		uint8_t *data = linked(plus, &size);
		if (!write_file(argv[1], "01-linked", plus, data, size))
			return 1;
		for (size_t i = 0; i < pe_case_count(); i++) {
			data = pe_case_build(i, plus, &size);
			if (!write_file(argv[1], pe_case(i)->name, plus, data, size))
				return 1;
		}
	}
	return 0;
}
