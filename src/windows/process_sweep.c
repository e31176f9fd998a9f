/*
 * Processes by a sweep of physical memory: finds an EPROCESS that no list leads to any more, with
 * or without its pool header.
 *
 * An EPROCESS begins with a DISPATCHER_HEADER: Type is ProcessObject (3), and behind SignalState
 * lies WaitListHead, which points to itself unless somebody waits for the process: then its
 * neighbour points back. Either way the list gives the EPROCESS's virtual address, whose last 12
 * bits are those of the physical one; and at that address the same page must be mapped.
 */
#include "windows/process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>

#include "windows/limits.h"

#define PROCESS_OBJECT 3

/* Of one page so many places are tried. Real pages hold two processes. */
#define TRIED_MAX 128

/* What is counted around known processes: a page, and a place in it that is tried. */
#define PAGE_STEPS  2
#define PLACE_STEPS 2

/* DISPATCHER_HEADER.WaitListHead. */
#define WAIT_LIST_HEAD 8

/* What a thread takes at once. */
#define SWEEP_CHUNK (UINT64_C(16) << 20)

struct sweep {
	const struct windows *windows;
	pthread_mutex_t lock;
	uint64_t next; /* where the next chunk begins, or before it */
	/* Virtual addresses: of more than LIMIT_PROCESSES the lowest, whoever found them first. */
	uint64_t *found;
	size_t count;
	size_t capacity;
	bool too_many;
	atomic_bool cut; /* a page had too many places that might be processes */
};

static int compare_addresses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Sorts what was found, each once, and drops what is too many. */
static void sort_found(struct sweep *sweep)
{
	size_t count = 0;
	if (sweep->count)
		qsort(sweep->found, sweep->count, sizeof(*sweep->found), compare_addresses);
	for (size_t i = 0; i < sweep->count; i++)
		if (!count || sweep->found[i] != sweep->found[count - 1])
			sweep->found[count++] = sweep->found[i];
	sweep->too_many |= count > LIMIT_PROCESSES;
	sweep->count = min_of(count, (size_t)LIMIT_PROCESSES);
}

static void add_found(struct sweep *sweep, uint64_t address)
{
	pthread_mutex_lock(&sweep->lock);
	*array_push(sweep->found, sweep->count, sweep->capacity) = address;
	if (sweep->count >= 2 * (size_t)LIMIT_PROCESSES)
		sort_found(sweep);
	pthread_mutex_unlock(&sweep->lock);
}

/* Where in a page the last process may begin, so that what is read of it is there; false: nowhere. */
static bool last_place(const struct windows *windows, size_t *last)
{
	uint64_t needed =
		(uint64_t)profile_offset(windows->profile, KPROCESS_DirectoryTableBase) + 8;
	needed = max_of(needed, (uint64_t)WAIT_LIST_HEAD + 2 * windows->pointer_size);
	*last = (size_t)(PAGE_SIZE - min_of(needed, PAGE_SIZE));
	return needed <= PAGE_SIZE;
}

/* Does its wait list lead to the kernel's half? */
static bool has_pointers(const struct windows *windows, const uint8_t *object)
{
	unsigned int pointer = windows->pointer_size;
	uint64_t kernel_half = pointer == 8 ? UINT64_C(0xffff800000000000) : 0x80000000;
	return le_pointer(object + WAIT_LIST_HEAD, pointer) >= kernel_half &&
	       le_pointer(object + WAIT_LIST_HEAD + pointer, pointer) >= kernel_half;
}

/* The virtual address of what lies at physical `address`, told by its wait list, which
 * has_pointers(); 0: none. */
static uint64_t virtual_address(const struct windows *windows, struct space *kernel,
				const uint8_t *object, uint64_t address)
{
	unsigned int pointer = windows->pointer_size;
	uint64_t flink = le_pointer(object + WAIT_LIST_HEAD, pointer);
	uint64_t blink = le_pointer(object + WAIT_LIST_HEAD + pointer, pointer);
	uint64_t low = (address + WAIT_LIST_HEAD) & (PAGE_SIZE - 1);
	if (flink == blink && (flink & (PAGE_SIZE - 1)) == low)
		return flink - WAIT_LIST_HEAD;
	uint64_t back;
	if (!space_pointer(kernel, flink + pointer, pointer, &back) ||
	    (back & (PAGE_SIZE - 1)) != low)
		return 0;
	return back - WAIT_LIST_HEAD;
}

static void sweep_page(struct sweep *sweep, struct space *kernel, const uint8_t *data,
		       uint64_t address)
{
	const struct windows *windows = sweep->windows;
	size_t step = windows->pointer_size * 2; /* pool's granularity */
	size_t last, tried = 0;
	if (!last_place(windows, &last))
		return;
	for (size_t i = 0; i <= last; i += step) {
		if (data[i] != PROCESS_OBJECT || !has_pointers(windows, data + i))
			continue;
		if (tried++ == TRIED_MAX) {
			atomic_store_explicit(&sweep->cut, true, memory_order_relaxed);
			return;
		}
		uint64_t at = virtual_address(windows, kernel, data + i, address + i);
		struct page page;
		if (!at)
			continue;
		space_page(kernel, at, &page);
		if (page.data == data)
			add_found(sweep, at);
	}
}

/* What lies around a known EPROCESS is looked at as far as a segment of the pool's reaches. */
#define NEIGHBOURHOOD (UINT64_C(2) << 20)

/* One mapped page: processes that begin in it. */
static void search_page(const struct windows *windows, struct space *kernel, uint64_t address,
			const uint8_t *data, struct processes *processes)
{
	size_t step = windows->pointer_size * 2, last;
	if (!last_place(windows, &last))
		return;
	for (size_t i = 0; i <= last; i += step) {
		if (data[i] != PROCESS_OBJECT || !has_pointers(windows, data + i))
			continue;
		if (!budget_spend(&processes->budget, PLACE_STEPS))
			return;
		uint64_t at = virtual_address(windows, kernel, data + i, i);
		if (at == address + i)
			(void)processes_add(windows, kernel, processes, at, SOURCE_NEAR);
	}
}

void process_sweep_near(const struct windows *windows, struct space *kernel,
			struct processes *processes)
{
	_cleanup_address_set_ struct address_set seen = {0};
	for (size_t i = 0; i < processes->count; i++) {
		uint64_t start = processes->items[i].eprocess & ~(NEIGHBOURHOOD - 1);
		if (!address_set_add(&seen, start))
			continue;
		for (uint64_t offset = 0; offset < NEIGHBOURHOOD;) {
			struct page page;
			if (!budget_spend(&processes->budget, PAGE_STEPS)) {
				processes_note_cut(processes, "the pool around those known");
				return;
			}
			space_page(kernel, start + offset, &page);
			if (page.data)
				search_page(windows, kernel, start + offset, page.data, processes);
			offset += page.state == PAGE_NO_TABLE ? min_of(page.span, NEIGHBOURHOOD)
							      : PAGE_SIZE;
		}
	}
}

/* Takes the next chunk; false when there is none left. */
static bool next_chunk(struct sweep *sweep, uint64_t *start, uint64_t *end)
{
	uint64_t size;
	pthread_mutex_lock(&sweep->lock);
	bool more = image_next_data(sweep->windows->image, sweep->next, start, &size);
	if (more)
		sweep->next = *end = *start + min_of(size, SWEEP_CHUNK - *start % PAGE_SIZE);
	pthread_mutex_unlock(&sweep->lock);
	return more;
}

static void *sweep_worker(void *argument)
{
	struct sweep *sweep = argument;
	_cleanup_space_ struct space *kernel = windows_kernel_space(sweep->windows);
	uint64_t start, end;
	while (next_chunk(sweep, &start, &end)) {
		uint64_t address = (start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
		for (; address < end && end - address >= PAGE_SIZE; address += PAGE_SIZE) {
			const uint8_t *data = image_page(sweep->windows->image, address);
			if (data)
				sweep_page(sweep, kernel, data, address);
		}
	}
	return NULL;
}

void process_sweep(const struct windows *windows, unsigned int threads, struct processes *processes)
{
	struct sweep sweep = {.windows = windows};
	image_expect_all(windows->image, true);
	pthread_mutex_init(&sweep.lock, NULL);
	_cleanup_free_ pthread_t *workers = alloc_zero(threads, sizeof(*workers));
	unsigned int started = 0;
	while (started + 1 < threads &&
	       !pthread_create(&workers[started], NULL, sweep_worker, &sweep))
		started++;
	sweep_worker(&sweep);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(workers[i], NULL);
	pthread_mutex_destroy(&sweep.lock);
	image_expect_all(windows->image, false);

	_cleanup_space_ struct space *kernel = windows_kernel_space(windows);
	sort_found(&sweep);
	/* What the search has cost so far is no reason not to look at what it found. */
	processes->budget = (struct budget){.limit = windows_work(windows)};
	for (size_t i = 0; i < sweep.count && !budget_exceeded(&processes->budget); i++)
		(void)processes_add(windows, kernel, processes, sweep.found[i], SOURCE_DEEP);
	if (sweep.cut || sweep.too_many || budget_exceeded(&processes->budget))
		processes_note_cut(processes, "what looks like one in physical memory");
	free(sweep.found);
}
