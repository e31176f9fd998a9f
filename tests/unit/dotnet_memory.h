/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What tests of .NET assemblies share: memory of which a page is absent, and a small assembly.
 */
#ifndef UNIT_DOTNET_MEMORY_H
#define UNIT_DOTNET_MEMORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <impscan/bytes.h>
#include <impscan/dotnet.h>
#include <writer/assembly.h>

struct memory {
	struct pe_reader reader;
	uint8_t *bytes;
	uint64_t absent; /* number + 1 of a page; 0: none */
};

static inline const uint8_t *memory_at(const struct pe_reader *reader, uint64_t position,
				       size_t *available)
{
	const struct memory *m = reader->context;
	assert_true(position < reader->size);
	if (position / PAGE_SIZE + 1 == m->absent)
		return NULL;
	*available = (size_t)min_of(PAGE_SIZE - position % PAGE_SIZE, reader->size - position);
	return m->bytes + position;
}

static inline const char *memory_why(const struct pe_reader *reader, uint64_t position)
{
	(void)reader;
	(void)position;
	return "paged out";
}

static inline void memory_open(struct memory *m, uint8_t *bytes, size_t size, enum pe_layout layout)
{
	m->bytes = bytes;
	m->absent = 0;
	m->reader = (struct pe_reader){
		.layout = layout,
		.size = size,
		.base = 0x10000,
		.at = memory_at,
		.why = memory_why,
		.context = m,
	};
}

static inline void read_reader(struct dotnet *dotnet, const struct pe_reader *reader)
{
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, reader);
	dotnet_read(dotnet, &pe);
}

static struct assembly_type small_types[] = {
	{"System", "Object"},
	{"System.Threading.Tasks", "TaskFactory"},
	{"System.Threading.Tasks", "Task`1"},
	{"", "Enumerator"},
	{"System", "DateTime"},
	{"System", "DBNull"},
	{"system", "DBNull"},
	{"System", "Object"},
	{"System", "\xc3\xa4"},
};

static inline struct assembly small_assembly(void)
{
	struct assembly assembly = {
		.types = small_types,
		.type_count = array_size(small_types),
		.name = "small",
		.version = {1, 2, 3, 65535},
		.mvid = {0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0x4e, 0x81, 1, 2, 3, 4, 5, 6, 7},
	};
	return assembly;
}

#define SMALL_UNSORTED                                                                    \
	"System.Object,System.Threading.Tasks.TaskFactory,System.Threading.Tasks.Task`1," \
	".Enumerator,System.DateTime,System.DBNull,system.DBNull,System.Object,System.??"
#define SMALL_LINGUISTIC                                                                   \
	"-Enumerator,system-DBNull,System-??,System-DateTime,System-DBNull,System-Object," \
	"System-Object,System.Threading.Tasks-Task`1,System.Threading.Tasks-TaskFactory"
#define SMALL_ORDINAL                                                                      \
	"-Enumerator,System-??,System-DBNull,System-DateTime,System-Object,System-Object," \
	"System.Threading.Tasks-TaskFactory,System.Threading.Tasks-Task`1,system-DBNull"

static inline void assert_small(const struct dotnet *dotnet)
{
	assert_string_equal(dotnet->reason, "");
	assert_string_equal(dotnet_status_name(dotnet->status), "ok");
	assert_int_equal(dotnet->typerefs, array_size(small_types));
	assert_string_equal(text_string(&dotnet->unsorted), SMALL_UNSORTED);
	assert_string_equal(text_string(&dotnet->linguistic), SMALL_LINGUISTIC);
	assert_string_equal(text_string(&dotnet->ordinal), SMALL_ORDINAL);
	assert_string_equal(dotnet->assembly, "small");
	assert_string_equal(dotnet->version, "1.2.3.65535");
}

#endif
