#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Every unit and simulation program of a build folder under valgrind, as TAP lines: no read of what was never written,
# no access outside, nothing lost, no descriptor left open at the end.
#
#   tests/valgrind.sh [BUILD [PATTERN...]]      (build, all)
#
# Programs that work for minutes by themselves are left out: what they run, others run too. So are the three that are
# about what valgrind itself does differently: system calls that are forbidden, memory that runs out, and who holds a port
# by the name of its program.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
build=${1:-build}
[ $# -eq 0 ] || shift
too_long='^(sim_days|sim_loss|crypto_dh|ike_mutation_.*|conf_mutation|crypto_confined|daemon_loop|daemon_sandbox|daemon_udp)_test$'
out=build/valgrind
mkdir -p "$out"

# Descriptors of ours that are open when the program ends; those of who started it do not count.
left_open() {
	awk '/Open (file|AF_|socket)/ { open = $0 } /<inherited from parent>/ { open = "" } /^==[0-9]+== *$/ { if (open != "") print open; open = "" }
		END { if (open != "") print open }' "$1" | grep -vE 'descriptor [0-2]:|descriptor [0-9]+: *$'
}

one() { # PROGRAM
	local name text
	name=$(basename "$1")
	text=$out/$name.txt
	rm -f "$text".* # of a run before, which may have failed
	# cmocka's child processes end with _exit, so that what they inherited is not theirs to give back.
	if ! valgrind --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite --track-fds=yes \
		--log-file="$text.%p" --child-silent-after-fork=yes "$1" >"$text" 2>&1; then
		cat "$text".* | grep -E '^==' | head -n 30 | sed 's/^/# /'
		printf 'not ok - valgrind: %s\n' "$name"
	elif left_open "$(grep -l -m 1 "FILE DESCRIPTORS" "$text".*)" >"$text.open"; then
		sed 's/^/# /' "$text.open"
		printf 'not ok - valgrind: %s leaves descriptors open\n' "$name"
	else
		printf 'ok - valgrind: %s\n' "$name"
		rm -f "$text".*
	fi
}

export -f one left_open
export out
for program in "$build"/tests/*_test; do
	name=$(basename "$program")
	[[ ! $name =~ $too_long ]] || continue
	[ $# -eq 0 ] || printf '%s\n' "$@" | grep -qx "${name%_test}" || continue
	echo "$program"
done | xargs -P "$(nproc)" -I '{}' bash -c 'one {}'
