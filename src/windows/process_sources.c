/*
 * Processes by the kernel's other books. A rootkit that takes its process out of ActiveProcessLinks
 * (DKOM) seldom cleans these: the memory manager's list, the session's list, the table of PIDs.
 */
#include "windows/process.h"

#include <impscan/address_set.h>
#include <impscan/bytes.h>

#include "windows/limits.h"

/* What following a link counts, looking at a handle, and trying a pointer as that to the table. */
#define LINK_STEPS   3
#define HANDLE_STEPS 2
#define TABLE_STEPS  5

/* Bytes of the largest HANDLE_TABLE_ENTRY. */
#define ENTRY_MAX 16

/* A process worth its name: one that some book of the kernel would hold. */
static bool is_process(const struct windows *windows, struct space *kernel,
		       struct processes *processes, uint64_t eprocess, unsigned int source)
{
	/* EPROCESS lies in pool, on 16 bytes (8 on x86). */
	if (eprocess % windows->pointer_size || !space_canonical(kernel, eprocess))
		return false;
	return processes_add(windows, kernel, processes, eprocess, source);
}

/* Follows one LIST_ENTRY of `member` from one process, until it closes or breaks. */
static void follow_links(const struct windows *windows, struct space *kernel, uint64_t eprocess,
			 enum profile_member member, unsigned int source, struct address_set *seen,
			 struct processes *processes)
{
	uint64_t links = profile_offset(windows->profile, member);
	for (unsigned int direction = 0; direction < 2; direction++) {
		uint64_t link = eprocess + links;
		for (;;) {
			uint64_t next, back;
			unsigned int pointer = windows->pointer_size;
			if (!budget_spend(&processes->budget, LINK_STEPS))
				return;
			if (!space_pointer(kernel, link + direction * pointer, pointer, &next) ||
			    !next)
				break;
			/* Only a neighbour that points back is one; stale links lead anywhere. */
			if (!space_pointer(kernel, next + !direction * pointer, pointer, &back) ||
			    back != link)
				break;
			if (!address_set_add(seen, next))
				break;
			if (seen->count > LIMIT_PROCESSES) {
				processes_note_cut(processes,
						   process_source_names[__builtin_ctz(source)]);
				return;
			}
			link = next;
			/* A list's head is no process; go on behind it. */
			(void)is_process(windows, kernel, processes, link - links, source);
		}
	}
}

static void process_links(const struct windows *windows, struct space *kernel,
			  enum profile_member member, unsigned int source,
			  struct processes *processes)
{
	_cleanup_address_set_ struct address_set seen = {0};
	if (!profile_has(windows->profile, member))
		return;
	/* Those found on the way are begun from as well: a session's list is only its own. */
	for (size_t i = 0; i < processes->count && seen.count <= LIMIT_PROCESSES; i++) {
		uint64_t link =
			processes->items[i].eprocess + profile_offset(windows->profile, member);
		if (!address_set_has(&seen, link))
			follow_links(windows, kernel, processes->items[i].eprocess, member, source,
				     &seen, processes);
	}
}

/* Bytes of a handle table entry; 0 where the profile does not know, or makes no sense. */
static uint32_t entry_size_of(const struct windows *windows)
{
	uint32_t size = profile_has(windows->profile, HANDLE_TABLE_ENTRY_size)
				? profile_offset(windows->profile, HANDLE_TABLE_ENTRY_size)
				: 0;
	return size >= windows->pointer_size && size <= ENTRY_MAX ? size : 0;
}

/* The object of a handle table entry, decoded as the build does. 0: free. */
static uint64_t entry_object(const struct windows *windows, const uint8_t *entry)
{
	const struct profile *profile = windows->profile;
	uint64_t value = le_pointer(entry, windows->pointer_size);
	if (!profile_has(profile, HANDLE_TABLE_ENTRY_ObjectPointerBits))
		return value & ~UINT64_C(7);
	const struct profile_field *field = &profile->field[HANDLE_TABLE_ENTRY_ObjectPointerBits];
	uint64_t bits = profile_bits(profile, HANDLE_TABLE_ENTRY_ObjectPointerBits, value);
	if (!bits)
		return 0;
	if (windows->pointer_size == 4)
		return bits << 3;
	/* The address's upper bits are all ones, being the kernel's. */
	return bits << 4 | ~UINT64_C(0) << (field->bits + 4);
}

/*
 * The lowest table for handle `handle` in a table of up to three levels: HANDLE_TABLE.TableCode's low
 * two bits are the level, a page a table. 0: there is none.
 */
static uint64_t table_leaf(const struct windows *windows, struct space *kernel, uint64_t table_code,
			   uint32_t handle)
{
	unsigned int level = table_code & 3;
	uint64_t table = table_code & ~UINT64_C(7);
	uint32_t entry_size = entry_size_of(windows);
	if (!entry_size)
		return 0;
	uint32_t pointers = (uint32_t)PAGE_SIZE / windows->pointer_size;
	uint32_t index = handle / 4 / ((uint32_t)PAGE_SIZE / entry_size);
	uint64_t slot[3] = {0, index % pointers, index / pointers};
	for (; level > 0; level--)
		if (!space_pointer(kernel, table + slot[level] * windows->pointer_size,
				   windows->pointer_size, &table) ||
		    !table)
			return 0;
	return table;
}

/* The object of a handle in its lowest table. */
static uint64_t leaf_object(const struct windows *windows, struct space *kernel, uint64_t leaf,
			    uint32_t handle)
{
	uint32_t entry_size = entry_size_of(windows);
	uint32_t per_page = (uint32_t)PAGE_SIZE / entry_size;
	uint8_t entry[ENTRY_MAX];
	if (!space_read(kernel, leaf + (uint64_t)(handle / 4 % per_page) * entry_size, entry,
			entry_size))
		return 0;
	return entry_object(windows, entry);
}

static uint64_t table_object(const struct windows *windows, struct space *kernel,
			     uint64_t table_code, uint32_t handle)
{
	uint64_t leaf = table_leaf(windows, kernel, table_code, handle);
	return leaf ? leaf_object(windows, kernel, leaf, handle) : 0;
}

/* Does the HANDLE_TABLE at `table` hold System under its PID? Only PspCidTable does. */
static bool is_cid_table(const struct windows *windows, struct space *kernel, uint64_t table,
			 uint64_t *table_code)
{
	return space_pointer(kernel,
			     table + profile_offset(windows->profile, HANDLE_TABLE_TableCode),
			     windows->pointer_size, table_code) &&
	       (*table_code & 3) <= 2 && *table_code > UINT64_C(0x80000000) &&
	       table_object(windows, kernel, *table_code, 4) == windows->system;
}

/*
 * PspCidTable is a variable of the kernel, neither exported nor at a known place: the pointer in
 * the kernel's image that leads to such a table.
 */
static bool find_cid_table(const struct windows *windows, struct space *kernel,
			   struct budget *budget, uint64_t *table_code)
{
	unsigned int pointer = windows->pointer_size;
	uint64_t kernel_half = pointer == 8 ? UINT64_C(0xffff800000000000) : 0x80000000;
	for (uint64_t rva = 0; rva < windows->kernel_size && budget_spend(budget, 1);
	     rva += PAGE_SIZE) {
		struct page page;
		space_page(kernel, windows->kernel_base + rva, &page);
		if (!page.data || !page.writable)
			continue;
		for (size_t i = 0; i < PAGE_SIZE; i += pointer) {
			uint64_t value = le_pointer(page.data + i, pointer);
			if (value < kernel_half || value % 8 ||
			    value - windows->kernel_base < windows->kernel_size)
				continue;
			if (!budget_spend(budget, TABLE_STEPS))
				return false;
			if (is_cid_table(windows, kernel, value, table_code))
				return true;
		}
	}
	return false;
}

bool process_cid_found(const struct windows *windows, struct space *kernel)
{
	uint64_t table_code;
	struct budget budget = {.limit = windows_work(windows)};
	return entry_size_of(windows) && find_cid_table(windows, kernel, &budget, &table_code);
}

/* Handles up to this are looked at: PIDs are handles of that table, and small numbers. */
#define HANDLE_LAST 0x400000

static void process_cid_table(const struct windows *windows, struct space *kernel,
			      struct processes *processes)
{
	uint64_t table_code;
	/* An inferred profile may not know how handles look. */
	if (!entry_size_of(windows) ||
	    !find_cid_table(windows, kernel, &processes->budget, &table_code))
		return;
	uint32_t per_page = (uint32_t)PAGE_SIZE / entry_size_of(windows);
	uint32_t pointers = (uint32_t)PAGE_SIZE / windows->pointer_size;
	uint64_t last = (table_code & 3) == 0	? (uint64_t)per_page * 4
			: (table_code & 3) == 1 ? (uint64_t)per_page * pointers * 4
						: HANDLE_LAST;
	uint64_t leaf = 0;
	uint32_t leaf_page = UINT32_MAX;
	for (uint32_t handle = 4; handle < last && budget_spend(&processes->budget, HANDLE_STEPS);
	     handle += 4) {
		uint64_t object = 0, pid;
		uint32_t page = handle / 4 / per_page;
		/* Most of the table of tables is empty: one look for each of its entries. */
		if (page != leaf_page) {
			leaf_page = page;
			leaf = table_leaf(windows, kernel, table_code, handle);
		}
		if (!leaf) {
			handle = (page + 1) * per_page * 4 - 4;
			continue;
		}
		object = leaf_object(windows, kernel, leaf, handle);
		/* Threads are in the table too: a process has its handle as its PID. */
		if (!object ||
		    !space_pointer(
			    kernel,
			    object + profile_offset(windows->profile, EPROCESS_UniqueProcessId),
			    windows->pointer_size, &pid) ||
		    pid != handle)
			continue;
		(void)is_process(windows, kernel, processes, object, SOURCE_CID);
	}
}

void process_sources(const struct windows *windows, struct space *kernel,
		     struct processes *processes)
{
	process_links(windows, kernel, EPROCESS_MmProcessLinks, SOURCE_MM, processes);
	process_links(windows, kernel, EPROCESS_SessionProcessLinks, SOURCE_SESSION, processes);
	process_cid_table(windows, kernel, processes);
	if (budget_exceeded(&processes->budget))
		processes_note_cut(processes, "what the kernel's lists and tables lead to");
}
