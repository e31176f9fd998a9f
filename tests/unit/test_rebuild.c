/*
 * Rebuilding import lists: generated DLLs and programs are mapped and linked by the tests' loader,
 * then parts of them are erased, hooked or moved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <impscan/alloc.h>
#include <impscan/imports.h>
#include <impscan/rebuild.h>

#include <writer/loader.h>
#include <writer/pe_builder.h>

#define HEAP	  0x500000u
#define HEAP_SIZE 0x8000u

struct world {
	struct loader loader;
	struct export_cache *cache;
	struct export_map *map;
	uint8_t heap[HEAP_SIZE]; /* private memory at HEAP */
	uint64_t absent;	 /* a page that is not present; 0: none */
};

static const uint8_t *memory_at(const struct rebuild_memory *memory, uint64_t address,
				size_t *available)
{
	struct world *w = memory->context;
	if (w->absent && address / 4096 == w->absent / 4096)
		return NULL;
	*available = 4096 - address % 4096;
	if (address - HEAP < HEAP_SIZE)
		return w->heap + (address - HEAP);
	struct loader_module *m = loader_at(&w->loader, address);
	return m ? m->bytes + (address - m->base) : NULL;
}

static struct rebuild_memory memory_of(struct world *w)
{
	return (struct rebuild_memory){.at = memory_at, .context = w};
}

static void add(struct world *w, const char *name, struct pe_builder *b)
{
	size_t size;
	uint8_t *file = pe_builder_build(b, &size);
	assert_true(loader_add(&w->loader, name, file, size));
	free(file);
	pe_builder_free(b);
}

static const char *const kernel32_names[] = {
	"CloseHandle",	  "CreateFileA",  "CreateProcessA", "ExitProcess",  "GetLastError",
	"GetProcAddress", "LoadLibraryA", "ReadFile",	    "VirtualAlloc", "WriteFile",
};
static const char *const user32_names[] = {"FindWindowA", "GetMessageA", "MessageBoxA",
					   "ShowWindow"};

/* ntdll, kernel32 (with forwarders), user32, ws2_32 (by ordinal), and a program. */
static void add_dlls(struct world *w, bool x64)
{
	struct pe_builder *b = pe_builder_new(x64, true, "ntdll.dll");
	pe_builder_export(b, "RtlAllocateHeap");
	pe_builder_export(b, "RtlFreeHeap");
	uint32_t close = pe_builder_export(b, "NtClose");
	pe_builder_export_at(b, "ZwClose", close);
	pe_builder_export(b, "NtCreateFile");
	pe_builder_export(b, "RtlInitUnicodeString");
	add(w, "ntdll.dll", b);
	b = pe_builder_new(x64, true, "KERNEL32.dll");
	for (size_t i = 0; i < sizeof(kernel32_names) / sizeof(*kernel32_names); i++)
		pe_builder_export(b, kernel32_names[i]);
	pe_builder_export_forward(b, "HeapAlloc", "NTDLL.RtlAllocateHeap");
	pe_builder_export_forward(b, "HeapFree", "NTDLL.RtlFreeHeap");
	pe_builder_export_forward(b, "TlsAlloc", "api-ms-win-core-heap-l1-1-0.TlsAlloc");
	pe_builder_export_forward(b, "ByOrdinal", "WS2_32.#3");
	add(w, "kernel32.dll", b);
	b = pe_builder_new(x64, true, "kernelbase.dll");
	pe_builder_export(b, "TlsAlloc");
	add(w, "kernelbase.dll", b);
	b = pe_builder_new(x64, true, "USER32.dll");
	for (size_t i = 0; i < sizeof(user32_names) / sizeof(*user32_names); i++)
		pe_builder_export(b, user32_names[i]);
	add(w, "user32.dll", b);
	b = pe_builder_new(x64, true, "WS2_32.dll");
	pe_builder_export(b, "accept");
	pe_builder_export(b, "bind");
	pe_builder_export(b, "closesocket");
	pe_builder_export_ordinal_only(b, 600);
	add(w, "ws2_32.dll", b);
}

static void import_all(struct pe_builder *b)
{
	for (size_t i = 0; i < sizeof(kernel32_names) / sizeof(*kernel32_names); i++)
		pe_builder_import(b, "kernel32.dll", kernel32_names[i]);
	pe_builder_import(b, "kernel32.dll", "HeapAlloc");
	pe_builder_import(b, "ntdll.dll", "NtClose");
	pe_builder_import(b, "ntdll.dll", "RtlInitUnicodeString");
	for (size_t i = 0; i < sizeof(user32_names) / sizeof(*user32_names); i++)
		pe_builder_import(b, "user32.dll", user32_names[i]);
	pe_builder_import_ordinal(b, "ws2_32.dll", 3);
	pe_builder_import_ordinal(b, "ws2_32.dll", 600);
}

#define ALL                                                                                       \
	"kernel32.closehandle,kernel32.createfilea,kernel32.createprocessa,kernel32.exitprocess," \
	"kernel32.getlasterror,kernel32.getprocaddress,kernel32.loadlibrarya,kernel32.readfile,"  \
	"kernel32.virtualalloc,kernel32.writefile,kernel32.heapalloc,ntdll.ntclose,"              \
	"ntdll.rtlinitunicodestring,user32.findwindowa,user32.getmessagea,user32.messageboxa,"    \
	"user32.showwindow,ws2_32.closesocket,ws2_32.ord600"

static void link_world(struct world *w, bool x64)
{
	size_t missing;
	loader_resolve(&w->loader, &missing);
	assert_int_equal(missing, 0);
	w->cache = export_cache_new();
	w->map = export_map_new(x64 ? 8 : 4, NULL);
	for (size_t i = 0; i < w->loader.count; i++) {
		struct loader_module *m = &w->loader.modules[i];
		struct pe_reader reader = pe_reader_bytes(m->bytes, m->size, PE_LAYOUT_MEMORY);
		_cleanup_pe_ struct pe pe;
		pe_open(&pe, &reader);
		_cleanup_export_table_ struct export_table *table =
			export_cache_get(w->cache, &pe, m->name);
		export_map_add(w->map, m->base, m->size, m->name, table);
	}
	export_map_finish(w->map);
}

static void open_world(struct world *w, bool x64)
{
	memset(w, 0, sizeof(*w));
	loader_init(&w->loader, x64 ? UINT64_C(0x7ff800000000) : 0x70000000);
	add_dlls(w, x64);
}

static struct loader_module *add_program(struct world *w, bool x64, size_t code)
{
	struct pe_builder *b = pe_builder_new(x64, false, NULL);
	import_all(b);
	if (code)
		pe_builder_code(b, code, 7);
	add(w, "program.exe", b);
	link_world(w, x64);
	return loader_find(&w->loader, "program.exe");
}

static void close_world(struct world *w)
{
	export_map_free(w->map);
	export_cache_free(w->cache);
	loader_free(&w->loader);
}

static void rebuild_module(struct world *w, struct loader_module *m, struct imports *declared,
			   struct rebuilt *rebuilt, const struct rebuilt *others)
{
	struct pe_reader reader = pe_reader_bytes(m->bytes, m->size, PE_LAYOUT_MEMORY);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	declared->keep_entries = true;
	imports_declared(declared, &pe);
	struct rebuild_memory memory = memory_of(w);
	rebuild(rebuilt, w->map, &memory,
		&(struct rebuild_area){m->base, m->size, &pe, declared, others});
}

static const char *list(const struct rebuilt *rebuilt, size_t i)
{
	return i < rebuilt->list_count ? text_string(&rebuilt->lists[i].string) : "";
}

static bool has_candidate(const struct world *w, uint64_t address, const char *dll,
			  const char *name)
{
	struct export_candidate candidates[16];
	size_t n = export_map_find(w->map, address, candidates, 16);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(candidates[i].module->name, dll) && candidates[i].export->name &&
		    !strcmp(candidates[i].export->name, name))
			return true;
	return false;
}

static void test_map(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	uint64_t heap = export_map_resolve(w.map, "kernel32.dll", "HeapAlloc", 0);
	assert_int_equal(heap, loader_export(&w.loader, "ntdll.dll", "RtlAllocateHeap", 0));
	assert_true(export_map_hit(w.map, heap));
	assert_false(export_map_hit(w.map, heap + 1));
	assert_true(has_candidate(&w, heap, "kernel32.dll", "HeapAlloc"));
	assert_true(has_candidate(&w, heap, "ntdll.dll", "RtlAllocateHeap"));
	/* forwarded to an API set, and by ordinal */
	uint64_t tls = export_map_resolve(w.map, "KERNEL32.DLL", "TlsAlloc", 0);
	assert_int_equal(tls, loader_export(&w.loader, "kernelbase.dll", "TlsAlloc", 0));
	assert_int_equal(export_map_resolve(w.map, "kernel32", "ByOrdinal", 0),
			 loader_export(&w.loader, "ws2_32.dll", "closesocket", 0));
	/* an API set stands for its host */
	assert_int_equal(
		export_map_resolve(w.map, "api-ms-win-core-heap-l1-2-0.dll", "TlsAlloc", 0), tls);
	/* aliases, ordinals */
	uint64_t nt = export_map_resolve(w.map, "ntdll.dll", "NtClose", 0);
	assert_true(has_candidate(&w, nt, "ntdll.dll", "ZwClose"));
	assert_int_not_equal(export_map_resolve(w.map, "ws2_32.dll", NULL, 600), 0);
	assert_int_equal(export_map_resolve(w.map, "ws2_32.dll", NULL, 601), 0);
	assert_int_equal(export_map_resolve(w.map, "nowhere.dll", "NtClose", 0), 0);
	/* nothing outside the modules */
	assert_false(export_map_hit(w.map, 0));
	assert_false(export_map_hit(w.map, UINT64_MAX));
	close_world(&w);
}

static void test_cache(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	struct loader_module *m = loader_find(&w.loader, "user32.dll");
	struct pe_reader reader = pe_reader_bytes(m->bytes, m->size, PE_LAYOUT_MEMORY);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	_cleanup_export_table_ struct export_table *a =
		export_cache_get(w.cache, &pe, "USER32.DLL");
	_cleanup_export_table_ struct export_table *b =
		export_cache_get(w.cache, &pe, "user32.dll");
	assert_ptr_equal(a, b);
	assert_int_equal(export_table_exports(a)->count, 4);
	pe.time_date_stamp++;
	_cleanup_export_table_ struct export_table *c =
		export_cache_get(w.cache, &pe, "user32.dll");
	assert_ptr_not_equal(a, c);
	close_world(&w);
}

static void check_program(bool x64)
{
	struct world w;
	open_world(&w, x64);
	struct loader_module *m = add_program(&w, x64, 0);
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};

	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_string_equal(list(&rebuilt, 0), ALL);
	assert_false(rebuilt.differs);
	assert_int_equal(rebuilt.list_count, 1);
	assert_int_equal(rebuilt.sources[REBUILT_NAMES], 19);
	assert_int_equal(rebuilt.hooked, 0);

	loader_erase(m, false);
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_string_equal(list(&rebuilt, 0), ALL);
	assert_true(rebuilt.differs);
	assert_int_equal(rebuilt.sources[REBUILT_TABLE], 19);

	loader_restore(m);
	loader_erase(m, true);
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_int_equal(declared.status, IMPORTS_NOT_PE);
	assert_string_equal(list(&rebuilt, 0), ALL);

	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
}

static void test_erased(void **state)
{
	(void)state;
	check_program(true);
	check_program(false);
}

static void put(struct world *w, struct loader_module *m, uint64_t rva, uint64_t value)
{
	memcpy(m->bytes + rva, &value, w->map && export_map_pointer_size(w->map) == 4 ? 4 : 8);
}

/* The slot of an import, by the list it was rebuilt to. */
static uint64_t slot_of(const struct rebuilt *rebuilt, const char *name)
{
	for (size_t i = 0; i < rebuilt->count; i++) {
		const char *is = rebuilt_name(rebuilt, &rebuilt->entries[i]);
		if (is && !strcmp(is, name))
			return rebuilt->entries[i].slot;
	}
	fail_msg("no slot of %s", name);
	return 0;
}

static const struct rebuilt_entry *entry_of(const struct rebuilt *rebuilt, uint64_t slot)
{
	for (size_t i = 0; i < rebuilt->count; i++)
		if (rebuilt->entries[i].slot == slot)
			return &rebuilt->entries[i];
	return NULL;
}

/* Writes a jump to `to` into the heap in one of several forms; returns its address. */
static uint64_t trampoline(struct world *w, bool x64, unsigned int form, uint64_t to)
{
	uint32_t at = 0x1000 + form * 64;
	uint8_t *p = w->heap + at;
	uint64_t here = HEAP + at;
	uint32_t low = (uint32_t)to, high = (uint32_t)(to >> 32);
	if (!x64) {
		switch (form % 3) {
		case 0:
			p[0] = 0xe9;
			low -= (uint32_t)here + 5;
			memcpy(p + 1, &low, 4);
			break;
		case 1:
			p[0] = 0x68;
			memcpy(p + 1, &low, 4);
			p[5] = 0xc3;
			break;
		default: /* mov edi, edi; mov eax, imm; jmp eax */
			memcpy(p, "\x8b\xff\xb8", 3);
			memcpy(p + 3, &low, 4);
			memcpy(p + 7, "\xff\xe0", 2);
		}
		return here;
	}
	switch (form % 4) {
	case 0: /* jmp [rip+0] */
		memcpy(p, "\xff\x25\0\0\0\0", 6);
		memcpy(p + 6, &to, 8);
		break;
	case 1: /* mov rax, imm; jmp rax */
		memcpy(p, "\x48\xb8", 2);
		memcpy(p + 2, &to, 8);
		memcpy(p + 10, "\xff\xe0", 2);
		break;
	case 2: /* push imm; mov [rsp+4], imm; ret */
		p[0] = 0x68;
		memcpy(p + 1, &low, 4);
		memcpy(p + 5, "\xc7\x44\x24\x04", 4);
		memcpy(p + 9, &high, 4);
		p[13] = 0xc3;
		break;
	default: /* endbr64; mov r11, imm; jmp r11 */
		memcpy(p, "\xf3\x0f\x1e\xfa\x49\xbb", 6);
		memcpy(p + 6, &to, 8);
		memcpy(p + 14, "\x41\xff\xe3", 3);
	}
	return here;
}

static void check_hooks(bool x64)
{
	struct world w;
	open_world(&w, x64);
	struct loader_module *m = add_program(&w, x64, 0);
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};
	static const char *const hooked[] = {"CloseHandle", "ReadFile", "ShowWindow",
					     "RtlInitUnicodeString"};
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	uint64_t slots[4];
	for (unsigned int i = 0; i < 4; i++) {
		slots[i] = slot_of(&rebuilt, hooked[i]);
		uint64_t to = entry_of(&rebuilt, slots[i])->target;
		put(&w, m, slots[i] - m->base, trampoline(&w, x64, i, to));
	}
	/* one slot leads nowhere known */
	uint64_t lost = slot_of(&rebuilt, "GetLastError");
	put(&w, m, lost - m->base, HEAP + 0x3000);

	/* With names: the name counts, the hook is told. */
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_string_equal(list(&rebuilt, 0), ALL);
	assert_false(rebuilt.differs);
	assert_int_equal(rebuilt.hooked, 5);
	assert_true(entry_of(&rebuilt, lost)->hooked);

	/* Without: trampolines are followed, the lost one leaves a gap. */
	loader_erase(m, true);
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_int_equal(rebuilt.hooked, 4);
	for (unsigned int i = 0; i < 4; i++) {
		const struct rebuilt_entry *e = entry_of(&rebuilt, slots[i]);
		assert_non_null(e);
		assert_true(e->hooked);
		assert_string_equal(rebuilt_name(&rebuilt, e), hooked[i]);
	}
	assert_int_equal(rebuilt.unknown, 1);
	assert_int_equal(rebuilt.lists[0].count, 18);
	assert_int_equal(rebuilt.table_count, 1);
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
}

static void test_hooks(void **state)
{
	(void)state;
	check_hooks(true);
	check_hooks(false);
}

/* Descriptors there, names gone: the address tells the name, the descriptor the DLL. */
static void test_names_gone(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	struct loader_module *m = add_program(&w, true, 0);
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};
	uint32_t nt, at;
	memcpy(&nt, m->bytes + 0x3c, 4);
	memcpy(&at, m->bytes + nt + 24 + 112 + 8, 4);
	/* the first descriptor loses its name table; its DLL stays */
	memset(m->bytes + at, 0, 4);
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_int_equal(declared.status, IMPORTS_PARTIAL);
	assert_string_equal(list(&rebuilt, 0), ALL);
	assert_int_equal(rebuilt.sources[REBUILT_IAT], 11);
	assert_int_equal(rebuilt.sources[REBUILT_NAMES], 8);
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
}

/* Two names lead to one function: the one whose hint/name entry survived is the import's. */
static void test_surviving_name(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	struct loader_module *m = add_program(&w, true, 0);
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};
	loader_erase(m, false);
	const struct pe_exports *ntdll =
		export_table_exports(export_map_dll(w.map, "ntdll.dll")->table);
	uint16_t hint = 0;
	while (!ntdll->items[hint].name || strcmp(ntdll->items[hint].name, "ZwClose") != 0)
		hint++;
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	uint64_t near = slot_of(&rebuilt, "NtClose") + 0x400;
	memcpy(m->bytes + (near - m->base), &hint, 2);
	memcpy(m->bytes + (near - m->base) + 2, "ZwClose", 8);
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_non_null(strstr(list(&rebuilt, 0), "ntdll.zwclose"));
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
}

/* A stub that declares two imports, and the unpacked program's table in .data. */
static void test_packed(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	struct pe_builder *b = pe_builder_new(true, false, NULL);
	pe_builder_import(b, "kernel32.dll", "LoadLibraryA");
	pe_builder_import(b, "kernel32.dll", "GetProcAddress");
	uint32_t table = pe_builder_export_data(b, "body", 0x200);
	add(&w, "packed.exe", b);
	link_world(&w, true);
	struct loader_module *m = loader_find(&w.loader, "packed.exe");
	for (size_t i = 0; i < 10; i++)
		put(&w, m, table + i * 8,
		    loader_export(&w.loader, "kernel32.dll", kernel32_names[i], 0));
	put(&w, m, table + 11 * 8, loader_export(&w.loader, "user32.dll", "MessageBoxA", 0));
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_string_equal(text_string(&declared.string),
			    "kernel32.loadlibrarya,kernel32.getprocaddress");
	assert_true(rebuilt.differs);
	assert_string_equal(
		list(&rebuilt, 0),
		"kernel32.closehandle,kernel32.createfilea,kernel32.createprocessa,"
		"kernel32.exitprocess,kernel32.getlasterror,kernel32.getprocaddress,"
		"kernel32.loadlibrarya,kernel32.readfile,kernel32.virtualalloc,kernel32.writefile,"
		"user32.messageboxa");
	bool stub = false;
	for (size_t i = 0; i < rebuilt.list_count; i++)
		stub |= !strcmp(list(&rebuilt, i), text_string(&declared.string));
	assert_true(stub);
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
}

/* Code in private memory with its API table in another place. */
static void test_blob(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	uint64_t at = HEAP + 0x4010;
	for (size_t i = 0; i < 10; i++) {
		uint64_t value = loader_export(&w.loader, "kernel32.dll", kernel32_names[9 - i], 0);
		memcpy(w.heap + 0x4010 + i * 8, &value, 8);
	}
	/* mov rbx, table; call [rbx+8] */
	memcpy(w.heap + 0x100, "\x48\xbb", 2);
	memcpy(w.heap + 0x102, &at, 8);
	memcpy(w.heap + 0x10a, "\xff\x53\x08", 3);
	struct rebuild_memory memory = memory_of(&w);
	struct rebuilt private = {0};
	rebuild_private(&private, w.map, &memory, HEAP + 0x4000, 0x2000);
	assert_int_equal(private.table_count, 1);
	assert_int_equal(private.tables[0].start, at);
	assert_int_equal(private.tables[0].imports, 10);
	struct rebuilt rebuilt = {0};
	struct rebuild_area area = {.base = HEAP, .size = 0x1000, .others = &private};
	rebuild(&rebuilt, w.map, &memory, &area);
	assert_int_equal(rebuilt.list_count, 1);
	assert_int_equal(rebuilt.lists[0].count, 10);
	assert_true(rebuilt.tables[0].outside);
	assert_memory_equal(list(&rebuilt, 0), "kernel32.writefile,kernel32.virtualalloc,", 41);
	/* a region that does not refer to it has none of it */
	area.base = HEAP + 0x2000;
	rebuild(&rebuilt, w.map, &memory, &area);
	assert_int_equal(rebuilt.list_count, 0);
	rebuilt_free(&rebuilt);
	rebuilt_free(&private);
	close_world(&w);
}

/* Single slots that only code names. */
static void check_called(bool x64)
{
	struct world w;
	open_world(&w, x64);
	link_world(&w, x64);
	static const char *const names[] = {"MessageBoxA", "ShowWindow"};
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t slot = 0x800 + i * 0x80;
		uint64_t value = loader_export(&w.loader, "user32.dll", names[i], 0);
		memcpy(w.heap + slot, &value, x64 ? 8 : 4);
		uint32_t operand = x64 ? slot - (0x100 + i * 6 + 6) : HEAP + slot;
		memcpy(w.heap + 0x100 + i * 6, "\xff\x15", 2);
		memcpy(w.heap + 0x102 + i * 6, &operand, 4);
	}
	struct rebuild_memory memory = memory_of(&w);
	struct rebuilt rebuilt = {0};
	struct rebuild_area area = {.base = HEAP, .size = 0x1000};
	rebuild(&rebuilt, w.map, &memory, &area);
	assert_string_equal(list(&rebuilt, 0), "user32.messageboxa,user32.showwindow");
	assert_int_equal(rebuilt.sources[REBUILT_CALL], 2);
	rebuilt_free(&rebuilt);
	close_world(&w);
}

static void test_called(void **state)
{
	(void)state;
	check_called(true);
	check_called(false);
}

/* Delay-load tables: with the header, and by the thunks of slots not resolved yet. */
static void test_delay(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	struct pe_builder *b = pe_builder_new(true, false, NULL);
	for (size_t i = 0; i < 10; i++)
		pe_builder_import(b, "kernel32.dll", kernel32_names[i]);
	for (size_t i = 0; i < 4; i++)
		pe_builder_delay_import(b, "user32.dll", user32_names[i]);
	add(&w, "program.exe", b);
	link_world(&w, true);
	struct loader_module *m = loader_find(&w.loader, "program.exe");
	uint32_t nt, directory, slots;
	memcpy(&nt, m->bytes + 0x3c, 4);
	memcpy(&directory, m->bytes + nt + 24 + 112 + 13 * 8, 4);
	memcpy(&slots, m->bytes + directory + 12, 4);
	for (uint32_t i = 0; i < 4; i++) /* all four resolved */
		put(&w, m, slots + i * 8,
		    loader_export(&w.loader, "user32.dll", user32_names[i], 0));
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};
	loader_erase(m, false);
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_int_equal(rebuilt.lists[0].count, 10);
	/* Without header: the last one is not resolved, its thunk loads the slot's address. */
	uint32_t thunk = 0x1800, slot = slots + 3 * 8;
	uint32_t operand = slot - (thunk + 7);
	memcpy(m->bytes + thunk, "\x48\x8d\x05", 3);
	memcpy(m->bytes + thunk + 3, &operand, 4);
	put(&w, m, slot, m->base + thunk);
	memset(m->bytes, 0, 4096);
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_int_equal(rebuilt.lists[0].count, 10);
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
}

/* What looks like a table and is none. */
static void test_no_tables(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	struct rebuild_memory memory = memory_of(&w);
	struct rebuilt rebuilt = {0};
	uint64_t one = loader_export(&w.loader, "kernel32.dll", "ReadFile", 0);
	/* one export again and again */
	for (size_t i = 0; i < 32; i++)
		memcpy(w.heap + 0x100 + i * 8, &one, 8);
	/* a stack: pointers into functions, with an export here and there */
	for (size_t i = 0; i < 256; i++) {
		uint64_t value = i % 16 ? one + i % 7 + 1 : one;
		memcpy(w.heap + 0x1000 + i * 8, &value, 8);
	}
	/* a vtable: few of its functions are exports */
	for (size_t i = 0; i < 60; i++) {
		uint64_t value = i % 5 ? HEAP + 0x2000 + i * 16
				       : loader_export(&w.loader, "kernel32.dll",
						       kernel32_names[i / 5 % 10], 0);
		memcpy(w.heap + 0x3000 + i * 8, &value, 8);
	}
	/* numbers between */
	for (size_t i = 0; i < 40; i++) {
		uint64_t value = i % 2 ? i
				       : loader_export(&w.loader, "kernel32.dll",
						       kernel32_names[i / 2 % 10], 0);
		memcpy(w.heap + 0x4000 + i * 8, &value, 8);
	}
	rebuild_private(&rebuilt, w.map, &memory, HEAP, HEAP_SIZE);
	assert_int_equal(rebuilt.table_count, 0);
	struct rebuild_area area = {.base = HEAP, .size = HEAP_SIZE};
	rebuild(&rebuilt, w.map, &memory, &area);
	assert_int_equal(rebuilt.list_count, 0);
	/* a module's pointers to its own exports */
	struct loader_module *m = loader_find(&w.loader, "kernel32.dll");
	for (size_t i = 0; i < 10; i++)
		put(&w, m, m->size - 4096 + i * 8,
		    loader_export(&w.loader, "kernel32.dll", kernel32_names[i], 0));
	struct imports declared = {0};
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_int_equal(rebuilt.table_count, 0);
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
}

/* Pages of the table that are absent cost what lies in them, no more. */
static void test_absent(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	struct loader_module *m = add_program(&w, true, 0);
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};
	w.absent = m->base;
	for (uint64_t page = 0; page < m->size; page += 4096) {
		w.absent = m->base + page;
		rebuild_module(&w, m, &declared, &rebuilt, NULL);
		assert_string_equal(list(&rebuilt, 0), ALL); /* the names are still there */
		assert_int_equal(rebuilt.hooked, 0);
	}
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
}

/* A schema in memory at 0x10000. */
struct schema {
	uint8_t bytes[1024];
	uint32_t used;
};

static bool read_schema(void *context, uint64_t address, void *buffer, size_t size)
{
	const struct schema *s = context;
	if (address < 0x10000 || address - 0x10000 + size > 0x1000000)
		return false;
	for (size_t i = 0; i < size; i++) {
		uint64_t at = address - 0x10000 + i;
		((uint8_t *)buffer)[i] = at < sizeof(s->bytes) ? s->bytes[at] : 0;
	}
	return address - 0x10000 < sizeof(s->bytes);
}

static void put32(struct schema *s, uint32_t at, uint32_t value)
{
	memcpy(s->bytes + at, &value, 4);
}

static uint32_t put_name(struct schema *s, const char *name, uint32_t at)
{
	uint32_t start = s->used;
	for (; *name; name++, s->used += 2)
		s->bytes[s->used] = (uint8_t)*name;
	put32(s, at, start);
	put32(s, at + 4, s->used - start);
	return start;
}

static void check_schema(struct schema *s)
{
	struct api_sets *sets = api_sets_read(read_schema, s, 0x10000);
	assert_non_null(sets);
	assert_int_equal(api_sets_count(sets), 1);
	assert_string_equal(api_set_host(sets, "api-ms-win-odd-thing-l1-1-0.dll", NULL), "odd.dll");
	assert_string_equal(api_set_host(sets, "API-MS-WIN-ODD-THING-L1-1-7", "x.dll"), "odd.dll");
	assert_string_equal(api_set_host(sets, "api-ms-win-odd-thing-l1-1-0.dll", "me.dll"),
			    "mine.dll");
	assert_string_equal(api_set_host(sets, "api-ms-win-core-file-l1-1-0.dll", NULL),
			    "kernelbase.dll");
	assert_null(api_set_host(sets, "kernel32.dll", NULL));
	api_sets_free(sets);
}

static void test_api_sets(void **state)
{
	(void)state;
	struct schema v6 = {.used = 0x100};
	put32(&v6, 0, 6);
	put32(&v6, 4, 0x400);
	put32(&v6, 12, 1);
	put32(&v6, 16, 0x40);
	put_name(&v6, "api-ms-win-odd-thing-l1-1-0", 0x44);
	put32(&v6, 0x50, 0x60);
	put32(&v6, 0x54, 2);
	put_name(&v6, "odd.dll", 0x6c);
	put_name(&v6, "me.dll", 0x78);
	put_name(&v6, "mine.dll", 0x80);
	check_schema(&v6);

	struct schema v4 = {.used = 0x100};
	put32(&v4, 0, 4);
	put32(&v4, 4, 0x400);
	put32(&v4, 12, 1);
	put_name(&v4, "ms-win-odd-thing-l1-1-0", 0x14);
	put32(&v4, 0x24, 0x40);
	put32(&v4, 0x44, 2);
	put_name(&v4, "odd.dll", 0x54);
	put_name(&v4, "me.dll", 0x60);
	put_name(&v4, "mine.dll", 0x68);
	check_schema(&v4);

	struct schema v2 = {.used = 0x100};
	put32(&v2, 0, 2);
	put32(&v2, 4, 1);
	put_name(&v2, "ms-win-odd-thing-l1-1-0", 8);
	put32(&v2, 16, 0x40);
	put32(&v2, 0x40, 2);
	put_name(&v2, "odd.dll", 0x4c);
	put_name(&v2, "me.dll", 0x54);
	put_name(&v2, "mine.dll", 0x5c);
	check_schema(&v2);

	put32(&v2, 0, 5);
	assert_null(api_sets_read(read_schema, &v2, 0x10000));
	assert_null(api_sets_read(read_schema, &v2, 0));
	assert_string_equal(api_set_host(NULL, "api-ms-win-crt-heap-l1-1-0.dll", NULL),
			    "ucrtbase.dll");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),	   cmocka_unit_test(test_cache),
		cmocka_unit_test(test_erased),	   cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_names_gone), cmocka_unit_test(test_surviving_name),
		cmocka_unit_test(test_packed),	   cmocka_unit_test(test_blob),
		cmocka_unit_test(test_called),	   cmocka_unit_test(test_delay),
		cmocka_unit_test(test_no_tables),  cmocka_unit_test(test_absent),
		cmocka_unit_test(test_api_sets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
