/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rebuilding import lists: generated DLLs and programs are mapped and linked by the tests' loader,
 * then parts of them are erased, hooked or moved.
 */
#include "world.h"

#include <stdio.h>

#include <impscan/alloc.h>
#include <impscan/text.h>

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

/* A process's view of a DLL: its pages, some of them other ones than the DLL's. */
struct dll_pages {
	struct pe_reader reader;
	const uint8_t *pages[64];
	size_t count;
	struct module_page read[4096];
	size_t read_count;
};

static const uint8_t *dll_page(const struct pe_reader *reader, uint64_t position, size_t *available)
{
	struct dll_pages *dll = (struct dll_pages *)(uintptr_t)reader;
	size_t page = (size_t)(position / PAGE_SIZE), offset = (size_t)(position % PAGE_SIZE);
	if (page >= dll->count || dll->read_count == 4096)
		return NULL;
	const uint8_t *bytes = dll->pages[page];
	dll->read[dll->read_count++] = (struct module_page){page * PAGE_SIZE, bytes};
	*available = PAGE_SIZE - offset;
	return bytes ? bytes + offset : NULL;
}

static struct dll_pages dll_open(const struct loader_module *m)
{
	struct dll_pages dll = {
		.reader = {.layout = PE_LAYOUT_MEMORY, .size = m->size, .at = dll_page},
		.count = m->size / PAGE_SIZE,
	};
	assert_true(dll.count <= 64);
	for (size_t i = 0; i < dll.count; i++)
		dll.pages[i] = m->bytes + i * PAGE_SIZE;
	return dll;
}

/* Asks the cache, or reads and keeps; returns a reference. */
static struct export_table *dll_exports(struct export_cache *cache, struct dll_pages *dll,
					bool *kept)
{
	struct export_table *table = NULL;
	unsigned int pointer_size = 0;
	*kept = export_cache_find(cache, &dll->reader, &pointer_size, &table);
	if (*kept)
		return table;
	dll->read_count = 0;
	_cleanup_pe_ struct pe pe;
	assert_int_equal(pe_open(&pe, &dll->reader), PE_OK);
	table = export_table_read(&pe);
	export_cache_keep(cache, &dll->reader, dll->read, dll->read_count, 8, table);
	return table;
}

static void test_cache(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	link_world(&w, true);
	struct loader_module *m = loader_find(&w.loader, "user32.dll");
	_cleanup_export_cache_ struct export_cache *cache = export_cache_new();
	struct dll_pages dll = dll_open(m);
	bool kept;
	_cleanup_export_table_ struct export_table *a = dll_exports(cache, &dll, &kept);
	assert_false(kept);
	assert_int_equal(export_table_exports(a)->count, 4);
	_cleanup_export_table_ struct export_table *b = dll_exports(cache, &dll, &kept);
	assert_true(kept);
	assert_ptr_equal(a, b);
	/* Copies of its pages are as good; another byte in any page that was read is not. */
	for (size_t i = 0; i < dll.count; i++) {
		uint8_t copy[PAGE_SIZE];
		memcpy(copy, dll.pages[i], sizeof(copy));
		struct dll_pages other = dll;
		other.pages[i] = copy;
		bool read = false;
		for (size_t k = 0; k < dll.read_count; k++)
			read |= dll.read[k].rva == i * PAGE_SIZE;
		if (!read || !i) /* the header's page is known by its place */
			continue;
		_cleanup_export_table_ struct export_table *same =
			dll_exports(cache, &other, &kept);
		assert_true(kept);
		assert_ptr_equal(same, a);
		copy[PAGE_SIZE - 1] ^= 1;
		_cleanup_export_table_ struct export_table *poisoned =
			dll_exports(cache, &other, &kept);
		assert_false(kept);
		assert_ptr_not_equal(poisoned, a);
		/* who has not got the page at all has another table as well */
		other.pages[i] = NULL;
		_cleanup_export_table_ struct export_table *absent =
			dll_exports(cache, &other, &kept);
		assert_false(kept);
		assert_ptr_not_equal(absent, a);
	}
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

/* What a slot holds that is as small as an RVA: that of its name, or an address in low memory? */
static void test_low_hooks(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, false);
	struct pe_builder *b = pe_builder_new(false, false, NULL);
	pe_builder_room(b, 0x10000, 0x30000);
	import_all(b);
	uint32_t body = pe_builder_export_data(b, "body", 0x20000);
	add(&w, "program.exe", b);
	link_world(&w, false);
	struct loader_module *m = loader_find(&w.loader, "program.exe");
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	uint64_t slot = slot_of(&rebuilt, "ReadFile");
	uint32_t name = body + 0x10000;
	memcpy(m->bytes + name + 2, "ReadFile", sizeof("ReadFile"));
	put(&w, m, slot - m->base, name);
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_int_equal(rebuilt.hooked, 0);
	put(&w, m, slot - m->base, body + 0x12000);
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_int_equal(rebuilt.hooked, 1);
	assert_true(entry_of(&rebuilt, slot)->hooked);
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
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

/* A program of those imports, "dll.function", rebuilt without its directory. */
static void check_names(struct world *w, const char *const *imports, size_t count,
			const char *expected)
{
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};
	struct pe_builder *b = pe_builder_new(true, false, NULL);
	for (size_t i = 0; i < count; i++) {
		const char *dot = strchr(imports[i], '.');
		char *dll = alloc_printf("%.*s.dll", (int)(dot - imports[i]), imports[i]);
		pe_builder_import(b, dll, dot + 1);
		free(dll);
	}
	add(w, "program.exe", b);
	link_world(w, true);
	struct loader_module *m = loader_find(&w->loader, "program.exe");
	loader_erase(m, false);
	rebuild_module(w, m, &declared, &rebuilt, NULL);
	assert_string_equal(list(&rebuilt, 0), expected);
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(w);
}

/* One or two names that leave no choice don't show that a table is sorted; three do. */
static void test_too_few_to_be_sorted(void **state)
{
	(void)state;
	static const char *const few[] = {"ntdll.RtlInitUnicodeString", "ntdll.NtClose",
					  "user32.ShowWindow", "user32.FindWindowA"};
	static const char *const two[] = {"ntdll.RtlFreeHeap", "ntdll.RtlInitUnicodeString",
					  "ntdll.NtClose"};
	static const char *const sorted[] = {"ntdll.NtCreateFile", "ntdll.RtlFreeHeap",
					     "ntdll.RtlInitUnicodeString", "ntdll.ZwClose"};
	static const char *const table[] = {
		"ntdll.RtlInitUnicodeString", "ntdll.ZwClose", "user32.FindWindowA",
		"user32.GetMessageA",	      "ws2_32.accept", "ws2_32.bind"};
	struct world w;
	open_world(&w, true);
	check_names(
		&w, few, 4,
		"ntdll.rtlinitunicodestring,ntdll.ntclose,user32.showwindow,user32.findwindowa");
	open_world(&w, true);
	check_names(&w, two, 3, "ntdll.rtlfreeheap,ntdll.rtlinitunicodestring,ntdll.ntclose");
	open_world(&w, true);
	check_names(
		&w, sorted, 4,
		"ntdll.ntcreatefile,ntdll.rtlfreeheap,ntdll.rtlinitunicodestring,ntdll.zwclose");
	open_world(&w, true);
	check_names(&w, table, 6,
		    "ntdll.rtlinitunicodestring,ntdll.zwclose,user32.findwindowa,"
		    "user32.getmessagea,ws2_32.accept,ws2_32.bind");
}

/* One DLL does not show that the DLLs are sorted. */
static void test_one_dll_is_no_order(void **state)
{
	(void)state;
	static const char *const imports[] = {"lib.A", "lib.B", "lib.C", "kernel32.HeapAlloc"};
	struct world w;
	open_world(&w, true);
	struct pe_builder *b = pe_builder_new(true, true, "lib.dll");
	pe_builder_export(b, "A");
	pe_builder_export(b, "B");
	pe_builder_export(b, "C");
	add(&w, "lib.dll", b);
	check_names(&w, imports, 4, "lib.a,lib.b,lib.c,kernel32.heapalloc");
}

/* What compilers and linkers emit, of several names of one function. */
static void test_emitted_names(void **state)
{
	(void)state;
	static const char *const aliases[][4] = {
		{"_crt_atexit", "_o__crt_atexit"},
		{"_time64", "time", "_o__time64"},
		{"__CxxFrameHandler3", "__CxxFrameHandler", "__CxxFrameHandler2"},
		{"_ftime64", "_ftime"},
		{"_strdup", "strdup", "_mbsdup", "_o__strdup"},
		{"__intrinsic_setjmp", "setjmp"},
		{"__iob_func", "__p__iob"},
		{"lstrcpyA", "lstrcpy"},
		{"StackWalk64", "StackWalk"},
		{"NtWriteFile", "ZwWriteFile"},
		{"_stricmp", "_strcmpi"},
	};
	enum { COUNT = sizeof(aliases) / sizeof(aliases[0]) };
	struct world w;
	open_world(&w, true);
	struct pe_builder *b = pe_builder_new(true, true, "crt.dll");
	const char *imports[COUNT + 1] = {"crt.malloc"};
	struct text expected = {0};
	text_add_string(&expected, "crt.malloc");
	pe_builder_export(b, "malloc");
	for (size_t i = 0; i < COUNT; i++) {
		uint32_t at = pe_builder_export(b, aliases[i][0]);
		for (size_t k = 1; k < 4 && aliases[i][k]; k++)
			pe_builder_export_at(b, aliases[i][k], at);
		imports[i + 1] = alloc_printf("crt.%s", aliases[i][0]);
		size_t length = expected.length;
		text_add_format(&expected, ",%s", imports[i + 1]);
		for (char *c = expected.data + length; *c; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	}
	add(&w, "crt.dll", b);
	check_names(&w, imports, COUNT + 1, text_string(&expected));
	for (size_t i = 0; i < COUNT; i++)
		free((char *)imports[i + 1]);
	text_free(&expected);
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

/*
 * Tables of four DLLs, which may have had more orders than there is room for: the stub's own list,
 * which would come behind them, has none.
 */
static void test_more_lists_than_room(void **state)
{
	(void)state;
	struct world w;
	open_world(&w, true);
	struct pe_builder *b = pe_builder_new(true, false, NULL);
	pe_builder_import(b, "kernel32.dll", "LoadLibraryA");
	uint32_t table = pe_builder_export_data(b, "body", 0x200);
	add(&w, "packed.exe", b);
	link_world(&w, true);
	struct loader_module *m = loader_find(&w.loader, "packed.exe");
	put(&w, m, table, loader_export(&w.loader, "user32.dll", "MessageBoxA", 0));
	put(&w, m, table + 2 * 8, loader_export(&w.loader, "ntdll.dll", "NtClose", 0));
	put(&w, m, table + 4 * 8, loader_export(&w.loader, "ws2_32.dll", NULL, 3));
	for (size_t i = 0; i < 8; i++)
		put(&w, m, table + (6 + i) * 8,
		    loader_export(&w.loader, "kernel32.dll", kernel32_names[i], 0));
	uint32_t nt; /* linked by Visual Studio, which may have had any order */
	memcpy(&nt, m->bytes + 0x3c, 4);
	assert_true(nt >= 0x48);
	memcpy(m->bytes + 0x40, "Rich", 4);
	m->bytes[nt + 26] = 14;
	struct imports declared = {0};
	struct rebuilt rebuilt = {0};
	rebuild_module(&w, m, &declared, &rebuilt, NULL);
	assert_true(rebuilt.differs);
	assert_int_equal(rebuilt.list_count, REBUILT_LISTS_MAX);
	for (size_t i = 0; i < rebuilt.list_count; i++)
		assert_int_equal(rebuilt.lists[i].count, 11);
	rebuilt_free(&rebuilt);
	imports_free(&declared);
	close_world(&w);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_erased),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_names_gone),
		cmocka_unit_test(test_surviving_name),
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_more_lists_than_room),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_too_few_to_be_sorted),
		cmocka_unit_test(test_one_dll_is_no_order),
		cmocka_unit_test(test_emitted_names),
		cmocka_unit_test(test_low_hooks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
