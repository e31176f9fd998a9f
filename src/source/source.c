/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all sources have: a name, bytes, an end.
 */
#include "source/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <impscan/alloc.h>

struct source *source_new(const char *path, const void *data, uint64_t size)
{
	struct source *source = alloc_new(struct source);
	source->data = data;
	source->size = size;
	source->state = alloc_new(struct source_state);
	source->state->path = alloc_strdup(path);
	source->state->present = size;
	return source;
}

struct source *source_of_bytes(const char *name, const void *data, uint64_t size)
{
	return source_new(name, data, size);
}

struct source *source_share(const struct source *source)
{
	source->state->shares++;
	return (struct source *)(uintptr_t)source;
}

void other_files_free(struct other_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		source_close(files->items[i].archive);
		free(files->items[i].name);
	}
	free(files->items);
	*files = (struct other_files){0};
}

void other_files_take(struct other_files *list, struct other_files *files, const char *prefix)
{
	struct other_files old = *list, all = {0};
	size_t capacity = 0;
	if (!files->count)
		return;
	for (size_t i = 0; i < files->count; i++) {
		struct source_other *other = &files->items[i];
		char *name =
			prefix ? alloc_printf("%s!%s", prefix, other->name) : take_ptr(other->name);
		*array_push(all.items, all.count, capacity) = (struct source_other){
			.name = name, .archive = take_ptr(other->archive), .number = other->number};
	}
	for (size_t i = 1; i < old.count; i++) {
		*array_push(all.items, all.count, capacity) = old.items[i];
		old.items[i] = (struct source_other){0};
	}
	other_files_free(files);
	other_files_free(&old);
	*list = all;
}

const struct source_other *source_others(const struct source *source, size_t *count)
{
	*count = source->state->others.count;
	return source->state->others.items;
}

void source_close(struct source *source)
{
	if (!source)
		return;
	struct source_state *state = source->state;
	if (state->shares) {
		state->shares--;
		return;
	}
	if (state->session)
		state->free_session(state->session);
	other_files_free(&state->others);
	free(state->member);
	if (state->kind)
		state->kind->free(state->own);
	if (state->mapped)
		munmap((void *)(uintptr_t)source->data, (size_t)source->size);
	source_close(state->below);
	for (size_t i = 0; i < SOURCE_PAGE_FILES; i++)
		source_close(state->page_files[i]);
	for (size_t i = 0; i < state->beside_count; i++)
		source_close(state->beside[i]);
	free(state->beside);
	text_free(&state->warnings);
	error_free(state->refusal);
	free(state->container);
	free(state->name);
	free(state->extent_index.last);
	free(state->extents);
	free(state->data_pages);
	free(state->path);
	free(state);
	free(source);
}

uint64_t source_make_ready(const struct source *source, uint64_t offset, uint64_t size)
{
	if (offset >= source->size)
		return 0;
	const struct source_state *state = source->state;
	return state->kind->ready(state->own, offset, min_of(size, source->size - offset));
}

uint64_t source_file_size(const struct source *source)
{
	const struct source_state *state = source->state;
	if (state->file_size)
		return state->file_size;
	return state->below ? source_file_size(state->below) : source->size;
}

const char *source_container(const struct source *source)
{
	return source->state->container;
}

const char *source_warning(const struct source *source)
{
	const struct text *warnings = &source->state->warnings;
	return warnings->length ? text_string(warnings) : NULL;
}

const struct error *source_refusal(const struct source *source)
{
	return source->state->refusal;
}

const struct source *source_page_file(const struct source *source, unsigned int number)
{
	return number < SOURCE_PAGE_FILES ? source->state->page_files[number] : NULL;
}

const struct source *source_beside(const struct source *source, size_t i)
{
	return i < source->state->beside_count ? source->state->beside[i] : NULL;
}

void source_warn(struct source *source, const char *format, ...)
{
	char sentence[1024];
	struct text *warnings = &source->state->warnings;
	va_list args;
	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	if (warnings->length)
		text_add_string(warnings, "; ");
	text_add_string(warnings, sentence);
}

uint64_t source_zeros_end(const struct source *source, uint64_t at)
{
	const uint64_t chunk = UINT64_C(1) << 16;
	while (at < source->size) {
		const uint64_t hole = source_hole_end(source, at);
		if (hole > at) {
			at = hole;
			continue;
		}
		const uint64_t size = min_of(chunk - at % chunk, source->size - at);
		const uint8_t *bytes = source_bytes(source, at, size);
		if (!bytes)
			return at;
		for (uint64_t i = 0; i < size; i++)
			if (bytes[i])
				return at + i;
		at += size;
	}
	return source->size;
}

void source_warn_behind(struct source *source, const struct source *packed, uint64_t at,
			const char *name)
{
	if (source_zeros_end(packed, at) < packed->size)
		source_warn(source, "%llu bytes behind the end of the %s data are left out",
			    (unsigned long long)(packed->size - at), name);
}

/* What is packed in one of several files of an archive has these as its others. */
static void take_others(struct source_state *state, struct source_state *below)
{
	if (!below->others.count)
		return;
	/* The archive's own are its to keep where it is shared: each of these is. */
	struct other_files own = state->others;
	state->others = (struct other_files){0};
	size_t capacity = 0;
	for (size_t i = 0; i < below->others.count; i++) {
		const struct source_other *other = &below->others.items[i];
		*array_push(state->others.items, state->others.count, capacity) =
			(struct source_other){
				.name = alloc_strdup(other->name),
				.archive = other->archive ? source_share(other->archive) : NULL,
				.number = other->number};
	}
	other_files_take(&state->others, &own, below->member);
	if (!below->member)
		return;
	char *member = state->member ? alloc_printf("%s!%s", below->member, state->member)
				     : alloc_strdup(below->member);
	free(state->member);
	state->member = member;
}

void source_put_upon(struct source *source, struct source *below, const char *container, bool keep)
{
	struct source_state *state = source->state, *old = below->state;
	free(state->path);
	state->path = alloc_strdup(old->path);
	state->file_size = source_file_size(below);
	free(state->container);
	state->container = old->container ? alloc_printf("%s, %s", old->container, container)
					  : alloc_strdup(container);
	if (!state->name) {
		/* "mem.vmem.gz" is a "mem.vmem" */
		const char *name = source_name(below), *dot = strrchr(name, '.');
		state->name = dot && dot != name && dot[1] && !strchr(dot, '/')
				      ? alloc_strndup(name, (size_t)(dot - name))
				      : alloc_strdup(name);
	}
	if (old->warnings.length) {
		_cleanup_text_ struct text own = state->warnings;
		state->warnings = (struct text){0};
		source_warn(source, "%s", text_string(&old->warnings));
		if (own.length)
			source_warn(source, "%s", text_string(&own));
	}
	for (size_t i = 0; i < SOURCE_PAGE_FILES; i++) {
		if (!state->page_files[i] && old->page_files[i])
			state->page_files[i] = source_share(old->page_files[i]);
		keep |= state->page_files[i] != NULL; /* they may be read from below */
	}
	for (size_t i = 0; i < old->beside_count; i++)
		*array_push(state->beside, state->beside_count, state->beside_capacity) =
			source_share(old->beside[i]);
	keep |= old->beside_count != 0;
	take_others(state, old);
	if (keep)
		state->below = below;
	else
		source_close(below);
}

const char *source_name(const struct source *source)
{
	return source->state->name ? source->state->name : source->state->path;
}

const char *source_path(const struct source *source)
{
	return source->state->path;
}

char *source_failure(const struct source *source)
{
	for (; source; source = source->state->below) {
		const struct source_kind *kind = source->lazy ? source->state->kind : NULL;
		char *failure = kind && kind->failure ? kind->failure(source->state->own) : NULL;
		if (failure)
			return failure;
	}
	return NULL;
}

uint64_t source_unpacked(const struct source *source, uint64_t *all)
{
	if (all)
		*all = 0;
	const struct source_kind *kind = source->lazy ? source->state->kind : NULL;
	return kind && kind->unpacked ? kind->unpacked(source->state->own, all) : 0;
}

void source_expect_all(const struct source *source, bool all)
{
	for (; source; source = source->state->below)
		if (source->state->mapped)
			(void)madvise((void *)(uintptr_t)source->data, (size_t)source->size,
				      all ? MADV_NORMAL : MADV_RANDOM);
}

const char *source_size_text(uint64_t bytes, char text[SOURCE_SIZE_TEXT])
{
	static const char *const units[] = {"MB", "GB", "TB", "PB", "EB"};
	const uint64_t kilo = 1024, large = 100000; /* units, from which on the next one is used */
	uint64_t unit = kilo * kilo;
	size_t i = 0;
	if (bytes < kilo)
		snprintf(text, SOURCE_SIZE_TEXT, "%u bytes", (unsigned int)bytes);
	else if (bytes < unit)
		snprintf(text, SOURCE_SIZE_TEXT, "%u KB", (unsigned int)(bytes / kilo));
	if (bytes < unit)
		return text;
	while (i < array_size(units) - 1 && bytes / unit >= large) {
		unit *= kilo;
		i++;
	}
	snprintf(text, SOURCE_SIZE_TEXT, "%llu.%u %s", (unsigned long long)(bytes / unit),
		 (unsigned int)(bytes % unit / (unit / kilo) * 10 / kilo), units[i]);
	return text;
}
