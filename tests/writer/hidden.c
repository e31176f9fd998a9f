/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scenario of everything that hides: see scenario.h. */
#include <writer/scenario.h>

enum { READWRITE = 4, EXECUTE_READ = 3, EXECUTE_READWRITE = 6 };

static void start(struct guest *guest, uint32_t pid, const char *name, const char *folder)
{
	guest_process_new(
		guest,
		&(struct guest_process_options){
			.name = name, .folder = folder, .pid = pid, .ppid = 2212, .session = 1});
}

static struct guest_process *start_service(struct guest *guest, uint32_t pid)
{
	return guest_process_new(guest, &(struct guest_process_options){.name = "svchost.exe",
									.pid = pid,
									.ppid = 604,
									.arguments = "-k netsvcs"});
}

static void inject_all(struct guest *guest)
{
	const struct {
		uint32_t pid;
		const char *file;
		struct guest_injection how;
	} cases[] = {
		{728,
		 "beacon.dll",
		 {.name = "rwx-header", .kind = "reflective", .protection = EXECUTE_READWRITE}},
		{848,
		 "stage.dll",
		 {.name = "rwx-raw",
		  .kind = "raw-file",
		  .protection = EXECUTE_READWRITE,
		  .raw = true}},
		{2212,
		 "keylog.dll",
		 {.name = "rwx-wiped",
		  .kind = "reflective",
		  .protection = EXECUTE_READWRITE,
		  .wiped = true,
		  .flags = "no-header"}},
		{3120,
		 "inject.dll",
		 {.name = "virtual-protect",
		  .kind = "reflective",
		  .protection = READWRITE,
		  .sections = true}},
		{3344,
		 "blob.dll",
		 {.name = "odd-offset",
		  .kind = "reflective",
		  .protection = EXECUTE_READWRITE,
		  .offset = 0x2d0}},
		{1020,
		 "view.dll",
		 {.name = "mapped-section",
		  .kind = "mapped",
		  .protection = EXECUTE_READWRITE,
		  .mapped = true}},
		{580,
		 "dropped.dll",
		 {.name = "data-only",
		  .kind = "data",
		  .protection = READWRITE,
		  .raw = true,
		  .data = true}},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct guest_injection how = cases[i].how;
		how.image = guest_find_image(guest, cases[i].file);
		guest_inject(scenario_process(guest, cases[i].pid), &how);
	}
	guest_jit(scenario_process(guest, 2212), "jit-rwx", 0x40000, EXECUTE_READWRITE,
		  PAGE_WRITE | PAGE_EXECUTE);
	guest_jit(scenario_process(guest, 3344), "jit-rx", 0x20000, EXECUTE_READ, PAGE_EXECUTE);
	guest_jit(scenario_process(guest, 1020), "jit-protected", 0x10000, READWRITE,
		  PAGE_EXECUTE | PAGE_DIRTY);
}

/* The program's view is unmapped and another program put in its place. */
static void hollow(struct guest *guest, uint32_t pid)
{
	struct guest_process *process = start_service(guest, pid);
	struct guest_module *program = process->modules[0];
	guest_unmap(process, program);
	guest_inject(process,
		     &(struct guest_injection){.name = "hollowed",
					       .kind = "hollowed",
					       .image = guest_find_image(guest, "payload.exe"),
					       .protection = EXECUTE_READWRITE,
					       .base = program->base,
					       .flags = "hollowed"});
	process->damage = "hollowed";
	program->damage = "hollowed";
	program->flags = "hollowed";
	program->holds = "payload.exe";
}

/* The other program lies elsewhere, and the PEB and the loader's entry say so; the view of the
 * program's own file is still there. */
static void hollow_elsewhere(struct guest *guest, uint32_t pid)
{
	struct guest_process *process = start_service(guest, pid);
	struct guest_module *program = process->modules[0];
	struct guest_module *original = guest_note_module(process, program->image, program->base);
	original->flags = original->damage = "unlinked";
	program->image = guest_find_image(guest, "miner.exe");
	program->base =
		guest_inject(process, &(struct guest_injection){.name = "hollowed-elsewhere",
								.kind = "hollowed",
								.image = program->image,
								.protection = EXECUTE_READWRITE,
								.flags = "hollowed"})
			->base;
	process->damage = "hollowed-elsewhere";
	program->damage = "hollowed-elsewhere";
	program->flags = "hollowed";
	program->holds = "miner.exe";
}

static void unlink_modules(struct guest *guest)
{
	struct guest_module *helper = guest_load(scenario_process(guest, 3344), "helper.dll");
	helper->in_load = helper->in_memory = helper->in_init = false;
	helper->flags = helper->damage = "unlinked";
	struct guest_module *partial = guest_load(scenario_process(guest, 2212), "CRYPT32.dll");
	partial->in_load = false;
	partial->flags = partial->damage = "partial-list";
	struct guest_module *other = guest_load(scenario_process(guest, 616), "WS2_32.dll");
	other->in_memory = false;
	other->flags = other->damage = "partial-list";
	struct guest_process *process = scenario_process(guest, 604);
	struct guest_module *stale = guest_load(process, "OLEAUT32.dll");
	guest_unmap(process, stale);
	stale->flags = stale->damage = "stale";
}

static void start_wow64(struct guest *guest)
{
	struct guest_process *process = guest_process_new(
		guest, &(struct guest_process_options){.name = "client32.exe",
						       .folder = "C:\\Program Files (x86)\\Client",
						       .pid = 4400,
						       .ppid = 2212,
						       .session = 1,
						       .wow64 = true});
	process->damage = "wow64";
	guest_inject(process,
		     &(struct guest_injection){.name = "wow64-32-bit",
					       .kind = "reflective",
					       .image = guest_find_image32(guest, "tap.dll"),
					       .protection = EXECUTE_READWRITE,
					       .flags = "wow64"});
	guest_inject(process,
		     &(struct guest_injection){.name = "wow64-64-bit",
					       .kind = "reflective",
					       .image = guest_find_image(guest, "bridge.dll"),
					       .protection = EXECUTE_READWRITE});
}

void hidden_before_pebs(struct guest *guest)
{
	inject_all(guest);
	hollow(guest, 1400);
	hollow_elsewhere(guest, 1412);
	unlink_modules(guest);
	struct guest_module *stomped = guest_load(scenario_process(guest, 616), "CRYPT32.dll");
	guest_stomp(scenario_process(guest, 616), stomped, 2);
	stomped->damage = "stomped";
	if (guest->pointer == 8)
		start_wow64(guest);
	start(guest, 4100, "rootkit.exe", "C:\\ProgramData");
	start(guest, 4104, "ghost.exe", "C:\\Users\\k\\AppData\\Roaming");
	start(guest, 4108, "update.exe", "C:\\Users\\k\\Downloads");
}

void hidden_after_pebs(struct guest *guest)
{
	guest_hide(scenario_process(guest, 4100), false);
	guest_hide(scenario_process(guest, 4104), true);
	guest_exit(scenario_process(guest, 4108));
}
