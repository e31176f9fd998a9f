/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See helpers.h. */
#include "scan/helpers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>
#include <impscan/heap.h>

#include "scan/finding.h"

/* More share too little: each makes maps of its own. */
#define HELPERS_MOST 3

enum state { LEFT, BEGUN, DONE, DECLINED };

struct place {
	enum state state;
	struct helped helped;
};

struct helpers {
	struct unit_maps *maps; /* the unit's */
	struct helper items[HELPERS_MOST];
	pthread_t threads[HELPERS_MOST];
	size_t count, started;
	const struct helped_work *work;
	struct place *places;
	pthread_mutex_t lock; /* for the states, `low` and `high` */
	pthread_cond_t changed;
	size_t low, high;   /* numbers that nobody has begun */
	bool waiting;	    /* the unit's thread, for a helper */
	bool tables;	    /* the unit has no map yet, so that tables of exports are read */
	atomic_size_t tail; /* number of the module whose table was read last, from the end */
};

/* What is left to its thread of a helper, and to which helpers it belongs. */
struct start {
	struct helpers *helpers;
	struct helper *helper;
};

struct helpers *helpers_new(struct unit_maps *maps)
{
	const struct unit_context *context = maps->context;
	/* Of a whole machine each thread has a process. Files are written in order, and counted. */
	if (!context->windows->dump || context->options->threads < 2 ||
	    context->options->dump_directory)
		return NULL;
	struct helpers *helpers = alloc_new(struct helpers);
	helpers->maps = maps;
	helpers->count = min_of((size_t)context->options->threads - 1, (size_t)HELPERS_MOST);
	pthread_mutex_init(&helpers->lock, NULL);
	pthread_cond_init(&helpers->changed, NULL);
	return helpers;
}

static void helper_open(struct helper *helper, const struct unit_maps *maps)
{
	view_open(&helper->view, maps->context->windows, maps->process, &helper->budget);
	unit_maps_init(&helper->maps, maps->context, &helper->view, maps->process,
		       &helper->modules);
	helper->maps.names.limit = maps->names.limit;
	helper->maps.tables.limit = maps->tables.limit;
	helper->maps.samples.limit = maps->samples.limit;
	helper->maps.programs.limit = maps->programs.limit;
}

static void helper_free(struct helper *helper)
{
	if (!helper->maps.context)
		return;
	free(helper->modules.items);
	helper->maps.injections = (struct injections){0}; /* the unit's */
	unit_maps_free(&helper->maps);
	worker_free(&helper->worker);
	view_close(&helper->view);
}

void helpers_free(struct helpers *helpers)
{
	if (!helpers)
		return;
	helpers_end(helpers);
	for (size_t i = 0; i < helpers->count; i++)
		helper_free(&helpers->items[i]);
	pthread_cond_destroy(&helpers->changed);
	pthread_mutex_destroy(&helpers->lock);
	free(helpers);
}

/* The budgets of a process, in the order of helped->cost. */
static void budgets_of(struct unit_maps *maps, struct budget *budgets[5])
{
	budgets[0] = maps->view->budget;
	budgets[1] = &maps->names;
	budgets[2] = &maps->tables;
	budgets[3] = &maps->samples;
	budgets[4] = &maps->programs;
}

/*
 * Makes a number's result. Tables in private memory are kept for all modules, in their order: what
 * asks for them is left to the unit's thread. Returns the state of it.
 */
static enum state make(struct helpers *helpers, struct helper *helper, size_t i)
{
	struct helped *helped = &helpers->places[i].helped;
	struct budget *budgets[5];
	uint64_t before[5];
	budgets_of(&helper->maps, budgets);
	for (size_t b = 0; b < array_size(before); b++)
		before[b] = budgets[b]->spent;
	bool made = helpers->work->make(helper, i, helped);
	for (size_t b = 0; b < array_size(before); b++)
		helped->cost[b] = budgets[b]->spent - before[b];
	for (size_t m = 0; m < 2; m++) {
		helped->maps[m] = helper->maps.map[m];
		made &= !helper->maps.private_tables[m].ranged;
	}
	return made ? DONE : DECLINED;
}

/* Reads tables of exports into the cache, from the end up to where the unit's thread is. */
static void read_tables(struct helpers *helpers, struct helper *helper)
{
	for (;;) {
		size_t left = atomic_load(&helpers->tail);
		while (left && !atomic_compare_exchange_weak(&helpers->tail, &left, left - 1))
			;
		if (!left || left - 1 <= atomic_load(&helpers->maps->progress))
			return;
		unit_map_read_ahead(&helper->maps, left - 1);
	}
}

static void *help(void *context)
{
	struct start *start = context;
	struct helpers *helpers = start->helpers;
	struct helper *helper = start->helper;
	heap_begin_thread();
	free(start);
	if (!helper->maps.context)
		helper_open(helper, helpers->maps);
	helper->maps.injections = helpers->maps->injections;
	if (helpers->tables)
		read_tables(helpers, helper);
	pthread_mutex_lock(&helpers->lock);
	for (bool more = true; more && helpers->low < helpers->high;) {
		size_t i = --helpers->high;
		helpers->places[i].state = BEGUN;
		pthread_mutex_unlock(&helpers->lock);
		enum state state = make(helpers, helper, i);
		more = !helper->maps.private_tables[0].ranged &&
		       !helper->maps.private_tables[1].ranged && !budget_exceeded(&helper->budget);
		pthread_mutex_lock(&helpers->lock);
		helpers->places[i].state = state;
		if (helpers->waiting)
			pthread_cond_signal(&helpers->changed);
	}
	pthread_mutex_unlock(&helpers->lock);
	return NULL;
}

/* Gives a helper the modules and the budget as they are now, before its thread begins. */
static void hand_over(struct helper *helper, const struct unit_maps *maps)
{
	const struct modules *modules = maps->modules;
	helper->modules.items =
		alloc_resize(helper->modules.items, modules->count, sizeof(*modules->items));
	struct module *items = helper->modules.items;
	helper->budget = *maps->view->budget;
	helper->modules = *modules;
	helper->modules.items = items;
	if (modules->count)
		memcpy(items, modules->items, modules->count * sizeof(*items));
}

void helpers_begin(struct helpers *helpers, const struct helped_work *work)
{
	if (!helpers || !work->count)
		return;
	const struct unit_maps *maps = helpers->maps;
	helpers->work = work;
	helpers->places = alloc_zero(work->count, sizeof(*helpers->places));
	helpers->low = 0;
	helpers->high = work->count;
	helpers->tables = !maps->context->options->fast && !maps->map[0] && !maps->map[1];
	atomic_init(&helpers->tail, maps->modules->count);
	for (helpers->started = 0; helpers->started < helpers->count; helpers->started++) {
		struct helper *helper = &helpers->items[helpers->started];
		hand_over(helper, maps);
		struct start *start = alloc_new(struct start);
		*start = (struct start){helpers, helper};
		if (pthread_create(&helpers->threads[helpers->started], NULL, help, start)) {
			free(start);
			break;
		}
	}
}

/* Counts what a helper spent, and does what it did beside. */
static void adopt(struct unit_maps *maps, const struct helped *helped)
{
	struct budget *budgets[5];
	budgets_of(maps, budgets);
	for (unsigned int m = 0; m < 2; m++)
		if (helped->maps[m])
			(void)unit_map(maps, m ? 4 : 8);
	for (size_t b = 0; b < array_size(budgets); b++)
		(void)budget_spend(budgets[b], helped->cost[b]);
}

struct helped *helpers_take(struct helpers *helpers, size_t i)
{
	if (!helpers || !helpers->places)
		return NULL;
	struct place *place = &helpers->places[i];
	pthread_mutex_lock(&helpers->lock);
	helpers->waiting = true;
	while (place->state == BEGUN)
		pthread_cond_wait(&helpers->changed, &helpers->lock);
	helpers->waiting = false;
	if (i < helpers->high)
		helpers->low = i + 1;
	bool done = place->state == DONE;
	pthread_mutex_unlock(&helpers->lock);
	if (!done)
		return NULL;
	adopt(helpers->maps, &place->helped);
	return &place->helped;
}

void helpers_end(struct helpers *helpers)
{
	if (!helpers || !helpers->places)
		return;
	pthread_mutex_lock(&helpers->lock);
	helpers->low = helpers->high;
	pthread_mutex_unlock(&helpers->lock);
	atomic_store(&helpers->tail, 0);
	for (size_t i = 0; i < helpers->started; i++)
		pthread_join(helpers->threads[i], NULL);
	for (size_t i = 0; i < helpers->work->count; i++) {
		struct helped *helped = &helpers->places[i].helped;
		if (helped->finding)
			finding_free(helped->finding);
		free(helped->finding);
		free(helped->hooks);
	}
	free(helpers->places);
	helpers->places = NULL;
}
