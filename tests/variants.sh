#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds without the libraries that may be missing, and runs the core tests: those that need what is
# missing must skip it with a reason.
#
#   tests/variants.sh [LIBRARY]...
#
# Each LIBRARY (libarchive, zlib, expat, libseccomp; these four by default) is left out alone, and then
# all of them together, in build/without-LIBRARY and build/without-all. What ctest is to run instead
# of the core tests can be given as the environment variable TESTS, a regular expression.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- libarchive zlib expat libseccomp all
tests=${TESTS:-'^(unit\.|e2e\.(cli|options|archives|archived|packed|vmware|several|sandbox|declined)$)'}

say() {
	printf 'variants: %s\n' "$*" >&2
}

# build_and_test LIBRARY FOLDER
build_and_test() {
	libraries=$1
	[ "$1" != all ] || libraries='libarchive;zlib;expat;libseccomp'
	cmake --preset debug -G Ninja -B "$2" "-DIMPSCAN_WITHOUT=$libraries" >/dev/null || return 1
	ninja -C "$2" >"$2/build.log" || {
		tail -40 "$2/build.log"
		return 1
	}
	# The version must say so: a variant that has the library would prove nothing.
	old_ifs=$IFS
	IFS=';'
	for library in $libraries; do
		"$2/impscan" --version | grep -qxE "$library (not built in|missing)" || {
			IFS=$old_ifs
			say "--version does not say that $library is missing"
			return 1
		}
	done
	IFS=$old_ifs
	status=0
	ctest --test-dir "$2" -R "$tests" --output-on-failure -j "$(nproc)" >"$2/tests.log" 2>&1 ||
		status=1
	grep -E 'tests passed|Failed|\(Skipped\)|Timeout' "$2/tests.log" || true
	grep '^SKIP: ' "$2/Testing/Temporary/LastTest.log" | sort -u || true
	return "$status"
}

failed=
for variant in "$@"; do
	say "without $variant"
	build_and_test "$variant" "build/without-$variant" || failed="$failed $variant"
done
[ -z "$failed" ] || {
	say "FAILED without:$failed"
	exit 1
}
