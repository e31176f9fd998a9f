/* SPDX-License-Identifier: GPL-3.0-or-later */
/* golang: tables of functions of all versions, in files and in memory, damaged and hidden. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/bytes.h>
#include <impscan/golang.h>
#include <writer/go_program.h>

#define ABSENT_PAGES 64

static const char *const names[] = {
	"go.buildid",
	"internal/cpu.Initialize",
	"runtime.main",
	"sync.(*Mutex).Lock",
	"errors.New",
	"fmt.Fprintf",
	"fmt.(*pp).Write",
	"timeline/x.Y",
	"vendor/golang.org/x/net/http2.Dial",
	"example.org/internal/key.Get",
	"example.org/bot.Connect",
	"example.org/bot.(*Client).Send",
	"example.org/bot.(*Client).send",
	"example.org/bot.(*client).Send",
	"example.org/bot.Connect",
	"main.main",
	"type..eq.main.T",
};
/* What gimphash takes of them, by its README. */
static const char kept[] = "errors.Newfmt.Fprintfgolang.org/x/net/http2.Dialexample.org/bot.Connect"
			   "example.org/bot.(*Client).Sendexample.org/bot.Connect";
/* sha256sum of that. */
static const char hash_of_kept[] =
	"8da085daa0584fd867ae919a5aac1178000756bd6d136973ddcea47158e9ec17";

/* What gimpfuzzy takes of them. */
static const char own[] = "x.Y,key.Get,bot.Connect,bot.(*Client).Send,bot.(*Client).send,"
			  "bot.(*client).Send,bot.Connect";

static const enum go_version versions[] = {GO_1_2, GO_1_16, GO_1_18, GO_1_20};

/* A written program, as a file or in memory. */
struct program {
	struct go_program_file file;
	struct pe_reader reader;
	struct pe pe;
	struct golang golang;
	bool absent[ABSENT_PAGES];
};

static const uint8_t *program_at(const struct pe_reader *reader, uint64_t position,
				 size_t *available)
{
	const struct program *p = reader->context;
	if (position / 4096 < ABSENT_PAGES && p->absent[position / 4096])
		return NULL;
	*available = (size_t)min_of(4096 - position % 4096, reader->size - position);
	return p->file.data + position;
}

static const char *program_why(const struct pe_reader *reader, uint64_t position)
{
	(void)reader;
	(void)position;
	return "page file 0 not given";
}

static struct go_plan plan_of(enum go_version version, bool plus)
{
	return (struct go_plan){
		.version = version,
		.plus = plus,
		.base = plus ? 0x7ff654320000 : 0x400000,
		.names = names,
		.count = array_size(names),
		.build_info = version < GO_1_18 ? GO_BUILD_INFO_POINTERS : GO_BUILD_INFO_INLINE,
		.go_version = "go1.19.8",
		.lines = "path\texample.org/bot/cmd\nmod\texample.org/bot\t(devel)\t\n",
	};
}

static void program_write(struct program *p, const struct go_plan *plan)
{
	memset(p, 0, sizeof(*p));
	go_program_write(plan, &p->file);
}

/* Reads it as it is now. `plus` is used where there are no headers. */
static void program_read(struct program *p, enum pe_layout layout, bool headers, bool plus,
			 struct budget *budget)
{
	p->reader = (struct pe_reader){
		.layout = layout,
		.size = p->file.size,
		.base = layout == PE_LAYOUT_MEMORY ? (plus ? 0x7ff654320000 : 0x400000) : 0,
		.at = program_at,
		.why = program_why,
		.context = p,
	};
	pe_close(&p->pe);
	if (headers)
		assert_int_equal(pe_open(&p->pe, &p->reader), PE_OK);
	else
		pe_assume(&p->pe, &p->reader, plus, (uint32_t)p->file.size);
	golang_read(&p->golang, &p->pe, budget);
}

static void program_free(struct program *p)
{
	golang_free(&p->golang);
	pe_close(&p->pe);
	free(p->file.data);
}
#define _cleanup_program_ __attribute__((cleanup(program_free)))

static void assert_read(const struct program *p, enum golang_found found)
{
	const struct golang *g = &p->golang;
	assert_string_equal(g->reason, "");
	assert_int_equal(g->status, GOLANG_OK);
	assert_int_equal(g->found, found);
	assert_int_equal(g->table_rva, p->file.table);
	assert_int_equal(g->functions, array_size(names));
	assert_int_equal(g->kept, 6);
	assert_string_equal(text_string(&g->names), kept);
	assert_string_equal(g->gimphash, hash_of_kept);
	assert_int_equal(g->own, 7);
	assert_string_equal(text_string(&g->own_names), own);
	char fuzzy[IMPFUZZY_SIZE];
	hash_fuzzy(fuzzy, &g->own_names);
	assert_string_equal(g->gimpfuzzy, fuzzy);
	assert_false(g->garbled);
}

static void assert_built(const struct program *p)
{
	assert_string_equal(text_string(&p->golang.version), "go1.19.8");
	assert_string_equal(text_string(&p->golang.module), "example.org/bot");
}

static enum golang_table form_of(enum go_version version)
{
	return version == GO_1_2    ? GOLANG_TABLE_1_2
	       : version == GO_1_16 ? GOLANG_TABLE_1_16
	       : version == GO_1_18 ? GOLANG_TABLE_1_18
				    : GOLANG_TABLE_1_20;
}

/* Calls a function for each version and size of pointers. */
static void for_all(void (*check)(struct program *p, struct go_plan *plan))
{
	for (size_t i = 0; i < 2 * array_size(versions); i++) {
		struct program p;
		struct go_plan plan = plan_of(versions[i / 2], i % 2);
		check(&p, &plan);
		program_free(&p);
	}
}

static void check_good(struct program *p, struct go_plan *plan)
{
	program_write(p, plan);
	for (int i = 0; i < 3; i++) { /* a file, in memory, there without headers */
		program_read(p, i ? PE_LAYOUT_MEMORY : PE_LAYOUT_FILE, i < 2, plan->plus, NULL);
		assert_read(p, GOLANG_BY_HEADER);
		assert_built(p);
		assert_int_equal(p->golang.table, form_of(plan->version));
	}
}

static void tables_of_all_versions(void **state)
{
	(void)state;
	for_all(check_good);
}

static void check_places(struct program *p, struct go_plan *plan)
{
	for (plan->place = GO_IN_TEXT; plan->place <= GO_IN_DATA; plan->place++) {
		if (plan->place != GO_IN_TEXT)
			program_free(p);
		program_write(p, plan);
		program_read(p, PE_LAYOUT_MEMORY, true, plan->plus, NULL);
		assert_read(p, GOLANG_BY_HEADER);
		assert_built(p);
	}
}

static void tables_in_other_sections(void **state)
{
	(void)state;
	for_all(check_places);
}

static void check_magic(struct program *p, struct go_plan *plan)
{
	plan->no_moduledata = true;
	program_write(p, plan);
	memcpy(p->file.data + p->file.table, "\x12\x34\x56\x78", 4);
	for (int i = 0; i < 3; i++) {
		program_read(p, i ? PE_LAYOUT_MEMORY : PE_LAYOUT_FILE, i < 2, plan->plus, NULL);
		assert_read(p, GOLANG_BY_STRUCTURE);
	}
	assert_int_equal(p->golang.table,
			 plan->version == GO_1_20 ? GOLANG_TABLE_1_18 : form_of(plan->version));
}

static void a_changed_magic(void **state)
{
	(void)state;
	for_all(check_magic);
}

static void check_wiped(struct program *p, struct go_plan *plan)
{
	program_write(p, plan);
	memset(p->file.data + p->file.table, 0, p->file.header_size);
	for (int i = 0; i < 3; i++) {
		program_read(p, i ? PE_LAYOUT_MEMORY : PE_LAYOUT_FILE, i < 2, plan->plus, NULL);
		assert_read(p, GOLANG_BY_MODULEDATA);
		assert_built(p);
	}
}

static void a_wiped_header(void **state)
{
	(void)state;
	for_all(check_wiped);
}

#define MANY 400

/* Names of so many functions that the table takes some pages. */
static char many_names[MANY][64];
static const char *many[MANY];

static void make_many(void)
{
	for (unsigned int i = 0; i < MANY; i++) {
		snprintf(many_names[i], sizeof(many_names[i]), "example.org/package%u.Function%u",
			 i / 10, i);
		many[i] = many_names[i];
	}
}

/* Whatever page is absent: all is as it was, or the reason names that page. */
static void check_absent(struct program *p, struct go_plan *plan)
{
	make_many();
	plan->names = many;
	plan->count = MANY;
	if (plan->plus) /* then moduledata alone says that it is Go where the header is absent */
		plan->build_info = GO_BUILD_INFO_NONE;
	program_write(p, plan);
	program_read(p, PE_LAYOUT_MEMORY, true, plan->plus, NULL);
	char hash[SHA256_SIZE];
	memcpy(hash, p->golang.gimphash, sizeof(hash));
	size_t pages = p->file.size / 4096, needed = 0;
	assert_true(pages <= ABSENT_PAGES);
	for (size_t page = 1; page < pages; page++) {
		p->absent[page] = true;
		program_read(p, PE_LAYOUT_MEMORY, true, plan->plus, NULL);
		p->absent[page] = false;
		unsigned long long place = 0;
		const char *at = strstr(p->golang.reason, " at 0x");
		if (p->golang.status == GOLANG_OK) {
			assert_string_equal(p->golang.gimphash, hash);
			assert_int_equal(p->golang.functions, MANY);
			continue;
		}
		needed++;
		if (p->golang.status != GOLANG_ABSENT)
			fail_msg("page %zu of version %d: %s", page, plan->version,
				 p->golang.reason);
		assert_string_equal(p->golang.gimphash, "");
		assert_string_equal(p->golang.gimpfuzzy, "");
		assert_non_null(at);
		assert_int_equal(sscanf(at, " at 0x%llx", &place), 1);
		assert_int_equal(place / 4096, page);
		assert_non_null(strstr(p->golang.reason, "not present: page file 0 not given"));
	}
	assert_true(needed >= (p->file.data_section - p->file.rdata) / 4096);
}

static void absent_pages(void **state)
{
	(void)state;
	for_all(check_absent);
}

/* A record that lies elsewhere, a name that does, a name without an end: no hash. */
static void check_damaged(struct program *p, struct go_plan *plan)
{
	unsigned int word = plan->version >= GO_1_18 || !plan->plus ? 4 : 8;
	program_write(p, plan);
	uint8_t *entry = p->file.data + p->file.entries + 2 * 10 * word + word;
	uint8_t *name = p->file.data + p->file.records + le_pointer(entry, word) + word;
	uint8_t *places[] = {entry, name};
	for (size_t i = 0; i < array_size(places); i++) {
		uint8_t before[4];
		memcpy(before, places[i], sizeof(before));
		memset(places[i], 0x7f, sizeof(before));
		program_read(p, PE_LAYOUT_MEMORY, true, plan->plus, NULL);
		assert_int_equal(p->golang.status, GOLANG_DAMAGED);
		assert_int_equal(p->golang.functions, array_size(names));
		assert_string_equal(p->golang.gimphash, "");
		assert_string_equal(p->golang.gimpfuzzy, "");
		assert_non_null(strstr(p->golang.reason, "table of functions leads out of itself"));
		memcpy(places[i], before, sizeof(before));
	}
	program_read(p, PE_LAYOUT_MEMORY, true, plan->plus, NULL);
	assert_read(p, GOLANG_BY_HEADER);
}

static void damaged_tables(void **state)
{
	(void)state;
	for_all(check_damaged);
}

/* Names of any length are taken as they are, up to one that is none. */
static void long_names(void **state)
{
	static char name[6000];
	(void)state;
	static const struct {
		size_t length;
		enum golang_status status;
	} cases[] = {{511, GOLANG_OK},	    {512, GOLANG_OK},  {513, GOLANG_OK},
		     {1024, GOLANG_OK},	    {4095, GOLANG_OK}, {4096, GOLANG_DAMAGED},
		     {5999, GOLANG_DAMAGED}};
	for (size_t i = 0; i < array_size(cases); i++) {
		_cleanup_program_ struct program p;
		struct go_plan plan = plan_of(GO_1_18, true);
		memset(name, 'X', cases[i].length);
		memcpy(name, "main.", 5);
		name[cases[i].length] = '\0';
		plan.names = (const char *[]){"errors.New", name};
		plan.count = 2;
		program_write(&p, &plan);
		program_read(&p, PE_LAYOUT_MEMORY, true, true, NULL);
		assert_int_equal(p.golang.status, cases[i].status);
		if (cases[i].status == GOLANG_OK) {
			assert_int_equal(p.golang.names.length, 10 + cases[i].length);
			assert_string_equal(text_string(&p.golang.names) + 10, name);
		}
	}
}

/*
 * Writes a program that carries another one, by another version of Go, in its data; that is linked
 * for `inner_base`, or for the same address where that is 0.
 */
static void write_carrier(struct program *p, struct go_plan *plan, uint64_t inner_base)
{
	static const char *const other[] = {"errors.New", "other.Function"};
	struct go_program_file inner;
	struct go_plan inner_plan =
		plan_of(plan->version == GO_1_20 ? GO_1_18 : GO_1_20, plan->plus);
	inner_plan.names = other;
	if (inner_base)
		inner_plan.base = inner_base;
	inner_plan.count = array_size(other);
	go_program_write(&inner_plan, &inner);
	plan->carried = inner.data;
	plan->carried_size = inner.size;
	program_write(p, plan);
	free(inner.data);
}

/* The program's own table counts: by its moduledata, or else as the last one. */
static void check_carrier(struct program *p, struct go_plan *plan)
{
	write_carrier(p, plan, 0);
	uint8_t *header = p->file.data + p->file.table;
	program_read(p, PE_LAYOUT_FILE, true, plan->plus, NULL);
	assert_read(p, GOLANG_BY_HEADER);
	header[0] ^= 0x55;
	program_read(p, PE_LAYOUT_FILE, true, plan->plus, NULL);
	assert_read(p, GOLANG_BY_STRUCTURE);
	memset(header, 0, p->file.header_size);
	program_read(p, PE_LAYOUT_FILE, true, plan->plus, NULL);
	assert_read(p, GOLANG_BY_MODULEDATA);
	program_free(p);
	plan->no_moduledata = true;
	write_carrier(p, plan, 0);
	program_read(p, PE_LAYOUT_FILE, true, plan->plus, NULL);
	assert_read(p, GOLANG_BY_HEADER);
	p->file.data[p->file.table] ^= 0x55;
	program_read(p, PE_LAYOUT_FILE, true, plan->plus, NULL);
	assert_read(p, GOLANG_BY_STRUCTURE);
}

static void programs_that_carry_others(void **state)
{
	(void)state;
	for_all(check_carrier);
}

/* What is absent may be the program's own table: then that of another program is not taken. */
static void check_absent_carrier(struct program *p, struct go_plan *plan)
{
	plan->no_moduledata = true;
	plan->build_info = GO_BUILD_INFO_NONE;
	write_carrier(p, plan, 0x10000000);
	program_read(p, PE_LAYOUT_MEMORY, true, plan->plus, NULL);
	assert_read(p, GOLANG_BY_HEADER);
	p->absent[p->file.table / 4096] = true;
	program_read(p, PE_LAYOUT_MEMORY, true, plan->plus, NULL);
	assert_int_equal(p->golang.status, GOLANG_ABSENT);
	assert_non_null(strstr(p->golang.reason, "table of functions not found"));
	assert_string_equal(p->golang.gimphash, "");
}

static void absent_tables_of_carriers(void **state)
{
	(void)state;
	for_all(check_absent_carrier);
}

/* Whatever the budget: all is right, or it is told that it has ended. */
static void budgets(void **state)
{
	(void)state;
	_cleanup_program_ struct program p;
	struct go_plan plan = plan_of(GO_1_18, true);
	program_write(&p, &plan);
	struct budget budget = {.limit = UINT64_MAX};
	program_read(&p, PE_LAYOUT_MEMORY, true, true, &budget);
	assert_read(&p, GOLANG_BY_HEADER);
	assert_true(budget.spent > array_size(names));
	size_t stopped = 0;
	for (uint64_t limit = 0; limit <= budget.spent; limit++) {
		struct budget less = {.limit = limit};
		program_read(&p, PE_LAYOUT_MEMORY, true, true, &less);
		if (p.golang.status == GOLANG_OK) {
			assert_read(&p, GOLANG_BY_HEADER);
			continue;
		}
		stopped++;
		assert_int_equal(p.golang.status, GOLANG_STOPPED);
		assert_string_equal(p.golang.gimphash, "");
		assert_non_null(strstr(p.golang.reason, "the budget has ended"));
	}
	assert_true(stopped > array_size(names));
}

/* A page of equal pointers, as tables of handlers are, costs what another page does. */
static void check_pointers(struct program *p, struct go_plan *plan)
{
	plan->build_info = GO_BUILD_INFO_NONE;
	plan->no_moduledata = true;
	program_write(p, plan);
	memset(p->file.data + p->file.table, 0, p->file.header_size);
	struct budget zeros = {.limit = UINT64_MAX}, pointers = {.limit = UINT64_MAX};
	program_read(p, PE_LAYOUT_FILE, true, plan->plus, &zeros);
	uint64_t pointer = htole64(plan->base + p->file.text);
	size_t size = plan->plus ? 8 : 4;
	for (size_t i = p->file.data_section; i + size <= p->file.size; i += size)
		memcpy(p->file.data + i, &pointer, size);
	program_read(p, PE_LAYOUT_FILE, true, plan->plus, &pointers);
	assert_int_equal(p->golang.status, GOLANG_NONE);
	assert_int_equal(pointers.spent, zeros.spent);
}

static void pages_of_pointers(void **state)
{
	(void)state;
	for_all(check_pointers);
}

/* What is no program by Go has no reason either, whatever is absent of it. */
static void other_programs(void **state)
{
	(void)state;
	for (int plus = 0; plus < 2; plus++) {
		_cleanup_program_ struct program p;
		struct go_plan plan = plan_of(GO_1_18, plus);
		plan.build_info = GO_BUILD_INFO_NONE;
		plan.no_moduledata = true;
		program_write(&p, &plan);
		memset(p.file.data + p.file.table, 0, p.file.header_size);
		for (size_t absent = 0; absent < p.file.size / 4096; absent++) {
			p.absent[absent] = absent != 0;
			program_read(&p, PE_LAYOUT_MEMORY, true, plus, NULL);
			p.absent[absent] = false;
			assert_int_equal(p.golang.status, GOLANG_NONE);
			assert_string_equal(p.golang.reason, "");
			assert_int_equal(p.golang.functions, 0);
		}
	}
}

/* Build information without a table is told. */
static void build_information_alone(void **state)
{
	(void)state;
	_cleanup_program_ struct program p;
	struct go_plan plan = plan_of(GO_1_18, true);
	plan.no_moduledata = true;
	program_write(&p, &plan);
	memset(p.file.data + p.file.table, 0, p.file.header_size);
	program_read(&p, PE_LAYOUT_MEMORY, true, true, NULL);
	assert_int_equal(p.golang.status, GOLANG_DAMAGED);
	assert_string_equal(p.golang.reason, "build information of Go, but no table of functions");
	assert_built(&p);
}

/* Its linker's sections say what it is, too; what is absent may be the table. */
static void sections_alone(void **state)
{
	(void)state;
	_cleanup_program_ struct program p;
	struct go_plan plan = plan_of(GO_1_18, true);
	plan.no_moduledata = true;
	plan.linked = true;
	plan.build_info = GO_BUILD_INFO_NONE;
	program_write(&p, &plan);
	memset(p.file.data + p.file.table, 0, p.file.header_size);
	program_read(&p, PE_LAYOUT_MEMORY, true, true, NULL);
	assert_int_equal(p.golang.status, GOLANG_DAMAGED);
	assert_string_equal(p.golang.reason,
			    "sections as Go's linker makes them, but no table of functions");
	p.absent[p.file.table / 4096] = true;
	program_read(&p, PE_LAYOUT_MEMORY, true, true, NULL);
	assert_int_equal(p.golang.status, GOLANG_ABSENT);
	assert_non_null(strstr(p.golang.reason, "table of functions not found; what was searched"));
}

/* Names that garble writes; the runtime's may be there. */
static void garbled_names(void **state)
{
	static const struct {
		const char *names[4];
		bool garbled;
	} cases[] = {
		{{"runtime.main", "main.main", "internal/cpu.Initialize", "gogo"}, false},
		{{"runtime.main", "main.main", "go:buildid", "example.org/a.F"}, true},
		{{"vNl2yZ.(*Xq).Lk", "Ab1.init", "Ab1.Cd", "main.main"}, true},
		{{"vNl2yZ.(*Xq).Lk", "Ab1.init", "errors.New", "main.main"}, false},
		{{"encoding/json.Marshal", "a.B", "c.D", "main.main"}, false},
	};
	(void)state;
	for (size_t i = 0; i < array_size(cases); i++) {
		_cleanup_program_ struct program p;
		struct go_plan plan = plan_of(GO_1_20, false);
		plan.names = cases[i].names;
		plan.count = array_size(cases[i].names);
		program_write(&p, &plan);
		program_read(&p, PE_LAYOUT_FILE, true, false, NULL);
		assert_int_equal(p.golang.status, GOLANG_OK);
		assert_int_equal(p.golang.garbled, cases[i].garbled);
	}
}

/* A program whose functions are all of the standard library and main.main has no gimpfuzzy. */
/* What is seen before anything is searched. */
static void likely_programs(void **state)
{
	(void)state;
	const struct {
		const char *list;
		bool likely;
	} lists[] = {
		{"kernel32.writefile,kernel32.setwaitabletimer,kernel32.setprocesspriorityboost",
		 true},
		{"kernel32.writefile,kernel32.setwaitabletimer", false},
		{"kernelbase.setwaitabletimer,kernelbase.setprocesspriorityboost", false},
		{"mscoree._corexemain", false},
		{"", false},
	};
	for (size_t i = 0; i < array_size(lists); i++) {
		_cleanup_text_ struct text list = {0};
		text_add_string(&list, lists[i].list);
		assert_int_equal(golang_likely_by_imports(&list), lists[i].likely);
	}
	for (int linked = 0; linked < 2; linked++) {
		_cleanup_program_ struct program p;
		struct go_plan plan = plan_of(GO_1_18, true);
		plan.linked = linked;
		program_write(&p, &plan);
		program_read(&p, PE_LAYOUT_FILE, true, true, NULL);
		assert_int_equal(golang_likely_by_sections(&p.pe), linked);
	}
}

static void no_own_names(void **state)
{
	static const char *const common[] = {"go.buildid",
					     "gogo",
					     "runtime.main",
					     "main.main",
					     "main.init",
					     "main.init.0",
					     "errors.New",
					     "net/http.Get",
					     "vendor/golang.org/x/a.B",
					     "type..eq.a.B",
					     "__x86.get_pc_thunk.ax"};
	(void)state;
	_cleanup_program_ struct program p;
	struct go_plan plan = plan_of(GO_1_16, false);
	plan.names = common;
	plan.count = array_size(common);
	program_write(&p, &plan);
	program_read(&p, PE_LAYOUT_FILE, true, false, NULL);
	assert_int_equal(p.golang.status, GOLANG_OK);
	assert_true(p.golang.gimphash[0]);
	assert_int_equal(p.golang.own, 0);
	assert_string_equal(p.golang.gimpfuzzy, "");
	assert_false(p.golang.garbled);
}

/* The README's rules, and letters as the program in Go takes them. */
static void names_that_gimphash_takes(void **state)
{
	static const struct {
		const char *name, *kept;
	} cases[] = {
		{"errors.New", "errors.New"},
		{"go.buildid", NULL},
		{"go:buildid", NULL},
		{"go/ast.Walk", "go/ast.Walk"},
		{"type..eq.X", NULL},
		{"type:.eq.X", NULL},
		{"typewriter/x.Y", NULL},
		{"runtime.GC", NULL},
		{"timeline/x.Y", NULL},
		{"vendor/golang.org/x/net/idna.ToASCII", "golang.org/x/net/idna.ToASCII"},
		{"a/vendor/b/vendor/c.D", "c.D"},
		{"a/vendor/runtime.GC", NULL},
		{"a/internal/b.C", NULL},
		{"internal/cpu.Initialize", NULL},
		{"a/internal.C", "a/internal.C"},
		{"main.main", NULL},
		{"main.(*T).Method", "main.(*T).Method"},
		{"main.(*T).method", NULL},
		{"main.(*t).Method", NULL},
		{"main.T.Method.func1", "main.T.Method.func1"},
		{"main.Function.func1", NULL},
		{"github.com/a/b.C", "github.com/a/b.C"},
		{"github.com/a/b.c", NULL},
		{"gogo", NULL},
		{"", ""},
		{"X", "X"},
		{"main._T", "main._T"},
		{"main._t", NULL},
		{"main.9a", "main.9a"},
		{"main.\303\204rger", "main.\303\204rger"},
		{"main.\303\244rger", NULL},
		{"main.\342\205\240a", "main.\342\205\240a"}, /* a Roman numeral: a number (Nl) */
		{"main.\345\255\227a", NULL}, /* a letter without case is passed over */
		{"main.\307\205a", NULL},     /* as is one in title case */
		{"main.\377a", NULL},	      /* and what is not UTF-8 */
		{"main.\377A", "main.\377A"},
		{"main.\360\235\220\232A", NULL}, /* a mathematical a: in lower case */
	};
	(void)state;
	for (size_t i = 0; i < array_size(cases); i++) {
		const char *taken;
		if (!golang_keeps(cases[i].name, &taken))
			taken = NULL;
		if (!taken != !cases[i].kept || (taken && strcmp(taken, cases[i].kept) != 0))
			fail_msg("%s: %s", cases[i].name, taken ? taken : "left out");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_of_all_versions),
		cmocka_unit_test(tables_in_other_sections),
		cmocka_unit_test(a_changed_magic),
		cmocka_unit_test(a_wiped_header),
		cmocka_unit_test(absent_pages),
		cmocka_unit_test(damaged_tables),
		cmocka_unit_test(long_names),
		cmocka_unit_test(programs_that_carry_others),
		cmocka_unit_test(absent_tables_of_carriers),
		cmocka_unit_test(budgets),
		cmocka_unit_test(pages_of_pointers),
		cmocka_unit_test(other_programs),
		cmocka_unit_test(build_information_alone),
		cmocka_unit_test(sections_alone),
		cmocka_unit_test(garbled_names),
		cmocka_unit_test(likely_programs),
		cmocka_unit_test(no_own_names),
		cmocka_unit_test(names_that_gimphash_takes),
	};
	return cmocka_run_group_tests_name("golang", tests, NULL, NULL);
}
