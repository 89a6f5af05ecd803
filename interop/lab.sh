#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab: the tutorial's two sites in network namespaces, with real peers.
#
#   interop/lab.sh list                    names the scenarios
#   interop/lab.sh run SCENARIO...         runs them (names or patterns), in one boot if it takes one
#   interop/lab.sh run --list LIST         runs those that say "# in: LIST" (check, asan, long)
#   interop/lab.sh run --list NAME         those with NAME in their line "# in: NAME...": check, asan, long
#   interop/lab.sh demo SCENARIO...        the same, telling a person what happens
#   interop/lab.sh shell [SCENARIO]        the same, and then a shell inside, tunnels up
#   interop/lab.sh way                     says which way the lab goes on this machine
#
# The machine's own kernel is used if, when tried, it has ESP, VTI, NAT and netem; else a guest with
# Debian's kernel in QEMU, by software emulation. Nothing is left behind but .cache/lab and build/lab.
#
#   LAB_WAY=native|guest   forces the way            LAB_CPE=libreswan   Libreswan as the CPE, too
#   MINICPE=PATH           the program under test    LAB_OUT=FOLDER      where logs go (build/lab)
#   LAB_TIMEOUT=SECONDS    for every scenario        LAB_MEMORY=SIZE     for the guest (1G)
#   LAB_PCAP=1             keeps the internet's packets, too, and has tshark look for malformed ones of the CPE's
#
# A scenario that measures time says "# clock: counted": in a guest its clock then counts instructions
# (LAB_SHIFT, see guest/run.sh), so a busy machine does not spoil the figures, and runs may go side by side.
set -euo pipefail

LAB_TOP=$(cd "$(dirname "$0")/.." && pwd -P)
LAB_CACHE=${LAB_CACHE:-$LAB_TOP/.cache/lab}
LAB_OUT=${LAB_OUT:-}
LAB_TIMEOUT=${LAB_TIMEOUT:-}
LAB_MEMORY=${LAB_MEMORY:-1G}
LAB_CPE=${LAB_CPE:-minicpe}
MINICPE=${MINICPE:-$LAB_TOP/build/minicpe}
lab_interactive=no
lab_clock=free
# What goes into the lab from the caller's environment.
lab_passed=(LAB_TOP LAB_CACHE LAB_CPE LAB_GROUPS LAB_RUNS LAB_PCAP LAB_KINDS LAB_DELAYS LAB_DPD LAB_COUNT LAB_MATRIX_BATCH LAB_MATRIX_PATIENCE LAB_MATRIX_ROWS
	LAB_REKEY_SECONDS LAB_TIMEOUT SOAK_SEED SOAK_SECONDS FAULT_SEED FAULT_CASES FAULT_PLACES FAULT_PART FAULT_ONLY MINICPE_LONG MINICPE ASAN_OPTIONS UBSAN_OPTIONS TERM)
export "${lab_passed[@]}" LAB_OUT

# shellcheck source=interop/guest/run.sh
. "$LAB_TOP/interop/guest/run.sh"

say() { printf 'lab: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 2
}

# Scenario names for the arguments, which may be patterns.
scenarios() {
	local pattern file found
	for pattern in "$@"; do
		found=no
		for file in "$LAB_TOP"/interop/scenarios/$pattern.sh; do
			[ -f "$file" ] || continue
			basename "$file" .sh
			found=yes
		done
		[ "$found" = yes ] || die "no scenario '$pattern'; there are: $(scenarios '*' | xargs)"
	done
}

# Two runs at a time must not write to one folder: the second takes build/lab-2, and so on. The lock
# lasts as long as this script.
find_out() {
	local number=1 lock
	mkdir -p "$LAB_TOP/build"
	while [ -z "$LAB_OUT" ]; do
		exec {lock}>"$LAB_TOP/build/.lab-$number"
		if flock -n "$lock"; then
			LAB_OUT=$LAB_TOP/build/lab
			[ "$number" = 1 ] || LAB_OUT+=-$number
		else
			exec {lock}>&-
			number=$((number + 1))
		fi
	done
	mkdir -p "$LAB_OUT"
	LAB_OUT=$(cd "$LAB_OUT" && pwd -P)
}

# A scenario names what it needs beyond the base group in a line "# needs: GROUP...".
groups_of() {
	local name
	echo base
	{
		[ -z "${LAB_PCAP:-}" ] || echo tools
		for name in "$@"; do
			sed -n 's/^# needs: //p' "$LAB_TOP/interop/scenarios/$name.sh" | tr ' ' '\n'
		done
	} | sort -u
}

# How long scenarios may take, with a guest's start; 0 is for ever. The same figures as in inside.sh.
limit_of() { # SCENARIO...
	local name all=60 one
	for name in "$@"; do
		one=$(sed -n 's/^# limit: //p' "$LAB_TOP/interop/scenarios/$name.sh")
		all=$((all + ${LAB_TIMEOUT:-${one:-600}}))
	done
	[ "${LAB_TIMEOUT:-}" != 0 ] || all=0
	echo "$all"
}

native_run() { # inside.sh-ARGUMENT...
	LAB_WAY=native unshare --mount --net --uts --ipc --pid --fork --kill-child --mount-proc \
		bash "$LAB_TOP/interop/lib/inside.sh" "$@"
}

# By trying, in namespaces that are gone afterwards; the reason for a no goes to the result folder.
find_way() {
	case ${LAB_WAY:-} in
	native | guest) return ;;
	'') ;;
	*) die "LAB_WAY is native or guest, not '$LAB_WAY'" ;;
	esac
	if native_run probe >"$LAB_OUT/probe.log" 2>&1; then LAB_WAY=native; else LAB_WAY=guest; fi
}

prepare() { # SCENARIO...
	[ "$(id -u)" = 0 ] || die "needs root (namespaces, mounts): use sudo"
	[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] || die "needs Debian 12 on amd64"
	"$LAB_TOP/interop/packages.sh" lab
	mkdir -p "$LAB_CACHE"
	LAB_CACHE=$(cd "$LAB_CACHE" && pwd -P)
	find_out
	MINICPE=$(realpath -m "$MINICPE")
	mapfile -t groups < <(groups_of "$@")
	LAB_GROUPS=${groups[*]}
	lab_limit=$(limit_of "$@")
	"$LAB_TOP/interop/fetch.sh" "$LAB_CACHE" "${groups[@]}"
	find_way
	if [ "$LAB_WAY" = guest ]; then
		"$LAB_TOP/interop/fetch.sh" "$LAB_CACHE" kernel
		say "in a QEMU guest with Debian's kernel (software emulation); logs: ${LAB_OUT#"$LAB_TOP/"}"
	else
		say "in namespaces on the machine's own kernel; logs: ${LAB_OUT#"$LAB_TOP/"}"
	fi
}

# A scenario names its lists in a line "# in: LIST...".
listed() { # NAME
	local file
	for file in "$LAB_TOP"/interop/scenarios/*.sh; do
		sed -n 's/^# in: //p' "$file" | tr ' ' '\n' | grep -qx "$1" && basename "$file" .sh
	done
	true
}

# A list is shared between two guests, for two cores; what must have the machine ("# alone") comes after, in one.
run_list() { # NAME
	local names name turn=0 pids=() status=0
	local -a halves=('' '') alone=()
	mapfile -t names < <(listed "$1")
	[ ${#names[@]} -gt 0 ] || die "no scenario is in the list '$1'"
	prepare "${names[@]}"
	for name in "${names[@]}"; do
		if grep -q '^# alone' "$LAB_TOP/interop/scenarios/$name.sh" && ! { [ "$LAB_WAY" = guest ] && is_counted "$name"; }; then
			alone+=("$name")
		else
			halves[turn]+=" $name"
			[ "$LAB_WAY" != guest ] || [ "$(nproc)" -lt 2 ] || turn=$((1 - turn))
		fi
	done
	for turn in 0 1; do
		[ -n "${halves[turn]}" ] || continue
		# shellcheck disable=SC2086
		(run_in "$LAB_OUT/$((turn + 1))" ${halves[turn]}) &
		pids+=($!)
	done
	for turn in "${pids[@]}"; do wait "$turn" || status=1; done
	[ ${#alone[@]} -eq 0 ] || (run_in "$LAB_OUT/alone" "${alone[@]}") || status=1
	return "$status"
}

run_in() { # FOLDER SCENARIO...
	LAB_OUT=$1
	shift
	mkdir -p "$LAB_OUT"
	lab_limit=$(limit_of "$@")
	run run "$@"
}

run() { # run|demo|shell SCENARIO...
	local verb=$1 name status=0
	local -a free=() counted=()
	shift
	for name in "$@"; do
		if [ "$LAB_WAY" = guest ] && is_counted "$name"; then counted+=("$name"); else free+=("$name"); fi
	done
	[ ${#free[@]} -eq 0 ] || run_by free "$verb" "${free[@]}" || status=$?
	[ ${#counted[@]} -eq 0 ] || run_by counted "$verb" "${counted[@]}" || status=$?
	return "$status"
}

is_counted() { grep -q '^# clock: counted' "$LAB_TOP/interop/scenarios/$1.sh"; }

run_by() { # free|counted run|demo|shell SCENARIO...
	lab_clock=$1
	shift
	if [ "$LAB_WAY" = guest ]; then guest_run "$@"; else native_run "$@"; fi
}

main() {
	local verb=${1:-} names
	[ $# -eq 0 ] || shift
	case $verb in
	list)
		scenarios '*'
		;;
	way)
		prepare
		[ "$LAB_WAY" != guest ] || sed 's/^/  tried: /' "$LAB_OUT/probe.log" 2>/dev/null || true
		;;
	run | demo)
		[ $# -gt 0 ] || die "$verb what? There are: $(scenarios '*' | xargs)"
		if [ "$1" = --list ]; then
			run_list "${2:?which list}"
			return
		fi
		mapfile -t names < <(scenarios "$@")
		[ ${#names[@]} -gt 0 ] || exit 2
		prepare "${names[@]}"
		run "$verb" "${names[@]}"
		;;
	shell)
		[ -t 0 ] || die "a shell needs a terminal"
		mapfile -t names < <(scenarios "${1:-type3-static}")
		[ ${#names[@]} -eq 1 ] || die "one scenario, please"
		LAB_TIMEOUT=0 # a person may stay
		prepare "${names[@]}"
		lab_interactive=yes
		run shell "${names[@]}"
		;;
	*)
		sed -n '3,/^set/{/^set/d;s/^#\( \|$\)//;p}' "$0" >&2
		exit 2
		;;
	esac
}

main "$@"
