/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process for the tests of rebuilding: generated DLLs, mapped and linked by the tests' loader,
 * and private memory.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <impscan/imports.h>
#include <impscan/rebuild.h>

#include <writer/loader.h>
#include <writer/pe_builder.h>

#define HEAP	  0x500000u
#define HEAP_SIZE 0x8000u

struct world {
	struct loader loader;
	struct export_map *map;
	uint8_t heap[HEAP_SIZE]; /* private memory at HEAP */
	uint64_t absent;	 /* a page that is not present; 0: none */
};

static inline const uint8_t *memory_at(const struct rebuild_memory *memory, uint64_t address,
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

static inline struct rebuild_memory memory_of(struct world *w)
{
	return (struct rebuild_memory){.at = memory_at, .context = w};
}

static inline void add(struct world *w, const char *name, struct pe_builder *b)
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
static inline void add_dlls(struct world *w, bool x64)
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

static inline void import_all(struct pe_builder *b)
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

static inline void link_world(struct world *w, bool x64)
{
	size_t missing;
	loader_resolve(&w->loader, &missing);
	assert_int_equal(missing, 0);
	w->map = export_map_new(x64 ? 8 : 4, NULL);
	for (size_t i = 0; i < w->loader.count; i++) {
		struct loader_module *m = &w->loader.modules[i];
		struct pe_reader reader = pe_reader_bytes(m->bytes, m->size, PE_LAYOUT_MEMORY);
		_cleanup_pe_ struct pe pe;
		pe_open(&pe, &reader);
		_cleanup_export_table_ struct export_table *table = export_table_read(&pe);
		export_map_add(w->map, m->base, m->size, m->name, table);
	}
	export_map_finish(w->map);
}

static inline void open_world(struct world *w, bool x64)
{
	memset(w, 0, sizeof(*w));
	loader_init(&w->loader, x64 ? UINT64_C(0x7ff800000000) : 0x70000000);
	add_dlls(w, x64);
}

static inline struct loader_module *add_program(struct world *w, bool x64, size_t code)
{
	struct pe_builder *b = pe_builder_new(x64, false, NULL);
	import_all(b);
	if (code)
		pe_builder_code(b, code, 7);
	add(w, "program.exe", b);
	link_world(w, x64);
	return loader_find(&w->loader, "program.exe");
}

static inline void close_world(struct world *w)
{
	export_map_free(w->map);
	loader_free(&w->loader);
}

static inline void rebuild_module(struct world *w, struct loader_module *m,
				  struct imports *declared, struct rebuilt *rebuilt,
				  const struct rebuilt *others)
{
	struct pe_reader reader = pe_reader_bytes(m->bytes, m->size, PE_LAYOUT_MEMORY);
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, &reader);
	declared->keep_entries = true;
	imports_declared(declared, &pe);
	struct rebuild_memory memory = memory_of(w);
	rebuild(rebuilt, w->map, &memory,
		&(struct rebuild_area){m->base, m->size, &pe, declared, others, false, false});
}

static inline const char *list(const struct rebuilt *rebuilt, size_t i)
{
	return i < rebuilt->list_count ? text_string(&rebuilt->lists[i].string) : "";
}

static inline void put(struct world *w, struct loader_module *m, uint64_t rva, uint64_t value)
{
	memcpy(m->bytes + rva, &value, w->map && export_map_pointer_size(w->map) == 4 ? 4 : 8);
}

#endif
