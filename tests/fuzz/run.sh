#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the fuzzers. Speaks TAP: one result a target, or a file.
#   tests/fuzz/run.sh fuzz SECONDS    every target for so long, as many at once as there are processors
#   tests/fuzz/run.sh short           the same in about ten seconds altogether, from a fixed seed: one tree, one verdict
#   tests/fuzz/run.sh msan SECONDS    `fuzz` with MemorySanitizer, for the targets that can (see fuzz.mk)
#   tests/fuzz/run.sh coverage        lines and branches that the corpora reach, held against what is demanded
#   tests/fuzz/run.sh pack            the corpora, made small, into tests/fuzz/corpus (to be committed)
# A run begins with the seeds of the simulation, the corpora of tests/fuzz/corpus and what earlier runs found under build/.
# An input that breaks something stays in build/fuzz/broken/TARGET: mend it, then keep it in tests/fuzz/found/TARGET.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
here=tests/fuzz
out=build/fuzz
jobs=$(nproc)
targets=(wire engine conf control netlink server)
msan_targets=(wire conf engine)
declare -A longest=([wire]=4096 [engine]=2000 [conf]=8000 [control]=400 [netlink]=1500 [server]=1500)
seed=0 # each run another
export UBSAN_OPTIONS=print_stacktrace=1
export ASAN_OPTIONS=quarantine_size_mb=8:malloc_context_size=6
status=0

say() { printf '# fuzz: %s\n' "$*"; }

bad() {
	status=1
	printf 'not ok - fuzz %s\n' "$*"
}

build() {
	make -s -j"$jobs" K="$1" fuzz-programs "FUZZ=${*:2}" || { bad "the programs do not build"; exit 1; }
}

# Seeds are made anew each time: they follow the simulation.
prepare() {
	local target
	make -s -j"$jobs" build/tests/fuzz_seeds || { bad "the program that makes seeds does not build"; exit 1; }
	build/tests/fuzz_seeds "$out/seeds" >"$out/seeds.log" 2>&1 || { bad "there are no seeds: see $out/seeds.log"; exit 1; }
	for target in "${targets[@]}"; do
		mkdir -p "$out/corpus/$target" "$out/kept/$target" "$out/broken/$target" "$here/found/$target"
		[ ! -f "$here/corpus/$target.tar.gz" ] || tar -xzf "$here/corpus/$target.tar.gz" -C "$out/kept/$target"
	done
}

# One target: its line says what became of it.
run_one() {
	local kind=$1 target=$2 seconds=$3 log=$out/$1-$2.log count
	"$out/$kind/fuzz_$target" -seed="$seed" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=3000 -max_len="${longest[$target]}" -print_final_stats=1 \
		-artifact_prefix="$out/broken/$target/" "$out/corpus/$target" "$out/kept/$target" "$out/seeds/$target" "$here/found/$target" >"$log" 2>&1
	local ended=$?
	count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	if [ $ended -eq 0 ] && [ "${count:-0}" -gt 0 ]; then
		echo "ok - fuzz $target: $count executions, $(grep -a -o 'cov: [0-9]*' "$log" | tail -1)"
	else
		echo "not ok - fuzz $target: $(grep -a -m 1 -E 'not ok|ERROR|runtime error' "$log") (input: $(grep -a -o "$out/broken/[^ ]*" "$log" | tail -1), log: $log)"
	fi
}

run_all() {
	local kind=$1 seconds=$2 target
	shift 2
	for target in "$@"; do
		while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
		run_one "$kind" "$target" "$seconds" &
	done | tee "$out/results"
	wait
	! grep -q '^not ok' "$out/results" || status=1
}

fuzz() {
	build fuzz "${targets[@]}"
	prepare
	say "${#targets[@]} targets, $1 s each, $jobs at once"
	run_all fuzz "$1" "${targets[@]}"
}

# libcrypto is not instrumented: its memory must not count as bad, nor what it hands to the C library.
msan() {
	export OPENSSL_CONF=/nonexistent
	export MSAN_OPTIONS=poison_in_malloc=0:intercept_memcmp=0:strict_memcmp=0:intercept_strcmp=0:intercept_strlen=0:intercept_strchr=0:intercept_strpbrk=0:intercept_strstr=0:intercept_strspn=0
	build msan "${msan_targets[@]}"
	prepare
	run_all msan "$1" "${msan_targets[@]}"
}

# FILES... reach at least LINES and BRANCHES per cent, taken together.
demand() {
	local what=$1 lines=$2 branches=$3
	shift 3
	awk -v what="$what" -v lines="$lines" -v branches="$branches" -v wanted=" $* " '
		index(wanted, " " $1 " ") { l += $2; lc += $3; b += $4; bc += $5; n++ }
		END {
			lp = l ? 100 * lc / l : 0; bp = b ? 100 * bc / b : 0
			good = n > 0 && lp >= lines && (!branches || bp >= branches)
			printf "%s - fuzz coverage of the %s: %.1f %% of %d lines, %.1f %% of %d branches (%d files)\n", good ? "ok" : "not ok", what, lp, l, bp, b, n
		}' "$out/cover/files" | tee "$out/results"
	! grep -q '^not ok' "$out/results" || status=1
}

cover_one() {
	LLVM_PROFILE_FILE="$out/cover/$1.profraw" "$out/cover/fuzz_$1" "$out/kept/$1" "$out/seeds/$1" "$out/corpus/$1" "$here/found/$1" >"$out/cover/$1.log" 2>&1 ||
		bad "$1: an input of its corpora ends badly: see $out/cover/$1.log"
}

coverage() {
	local target objects=()
	build cover "${targets[@]}"
	prepare
	for target in "${targets[@]}"; do
		cover_one "$target"
		objects+=(-object "$out/cover/fuzz_$target")
	done
	llvm-profdata-14 merge -o "$out/cover/all.profdata" "$out"/cover/*.profraw || exit 1
	# file, lines, of them reached, branches, of them reached
	llvm-cov-14 report -instr-profile "$out/cover/all.profdata" "${objects[@]}" | awk '$1 ~ /\.[ch]$/ { print $1, $8, $8 - $9, $11, $11 - $12 }' >"$out/cover/files"
	awk '$1 ~ /^(ike|base|conf|dataplane|xfrm|vti|daemon)\// && $2 { printf "# %-32s %5.1f %% of %4d lines, %5.1f %% of %4d branches\n", $1, 100 * $3 / $2, $2, $4 ? 100 * $5 / $4 : 100, $4 }' "$out/cover/files"
	demand parser 95 90 ike/{wire,sa_v1,id,vid,proposal}.c base/buf.c daemon/icmp.c
	demand "state machine" 90 0 ike/{main_v1,first_v1,quick_v1,quick_steps_v1,quick_life,info_v1,exchange_v1,drive,peer,peer_sa,tunnel,child,child_life,liveness,life}.c
	demand "files and secrets" 85 0 conf/{lex,parse,keywords,values,proposals,secrets,merge,apply,check,check_pairs,match,ids,psk}.c
	demand "messages of the kernel" 95 90 xfrm/{event,policy_message}.c vti/{link_message,route_message}.c
	demand "privileged process" 85 0 dataplane/{message,permit,held,server,server_sas,server_events,server_paths,server_policies,server_links,server_routes}.c
	demand "control socket" 85 0 daemon/clients.c
}

pack() {
	local target small
	build fuzz "${targets[@]}"
	prepare
	mkdir -p "$here/corpus"
	for target in "${targets[@]}"; do
		small=$(mktemp -d)
		"$out/fuzz/fuzz_$target" -merge=1 -max_len="${longest[$target]}" "$small" "$out/kept/$target" "$out/corpus/$target" >"$out/pack-$target.log" 2>&1 || bad "$target: see $out/pack-$target.log"
		tar -C "$small" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - . | gzip -9n >"$here/corpus/$target.tar.gz"
		say "$target: $(find "$small" -type f | wc -l) inputs, $(stat -c %s "$here/corpus/$target.tar.gz") octets packed"
		rm -rf "$small"
	done
}

mkdir -p "$out"
case ${1:-} in
fuzz) fuzz "${2:-60}" ;;
short)
	seed=1
	fuzz 3
	;;
msan) msan "${2:-60}" ;;
coverage) coverage ;;
pack) pack ;;
*) echo "usage: tests/fuzz/run.sh fuzz SECONDS | short | msan SECONDS | coverage | pack" >&2; exit 2 ;;
esac
exit $status
