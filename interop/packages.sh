#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what is missing to build minicpe, to check it, or to run the lab's guest.
#
#   interop/packages.sh [build] [check] [lab]      (default: build)
#
# Quiet when everything is there. Only tools and headers are installed, nothing that starts
# a service: the lab's peers are never installed (interop/fetch.sh unpacks them into a cache).
set -euo pipefail

build_list=(gcc libc6-dev make pkg-config libssl-dev libmnl-dev libev-dev libcmocka-dev
	libseccomp-dev libcap-ng-dev libjansson-dev libsmartcols-dev)
check_list=(clang libclang-rt-14-dev llvm-14 clang-tidy cppcheck valgrind shellcheck zsh)
# iproute2 is for the attempt with the machine's own kernel, the rest is for the guest.
lab_list=(iproute2 util-linux qemu-system-x86 busybox-static kmod cpio python3-jsonschema python3-prometheus-client)

say() { printf 'packages: %s\n' "$*" >&2; }

# Prints those of the arguments that dpkg does not know as installed.
missing() {
	local known name
	known=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
	for name in "$@"; do
		grep -qx "$name installed" <<<"$known" || printf '%s\n' "$name"
	done
}

# Without package lists, or with lists that lack one of the names, apt can only be told to update.
lists_know() {
	local name
	for name in "$@"; do
		apt-cache show --no-all-versions "$name" >/dev/null 2>&1 || return 1
	done
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"
}

install() {
	apt install -y --no-install-recommends "$@" >"$log" 2>&1
}

main() {
	local group wanted=() need=()
	[ $# -gt 0 ] || set -- build
	for group in "$@"; do
		case $group in
		build) wanted+=("${build_list[@]}") ;;
		check) wanted+=("${check_list[@]}") ;;
		lab) wanted+=("${lab_list[@]}") ;;
		*)
			say "unknown group '$group': build, check or lab"
			exit 2
			;;
		esac
	done
	mapfile -t need < <(missing "${wanted[@]}")
	[ ${#need[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "missing (to $*): ${need[*]}; run this as root, or install them"
		exit 1
	fi
	say "installing (to $*): ${need[*]}"
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	lists_know "${need[@]}" || apt update
	# A list that is older than the archive names files that are gone: then once more with a new one.
	install "${need[@]}" || { apt update && install "${need[@]}"; } || {
		cat "$log" >&2
		say "apt-get could not install: ${need[*]}"
		exit 1
	}
}

main "$@"
