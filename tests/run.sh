#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs tests and counts them. Every program under it speaks TAP: `ok`, `not ok`, `ok ... # skip`.
#   tests/run.sh unit BUILD   the unit and simulation programs of one build folder
#   tests/run.sh check        all of `make check`: installs what is missing, builds, style, units, simulation, lab
#   tests/run.sh long         what needs counts or hours
# Ends with "N passed, N failed, N skipped"; exit status 0 only when nothing failed and something passed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# cmocka says `not ok N # SKIP name` of a test that skipped.
results() {
  grep -E '^(ok|not ok|skip)\b' | sed -E 's/^(not )?ok( -)?( [0-9]+)? # skip/skip/I; s/^ok(.*# *skip)/skip\1/I'
}

# Runs a command whose output is TAP, shows it, and keeps its result lines for the count.
tap() {
  local name=$1 status
  shift
  "$@" 2>&1 | tee /dev/fd/3 | results | sed "s|\$| [$name]|" >>"$log"
  status=${PIPESTATUS[0]}
  if [ "$status" -ne 0 ] && ! grep -q "^not ok.*\[$name\]\$" "$log"; then
    echo "not ok - $name ended with status $status" | tee /dev/fd/3 | sed "s|\$| [$name]|" >>"$log"
  fi
}

# A step that has no results of its own.
step() {
  local name=$1
  shift
  echo "== $name" >&3
  if "$@" >&3 2>&1; then
    echo "ok - $name [$name]" >>"$log"
  else
    echo "not ok - $name [$name]" | tee /dev/fd/3 >>"$log"
  fi
}

# As many programs at a time as there are processors; shown in their order.
units() {
  local program said
  said=$(mktemp -d)
  export said
  # shellcheck disable=SC2016
  printf '%s\n' "$1"/tests/*_test | CMOCKA_MESSAGE_OUTPUT=TAP ASAN_OPTIONS=detect_leaks=1 xargs -P "$(nproc)" -I{} \
    bash -c '"$1" >"$said/${1##*/}" 2>&1; echo $? >"$said/${1##*/}.status"' bash {}
  for program in "$1"/tests/*_test; do
    # shellcheck disable=SC2016
    tap "$program" bash -c 'cat "$1"; exit "$(cat "$1.status")"' bash "$said/${program##*/}"
  done
  rm -rf "$said"
}

count() {
  local passed failed skipped
  failed=$(grep -c '^not ok' "$log")
  skipped=$(grep -c '^skip' "$log")
  passed=$(grep -c '^ok' "$log")
  grep '^not ok' "$log" >&3
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

build_all() {
  make -s -j"$(nproc)" all tests && make -s -j"$(nproc)" SANITIZE=1 all tests
}

check() {
  step "packages" interop/packages.sh build lab check
  step "build, plain and with AddressSanitizer and UBSan" build_all
  tap style tests/style.sh
  [ ! -x tests/analysis.sh ] || tap analysis tests/analysis.sh
  units build
  tap completion tests/completion.sh build/minicpe
  tap rows tests/rows.sh "$log"
  tap binary tests/binary.sh
  units build/asan
  tap fuzz tests/fuzz/run.sh short
  tap lab interop/lab.sh run --list check
  tap lab-asan env MINICPE=build/asan/minicpe interop/lab.sh run --list asan
}

long() {
  step "packages" interop/packages.sh build lab check
  step "build, plain and with AddressSanitizer and UBSan" build_all
  export MINICPE_LONG=1
  tap analysis tests/analysis.sh long
  units build
  tap valgrind env -u MINICPE_LONG tests/valgrind.sh build
  tap fuzz-coverage tests/fuzz/run.sh coverage
  tap lab interop/lab.sh run --list long
}

# tee would open a regular file anew, and empty it.
if [ -f /dev/fd/1 ]; then
  "$0" "$@" | cat
  exit "${PIPESTATUS[0]}"
fi
exec 3>&1
case ${1:-} in
  unit) units "${2:-build}" ;;
  check) check ;;
  long) long ;;
  *) echo "usage: tests/run.sh unit BUILD | check | long" >&2; exit 2 ;;
esac
count
