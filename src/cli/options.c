/*
 * One table describes every option once; parsing and --help are made from it.
 */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

#define THRESHOLD_DEFAULT 30
#define THREADS_MAX	  256

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
	OPTION_VERSION,
};

struct option_row {
	int key; /* the short option's character, or one of the above */
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *help;     /* a newline continues on the next line */
};

static const struct option_row rows[] = {
	{'f', "file", "IMAGE", "the memory image; else $IMPSCAN_IMAGE"},
	{'a', "all", NULL, "list every module with its imphash and impfuzzy"},
	{'e', "samples", "PATH",
	 "compare with a PE file, or with every PE below a folder;\n"
	 "without an image: print the samples' hashes, as -i reads them"},
	{'i', "hashes", "FILE",
	 "compare with a list of imphash and impfuzzy, - for standard input"},
	{'s', "hash", "HASH", "compare with one hash of either kind"},
	{'p', "pid", "PID", "only these processes (repeatable, comma lists)"},
	{'t', "threshold", "N", "least impfuzzy score shown, 0-100 (default 30)"},
	{OPTION_BEST, "best", NULL, "of a module's matches only the best (ties: all)"},
	{'F', "fast", NULL, "names only: don't rebuild lists from addresses"},
	{OPTION_DEEP, "deep", NULL, "sweep physical memory for processes that no list has"},
	{OPTION_ONLY, "only", "LIST",
	 "only such rows: listed, injected, kernel, or a flag (hidden,\n"
	 "unlinked, hollowed ...: see the man page); comma list"},
	{'d', "dump", "DIR", "write each module shown to a folder, as a PE file, with an index"},
	{'o', "output", "FORM", "table (default), wide, csv, jsonl or json"},
	{OPTION_INFO, "info", NULL, "what the image is: format, build, kernel, profile, processes"},
	{OPTION_REGIONS, "regions", NULL,
	 "list the ranges that can run code without an image behind them"},
	{OPTION_IMPORTS, "imports", NULL, "list the rebuilt imports of modules, slot by slot"},
	{'m', "module", "MODULE", "with --imports: part of a module's name, or an address in it"},
	{OPTION_PROFILE, "profile", "FILE", "use this layout instead of choosing one by build"},
	{OPTION_PROFILE_DIR, "profile-dir", "DIR", "add the profiles of a folder (repeatable)"},
	{OPTION_LIST_PROFILES, "list-profiles", NULL, "list the profiles there are"},
	{OPTION_PAGEFILE, "pagefile", "N=FILE",
	 "page file number N (pagefile.sys is 0, swapfile.sys 1)"},
	{OPTION_INFER, "infer", NULL,
	 "infer the layout from the image, as for a build without a profile"},
	{OPTION_PROFILE_OUT, "profile-out", "FILE", "write the layout in use as a profile"},
	{OPTION_IMPORT_SYMBOLS, "import-symbols", "FILE",
	 "print a symbol file of Volatility 3 (.json, .json.xz) as a profile"},
	{OPTION_BUILD, "build", "N", "the build that such a file is of, when it does not say"},
	{OPTION_DTB, "dtb", "ADDRESS", "physical address of the kernel's page map"},
	{OPTION_KERNEL, "kernel", "ADDRESS", "where ntoskrnl.exe is loaded"},
	{'j', "threads", "N", "threads to work with (default: the processors)"},
	{'q', "quiet", NULL, "no warnings, no progress, no summary"},
	{'v', "verbose", NULL, "say more on standard error"},
	{OPTION_VERSION, "version", NULL, "print the version"},
	{'h', "help", NULL, "print this help"},
};

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
	options->page_files[number] = end + 1;
	return NULL;
}

static struct error *parse_only(struct options *options, const char *text)
{
	_cleanup_free_ char *list = alloc_strdup(text);
	char *rest = list, *part;
	while ((part = strsep(&rest, ",")))
		if (!scan_only_add(&options->only, part))
			return error_new("--only does not know '%s'; it takes listed, injected, "
					 "kernel and the names of flags",
					 part);
	return NULL;
}

static struct error *take(struct options *options, int key, const char *argument)
{
	uint64_t number = 0;
	switch (key) {
	case 'f':
		options->file = argument;
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
		options->module = argument;
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
	case OPTION_VERSION:
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

static struct error *check_profile_options(const struct options *options)
{
	if (options->build && !options->import_symbols)
		return error_new("--build belongs to --import-symbols (see --help)");
	if (options->infer && options->profile)
		return error_new("--infer and --profile contradict each other");
	if ((options->infer || options->profile_out) && !options->file)
		return error_new("no image given: use -f IMAGE or set IMPSCAN_IMAGE (see --help)");
	return NULL;
}

static struct error *check(const struct options *options)
{
	bool search = options->samples.count || options->lists.count || options->hashes.count;
	if (options->help || options->version || options->list_profiles)
		return NULL;
	try_(check_profile_options(options));
	if (options->import_symbols)
		return NULL;
	if (options->dump && (!options->file || (!options->all && !search)))
		return error_new("-d writes the modules that a listing or a search of an image "
				 "shows: give -f IMAGE with -a, -e, -i or -s (see --help)");
	if (options->dump && !*options->dump)
		return error_new("-d needs the name of a folder (see --help)");
	if (options->file) {
		bool listing = options->regions || options->imports;
		if (options->module && !options->imports)
			return error_new("-m goes with --imports");
		if (options->regions && options->imports)
			return error_new("--regions and --imports are two listings: one at a time");
		if (!options->all && !search && !options->info && !listing && !options->profile_out)
			return error_new("nothing to do with the image: give -a to list its "
					 "modules, -e, -i or -s to search them, --regions, "
					 "--imports or --info (see --help)");
		if (listing && (options->all || search))
			return error_new("--regions and --imports are listings of their own: not "
					 "with -a, -e, -i or -s");
		return NULL;
	}
	if (options->samples.count && !options->lists.count && !options->hashes.count &&
	    !options->all && !options->info && !options->regions && !options->imports)
		return NULL; /* the samples' own hashes */
	if (options->all || search || options->info || options->regions || options->imports)
		return error_new("no image given: use -f IMAGE or set IMPSCAN_IMAGE (see --help)");
	return error_new("nothing to do: give an image with -f, and -a, -e, -i or -s (see "
			 "--help)");
}

struct error *options_parse(struct options *options, int argc, char **argv)
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

	long processors = min_of(sysconf(_SC_NPROCESSORS_ONLN), (long)THREADS_MAX);
	*options = (struct options){
		.threshold = THRESHOLD_DEFAULT,
		.threads = processors > 0 ? (unsigned int)processors : 1,
	};
	const char *environment = getenv("IMPSCAN_IMAGE");
	if (environment && *environment)
		options->file = environment;
	opterr = 0;
	optind = 1;
	int key;
	while ((key = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (key == '?' || key == ':')
			return complaint(key, argv, optind);
		try_(take(options, key, optarg));
	}
	if (optind < argc)
		return error_new("'%s' is not expected; the image is given with -f (see --help)",
				 argv[optind]);
	return check(options);
}

void options_free(struct options *options)
{
	free(options->samples.items);
	free(options->lists.items);
	free(options->hashes.items);
	free(options->profile_directories.items);
	free(options->pids);
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
		_cleanup_text_ struct text name = {0};
		if (row->key < 256)
			text_add_format(&name, "-%c, ", row->key);
		else
			text_add_string(&name, "    ");
		text_add_format(&name, "--%s", row->name);
		if (row->argument)
			text_add_format(&name, " %s", row->argument);
		fprintf(out, "  %-24s", text_string(&name));
		for (const char *s = row->help; *s; s++) {
			fputc(*s, out);
			if (*s == '\n')
				fprintf(out, "  %-24s", "");
		}
		fputc('\n', out);
	}
	fputs("\n"
	      "Results go to standard output, everything else to standard error.\n"
	      "Exit: 0 rows were printed, 1 none, 2 error.\n",
	      out);
}
