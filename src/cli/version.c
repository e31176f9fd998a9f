/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The versions of the program and of the libraries it runs with.
 */
#include "cli/version.h"

#include <Zydis/Zydis.h>
#ifdef HAVE_EXPAT
#include <expat.h>
#endif
#include <json-c/json.h>
#include <lz4.h>
#include <lzma.h>
#include <openssl/crypto.h>
#include <yaml.h>

#include <impscan/profile.h>
#include <impscan/sandbox.h>
#include <impscan/source.h>

struct error *version_print(FILE *out)
{
	_cleanup_profiles_ struct profiles *profiles = NULL;
	uint64_t zydis = ZydisGetVersion();
	try_(profiles_new(&profiles));
	fprintf(out, "impscan %s\n", IMPSCAN_VERSION);
	/* libfuzzy does not tell its version. */
	fprintf(out, "libfuzzy\n");
	fprintf(out, "OpenSSL %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
	fprintf(out, "libyaml %s\n", yaml_get_version_string());
	fprintf(out, "Zydis %u.%u.%u\n", (unsigned int)ZYDIS_VERSION_MAJOR(zydis),
		(unsigned int)ZYDIS_VERSION_MINOR(zydis), (unsigned int)ZYDIS_VERSION_PATCH(zydis));
	fprintf(out, "json-c %s\n", json_c_version());
	fprintf(out, "liblzma %s\n", lzma_version_string());
	fprintf(out, "liblz4 %s\n", LZ4_versionString());
	fprintf(out, "zlib %s\n", source_zlib_version());
	fprintf(out, "libarchive %s\n", source_archive_version());
#ifdef HAVE_EXPAT
	fprintf(out, "%s\n", XML_ExpatVersion());
#else
	fprintf(out, "expat missing\n");
#endif
	char seccomp[32];
	fprintf(out, "libseccomp %s\n", sandbox_seccomp_version(seccomp));
	if (sandbox_landlock_abi())
		fprintf(out, "Landlock %d\n", sandbox_landlock_abi());
	else
		fprintf(out, "Landlock missing\n");
	fprintf(out, "profiles %zu\n", profiles_count(profiles));
	return NULL;
}
