# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# System calls and allocations of the whole daemon that fail, one at a time, in each of the three processes, while it
# starts, gets new keys, and stops (interop/tools/fault.c). After each the tunnels are up again, or the program ended
# with a sentence; and after the end nothing is left. FAULT_SEED chooses where in a phase a call fails,
# FAULT_PART=K/N which part of all is run, and FAULT_ONLY, a pattern for "PHASE PROCESS CALL NTH", which of that.
minicpe_only

fault_errors=([0]=12 [1]=105) # ENOMEM, ENOBUFS
declare -A fault_error=([open]=23 [socket]=23 [fork]=11 [accept4]=24 [read]=5 [write]=28 [recvmsg]=12 [recv]=12 [poll]=12 [epoll_wait]=4)

fault_build() {
	fault_file=/run/lab/fault.shm
	local source=$LAB_TOP/interop/tools/fault.c
	cc -O2 -D_GNU_SOURCE -shared -fPIC -o /run/lab/fault.so "$source" -ldl || bail "no compiler for the faults"
	cc -O2 -D_GNU_SOURCE -DTOOL -o /run/lab/fault "$source" || bail "no compiler for the faults"
	FAULT_SEED=${FAULT_SEED:-$((RANDOM * 32768 + RANDOM))}
	note "FAULT_SEED=$FAULT_SEED"
	RANDOM=$FAULT_SEED
}

fault() { /run/lab/fault "$fault_file" "$@"; }

fault_start() {
	cpe_log=$LAB_LOG/cpe.log
	notify_open
	cpe_started=$EPOCHREALTIME
	# By env, behind what leads into the host: nsenter's own calls are not to be counted, nor to fail.
	NOTIFY_SOCKET=$cpe_dir/notify become cpe env FAULT_FILE="$fault_file" LD_PRELOAD=/run/lab/fault.so \
		"$MINICPE" -c "$cpe_conf" </dev/null >>"$cpe_log" 2>&1 &
	cpe_pid=$!
}

fault_works() { cpe_up && on lic-srv ping -q -c 1 -W 1 "$compute_ip"; }
fault_up_or_ended() { cpe_gone || fault_works; }

# Leftovers of a run that was not let finish go with the next one.
fault_clean() { # WHAT
	local after
	after=$(cpe_snapshot)
	[ "$after" != "$fault_before" ] || return 0
	if [ "${2:-}" = again ]; then
		not_ok "$1: something is left"
		diff <(echo "$fault_before") <(echo "$after") | diag || true
		return 0
	fi
	note "$1: something was left; the next run is to take it away"
	fault reset
	fault_start
	cpe_wait_ready 30 || not_ok "$1: the next start does not succeed: $(tail -n 1 "$cpe_log")"
	cpe_stop
	fault_clean "$1" again
}

fault_stop() {
	if ! kill -0 "$cpe_pid" 2>/dev/null; then
		wait_for 5 cpe_gone || not_ok "it ended, but not all of it: $(cpe_pids | xargs)"
		wait "$cpe_pid" || true
		notify_close
	else
		cpe_stop
	fi
}

# An end must say why, and not by a signal alone.
fault_said() { # WHAT LINE
	tail -n +"$2" "$cpe_log" | holds -E 'error: |\(libev\)' || not_ok "$1: ended without a sentence"
}

# ---- the phases; each with the fault armed: PROCESS CALL NTH ERROR ----

fault_in_start() {
	local what="start, process $1, $2 number $3" line
	line=$(($(wc -l <"$cpe_log") + 1))
	fault arm "$@"
	fault_start
	wait_for 60 fault_up_or_ended || not_ok "$what: neither up nor ended after 60 s: $(tail -n 2 "$cpe_log" | tr '\n' '|')"
	if cpe_gone; then fault_said "$what" "$line"; fi
	fault_end "$what"
}

fault_in_run() {
	local what="new keys, process $1, $2 number $3" line
	fault reset
	fault_start
	wait_for 60 fault_works || { not_ok "$what: no start"; return 0; }
	line=$(($(wc -l <"$cpe_log") + 1))
	fault arm "$@"
	on cpe "$MINICPE" rekey oracle-tunnel-1 >/dev/null 2>&1 || true
	on cpe "$MINICPE" status >/dev/null 2>&1 || true
	on cpe "$MINICPE" rekey oracle-tunnel-2 >/dev/null 2>&1 || true
	sleep 3
	wait_for 60 fault_up_or_ended || not_ok "$what: neither up nor ended after 60 s: $(tail -n 2 "$cpe_log" | tr '\n' '|')"
	if cpe_gone; then fault_said "$what" "$line"; fi
	fault_end "$what"
}

fault_in_stop() {
	local what="stop, process $1, $2 number $3"
	fault reset
	fault_start
	wait_for 60 fault_works || { not_ok "$what: no start"; return 0; }
	fault arm "$@"
	fault_end "$what"
}

fault_end() { # WHAT
	local fired
	fault_stop
	fired=$(fault show | sed -n 's/^fired //p')
	fault_clean "$1"
	if [ "$fired" != 0 ]; then fault_cases=$((fault_cases + 1)); else note "$1: was not reached"; fi
}

# What each process calls in a phase, and how often.
fault_learn() {
	fault reset
	fault_start
	wait_for 60 fault_works || bail "no start with the tool in between: $(tail -n 3 "$cpe_log")"
	fault_calls_start=$(fault show | tail -n +2)
	fault reset
	on cpe "$MINICPE" rekey oracle-tunnel-1 >/dev/null
	on cpe "$MINICPE" status >/dev/null
	sleep 3
	fault_calls_run=$(fault show | tail -n +2)
	fault reset
	cpe_stop
	fault_calls_stop=$(fault show | tail -n +2)
	note "calls in a start: $(awk '{ n += $3 } END { print n " of " NR " kinds" }' <<<"$fault_calls_start")"
}

# fault_part, of "PHASE PROCESS CALL NTH": only what belongs to FAULT_PART=K/N of all, a kind of call with all its places,
# so that what takes hours can be run in pieces, one after the other or side by side.
fault_part() {
	awk -v part="${FAULT_PART:-1/1}" '
		BEGIN { split(part, p, "/"); for (i = 0; i < 128; i++) code[sprintf("%c", i)] = i }
		{ sum = 0; for (i = 1; i <= length($1 $2 $3); i++) sum = (sum * 31 + code[substr($1 $2 $3, i, 1)]) % 65521 }
		sum % p[2] == p[1] - 1'
}

# fault_plan EACH: "PHASE PROCESS CALL NTH", each kind of call at so many places of each phase.
fault_plan() {
	local phase process call count i calls
	for phase in start run stop; do
		calls=fault_calls_$phase
		while read -r process call count; do
			for ((i = 0; i < $1 && i < count; i++)); do echo "$phase $process $call $((i == 0 ? 1 : RANDOM % count + 1))"; done
		done <<<"${!calls}"
	done | sort -u | fault_part | grep -E "${FAULT_ONLY:-.}"
}

faults() { # PLACES-OF-EACH-KIND MOST
	local phase process call nth plan
	fault_build
	topology_up 3
	headends_start
	cpe_files
	sed -i 's/vti-routing=no/vti-routing=yes/' "$cpe_conf"
	fault_before=$(cpe_snapshot)
	cpe_log=$LAB_LOG/cpe.log fault_cases=0 fault_tried=0
	: >"$cpe_log"
	fault_learn
	plan=$(fault_plan "$1" | shuf -n "$2" --random-source=<(yes "$FAULT_SEED"))
	while read -r phase process call nth <&3; do
		[ $((++fault_tried % 20)) != 0 ] || note "$fault_tried of $(wc -l <<<"$plan")"
		"fault_in_$phase" "$process" "$call" "$nth" "${fault_error[$call]:-${fault_errors[nth % 2]}}"
	done 3<<<"$plan"
	if [ "$fault_cases" -gt 0 ]; then ok "$fault_cases calls failed, of $(wc -l <<<"$plan") planned; up again or ended in words, and nothing left"; else not_ok "no call failed at all"; fi
}
