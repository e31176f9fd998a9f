#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds the fuzzers as OSS-Fuzz asks for it: by $CC with $CFLAGS, linked with $LIB_FUZZING_ENGINE by
# $CXX, into $OUT. What is not in the environment is clang's, with its libFuzzer. (Seeds are made by
# tests/fuzz/run.)
#
#   OUT=FOLDER tests/fuzz/build.sh [FUZZER]...
set -eu
cd "$(dirname "$0")/../.."
: "${OUT:?OUT names the folder for the fuzzers}"
sanitizers="-O1 -g -fsanitize=address,undefined,fuzzer-no-link"
export CC="${CC:-clang}" CXX="${CXX:-clang++}"
export CFLAGS="${CFLAGS:-$sanitizers}"
export CXXFLAGS="${CXXFLAGS:-$CFLAGS}"
engine=${LIB_FUZZING_ENGINE:--fsanitize=fuzzer}
work=${WORK:-$OUT/work}
mkdir -p "$OUT" "$work"
cmake -S . -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=None -DIMPSCAN_FUZZ=ON \
	-DIMPSCAN_FUZZ_ENGINE="$engine" >/dev/null
# shellcheck disable=SC2046 # names are words
[ $# -gt 0 ] || set -- $(basename -s .c -a tests/fuzz/fuzz_*.c)
cmake --build "$work/build" --target "$@"
for fuzzer in "$@"; do
	cp "$work/build/tests/$fuzzer" "$OUT/"
done
