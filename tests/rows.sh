#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Holds tests/rows.txt to its word: every row from 1 to 85 is there, and every test that it names exists, is among
# those that its program runs, and, given the log of a run, has passed in it.
#   tests/rows.sh [LOG]     LOG: lines "ok N - TEST [PROGRAM]" as tests/run.sh keeps them
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

most=85
log=${1:-}
bad=0
declare -A seen passed

not_ok() {
	echo "not ok - rows: $*"
	bad=$((bad + 1))
}

# A program of cmocka's: defined as a test, and named once more where the tests are listed.
check_test() { # ROW FILE TEST
	local file=tests/unit/$2.c program=build/tests/${2##*/}
	[[ $2 != */* ]] || file=tests/$2.c
	[ -f "$file" ] || { not_ok "row $1 names $file, which is not there"; return; }
	grep -q "^static void $3(void \*\*state)" "$file" || { not_ok "row $1: $file has no test $3"; return; }
	[ "$(grep -cw "$3" "$file")" -ge 2 ] || { not_ok "row $1: $file has the test $3 but does not run it"; return; }
	[ -z "$log" ] || check_passed "$1" "$3" "$program"
}

# A test that skipped, for want of the captures that it reads, is made up for by another one of its row.
check_passed() { # ROW TEST PROGRAM
	if grep -qE "^ok [0-9]+ - $2 \[$3\]" "$log"; then
		passed[$1]=1
	elif ! grep -qE "^skip.* $2 \[$3\]" "$log"; then
		not_ok "row $1: $2 of $3 has not passed"
	fi
}

while IFS=$'\t' read -r row file test rest; do
	case $row in
	'#'* | '') continue ;;
	*[!0-9]*) not_ok "'$row' is no row"; continue ;;
	esac
	if [ -z "${test:-}" ] || [ -n "${rest:-}" ]; then
		not_ok "row $row: a line has three fields"
	elif [ "$file" != - ]; then
		check_test "$row" "$file" "$test"
	fi
	[ "$file" != - ] || passed[$row]=1
	seen[$row]=1
done <tests/rows.txt

for ((row = 1; row <= most; row++)); do
	[ -n "${seen[$row]:-}" ] || not_ok "row $row is missing"
	[ -z "$log" ] || [ -n "${passed[$row]:-}" ] || not_ok "row $row: no test of it has passed"
done
[ "${#seen[@]}" -eq "$most" ] || not_ok "${#seen[@]} rows, not $most"
[ "$bad" -eq 0 ] || exit 1
echo "ok - rows: $most rows, $(grep -cP '^[0-9]+\t[^-]' tests/rows.txt) tests named${log:+, all passed}"
