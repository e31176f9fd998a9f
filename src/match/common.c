/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Import lists that half the world has: those of runtimes, installers and interpreters, which every
 * program made with them shares. A match with one says what a program is made with, not what it is.
 *
 * The hashes were computed over files made with these tools (the two of mscoree.dll by their
 * definition), those of AutoIt and of older Go are as public lists of common hashes have them.
 */
#include <impscan/match.h>

#include <string.h>

#include <impscan/bytes.h>

static const char dotnet[] = "every .NET program has this import list (mscoree.dll): it tells "
			     "nothing of what the program is";
const char match_note_go[] = "every Go program of some versions has this import list";
static const char nsis[] = "every NSIS installer has this import list";
static const char autoit[] = "every compiled AutoIt script of some versions has this import list";
static const char mingw[] = "an empty program has this import list (MinGW's runtime)";
static const char confuser[] = "ConfuserEx (anti dump) has put ntdll.NtContinue in the place of "
			       "mscoree's function: a protected .NET program";

static const struct {
	const char *imphash;
	const char *cause;
} common[] = {
	{"f34d5f2d4577ed6d9ceec516c1f5a744", dotnet}, /* mscoree._corexemain */
	{"dae02f32a21e03ce65412f6e56942daa", dotnet}, /* mscoree._cordllmain */
	{"476f92c8f9ddbcb805cdc5c61fbc5635", confuser},
	{"9cbefe68f395e67356e2a5d8d1b285c0", match_note_go}, /* Go 1.19 without cgo */
	{"f0070935b15a909b9dc00be7997e6112", match_note_go},
	{"6f9fd465750a0db68adce98869da7d3c", nsis},   /* NSIS 3, unicode, x86 */
	{"0e7d4979b878af3c8e9f7fb36303e354", nsis},   /* ANSI, x86 */
	{"8cdc6389b95ec187775657116855c929", nsis},   /* x64 */
	{"bb4e91e6f53677fb912f01393f393f2c", mingw},  /* MinGW 10, x64 */
	{"b83abd4147de9f42238e9cf786ce8411", mingw},  /* x86 */
	{"afcdf79be1557326c854b6e20cb900a7", autoit}, /* AutoIt 3 */
};

const char *match_note(const struct hashes *hashes)
{
	for (size_t i = 0; *hashes->imphash && i < array_size(common); i++)
		if (!strcmp(common[i].imphash, hashes->imphash))
			return common[i].cause;
	return NULL;
}

const char *known_common(const struct known *known, size_t number, size_t *count)
{
	_cleanup_matches_ struct matches matches = {0};
	struct hashes hashes = {0};
	*count = 0;
	if (number >= array_size(common))
		return NULL;
	strcpy(hashes.imphash, common[number].imphash);
	known_find(known, &hashes, 100, &matches);
	*count = matches.count;
	return common[number].cause;
}
