/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mkimage: writes a Windows memory image to test with, and a file that says what is in it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include <writer/ramfile.h>
#include <writer/scenario.h>
#include <writer/truth.h>

enum { MOST_STATES = 64 };

struct arguments {
	struct guest_options guest;
	const char *format;
	const char *scenario;
	const char *output;
	const char *truth;
	const char *pe_out;
	const char *pagefile;
	unsigned int cut_pid;
	unsigned int cut_entry;
	unsigned int move_out; /* of a hundred user pages */
	const char *states[MOST_STATES];
	size_t state_count;
};

enum option_id {
	OPTION_BUILD = 256,
	OPTION_ARCH,
	OPTION_VARIANT,
	OPTION_FORMAT,
	OPTION_SCENARIO,
	OPTION_MEMORY,
	OPTION_SEED,
	OPTION_TRUTH,
	OPTION_PE_DIR,
	OPTION_PE_OUT,
	OPTION_STRUCTS,
	OPTION_SYMBOLS,
	OPTION_PDB_GUID,
	OPTION_KDBG,
	OPTION_PAE,
	OPTION_PTE_BUILD,
	OPTION_PTE_MASK,
	OPTION_NO_LOW_STUB,
	OPTION_ALL_VALID,
	OPTION_WOW64_FORM,
	OPTION_CUT_LIST,
	OPTION_PAGEFILE,
	OPTION_MOVE_OUT,
	OPTION_STATE,
	OPTION_EXPORTS,
	OPTION_API_SETS,
	OPTION_PROGRAMS,
	OPTION_TREATMENT,
	OPTION_DRIVER_NAMES,
	OPTION_EMPTY_IMPORTS,
	OPTION_VIEWS,
	OPTION_HOLE,
	OPTION_LOOK_ALIKES,
	OPTION_LIST,
	OPTION_LIST_FORMATS,
	OPTION_LIST_SCENARIOS,
};

static const struct {
	struct option option;
	const char *argument;
	const char *help;
} table[] = {
	{{"build", required_argument, NULL, OPTION_BUILD}, "N", "Windows build (19041)"},
	{{"arch", required_argument, NULL, OPTION_ARCH}, "A", "x64 (x64) or x86"},
	{{"variant", required_argument, NULL, OPTION_VARIANT}, "V", "layout variant: see --list"},
	{{"format", required_argument, NULL, OPTION_FORMAT}, "F", "see --list-formats (raw)"},
	{{"scenario", required_argument, NULL, OPTION_SCENARIO},
	 "S",
	 "see --list-scenarios (plain)"},
	{{"memory", required_argument, NULL, OPTION_MEMORY}, "MB", "size of the machine (128)"},
	{{"hole", required_argument, NULL, OPTION_HOLE},
	 "MB:MB",
	 "physical addresses without memory, from and to; VMware's: 3072:4096"},
	{{"seed", required_argument, NULL, OPTION_SEED},
	 "N",
	 "what varies; an even one has shadow "
	 "page tables (1)"},
	{{"output", required_argument, NULL, 'o'}, "FILE", "the image"},
	{{"truth", required_argument, NULL, OPTION_TRUTH}, "FILE", "what is in it, as JSON"},
	{{"pe-dir", required_argument, NULL, OPTION_PE_DIR}, "DIR", "real DLLs, lower-case names"},
	{{"pe-out", required_argument, NULL, OPTION_PE_OUT},
	 "DIR",
	 "write the original files here"},
	{{"pagefile", required_argument, NULL, OPTION_PAGEFILE},
	 "FILE",
	 "write the page file here"},
	{{"structs", required_argument, NULL, OPTION_STRUCTS}, "FILE", "structure table"},
	{{"symbols", required_argument, NULL, OPTION_SYMBOLS},
	 "FILE",
	 "where a real kernel has its variables (needs --pdb-guid)"},
	{{"pdb-guid", required_argument, NULL, OPTION_PDB_GUID}, "GUID-AGE", "the kernel's"},
	{{"kdbg", required_argument, NULL, OPTION_KDBG}, "K", "plain, encoded or absent"},
	{{"pae", no_argument, NULL, OPTION_PAE}, "", "the PAE kernel of a 32-bit build up to 7"},
	{{"pte-build", required_argument, NULL, OPTION_PTE_BUILD},
	 "N",
	 "whose page table entries the kernel has by an update"},
	{{"pte-mask", required_argument, NULL, OPTION_PTE_MASK},
	 "MASK",
	 "InvalidPteMask, of builds that have one; 0: the processor needs none"},
	{{"no-low-stub", no_argument, NULL, OPTION_NO_LOW_STUB}, "", "leave the low stub out"},
	{{"all-valid", no_argument, NULL, OPTION_ALL_VALID}, "", "no page in transition"},
	{{"wow64-form", required_argument, NULL, OPTION_WOW64_FORM},
	 "FORM",
	 "what EPROCESS has of WoW64, whatever the build: peb, struct (one that begins with the "
	 "PEB's address), nowhere"},
	{{"cut-list", required_argument, NULL, OPTION_CUT_LIST},
	 "PID:N",
	 "lead entry N of a process's load order list to nowhere"},
	{{"move-out", required_argument, NULL, OPTION_MOVE_OUT},
	 "PERCENT",
	 "so many user pages are not valid, in equal parts: transition, prototype, page file, "
	 "compressed (where the build does)"},
	{{"state", required_argument, NULL, OPTION_STATE},
	 "PID:MODULE:RVA:STATE",
	 "a page's state: transition, proto, lookup, zero, file, pagefile, compressed"},
	{{"exports", required_argument, NULL, OPTION_EXPORTS},
	 "FILE",
	 "make DLLs of this: a line an export, DLL, ordinal, name, RVA (hex), forwarder"},
	{{"api-sets", required_argument, NULL, OPTION_API_SETS},
	 "FILE",
	 "the API sets: a line each, name, then IMPORTER=HOST (no importer: for all others)"},
	{{"programs", required_argument, NULL, OPTION_PROGRAMS},
	 "FILE",
	 "for the scenario of that name: a line each, \"program\", name, path of a PE file; or "
	 "\"beside\" and a DLL that all processes load"},
	{{"treatment", required_argument, NULL, OPTION_TREATMENT},
	 "T",
	 "what was done to them: loaded, names, directories, header, heap, variable, calls "
	 "(loaded)"},
	{{"driver-names", required_argument, NULL, OPTION_DRIVER_NAMES},
	 "FORM",
	 "what name tables of drivers hold: rva, image (addresses in the image), boot (addresses "
	 "where the boot loader had it) (rva)"},
	{{"empty-imports", no_argument, NULL, OPTION_EMPTY_IMPORTS},
	 "",
	 "files without imports have a directory of zeros, as GNU ld makes"},
	{{"views", required_argument, NULL, OPTION_VIEWS},
	 "FORM",
	 "VADs of views of images: whole, split (one for each section), bare (the same, and they "
	 "don't lead to the section: use --all-valid) (whole)"},
	{{"look-alikes", no_argument, NULL, OPTION_LOOK_ALIKES},
	 "",
	 "freed pool that looks like processes (x86)"},
	{{"list", no_argument, NULL, OPTION_LIST}, "", "list builds and variants, then stop"},
	{{"list-formats", no_argument, NULL, OPTION_LIST_FORMATS},
	 "",
	 "list what --format takes and of which architectures, then stop"},
	{{"list-scenarios", no_argument, NULL, OPTION_LIST_SCENARIOS},
	 "",
	 "list what --scenario takes and what that is, then stop"},
	{{"help", no_argument, NULL, 'h'}, "", "this text"},
};

enum { OPTIONS = sizeof(table) / sizeof(table[0]) };

/* Prints a line each: name, what it is. */
static void print_scenarios(void)
{
	size_t count;
	const struct scenario *scenarios = scenario_list(&count);
	for (size_t i = 0; i < count; i++)
		printf("%s\t%s\n", scenarios[i].name, scenarios[i].what);
}

static void print_help(void)
{
	puts("mkimage -o IMAGE [options]: writes a Windows memory image to test with.\n");
	for (size_t i = 0; i < OPTIONS; i++)
		printf("  --%s %s\n\t%s\n", table[i].option.name, table[i].argument, table[i].help);
}

/* What can be written, a line each: build, architecture, variant. */
static void print_layout(const char *build, const char *arch, const char *variant, void *data)
{
	(void)data;
	const char *last = strrchr(build, '.');
	if (last)
		printf("%s\t%s\t%s\n", last + 1, arch, variant);
}

/* A line each: name, architectures. */
static void print_formats(void)
{
	size_t count;
	const struct ramfile_format *formats = ramfile_formats(&count);
	for (size_t i = 0; i < count; i++)
		printf("%s\tx64%s\n", formats[i].name, formats[i].x86 ? " x86" : "");
}

static uint64_t number(const char *text, const char *option)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	if (errno || *end || end == text)
		util_die("--%s %s: a number is needed", option, text);
	return value;
}

static enum guest_kdbg parse_kdbg(const char *text)
{
	if (!strcmp(text, "plain"))
		return GUEST_KDBG_PLAIN;
	if (!strcmp(text, "encoded"))
		return GUEST_KDBG_ENCODED;
	if (!strcmp(text, "absent"))
		return GUEST_KDBG_ABSENT;
	util_die("--kdbg %s: plain, encoded or absent", text);
}

static enum guest_wow64_form parse_wow64_form(const char *text)
{
	if (!strcmp(text, "peb"))
		return GUEST_WOW64_PEB;
	if (!strcmp(text, "struct"))
		return GUEST_WOW64_STRUCT;
	if (!strcmp(text, "nowhere"))
		return GUEST_WOW64_NOWHERE;
	util_die("--wow64-form %s: peb, struct or nowhere", text);
}

static enum guest_names parse_driver_names(const char *text)
{
	if (!strcmp(text, "rva"))
		return GUEST_NAMES_RVA;
	if (!strcmp(text, "image"))
		return GUEST_NAMES_IMAGE;
	if (!strcmp(text, "boot"))
		return GUEST_NAMES_BOOT;
	util_die("--driver-names %s: rva, image or boot", text);
}

static enum guest_views parse_views(const char *text)
{
	if (!strcmp(text, "whole"))
		return GUEST_VIEWS_WHOLE;
	if (!strcmp(text, "split"))
		return GUEST_VIEWS_SPLIT;
	if (!strcmp(text, "bare"))
		return GUEST_VIEWS_BARE;
	util_die("--views %s: whole, split or bare", text);
}

static struct ram_run parse_hole(const char *text)
{
	unsigned int from, to;
	if (sscanf(text, "%u:%u", &from, &to) != 2 || to <= from)
		util_die("--hole %s: MB:MB is needed", text);
	return (struct ram_run){(uint64_t)from << 20, (uint64_t)(to - from) << 20};
}

static void set_option(struct arguments *arguments, int id, const char *value)
{
	switch (id) {
	case OPTION_BUILD:
		arguments->guest.build = value;
		break;
	case OPTION_ARCH:
		arguments->guest.arch = value;
		break;
	case OPTION_VARIANT:
		arguments->guest.variant = value;
		break;
	case OPTION_FORMAT:
		arguments->format = value;
		break;
	case OPTION_SCENARIO:
		arguments->scenario = value;
		break;
	case OPTION_MEMORY:
		arguments->guest.memory = number(value, "memory") << 20;
		break;
	case OPTION_HOLE:
		arguments->guest.hole = parse_hole(value);
		break;
	case OPTION_SEED:
		arguments->guest.seed = number(value, "seed");
		break;
	case 'o':
		arguments->output = value;
		break;
	case OPTION_TRUTH:
		arguments->truth = value;
		break;
	case OPTION_PE_DIR:
		arguments->guest.pe_dir = value;
		break;
	case OPTION_PE_OUT:
		arguments->pe_out = value;
		break;
	case OPTION_STRUCTS:
		arguments->guest.structs = value;
		break;
	case OPTION_SYMBOLS:
		arguments->guest.symbols = value;
		break;
	case OPTION_PDB_GUID:
		arguments->guest.pdb_guid = value;
		break;
	case OPTION_KDBG:
		arguments->guest.kdbg = parse_kdbg(value);
		break;
	case OPTION_PAE:
		arguments->guest.pae = true;
		break;
	case OPTION_PTE_BUILD:
		arguments->guest.pte_build = value;
		break;
	case OPTION_PTE_MASK:
		arguments->guest.mask_given = true;
		arguments->guest.mask = number(value, "pte-mask");
		break;
	case OPTION_NO_LOW_STUB:
		arguments->guest.no_low_stub = true;
		break;
	case OPTION_ALL_VALID:
		arguments->guest.all_valid = true;
		break;
	case OPTION_WOW64_FORM:
		arguments->guest.wow64_form = parse_wow64_form(value);
		break;
	case OPTION_CUT_LIST:
		if (sscanf(value, "%u:%u", &arguments->cut_pid, &arguments->cut_entry) != 2)
			util_die("--cut-list %s: PID:N is needed", value);
		break;
	case OPTION_PAGEFILE:
		arguments->pagefile = value;
		break;
	case OPTION_MOVE_OUT:
		arguments->move_out = (unsigned int)number(value, "move-out");
		break;
	case OPTION_STATE:
		if (arguments->state_count == MOST_STATES)
			util_die("--state: more than %d", MOST_STATES);
		arguments->states[arguments->state_count++] = value;
		break;
	case OPTION_EXPORTS:
		arguments->guest.exports = value;
		break;
	case OPTION_API_SETS:
		arguments->guest.api_sets = value;
		break;
	case OPTION_PROGRAMS:
		arguments->guest.programs = value;
		break;
	case OPTION_TREATMENT:
		arguments->guest.treatment = value;
		break;
	case OPTION_DRIVER_NAMES:
		arguments->guest.driver_names = parse_driver_names(value);
		break;
	case OPTION_EMPTY_IMPORTS:
		arguments->guest.empty_imports = true;
		break;
	case OPTION_VIEWS:
		arguments->guest.views = parse_views(value);
		break;
	case OPTION_LOOK_ALIKES:
		arguments->guest.look_alikes = true;
		break;
	case OPTION_LIST:
		layout_each(arguments->guest.structs, print_layout, NULL);
		exit(0);
	case OPTION_LIST_FORMATS:
		print_formats();
		exit(0);
	case OPTION_LIST_SCENARIOS:
		print_scenarios();
		exit(0);
	case 'h':
		print_help();
		exit(0);
	default:
		exit(2); /* getopt_long() has said why */
	}
}

static struct arguments parse(int argc, char **argv)
{
	struct arguments arguments = {
		.guest = {.structs = WRITER_STRUCTS,
			  .store = WRITER_STORE,
			  .build = "19041",
			  .arch = "x64",
			  .seed = 1,
			  .treatment = "loaded",
			  .memory = UINT64_C(128) << 20},
		.format = "raw",
		.scenario = "plain",
	};
	struct option options[OPTIONS + 1] = {{0}};
	for (size_t i = 0; i < OPTIONS; i++)
		options[i] = table[i].option;
	int id;
	while ((id = getopt_long(argc, argv, "o:h", options, NULL)) != -1)
		set_option(&arguments, id, optarg);
	if (optind != argc || !arguments.output)
		util_die("-o FILE and nothing but options is needed: see --help");
	if (arguments.guest.symbols && !arguments.guest.pdb_guid)
		util_die("--symbols needs --pdb-guid, to know which kernel's");
	return arguments;
}

/* "2212:USER32.dll:0x1000:lookup" */
static void set_state(struct guest *guest, const char *text)
{
	unsigned int pid;
	unsigned long long rva;
	char module[64], name[16];
	if (sscanf(text, "%u:%63[^:]:%llx:%15s", &pid, module, &rva, name) != 4)
		util_die("--state %s: PID:MODULE:RVA:STATE is needed", text);
	struct guest_process *process = scenario_process(guest, pid);
	for (enum page_state state = PAGE_TRANSITION; state <= PAGE_COMPRESSED; state++) {
		if (strcmp(guest_state_name(state), name))
			continue;
		guest_set_state(process, scenario_module(process, module)->base + rva, state);
		return;
	}
	util_die("--state %s: no such state", text);
}

int main(int argc, char **argv)
{
	struct arguments arguments = parse(argc, argv);
	const struct ramfile_format *format = ramfile_format(arguments.format);
	const struct scenario *scenario = scenario_find(arguments.scenario);
	if (!format)
		util_die("--format %s: see --list-formats", arguments.format);
	if (!scenario)
		util_die("--scenario %s: see --list-scenarios", arguments.scenario);
	struct guest *guest = guest_new(&arguments.guest);
	scenario->build(guest);
	if (arguments.cut_pid)
		damage_cut_list(scenario_process(guest, arguments.cut_pid), arguments.cut_entry);
	if (arguments.move_out)
		absent_at_random(guest, arguments.move_out);
	for (size_t i = 0; i < arguments.state_count; i++)
		set_state(guest, arguments.states[i]);
	guest_finish(guest);
	ramfile_write(format, guest, arguments.output);
	if (arguments.pagefile)
		guest_pagefile_write(guest, arguments.pagefile);
	if (arguments.truth)
		truth_write(guest, arguments.truth);
	if (arguments.pe_out)
		truth_write_files(guest, arguments.pe_out);
	guest_free(guest);
	return 0;
}
