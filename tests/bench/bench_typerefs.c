/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How well typerefuzzy tells families of .NET programs apart:
 *
 *	bench_typerefs [FAMILIES [MEMBERS]]	generated families (60 of 8 members)
 *	bench_typerefs --files FILE...	assemblies; those of one name are a family, unless they are equal
 *
 * Prints the scores of pairs within a family and of pairs across families. Generated ones: members
 * differ by so many types added, left out or moved. Exits with 1 when the scores of members that
 * differ by up to 5 types are not above those of strangers.
 */
#include <fuzzy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <impscan/alloc.h>
#include <impscan/dotnet.h>
#include <impscan/hash.h>
#include <writer/assembly.h>

struct program {
	char family[256];
	size_t types;
	char exact[SHA256_SIZE];
	char fuzzy[IMPFUZZY_SIZE];
};

static const int steps[] = {1, 30, 50, 70, 90};

/* Scores of many pairs. */
struct scores {
	size_t count;
	size_t at_least[sizeof(steps) / sizeof(*steps)];
	double sum;
};

static void add(struct scores *scores, const struct program *a, const struct program *b)
{
	int score = fuzzy_compare(a->fuzzy, b->fuzzy);
	scores->count++;
	scores->sum += score;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		scores->at_least[i] += score >= steps[i];
}

static void print(const char *what, const struct scores *scores)
{
	double count = scores->count ? (double)scores->count : 1;
	printf("%-44s %8zu pairs, mean %5.1f;", what, scores->count, scores->sum / count);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		printf(" >=%d %5.1f %%", steps[i], 100 * (double)scores->at_least[i] / count);
	putchar('\n');
}

static bool read_program(struct program *program, const struct pe_reader *reader)
{
	_cleanup_dotnet_ struct dotnet dotnet = {0};
	_cleanup_pe_ struct pe pe;
	pe_open(&pe, reader);
	dotnet_read(&dotnet, &pe);
	memcpy(program->family, dotnet.assembly, sizeof(program->family));
	program->types = dotnet.typerefs;
	hash_sha256(program->exact, &dotnet.linguistic);
	hash_fuzzy(program->fuzzy, &dotnet.unsorted);
	return program->fuzzy[0] != '\0';
}

static bool make_program(struct program *program, size_t family, size_t member,
			 unsigned int changes)
{
	struct assembly assembly;
	assembly_relative(&assembly, family, member, changes);
	struct assembly_file file = assembly_write(&assembly);
	struct pe_reader reader = pe_reader_bytes(file.data, file.size, PE_LAYOUT_FILE);
	bool good = read_program(program, &reader);
	free(file.data);
	assembly_free(&assembly);
	return good;
}

static void compare_all(const struct program *programs, size_t count, struct scores *within,
			struct scores *across)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++) {
			bool same = !strcmp(programs[i].family, programs[j].family);
			if (same && !strcmp(programs[i].exact, programs[j].exact))
				continue;
			add(same ? within : across, &programs[i], &programs[j]);
		}
}

static int generated(size_t families, size_t members)
{
	static const unsigned int changes[] = {1, 2, 5, 10, 20, 40};
	struct program *programs = alloc_zero(families * members, sizeof(*programs));
	struct scores across = {0};
	bool good = true;
	for (size_t c = 0; c < sizeof(changes) / sizeof(*changes); c++) {
		struct scores within = {0};
		size_t count = 0, types = 0;
		for (size_t i = 0; i < families * members; i++) {
			if (make_program(&programs[count], i / members, i % members, changes[c]))
				types += programs[count++].types;
		}
		compare_all(programs, count, &within, &across);
		char what[96];
		snprintf(what, sizeof(what), "one family, %u changes, %.0f types on average",
			 changes[c], (double)types / (double)(count ? count : 1));
		print(what, &within);
		good &= changes[c] > 5 ||
			within.sum * (double)across.count > 2 * across.sum * (double)within.count;
	}
	print("different families", &across);
	free(programs);
	return good ? 0 : 1;
}

static int of_files(char **paths, size_t count)
{
	struct program *programs = alloc_zero(count, sizeof(*programs));
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		_cleanup_pe_file_ struct pe_file file;
		_cleanup_error_ struct error *error = pe_file_open(&file, paths[i]);
		if (!error && read_program(&programs[used], &file.reader))
			used++;
	}
	struct scores within = {0}, across = {0};
	compare_all(programs, used, &within, &across);
	printf("%zu assemblies with type references\n", used);
	print("one name, other types", &within);
	print("different names", &across);
	free(programs);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "--files"))
		return of_files(argv + 2, (size_t)argc - 2);
	size_t families = argc > 1 ? strtoul(argv[1], NULL, 10) : 60;
	size_t members = argc > 2 ? strtoul(argv[2], NULL, 10) : 8;
	if (!families || members < 2) {
		fprintf(stderr, "usage: bench_typerefs [FAMILIES [MEMBERS]] | --files FILE...\n");
		return 2;
	}
	return generated(families, members);
}
