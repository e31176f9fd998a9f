/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See scenario.h. */
#include <writer/scenario.h>

/* What every Windows runs once somebody has logged on. */
static const struct guest_process_options usual[] = {
	{.name = "smss.exe", .pid = 340, .ppid = 4, .native = true},
	{.name = "csrss.exe",
	 .pid = 436,
	 .ppid = 420,
	 .native = true,
	 .arguments = "ObjectDirectory=\\Windows SharedSection=1024,20480,768 Windows=On"},
	{.name = "wininit.exe", .pid = 512, .ppid = 420},
	{.name = "csrss.exe", .pid = 520, .ppid = 504, .session = 1, .native = true},
	{.name = "winlogon.exe", .pid = 580, .ppid = 504, .session = 1},
	{.name = "services.exe", .pid = 604, .ppid = 512},
	{.name = "lsass.exe", .pid = 616, .ppid = 512},
	{.name = "svchost.exe", .pid = 728, .ppid = 604, .arguments = "-k DcomLaunch -p"},
	{.name = "svchost.exe", .pid = 848, .ppid = 604, .arguments = "-k RPCSS -p"},
	{.name = "svchost.exe", .pid = 1020, .ppid = 604, .arguments = "-k netsvcs -p"},
	{.name = "explorer.exe", .pid = 2212, .ppid = 2180, .session = 1, .folder = "C:\\Windows"},
	{.name = "cmd.exe", .pid = 3120, .ppid = 2212, .session = 1},
	{.name = "notepad.exe",
	 .pid = 3344,
	 .ppid = 2212,
	 .session = 1,
	 .arguments = "C:\\Users\\k\\\xc3\x9c"
		      "bersicht.txt"},
};

static struct guest_process *start(struct guest *guest, const struct guest_process_options *options)
{
	return guest_process_new(guest, options);
}

struct guest_process *scenario_start(struct guest *guest, uint32_t pid, const char *name,
				     bool wow64)
{
	return start(guest, &(struct guest_process_options){
				    .name = name,
				    .folder = "C:\\Users\\k\\Downloads",
				    .pid = pid,
				    .ppid = 2212,
				    .session = 1,
				    .wow64 = wow64,
			    });
}

struct extra_dll {
	uint32_t pid;
	const char *name;
};

static void load_more(struct guest *guest, const struct extra_dll *dlls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		guest_load(scenario_process(guest, dlls[i].pid), dlls[i].name);
}

static void start_usual(struct guest *guest)
{
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		start(guest, &usual[i]);
	/* DLLs that come later than the program's imports, as plug-ins and delay loads do */
	static const struct extra_dll later[] = {
		{728, "ADVAPI32.dll"}, {728, "USER32.dll"},   {1020, "WS2_32.dll"},
		{1020, "WININET.dll"}, {1020, "ole32.dll"},   {2212, "CRYPT32.dll"},
		{2212, "WS2_32.dll"},  {604, "ADVAPI32.dll"}, {616, "CRYPT32.dll"},
		{616, "WS2_32.dll"},
	};
	load_more(guest, later, sizeof(later) / sizeof(later[0]));
}

static void make_pebs(struct guest *guest)
{
	for (size_t i = 0; i < guest->process_count; i++) {
		if (guest->processes[i]->peb)
			guest_peb_new(guest->processes[i]);
	}
}

static void build_plain(struct guest *guest)
{
	start_usual(guest);
	make_pebs(guest);
}

static void start_invoice(struct guest *guest)
{
	scenario_start(guest, 4012, "invoice.exe", false);
	struct guest_module *helper = guest_load(scenario_process(guest, 4012), "helper.dll");
	free(helper->path);
	helper->path = util_strdup("C:\\Users\\k\\AppData\\Local\\Temp\\helper.dll");
}

static void build_demo(struct guest *guest)
{
	start_usual(guest);
	start_invoice(guest);
	make_pebs(guest);
}

static void build_damaged(struct guest *guest)
{
	start_usual(guest);
	start_invoice(guest);
	/* real programs may import other DLLs than the generated ones */
	static const struct extra_dll needed[] = {
		{3344, "GDI32.dll"},   {3344, "USER32.dll"},  {3344, "msvcrt.dll"},
		{3344, "SHELL32.dll"}, {3344, "ole32.dll"},   {1020, "ADVAPI32.dll"},
		{616, "RPCRT4.dll"},   {2212, "SHELL32.dll"}, {580, "USER32.dll"},
	};
	load_more(guest, needed, sizeof(needed) / sizeof(needed[0]));
	damage_strange_names(scenario_process(guest, 3344));
	make_pebs(guest);
	damage_cyclic_list(scenario_process(guest, 728));
	damage_cut_list(scenario_process(guest, 848), 4);
	damage_import_names_absent(scenario_process(guest, 1020), "ADVAPI32.dll");
	damage_import_names_absent(scenario_process(guest, 4012), "invoice.exe");
	damage_header_absent(scenario_process(guest, 616), "RPCRT4.dll");
	damage_header_absent(scenario_process(guest, 4012), "helper.dll");
	damage_import_directory_zeroed(scenario_process(guest, 2212), "SHELL32.dll");
	damage_entry_absent(scenario_process(guest, 580), "USER32.dll");
	damage_peb_absent(scenario_process(guest, 512));
}

static void build_absent(struct guest *guest)
{
	start_usual(guest);
	start_invoice(guest);
	static const struct extra_dll needed[] = {
		{604, "ADVAPI32.dll"},	{4012, "WININET.dll"},	{616, "RPCRT4.dll"},
		{728, "KERNEL32.DLL"},	{2212, "ADVAPI32.dll"}, {2212, "USER32.dll"},
		{2212, "OLEAUT32.dll"}, {2212, "SHLWAPI.dll"},	{2212, "GDI32.dll"},
		{2212, "ole32.dll"},	{580, "USER32.dll"},	{1020, "WS2_32.dll"},
		{3120, "msvcrt.dll"},
	};
	load_more(guest, needed, sizeof(needed) / sizeof(needed[0]));
	make_pebs(guest);
	absent_modules(guest);
	absent_loader_data(guest);
	absent_file_names(guest);
}

static void build_hidden(struct guest *guest)
{
	start_usual(guest);
	hidden_before_pebs(guest);
	make_pebs(guest);
	hidden_after_pebs(guest);
}

static void build_packed(struct guest *guest)
{
	start_usual(guest);
	tampered_packed(guest);
	make_pebs(guest);
}

static void build_programs(struct guest *guest)
{
	start(guest, &usual[0]);
	programs_start(guest);
	make_pebs(guest);
}

static void build_rebuilt(struct guest *guest)
{
	start_usual(guest);
	tampered_tables(guest);
	make_pebs(guest);
}

static void build_dotnet(struct guest *guest)
{
	start_usual(guest);
	managed_start(guest);
	make_pebs(guest);
}

static void build_go(struct guest *guest)
{
	start_usual(guest);
	golang_start(guest);
	make_pebs(guest);
}

static const struct scenario scenarios[] = {
	{"plain", "what every Windows runs, nothing missing but pages in transition", build_plain},
	{"demo", "plain, and a downloader with a DLL of its own (PID 4012)", build_demo},
	{"damaged", "demo with broken lists, strange names, absent pages", build_damaged},
	{"absent", "demo with pages in every state where a scan needs them (--pagefile)",
	 build_absent},
	{"big", "a busy machine to measure with (--memory 8192)", scenario_big},
	{"hidden", "plain with injected code, hidden processes and modules, hollowing, WoW64",
	 build_hidden},
	{"packed", "plain, and a packed program that has unpacked itself (PID 5000)", build_packed},
	{"rebuilt", "plain with import tables hooked, without names, made at run time",
	 build_rebuilt},
	{"dotnet", "plain, and .NET assemblies loaded by all ways, also protected (PIDs from 5000)",
	 build_dotnet},
	{"go", "plain, and programs by Go, whole and with what leads to their functions wiped",
	 build_go},
	{"programs",
	 "PE files of the caller's, a process each (--programs, --treatment, --exports)",
	 build_programs},
};

const struct scenario *scenario_find(const char *name)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	}
	return NULL;
}

const struct scenario *scenario_list(size_t *count)
{
	*count = sizeof(scenarios) / sizeof(scenarios[0]);
	return scenarios;
}

struct guest_process *scenario_process(struct guest *guest, uint32_t pid)
{
	for (size_t i = 0; i < guest->process_count; i++) {
		if (guest->processes[i]->pid == pid)
			return guest->processes[i];
	}
	util_die("there is no process %u", pid);
}
