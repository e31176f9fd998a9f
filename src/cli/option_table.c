/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of options, and --help, which is printed from it.
 */
#include "cli/option_table.h"

#include <stdio.h>
#include <string.h>

#include <impscan/bytes.h>

#include "cli/options.h"

#define HELP_COLUMN 28
#define HELP_WIDTH  80

#define SETS(member)  OPTION_SETS, offsetof(struct options, member)
#define TAKES(member) OPTION_TAKES, offsetof(struct options, member)
#define ADDS(member)  OPTION_ADDS, offsetof(struct options, member)
#define PARSED	      OPTION_PARSED, 0
#define PLACED	      OPTION_PLACED, 0

const struct option_row option_table[] = {
	{'f', "file", "IMAGE", MODES_IMAGE, true, PLACED,
	 "a memory image or a dump of a process, also packed or split, also several, a folder of "
	 "dumps, - for standard input; else "
	 "$IMPSCAN_IMAGE; without -e also as a plain argument"},
	{'r', "rows", "FILE", MODES_SAVED | MODES_SAVED_MANY, true, ADDS(rows),
	 "saved rows (-a -o jsonl), also packed, of any number of images, in place of an image; a "
	 "folder of them; - for standard input"},
	{OPTION_IMAGE, "image", "GLOB", MODES_SAVED | MODES_SAVED_MANY, true, ADDS(image_globs),
	 "with -r: only rows of images whose name, or last part of it, is like this (repeatable)"},
	{'a', "all", NULL, MODES_MODULES | MODES_SAVED, true, SETS(all),
	 "list every module with its imphash and impfuzzy; of .NET and Go modules with hashes of "
	 "their types and functions"},
	{'e', "samples", "PATH", MODE_SEARCH | MODE_HASHES | MODE_SAVED_SEARCH | MODES_CLUSTER,
	 true, ADDS(samples),
	 "compare with a PE file, or with every PE below a folder; plain arguments are more of "
	 "them. Without an image: print the samples' hashes, as -i reads them"},
	{OPTION_PASSWORD, "password", "TEXT",
	 MODES_IMAGE | MODE_HASHES | MODES_SAVED | MODES_SAVED_MANY, false, TAKES(password),
	 "of encrypted ZIP archives: images, -e, -i, -k, --pagefile (\"infected\" is tried)"},
	{'i', "hashes", "PATH", MODE_SEARCH | MODE_SAVED_SEARCH | MODES_CLUSTER, true, ADDS(lists),
	 "compare with a list of imphash, impfuzzy, impset, typerefhash, gimphash and the like, or "
	 "with all in a folder; - for standard input"},
	{'s', "hash", "HASH", MODE_SEARCH | MODE_SAVED_SEARCH | MODES_CLUSTER, true, ADDS(hashes),
	 "compare with one hash of any kind"},
	{OPTION_PRINT_HASHES, "print-hashes", NULL, MODE_HASHES, true, SETS(print_hashes),
	 "with -e: print the samples' hashes whatever $IMPSCAN_IMAGE says"},
	{'p', "pid", "PID",
	 MODES_ROWS | MODE_INFO | MODE_PROCESSES | MODES_SAVED | MODES_MANY | MODES_SAVED_MANY,
	 true, PARSED, "only these processes (repeatable, comma lists)"},
	{'t', "threshold", "N", MODE_SEARCH | MODE_SAVED_SEARCH | MODES_CLUSTER, false, PARSED,
	 "least score shown of impfuzzy and the like, 0-100 (default 30; 0 is every one above 0)"},
	{OPTION_MIN_IMPORTS, "min-imports", "N",
	 MODE_SEARCH | MODE_SAVED_SEARCH | MODES_MANY | MODES_SAVED_MANY, false, PARSED,
	 "leave out matches of lists with fewer imports"},
	{OPTION_BEST, "best", NULL, MODE_SEARCH | MODE_SAVED_SEARCH, true, SETS(best),
	 "of a module's matches only the best (ties: all)"},
	{'F', "fast", NULL, MODES_MODULES | MODE_PROCESSES | MODES_MANY, true, SETS(fast),
	 "names only: don't rebuild lists from addresses"},
	{OPTION_DEEP, "deep", NULL, MODES_ROWS | MODES_MANY | MODE_INFO | MODE_PROCESSES, true,
	 SETS(deep), "sweep physical memory for processes that no list has"},
	{'k', "known-good", "PATH", MODES_MODULES | MODES_SAVED | MODES_MANY | MODES_SAVED_MANY,
	 true, ADDS(good),
	 "leave out what a listing of a clean machine (-o csv, jsonl), a list, or all in a folder, "
	 "has; --only new lists what is left"},
	{OPTION_ONLY, "only", "LIST", MODES_ROWS | MODES_SAVED | MODES_MANY | MODES_SAVED_MANY,
	 true, PARSED,
	 "only such rows: listed, injected, managed, kernel, or a flag (hidden, unlinked, hollowed "
	 "...: see "
	 "the man page); comma list"},
	{'m', "module", "MODULE", MODES_ROWS | MODES_SAVED | MODES_MANY | MODES_SAVED_MANY, false,
	 PARSED,
	 "only modules with this in their name, or the one that holds this address (0x...)"},
	{'d', "dump", "DIR", MODES_MODULES, false, TAKES(dump),
	 "write each module shown to a folder, as a PE file, with an index"},
	{'o', "output", "FORM",
	 MODES_ROWS | MODE_INFO | MODE_HASHES | MODE_PROFILES | MODE_PROCESSES | MODES_SAVED |
		 MODES_MANY | MODES_SAVED_MANY,
	 false, PARSED,
	 "table (default), wide, csv, jsonl, json or, of modules, misp or html (a page that needs "
	 "no other file)"},
	{OPTION_COLOR, "color", "WHEN", MODES_ROWS | MODE_INFO | MODE_PROCESSES | MODES_SAVED, true,
	 PARSED,
	 "colors in tables: auto (default: on a terminal, unless NO_COLOR is set), always or "
	 "never; "
	 "the last one counts"},
	{OPTION_DESCRIBE, "describe", NULL, MODES_ROWS | MODE_PROCESSES, true, SETS(describe),
	 "with -o jsonl: before the rows of each image an object that says what it is, and by what "
	 "impscan"},
	{OPTION_INFO, "info", NULL, MODE_INFO, true, SETS(info),
	 "what the image is: format, build, kernel, profile, processes"},
	{OPTION_REGIONS, "regions", NULL, MODE_REGIONS, true, SETS(regions),
	 "list the ranges that can run code without an image behind them"},
	{OPTION_PROCESSES, "processes", NULL, MODE_PROCESSES, true, SETS(processes),
	 "list the processes: parent, times, command line, in which lists they are"},
	{OPTION_TREE, "tree", NULL, MODE_PROCESSES, true, SETS(tree),
	 "with --processes: as a tree, each with what is suspicious about its modules"},
	{OPTION_IMPORTS, "imports", NULL, MODE_IMPORTS, true, SETS(imports),
	 "list the imports of modules, slot by slot"},
	{OPTION_STACK, "stack", NULL, MODE_STACK | MODE_SAVED_STACK, true, SETS(stack),
	 "each distinct module (name and hashes): on how many machines, in how many processes, the "
	 "rarest first; of several -f, or of -r"},
	{OPTION_CLUSTER, "cluster", NULL, MODES_CLUSTER, true, SETS(cluster),
	 "groups of modules with alike hashes, of at least -t (default 70), the largest first; "
	 "with "
	 "-e, -i or -s the nearest known to each"},
	{OPTION_GRAPH, "graph", "DIR", MODES_CLUSTER, false, TAKES(graph),
	 "with --cluster: write the graph to a folder, too: nodes.csv, edges.csv, graph.graphml"},
	{OPTION_PART, "part", "K/N", MODES_CLUSTER, false, PARSED,
	 "with --cluster: find what part K of N of the index shows, for --join"},
	{OPTION_JOIN, "join", "PATH", MODES_CLUSTER, true, ADDS(joined),
	 "with --cluster: join what --part wrote, all N parts, instead of comparing"},
	{OPTION_PROFILE, "profile", "FILE", MODES_IMAGE | MODE_PROFILES | MODE_SYMBOLS, false,
	 TAKES(profile), "use this layout instead of choosing one by build"},
	{OPTION_PROFILE_DIR, "profile-dir", "DIR", MODES_IMAGE | MODE_PROFILES | MODE_SYMBOLS, true,
	 ADDS(profile_directories), "add the profiles of a folder (repeatable)"},
	{OPTION_LIST_PROFILES, "list-profiles", NULL, MODE_PROFILES, true, SETS(list_profiles),
	 "list the profiles there are"},
	{OPTION_PAGEFILE, "pagefile", "N=FILE", MODES_IMAGE, true, PLACED,
	 "page file number N (pagefile.sys is 0, swapfile.sys 1) of the image before it, also "
	 "packed"},
	{OPTION_INFER, "infer", NULL, MODES_IMAGE, true, SETS(infer),
	 "infer the layout from the image, as for a build without a profile"},
	{OPTION_PROFILE_OUT, "profile-out", "FILE", MODES_IMAGE, false, TAKES(profile_out),
	 "write the layout in use as a profile"},
	{OPTION_IMPORT_SYMBOLS, "import-symbols", "FILE", MODE_SYMBOLS, false,
	 TAKES(import_symbols),
	 "print a symbol file of Volatility 3 (.json, .json.xz) as a profile"},
	{OPTION_BUILD, "build", "N", MODE_SYMBOLS, false, PARSED,
	 "the build that such a file is of, when it does not say"},
	{OPTION_LABEL, "label", "NAME", MODES_ROWS | MODES_MANY | MODE_INFO | MODE_PROCESSES, true,
	 PLACED, "what rows call the image before it, instead of its path"},
	{OPTION_DTB, "dtb", "ADDRESS", MODES_IMAGE, true, PLACED,
	 "physical address of the kernel's page map in the image before it"},
	{OPTION_FORMAT, "format", "NAME", MODES_IMAGE, true, PLACED,
	 "what the image before it is, whatever it begins with: raw (as it is, not unpacked), "
	 "dump, "
	 "elf, hiberfil, lime, minidump, vmem, vmware"},
	{OPTION_KERNEL, "kernel", "ADDRESS", MODES_IMAGE, true, PLACED,
	 "where ntoskrnl.exe is loaded in the image before it"},
	{OPTION_MEMORY, "memory", "SIZE", MODES_IMAGE, false, PARSED,
	 "memory for what is unpacked of an image in pieces (default 512M); more is kept in a "
	 "temporary "
	 "file ($TMPDIR, else /var/tmp)"},
	{OPTION_UNPACK, "unpack", "SIZE", MODES_IMAGE, false, PARSED,
	 "unpack a packed image up to this size, like 40G, all its levels together (default: 1000 "
	 "times what is packed and is not zeros, 512M at least)"},
	{'j', "threads", "N", MODES_ALL, false, PARSED,
	 "threads to work with (default: the processors)"},
	{OPTION_NO_SANDBOX, "no-sandbox", NULL, MODES_ALL, true, SETS(no_sandbox),
	 "don't give up other files, network and programs before anything is read"},
	{'q', "quiet", NULL, MODES_ALL, true, SETS(quiet), "no warnings, no progress, no summary"},
	{'v', "verbose", NULL, MODES_ALL, true, SETS(verbose),
	 "say what image it is, and name the samples without a hash"},
	{'V', "version", NULL, MODES_ALL, true, SETS(version),
	 "print the version and those of the libraries"},
	{'h', "help", NULL, MODES_ALL, true, SETS(help), "print this help"},
};

const char *option_name(const struct option_row *row, char name[32])
{
	if (row->key < 256)
		snprintf(name, 32, "-%c", row->key);
	else
		snprintf(name, 32, "--%s", row->name);
	return name;
}

/* How each is called in a sentence, by bit. */
static const char *const mode_names[] = {
	"-a",
	"a search (-e, -i, -s)",
	"--regions",
	"--imports",
	"--info",
	"--profile-out",
	"printing the hashes of files",
	"--list-profiles",
	"--import-symbols",
	"--processes",
	"a listing of saved rows (-r)",
	"a search of saved rows (-r)",
	"--stack",
	"--cluster",
	"--stack of saved rows (-r)",
	"--cluster of saved rows (-r)",
};

const char *mode_name(unsigned int modes)
{
	return mode_names[__builtin_ctz(modes)];
}

/* The words of `help` from HELP_COLUMN on, no line beyond HELP_WIDTH. */
static void print_help(FILE *out, const char *help, int at)
{
	while (*help) {
		int length = (int)strcspn(help, " ");
		if (at > HELP_COLUMN && at + 1 + length > HELP_WIDTH) {
			fputc('\n', out);
			at = 0;
		}
		at += at > HELP_COLUMN ? fprintf(out, " ")
				       : fprintf(out, "%*s", max_of(HELP_COLUMN - at, 0), "");
		at += fprintf(out, "%.*s", length, help);
		help += length;
		help += *help == ' ';
	}
	fputc('\n', out);
}

void options_help(FILE *out)
{
	fputs("impscan " IMPSCAN_VERSION
	      ": finds known malware in Windows memory by its import lists\n"
	      "\n"
	      "    impscan -f mem.raw -a              list all modules with their hashes\n"
	      "    impscan -f mem.raw -e samples/     what in memory resembles these files?\n"
	      "    impscan -f mem.raw -i hashes.txt   ... or these hashes?\n"
	      "    impscan *.raw -i hashes.txt        ... in any of these images?\n"
	      "    impscan -r rows.jsonl -i hashes.txt  ... in rows that were saved of images?\n"
	      "    impscan -e samples/ > hashes.txt   the hashes of files\n"
	      "\n",
	      out);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *row = &option_table[i];
		int at =
			row->key < 256 ? fprintf(out, "  -%c, ", row->key) : fprintf(out, "      ");
		at += fprintf(out, "--%s", row->name);
		if (row->argument)
			at += fprintf(out, " %s", row->argument);
		if (at > HELP_COLUMN - 2) {
			fputc('\n', out);
			at = 0;
		}
		print_help(out, row->help, at);
	}
	fputs("\n"
	      "Results go to standard output, everything else to standard error.\n"
	      "Exit: 0 rows were printed, 1 none, 2 error.\n",
	      out);
}
