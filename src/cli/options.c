/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One table describes every option once: parsing, --help and what an option is good for are made
 * from it.
 */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/module.h>

#define THRESHOLD_DEFAULT 30
#define THREADS_MAX	  256
#define HELP_COLUMN	  28
#define HELP_WIDTH	  80

/* Values beyond any character: options that have no short form. */
enum {
	OPTION_BEST = 256,
	OPTION_DEEP,
	OPTION_ONLY,
	OPTION_INFO,
	OPTION_REGIONS,
	OPTION_IMPORTS,
	OPTION_PROFILE,
	OPTION_PROFILE_DIR,
	OPTION_LIST_PROFILES,
	OPTION_PAGEFILE,
	OPTION_INFER,
	OPTION_PROFILE_OUT,
	OPTION_IMPORT_SYMBOLS,
	OPTION_BUILD,
	OPTION_DTB,
	OPTION_KERNEL,
	OPTION_PRINT_HASHES,
};

/* What a run is for, as bits. */
enum mode {
	MODE_LIST = 1 << 0,
	MODE_SEARCH = 1 << 1,
	MODE_REGIONS = 1 << 2,
	MODE_IMPORTS = 1 << 3,
	MODE_INFO = 1 << 4,
	MODE_LAYOUT = 1 << 5,	/* --profile-out and nothing else */
	MODE_HASHES = 1 << 6,	/* of files */
	MODE_PROFILES = 1 << 7, /* --list-profiles */
	MODE_SYMBOLS = 1 << 8,	/* --import-symbols */
};

#define MODES_MODULES (MODE_LIST | MODE_SEARCH)
#define MODES_ROWS    (MODES_MODULES | MODE_REGIONS | MODE_IMPORTS)
#define MODES_IMAGE   (MODES_ROWS | MODE_INFO | MODE_LAYOUT)
#define MODES_ALL     (MODES_IMAGE | MODE_HASHES | MODE_PROFILES | MODE_SYMBOLS)

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
};

struct option_row {
	int key; /* the short option's character, or one of the above */
	const char *name;
	const char *argument; /* NULL: takes none */
	unsigned int modes;   /* those in which it changes something */
	bool many;	      /* may be given more than once */
	const char *help;
};

static const struct option_row rows[] = {
	{'f', "file", "IMAGE", MODES_IMAGE, true,
	 "the memory image; else $IMPSCAN_IMAGE; without -e also as a plain argument"},
	{'a', "all", NULL, MODES_MODULES, true, "list every module with its imphash and impfuzzy"},
	{'e', "samples", "PATH", MODE_SEARCH | MODE_HASHES, true,
	 "compare with a PE file, or with every PE below a folder; plain arguments are more of "
	 "them. Without an image: print the samples' hashes, as -i reads them"},
	{'i', "hashes", "FILE", MODE_SEARCH, true,
	 "compare with a list of imphash and impfuzzy, - for standard input"},
	{'s', "hash", "HASH", MODE_SEARCH, true, "compare with one hash of either kind"},
	{OPTION_PRINT_HASHES, "print-hashes", NULL, MODE_HASHES, true,
	 "with -e: print the samples' hashes whatever $IMPSCAN_IMAGE says"},
	{'p', "pid", "PID", MODES_ROWS | MODE_INFO, true,
	 "only these processes (repeatable, comma lists)"},
	{'t', "threshold", "N", MODE_SEARCH, false,
	 "least impfuzzy score shown, 0-100 (default 30; 0 is every score above 0)"},
	{OPTION_BEST, "best", NULL, MODE_SEARCH, true,
	 "of a module's matches only the best (ties: all)"},
	{'F', "fast", NULL, MODES_MODULES, true, "names only: don't rebuild lists from addresses"},
	{OPTION_DEEP, "deep", NULL, MODES_ROWS | MODE_INFO, true,
	 "sweep physical memory for processes that no list has"},
	{OPTION_ONLY, "only", "LIST", MODES_ROWS, true,
	 "only such rows: listed, injected, kernel, or a flag (hidden, unlinked, hollowed ...: see "
	 "the man page); comma list"},
	{'m', "module", "MODULE", MODES_ROWS, false,
	 "only modules with this in their name, or the one that holds this address (0x...)"},
	{'d', "dump", "DIR", MODES_MODULES, false,
	 "write each module shown to a folder, as a PE file, with an index"},
	{'o', "output", "FORM", MODES_ROWS | MODE_INFO | MODE_HASHES | MODE_PROFILES, false,
	 "table (default), wide, csv, jsonl or json"},
	{OPTION_INFO, "info", NULL, MODE_INFO, true,
	 "what the image is: format, build, kernel, profile, processes"},
	{OPTION_REGIONS, "regions", NULL, MODE_REGIONS, true,
	 "list the ranges that can run code without an image behind them"},
	{OPTION_IMPORTS, "imports", NULL, MODE_IMPORTS, true,
	 "list the imports of modules, slot by slot"},
	{OPTION_PROFILE, "profile", "FILE", MODES_IMAGE | MODE_PROFILES | MODE_SYMBOLS, false,
	 "use this layout instead of choosing one by build"},
	{OPTION_PROFILE_DIR, "profile-dir", "DIR", MODES_IMAGE | MODE_PROFILES | MODE_SYMBOLS, true,
	 "add the profiles of a folder (repeatable)"},
	{OPTION_LIST_PROFILES, "list-profiles", NULL, MODE_PROFILES, true,
	 "list the profiles there are"},
	{OPTION_PAGEFILE, "pagefile", "N=FILE", MODES_IMAGE, true,
	 "page file number N (pagefile.sys is 0, swapfile.sys 1)"},
	{OPTION_INFER, "infer", NULL, MODES_IMAGE, true,
	 "infer the layout from the image, as for a build without a profile"},
	{OPTION_PROFILE_OUT, "profile-out", "FILE", MODES_IMAGE, false,
	 "write the layout in use as a profile"},
	{OPTION_IMPORT_SYMBOLS, "import-symbols", "FILE", MODE_SYMBOLS, false,
	 "print a symbol file of Volatility 3 (.json, .json.xz) as a profile"},
	{OPTION_BUILD, "build", "N", MODE_SYMBOLS, false,
	 "the build that such a file is of, when it does not say"},
	{OPTION_DTB, "dtb", "ADDRESS", MODES_IMAGE, false,
	 "physical address of the kernel's page map"},
	{OPTION_KERNEL, "kernel", "ADDRESS", MODES_IMAGE, false, "where ntoskrnl.exe is loaded"},
	{'j', "threads", "N", MODES_ALL, false, "threads to work with (default: the processors)"},
	{'q', "quiet", NULL, MODES_ALL, true, "no warnings, no progress, no summary"},
	{'v', "verbose", NULL, MODES_ALL, true,
	 "say what image it is, and name the samples without a hash"},
	{'V', "version", NULL, MODES_ALL, true, "print the version and those of the libraries"},
	{'h', "help", NULL, MODES_ALL, true, "print this help"},
};

/* How an option is called in a sentence. */
static const char *option_name(const struct option_row *row, char name[32])
{
	if (row->key < 256)
		snprintf(name, 32, "-%c", row->key);
	else
		snprintf(name, 32, "--%s", row->name);
	return name;
}

static void add_argument(struct arguments *arguments, const char *argument)
{
	*array_push(arguments->items, arguments->count, arguments->capacity) = argument;
}

static struct error *parse_number(const char *what, const char *text, uint64_t least, uint64_t most,
				  uint64_t *number)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
		return error_new("%s '%s' is not a number from %llu to %llu", what, text,
				 (unsigned long long)least, (unsigned long long)most);
	*number = value;
	return NULL;
}

static struct error *parse_address(const char *what, const char *text, uint64_t *address)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno || !value)
		return error_new("%s '%s' is not an address (like 0x1aa000)", what, text);
	*address = value;
	return NULL;
}

static struct error *parse_pids(struct options *options, const char *text)
{
	_cleanup_free_ char *list = alloc_strdup(text);
	char *rest = list, *part;
	while ((part = strsep(&rest, ","))) {
		uint64_t pid = 0;
		try_(parse_number("PID", part, 0, UINT32_MAX, &pid));
		*array_push(options->pids, options->pid_count, options->pid_capacity) =
			(uint32_t)pid;
	}
	return NULL;
}

static struct error *parse_page_file(struct options *options, const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '=' || !end[1] || number >= PAGE_FILES)
		return error_new("--pagefile '%s' is not of the form N=FILE, N from 0 to %d", text,
				 PAGE_FILES - 1);
	if (options->page_files[number])
		return error_new("--pagefile %lu is given twice: '%s' and '%s'", number,
				 options->page_files[number], end + 1);
	options->page_files[number] = end + 1;
	return NULL;
}

static struct error *parse_only(struct options *options, const char *text)
{
	_cleanup_free_ char *list = alloc_strdup(text);
	char *rest = list, *part;
	while ((part = strsep(&rest, ","))) {
		if (scan_only_add(&options->only, part))
			continue;
		_cleanup_text_ struct text flags = {0};
		for (size_t i = 0; i < MODULE_FLAG_COUNT; i++)
			text_add_format(&flags, ", %s", module_flag_names[i]);
		return error_new("--only does not know '%s'; it takes listed, injected, kernel%s",
				 part, text_string(&flags));
	}
	return NULL;
}

static struct error *take(struct options *options, int key, const char *argument)
{
	uint64_t number = 0;
	switch (key) {
	case 'f':
		add_argument(&options->images, argument);
		return NULL;
	case 'a':
		options->all = true;
		return NULL;
	case 'e':
		add_argument(&options->samples, argument);
		return NULL;
	case 'i':
		add_argument(&options->lists, argument);
		return NULL;
	case 's':
		add_argument(&options->hashes, argument);
		return NULL;
	case 'p':
		return parse_pids(options, argument);
	case 't':
		try_(parse_number("threshold", argument, 0, 100, &number));
		options->threshold = (int)number;
		return NULL;
	case OPTION_BEST:
		options->best = true;
		return NULL;
	case 'F':
		options->fast = true;
		return NULL;
	case OPTION_DEEP:
		options->deep = true;
		return NULL;
	case OPTION_ONLY:
		return parse_only(options, argument);
	case 'd':
		options->dump = argument;
		return NULL;
	case 'o':
		if (!report_form_named(argument, &options->form))
			return error_new("'%s' is no output form: table, wide, csv, jsonl or json",
					 argument);
		return NULL;
	case OPTION_INFO:
		options->info = true;
		return NULL;
	case OPTION_REGIONS:
		options->regions = true;
		return NULL;
	case OPTION_IMPORTS:
		options->imports = true;
		return NULL;
	case 'm':
		if (!*argument)
			return error_new("-m needs a part of a name, or an address (see --help)");
		options->only.module = argument;
		return NULL;
	case OPTION_PROFILE:
		options->profile = argument;
		return NULL;
	case OPTION_PROFILE_DIR:
		add_argument(&options->profile_directories, argument);
		return NULL;
	case OPTION_LIST_PROFILES:
		options->list_profiles = true;
		return NULL;
	case OPTION_PAGEFILE:
		return parse_page_file(options, argument);
	case OPTION_INFER:
		options->infer = true;
		return NULL;
	case OPTION_PROFILE_OUT:
		options->profile_out = argument;
		return NULL;
	case OPTION_IMPORT_SYMBOLS:
		options->import_symbols = argument;
		return NULL;
	case OPTION_BUILD:
		try_(parse_number("build", argument, 1, UINT32_MAX, &number));
		options->build = (uint32_t)number;
		return NULL;
	case OPTION_DTB:
		return parse_address("--dtb", argument, &options->dtb);
	case OPTION_KERNEL:
		return parse_address("--kernel", argument, &options->kernel_base);
	case 'j':
		try_(parse_number("number of threads", argument, 1, THREADS_MAX, &number));
		options->threads = (unsigned int)number;
		return NULL;
	case 'q':
		options->quiet = true;
		return NULL;
	case 'v':
		options->verbose = true;
		return NULL;
	case OPTION_PRINT_HASHES:
		options->print_hashes = true;
		return NULL;
	case 'V':
		options->version = true;
		return NULL;
	case 'h':
		options->help = true;
		return NULL;
	}
	return error_new("option %d is not known", key);
}

/* What getopt_long() found wrong, as a sentence. */
static struct error *complaint(int result, char **argv, int index)
{
	const char *given = index > 0 ? argv[index - 1] : "";
	if (optopt && optopt < 256 && strncmp(given, "--", 2) != 0)
		return error_new(result == ':' ? "option -%c needs an argument (see --help)"
					       : "there is no option -%c (see --help)",
				 optopt);
	if (result == ':')
		return error_new("option %s needs an argument (see --help)", given);
	return error_new("option %s is not known, not unique, or takes no argument (see --help)",
			 given);
}

bool options_search(const struct options *options)
{
	return options->samples.count || options->lists.count || options->hashes.count;
}

/* Which things are to be printed, of those that an option of their own asks for. */
static unsigned int asked_for(const struct options *options)
{
	unsigned int modes = 0;
	modes |= options->all ? MODE_LIST : 0;
	modes |= options_search(options) && !options->print_hashes ? MODE_SEARCH : 0;
	modes |= options->print_hashes ? MODE_HASHES : 0;
	modes |= options->regions ? MODE_REGIONS : 0;
	modes |= options->imports ? MODE_IMPORTS : 0;
	modes |= options->info ? MODE_INFO : 0;
	modes |= options->list_profiles ? MODE_PROFILES : 0;
	modes |= options->import_symbols ? MODE_SYMBOLS : 0;
	return modes;
}

/* The name of the lowest mode. */
static const char *mode_name(unsigned int modes)
{
	return mode_names[__builtin_ctz(modes)];
}

/* Options that change nothing in these modes. */
static struct error *check_uses(unsigned int modes, const bool *given)
{
	for (size_t i = 0; i < array_size(rows); i++) {
		char name[32];
		if (!given[i] || rows[i].modes & modes)
			continue;
		_cleanup_text_ struct text good = {0};
		for (unsigned int rest = rows[i].modes; rest; rest &= rest - 1) {
			unsigned int others = rest & (rest - 1);
			text_add_format(&good, "%s%s", mode_name(rest),
					!others			? ""
					: others & (others - 1) ? ", "
								: " and ");
		}
		return error_new("%s changes nothing for %s; it goes with %s (see --help)",
				 option_name(&rows[i], name), mode_name(modes), text_string(&good));
	}
	return NULL;
}

static struct error *no_image(void)
{
	return error_new("no image given: use -f IMAGE or set IMPSCAN_IMAGE (see --help)");
}

/* The one image, from the command line or else from the environment. */
static struct error *choose_image(struct options *options, unsigned int modes)
{
	const char *environment = getenv("IMPSCAN_IMAGE");
	if (options->images.count > 1)
		return error_new("one image at a time: '%s' and '%s' are given (with -e, what "
				 "stands alone is a sample)",
				 options->images.items[0], options->images.items[1]);
	if (options->images.count) {
		options->file = options->images.items[0];
	} else if (environment && *environment &&
		   !(modes & (MODE_HASHES | MODE_PROFILES | MODE_SYMBOLS))) {
		options->file = environment;
		options->from_environment = true;
	}
	if (options->file && !strcmp(options->file, "-"))
		return error_new("an image can't be read from standard input, it must be a file: "
				 "write it to one first");
	return NULL;
}

/* What the run is for; an error where that is nothing, or several things at once. */
static struct error *choose_mode(const struct options *options, unsigned int *ret)
{
	unsigned int modes = asked_for(options);
	unsigned int groups = modes & MODES_MODULES
				      ? (modes & ~(unsigned int)MODES_MODULES) | (modes & -modes)
				      : modes;
	if (groups & (groups - 1))
		return error_new("%s and %s are two things to print: one at a time",
				 mode_name(groups), mode_name(groups & (groups - 1)));
	if (modes == MODE_HASHES && !options->samples.count)
		return error_new("--print-hashes prints the hashes of files: name them with -e");
	if (modes == MODE_SEARCH && !options->file && !options->lists.count &&
	    !options->hashes.count)
		modes = MODE_HASHES;
	if (!modes && options->profile_out)
		modes = MODE_LAYOUT;
	if (!modes && options->file)
		return error_new("nothing to do with the image: give -a to list its modules, -e, "
				 "-i or -s to search them, --regions, --imports or --info (see "
				 "--help)");
	if (!modes)
		return error_new("nothing to do: give an image with -f, and -a, -e, -i or -s (see "
				 "--help)");
	*ret = modes;
	return NULL;
}

/* Values that contradict each other, or leave nothing. */
static struct error *check_values(const struct options *options)
{
	size_t standard_inputs = 0;
	if (options->infer && options->profile)
		return error_new("--infer and --profile contradict each other");
	if (options->quiet && options->verbose)
		return error_new("-q and -v contradict each other");
	if (options->dump && !*options->dump)
		return error_new("-d needs the name of a folder (see --help)");
	if (options->fast &&
	    options->only.flags & (MODULE_HOOKED | MODULE_HOOK_TARGET | MODULE_NO_HEADER))
		return error_new("-F does not look for what is hooked, where hooks lead, or what "
				 "has no header, which --only asks for: leave one of them out");
	for (size_t i = 0; i < options->lists.count; i++)
		standard_inputs += !strcmp(options->lists.items[i], "-");
	if (standard_inputs > 1)
		return error_new("-i - is given twice, and standard input can be read once");
	return NULL;
}

static struct error *check(struct options *options, const bool *given)
{
	unsigned int modes = asked_for(options);
	if (options->help || options->version)
		return NULL;
	try_(choose_image(options, modes));
	/* What belongs to an image asks for one before it asks for something to do. */
	if (!modes && !options->file && (options->infer || options->profile_out))
		return no_image();
	try_(choose_mode(options, &modes));
	try_(check_uses(modes, given));
	if (modes & MODES_IMAGE && !options->file)
		return no_image();
	options->print_hashes = modes == MODE_HASHES;
	return check_values(options);
}

/* Long options are not to be abbreviated: what is unique today is not when there are more. */
static struct error *check_long(const char *given, const struct option_row *row)
{
	size_t length = strcspn(given, "=") - 2;
	if (length == strlen(row->name))
		return NULL;
	return error_new("there is no option %.*s; did you mean --%s?", (int)length + 2, given,
			 row->name);
}

/* Where getopt_long() found the option that it has just returned: "--name", maybe with "=...". */
static const char *given_long(char **argv)
{
	return argv[optarg && optarg == argv[optind - 1] ? optind - 2 : optind - 1];
}

static size_t row_of(int key)
{
	size_t i = 0;
	while (i < array_size(rows) - 1 && rows[i].key != key)
		i++;
	return i;
}

static struct error *take_all(struct options *options, int argc, char **argv, bool *given)
{
	struct option longs[array_size(rows) + 1] = {0};
	char shorts[array_size(rows) * 2 + 2] = ":";
	for (size_t i = 0; i < array_size(rows); i++) {
		longs[i].name = rows[i].name;
		longs[i].has_arg = rows[i].argument ? required_argument : no_argument;
		longs[i].val = rows[i].key;
		if (rows[i].key < 256) {
			char letter[3] = {(char)rows[i].key, rows[i].argument ? ':' : '\0'};
			strcat(shorts, letter);
		}
	}
	opterr = 0;
	optind = 1;
	for (;;) {
		int index = -1, key = getopt_long(argc, argv, shorts, longs, &index);
		if (key == -1)
			break;
		if (key == '?' || key == ':')
			return complaint(key, argv, optind);
		size_t row = row_of(key);
		char name[32];
		if (index >= 0)
			try_(check_long(given_long(argv), &rows[row]));
		if (given[row] && !rows[row].many)
			return error_new("%s is given twice", option_name(&rows[row], name));
		given[row] = true;
		try_(take(options, key, optarg));
	}
	for (int i = optind; i < argc; i++)
		add_argument(options->samples.count ? &options->samples : &options->images,
			     argv[i]);
	return NULL;
}

struct error *options_parse(struct options *options, int argc, char **argv)
{
	bool given[array_size(rows)] = {0};
	long processors = min_of(sysconf(_SC_NPROCESSORS_ONLN), (long)THREADS_MAX);
	*options = (struct options){
		.threshold = THRESHOLD_DEFAULT,
		.threads = processors > 0 ? (unsigned int)processors : 1,
	};
	try_(take_all(options, argc, argv, given));
	return check(options, given);
}

void options_free(struct options *options)
{
	free(options->images.items);
	free(options->samples.items);
	free(options->lists.items);
	free(options->hashes.items);
	free(options->profile_directories.items);
	free(options->pids);
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
	      "    impscan -e samples/ > hashes.txt   the hashes of files\n"
	      "\n",
	      out);
	for (size_t i = 0; i < array_size(rows); i++) {
		const struct option_row *row = &rows[i];
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
