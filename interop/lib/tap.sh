# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a scenario says: one line per finding, "ok", "not ok" or "skip" first, which the runner counts;
# everything else starts with "#".

ok() { printf 'ok %s: %s\n' "$LAB_SCENARIO" "$*" | tee -a "$LAB_LOG/results"; }
not_ok() {
	printf 'not ok %s: %s\n' "$LAB_SCENARIO" "$*" | tee -a "$LAB_LOG/results"
	lab_failed=yes
}
skip() { printf 'skip %s: %s\n' "$LAB_SCENARIO" "$*" | tee -a "$LAB_LOG/results"; }
note() { printf '# %s\n' "$*"; }

# Prints standard input as diagnostics.
diag() { sed 's/^/#   /'; }

# Ends the scenario: for when nothing after this can succeed.
bail() {
	not_ok "$*"
	exit 1
}

# check WHAT COMMAND...: one finding from one command; its output is shown if it fails. The scenario
# goes on either way: "must" is for what the rest depends on.
check() {
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then
		ok "$what"
	else
		not_ok "$what"
		diag <<<"$output"
		check_failed=yes
	fi
}

must() {
	check_failed=no
	check "$@"
	[ "$check_failed" = no ] || exit 1
}

# Equal texts, or the difference.
check_same() { # WHAT BEFORE AFTER
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | diag || true
	fi
}

# COMMAND | holds GREP'S WORDS...: as grep -q, but reads all of it: a command whose reader leaves early dies of SIGPIPE, and pipefail
# then says that nothing was found.
holds() {
	local text
	text=$(cat)
	grep -q "$@" <<<"$text"
}

# wait_for SECONDS COMMAND...: until the command succeeds; 1 after that time. The time that it took,
# in seconds with three decimals, is left in $waited. $wait_step: seconds between two tries.
wait_for() {
	local limit=$1 start=$EPOCHREALTIME
	shift
	while :; do
		if "$@" >/dev/null 2>&1; then
			waited=$(since "$start")
			return 0
		fi
		waited=$(since "$start")
		[ "${waited%.*}" -lt "$limit" ] || return 1
		sleep "${wait_step:-0.1}"
	done
}

# Seconds since a value of EPOCHREALTIME, like 1.234.
since() {
	local micro=$((${EPOCHREALTIME/./} - ${1/./}))
	printf '%d.%03d' $((micro / 1000000)) $((micro / 1000 % 1000))
}

# Of some numbers the one in the middle.
middle() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

# For the demo: what a person would type, and what comes of it.
show() {
	printf '\n[%s]$ %s\n' "$1" "${*:2}"
	on "$@"
}

title() { printf '\n=== %s\n' "$*"; }
