#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds and tests the committed state on bare releases of Debian, as a newcomer's machine has them.
#
#   tests/distros.sh [-aq] [-m MIRROR] [-d FOLDER] [RELEASE]...
#
# RELEASE is a number or a name (12, 13, testing; these three by default). Each is made by mmdebstrap
# in a folder of its own below FOLDER (/tmp by default; some 2 GB), and removed again. In it run
# `./bootstrap` and `./bootstrap test`, or with -q `./bootstrap test quick`; -a has `./bootstrap deps
# all` before it.
#
# Packages come from MIRROR, or from where this machine's apt has its own, with its settings of
# proxies and dates. Needs root, for mounts and chroot; mmdebstrap is installed when it is missing.
set -eu
cd "$(dirname "$0")/.."

mirror=
folder=/tmp
quick='' deps=''
while getopts aqm:d: option; do
	case $option in
	a) deps=' && ./bootstrap deps all' ;;
	q) quick=' quick' ;;
	m) mirror=$OPTARG ;;
	d) folder=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- 12 13 testing

say() {
	printf 'distros: %s\n' "$*" >&2
}

suite_of() {
	case $1 in
	12) echo bookworm ;;
	13) echo trixie ;;
	14) echo forky ;;
	*) echo "$1" ;;
	esac
}

if [ "$(id -u)" -ne 0 ]; then
	say "please run as root: mounts and chroot need it"
	exit 1
fi
if ! command -v mmdebstrap >/dev/null; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >&2
fi
if [ -z "$mirror" ]; then
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
		grep -m 1 '/debian/*$') || {
		say "this machine's apt has no mirror of Debian: name one with -m"
		exit 1
	}
fi

work=$(mktemp -d "$folder/impscan-distros.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM
apt-config dump | grep -E '^Acquire::(https?|Check-[A-Za-z-]*|ForceIPv[46]|Retries)[: ].*"[^"]+"' \
	>"$work/apt.conf" || true

# What runs in a root, as $1, whose /impscan is the source. The mounts are gone with the namespace.
# Before anything is installed, one who may not do so must be told how.
in_root='
	mount -t proc proc "$1/proc"
	mount --rbind /dev "$1/dev"
	run="chroot $1 env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8"
	if told=$($run setpriv --reuid=65534 --clear-groups /impscan/bootstrap 2>&1); then
		echo "distros: without root, ./bootstrap built all the same" >&2
		exit 1
	fi
	echo "$told" | grep -q "^apt-get update && apt-get install .*gcc"
	exec $run sh -ec "cd /impscan && ./bootstrap$3 && ./bootstrap test$2"
'

test_release() {
	root=$work/$1
	mmdebstrap --mode=root --variant=apt --quiet --aptopt="$work/apt.conf" \
		"$(suite_of "$1")" "$root" "$mirror" >&2 || return 1
	cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
	mkdir "$root/impscan"
	git archive HEAD | tar -x -C "$root/impscan" || return 1
	say "$1: $(cat "$root/etc/debian_version")"
	unshare --mount --propagation private sh -ec "$in_root" sh "$root" "$quick" "$deps"
}

failed=
for release in "$@"; do
	if test_release "$release"; then
		say "$release: passed"
	else
		say "$release: FAILED"
		failed="$failed $release"
	fi
	rm -rf --one-file-system "${work:?}/$release"
done
[ -z "$failed" ] || exit 1
