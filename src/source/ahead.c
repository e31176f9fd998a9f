/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ahead.h. */
#include "source/ahead.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <impscan/alloc.h>
#include <impscan/bytes.h>

/* More help little: the threads that ask unpack as well. */
#define THREADS_MAX 16u

struct ahead {
	void (*work)(void *context);
	void *context;
	pthread_t threads[THREADS_MAX];
	unsigned int count;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t changed;
	unsigned int asked;
	bool over;
};

static void *run(void *context)
{
	struct ahead *ahead = context;
	pthread_mutex_lock(&ahead->lock);
	while (!ahead->over) {
		if (!ahead->asked) {
			pthread_cond_wait(&ahead->changed, &ahead->lock);
			continue;
		}
		ahead->asked--;
		pthread_mutex_unlock(&ahead->lock);
		ahead->work(ahead->context);
		pthread_mutex_lock(&ahead->lock);
	}
	pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

struct ahead *ahead_new(unsigned int threads, void (*work)(void *context), void *context)
{
	if (!threads)
		return NULL;
	struct ahead *ahead = alloc_new(struct ahead);
	ahead->work = work;
	ahead->context = context;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	/* Where a thread can't be started, fewer do it. */
	while (ahead->count < min_of(threads, THREADS_MAX) &&
	       !pthread_create(&ahead->threads[ahead->count], NULL, run, ahead))
		ahead->count++;
	return ahead;
}

void ahead_ask(struct ahead *ahead)
{
	pthread_mutex_lock(&ahead->lock);
	if (ahead->asked < ahead->count) {
		ahead->asked++;
		pthread_cond_signal(&ahead->changed);
	}
	pthread_mutex_unlock(&ahead->lock);
}

void ahead_free(struct ahead *ahead)
{
	if (!ahead)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->over = true;
	pthread_cond_broadcast(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
	for (unsigned int i = 0; i < ahead->count; i++)
		pthread_join(ahead->threads[i], NULL);
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}
