/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Made-up rows of many machines, for measuring: the same arguments give the same rows.
 *
 *	bench_made_rows rows MACHINES ROWS DISTINCT	ROWS rows of each machine, as -a -o jsonl has them
 *	bench_made_rows list HASHES DISTINCT		a list of impfuzzy hashes to search them for
 *
 * A machine has processes of 100 modules. Most modules are of COMMON that all machines have; two of
 * each process are of its own, out of DISTINCT lists in families of alike ones. A tenth of the list has
 * relatives among them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/module.h>
#include <impscan/report.h>

#include "../unit/made_hashes.h"

#define COMMON	 500
#define FAMILY	 8
#define MODULES	 100 /* of a process */
#define OWN	 2   /* of them */
#define STRANGER 1000000000u

/* A distinct module. */
struct made_module {
	char name[32], path[80];
	struct hashes hashes;
	size_t imports;
	uint32_t timestamp;
};

static void make_module(struct made_module *module, size_t number)
{
	struct made made = {.state = number * 77 + 5};
	bool common = number < COMMON;
	snprintf(module->name, sizeof(module->name), common ? "system%zu.dll" : "program%zu.exe",
		 common ? number : number % 9973);
	snprintf(module->path, sizeof(module->path), "C:\\Windows\\System32\\%s", module->name);
	if (common)
		made_impfuzzy(module->hashes.impfuzzy, STRANGER + number, 0);
	else
		made_impfuzzy(module->hashes.impfuzzy, number / FAMILY, number % FAMILY);
	snprintf(module->hashes.imphash, IMPHASH_SIZE, "%016llx%016llx",
		 (unsigned long long)made_next(&made), (unsigned long long)made_next(&made));
	memcpy(module->hashes.impset, module->hashes.impfuzzy, IMPFUZZY_SIZE);
	module->imports = 20 + made_below(&made, 200);
	module->timestamp = (uint32_t)made_next(&made);
}

/* The module number `i` of process `process` of a machine. */
static size_t choose(size_t machine, size_t process, size_t i, size_t distinct)
{
	if (i < MODULES - OWN)
		return (process % 7 * 61 + i * (process % 3 + 1)) % COMMON;
	size_t rare = (machine * 100 + process) * OWN + (i - (MODULES - OWN));
	return COMMON + rare % (distinct - COMMON);
}

static void write_row(struct report *report, const struct made_module *module, const char *image,
		      size_t process, size_t i)
{
	char name[32], command_line[120];
	snprintf(name, sizeof(name), "process%zu.exe", process % 37);
	snprintf(command_line, sizeof(command_line),
		 "\"C:\\Program Files\\Vendor\\%s\" --type=service --instance=%zu", name, process);
	report_module(report, &(struct row){
				      .pid = (uint32_t)(process + 1) * 4,
				      .ppid = 4,
				      .process = name,
				      .eprocess = 0xffff800000000000 + process * 0x1000,
				      .started = 133500000000000000 + process * 10000000,
				      .command_line = command_line,
				      .base = 0x7ff800000000 + i * 0x100000,
				      .size = 0x80000,
				      .module = module->name,
				      .path = module->path,
				      .found_in = FOUND_LISTS | FOUND_VAD,
				      .status = IMPORTS_OK,
				      .imports = module->imports,
				      .import_source = "names",
				      .hashes = module->hashes,
				      .timestamp = module->timestamp,
				      .readable = 1,
				      .image = image,
			      });
}

static int write_rows(size_t machines, size_t rows, size_t distinct)
{
	struct made_module *modules = alloc_zero(distinct, sizeof(*modules));
	for (size_t i = 0; i < distinct; i++)
		make_module(&modules[i], i);
	struct report *report = report_modules_new(stdout, REPORT_JSONL, false);
	for (size_t machine = 0; machine < machines; machine++) {
		char image[32];
		snprintf(image, sizeof(image), "machine-%05zu", machine);
		for (size_t row = 0; row < rows; row++) {
			size_t process = row / MODULES, i = row % MODULES;
			write_row(report, &modules[choose(machine, process, i, distinct)], image,
				  process, i);
		}
	}
	free(modules);
	return report_end(report) ? 0 : 2;
}

static int write_list(size_t hashes, size_t distinct)
{
	for (size_t i = 0; i < hashes; i++) {
		char hash[IMPFUZZY_SIZE];
		bool relative = i % 10 == 0;
		size_t family = COMMON / FAMILY + 1 + i / 10 % ((distinct - COMMON) / FAMILY);
		made_impfuzzy(hash, relative ? family : 2 * (uint64_t)STRANGER + i / 10,
			      relative ? 1000 + i : i % 10);
		printf("%s sample-%06zu.exe\n", hash, i);
	}
	return fflush(stdout) ? 2 : 0;
}

int main(int argc, char **argv)
{
	size_t numbers[3] = {0};
	for (int i = 2; i < argc && i < 5; i++)
		numbers[i - 2] = strtoul(argv[i], NULL, 10);
	if (argc == 5 && !strcmp(argv[1], "rows") && numbers[2] > COMMON)
		return write_rows(numbers[0], numbers[1], numbers[2]);
	if (argc == 4 && !strcmp(argv[1], "list") && numbers[1] > COMMON + FAMILY)
		return write_list(numbers[0], numbers[1]);
	fprintf(stderr, "usage: bench_made_rows rows MACHINES ROWS DISTINCT\n"
			"       bench_made_rows list HASHES DISTINCT\n");
	return 2;
}
