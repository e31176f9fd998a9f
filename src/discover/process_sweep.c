/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds processes by sweeps of memory: an EPROCESS that no list leads to any more, with or without
 * its pool header.
 *
 * An EPROCESS begins with a DISPATCHER_HEADER: Type is ProcessObject (3), and WaitListHead comes
 * after SignalState. That points to itself, or where somebody waits for the process, to a list
 * entry that points back. Either way it gives the virtual address of the EPROCESS. The offset in
 * the page must be that of the physical address, and the page must be mapped there.
 */
#include "discover/process_search.h"

#include <pthread.h>
#include <stdlib.h>

#include <impscan/address_set.h>
#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/kernel_address.h>
#include <impscan/space.h>

#define PROCESS_OBJECT 3

/*
 * DISPATCHER_HEADER: Type, a byte that kernels use while they signal the object, Size, a byte of
 * other objects' (Inserted); SignalState; WaitListHead.
 */
enum { HEADER_TYPE = 0, HEADER_SIZE = 2, HEADER_LAST = 3, SIGNAL_STATE = 4, WAIT_LIST_HEAD = 8 };

/* Bytes that a thread takes at once. */
#define SWEEP_CHUNK (UINT64_C(16) << 20)

struct sweep {
	const struct windows *windows;
	pthread_mutex_t lock;
	uint64_t next;	 /* where the next chunk begins, or before it */
	uint64_t *found; /* virtual addresses */
	size_t count;
	size_t capacity;
	const struct process_headers *headers;
	bool cut; /* more was found than is kept, or looked at */
};

/*
 * Addresses that a sweep keeps: the lowest, so that it does not matter which are found first.
 * Headers of one page that are looked up; a page has room for seven.
 */
#define LIMIT_FOUND   (4 * LIMIT_PROCESSES)
#define LIMIT_IN_PAGE 32

/* Reads the first bytes of a process's header; false when it has none. */
static bool read_header(struct process_search *search, uint64_t eprocess, uint8_t header[4])
{
	return space_read(search->kernel, eprocess, header, 4) &&
	       header[HEADER_TYPE] == PROCESS_OBJECT;
}

void process_headers_learn(struct process_search *search)
{
	struct process_headers *headers = &search->headers;
	size_t sizes[256] = {0}, count = 0;
	uint8_t header[4];
	for (size_t i = 0; i < search->processes->count; i++) {
		if (!read_header(search, search->processes->items[i].eprocess, header))
			continue;
		headers->known = true;
		headers->last[header[HEADER_LAST]] = true;
		sizes[header[HEADER_SIZE]]++;
		count++;
	}
	/* Size is one for all: System's, and what most have, should System's have been changed. */
	for (size_t i = 0; i < array_size(sizes); i++)
		headers->size[i] = 2 * sizes[i] > count;
	if (read_header(search, search->windows->system, header))
		headers->size[header[HEADER_SIZE]] = true;
}

/*
 * Where in a page the last process may begin, so that what is read of it is there; false: nowhere.
 */
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
	const uint8_t *links = object + WAIT_LIST_HEAD;
	return is_kernel_pointer(pointer, le_pointer(links, pointer)) &&
	       is_kernel_pointer(pointer, le_pointer(links + pointer, pointer));
}

/*
 * Does a DISPATCHER_HEADER of a process lie where the type byte says so? What is no more than a
 * number of 3 there has something else behind it: a POOL_HEADER, whose PreviousSize it is, has the
 * tag where SignalState is 0 or 1.
 */
static bool is_process_header(const struct process_headers *headers, const struct windows *windows,
			      const uint8_t *object)
{
	return le32(object + SIGNAL_STATE) <= 1 &&
	       (!headers->known ||
		(headers->size[object[HEADER_SIZE]] && headers->last[object[HEADER_LAST]])) &&
	       has_pointers(windows, object);
}

/*
 * The next offset in a page, from `from` to `last`, where the type of a process stands, or one of
 * the seven places before it. Hardly any memory has it, so this is what a sweep spends its time on:
 * the compiler knows `step`, and there is no counting between the comparisons.
 */
__attribute__((always_inline)) static inline size_t skip_types(const uint8_t *page, size_t from,
							       size_t last, const size_t step)
{
	for (; from + 7 * step <= last; from += 8 * step) {
		const uint8_t *at = page + from + HEADER_TYPE;
		if (at[0] == PROCESS_OBJECT || at[step] == PROCESS_OBJECT ||
		    at[2 * step] == PROCESS_OBJECT || at[3 * step] == PROCESS_OBJECT ||
		    at[4 * step] == PROCESS_OBJECT || at[5 * step] == PROCESS_OBJECT ||
		    at[6 * step] == PROCESS_OBJECT || at[7 * step] == PROCESS_OBJECT)
			break;
	}
	return from;
}

/*
 * The next offset in a page, from `from` to `last`, where a process may begin; past `last`: none.
 */
static size_t next_header(const struct process_headers *headers, const struct windows *windows,
			  const uint8_t *page, size_t from, size_t last)
{
	size_t step = windows->pointer_size * 2; /* the pool's granularity */
	for (;;) {
		from = step == 16 ? skip_types(page, from, last, 16)
				  : skip_types(page, from, last, 8);
		size_t end = from + 8 * step;
		for (; from < end; from += step)
			if (from > last || (page[from + HEADER_TYPE] == PROCESS_OBJECT &&
					    is_process_header(headers, windows, page + from)))
				return from;
	}
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

static int compare_addresses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* Sorts what was found, each once, and keeps the lowest. */
static void keep_lowest(struct sweep *sweep)
{
	size_t count = 0;
	if (sweep->count)
		qsort(sweep->found, sweep->count, sizeof(*sweep->found), compare_addresses);
	for (size_t i = 0; i < sweep->count; i++)
		if (!count || sweep->found[i] != sweep->found[count - 1])
			sweep->found[count++] = sweep->found[i];
	if (count > LIMIT_FOUND) {
		count = LIMIT_FOUND;
		sweep->cut = true;
	}
	sweep->count = count;
}

/* Takes in what a thread found in one page. */
static void add_found(struct sweep *sweep, const uint64_t *found, size_t count, bool cut)
{
	pthread_mutex_lock(&sweep->lock);
	sweep->cut |= cut;
	for (size_t i = 0; i < count; i++)
		*array_push(sweep->found, sweep->count, sweep->capacity) = found[i];
	if (sweep->count >= 2 * LIMIT_FOUND)
		keep_lowest(sweep);
	pthread_mutex_unlock(&sweep->lock);
}

static void sweep_page(struct sweep *sweep, struct space *kernel, const uint8_t *data,
		       uint64_t address)
{
	const struct windows *windows = sweep->windows;
	uint64_t found[LIMIT_IN_PAGE];
	size_t step = windows->pointer_size * 2;
	size_t count = 0, tried = 0, last;
	if (!last_place(windows, &last))
		return;
	for (size_t i = 0; (i = next_header(sweep->headers, windows, data, i, last)) <= last;
	     i += step) {
		if (++tried > LIMIT_IN_PAGE)
			break;
		uint64_t at = virtual_address(windows, kernel, data + i, address + i);
		struct page page;
		if (!at)
			continue;
		space_page(kernel, at, &page);
		if (page.data == data)
			found[count++] = at;
	}
	if (count || tried > LIMIT_IN_PAGE)
		add_found(sweep, found, count, tried > LIMIT_IN_PAGE);
}

/* Bytes around a known EPROCESS that are searched: a segment of the pool. */
#define NEIGHBOURHOOD (UINT64_C(2) << 20)

/* One mapped page: processes that begin in it. */
static void search_page(struct process_search *search, uint64_t address, const uint8_t *data)
{
	const struct windows *windows = search->windows;
	size_t step = windows->pointer_size * 2, last;
	if (!last_place(windows, &last))
		return;
	for (size_t i = 0; (i = next_header(&search->headers, windows, data, i, last)) <= last;
	     i += step) {
		if (!process_search_spend(search, 1))
			return;
		uint64_t at = virtual_address(windows, search->kernel, data + i, i);
		if (at == address + i)
			(void)processes_add(search, at);
	}
}

static void search_neighbourhood(struct process_search *search, uint64_t start)
{
	for (uint64_t offset = 0; offset < NEIGHBOURHOOD && !search->stopped;) {
		struct page page;
		space_page(search->kernel, start + offset, &page);
		if (!process_search_spend(search, page.data ? 4 : 1))
			return;
		if (page.data)
			search_page(search, start + offset, page.data);
		offset +=
			page.state == PAGE_NO_TABLE ? min_of(page.span, NEIGHBOURHOOD) : PAGE_SIZE;
	}
}

void process_sweep_near(struct process_search *search)
{
	_cleanup_address_set_ struct address_set seen = {0};
	const struct processes *processes = search->processes;
	process_search_begin(search, SOURCE_NEAR);
	/* First near processes of several sources: what one source alone has may be made up. */
	for (unsigned int least = 2; least > 0; least--)
		for (size_t i = 0; i < processes->count && !search->stopped; i++) {
			uint64_t start = processes->items[i].eprocess & ~(NEIGHBOURHOOD - 1);
			if ((unsigned int)__builtin_popcount(processes->items[i].sources) < least ||
			    !address_set_add(&seen, start))
				continue;
			search_neighbourhood(search, start);
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

void process_sweep(struct process_search *search, unsigned int threads)
{
	const struct windows *windows = search->windows;
	struct sweep sweep = {.windows = windows, .headers = &search->headers};
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

	process_search_begin(search, SOURCE_DEEP);
	keep_lowest(&sweep);
	for (size_t i = 0; i < sweep.count && !search->stopped; i++)
		(void)processes_add(search, sweep.found[i]);
	if (sweep.cut)
		process_search_stop(search);
	free(sweep.found);
}
