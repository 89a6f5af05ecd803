# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a happening costs: a ping every 20 ms through tunnels of lib/pair.sh while it happens.
#
#   outage_begin "PEER N"...       starts the pings
#   outage_end LEAST MOST          waits until all are answered again: at least, at most so many seconds
#   outage_of PEER N               leaves $outage, the longest time between two answers in milliseconds, and
#                                  $outage_lost, the pings that were not answered although a later one was

outage_begin() {
	local tunnel peer n
	outage_dir=/run/lab/outage outage_pids=() outage_tunnels=("$@")
	rm -rf $outage_dir
	mkdir -p $outage_dir
	for tunnel in "$@"; do
		read -r peer n <<<"$tunnel"
		become cpe ping -n -D -i 0.02 -I "10.1.0.$n" "${peer_inside[$peer]}.$n" >"$outage_dir/$peer-$n" 2>&1 &
		outage_pids+=($!)
	done
	sleep 0.6
}

outage_answered() {
	local tunnel last
	for tunnel in "${outage_tunnels[@]}"; do
		last=$(grep -a icmp_seq= "$outage_dir/${tunnel/ /-}" | tail -n 1)
		[[ $last =~ ^\[([0-9]+)\.([0-9]{3}) ]] || return 1
		[ $((${EPOCHREALTIME/./} / 1000 - (BASH_REMATCH[1] * 1000 + 10#${BASH_REMATCH[2]}))) -lt 300 ] || return 1
	done
}

outage_end() {
	sleep "$1"
	wait_for "$2" outage_answered || true
	sleep 0.5
	outage_ended=$EPOCHREALTIME
	kill -INT "${outage_pids[@]}" 2>/dev/null || true
	wait "${outage_pids[@]}" 2>/dev/null || true
}

outage_of() {
	read -r outage outage_lost < <(awk -v end="$outage_ended" '/icmp_seq=/ {
			time = substr($1, 2) + 0
			match($0, /icmp_seq=[0-9]+/)
			n = substr($0, RSTART + 9, RLENGTH - 9) + 0
			if (last && time - last > most) most = time - last
			last = time
			if (n > top) top = n
			if (!seen[n]++) count++
		}
		END { if (end - last > 2 && end - last > most) { most = end - last; top += 50 * most } # and no answer ever since
			printf "%d %d\n", count ? most * 1000 : 999999, top - count }' "$outage_dir/$1-$2")
}

# outage_verdict WHAT MOST-MILLISECONDS [PEER]: a finding for each tunnel, or those of one peer; -1: none may be lost.
# The limits are for a guest on a busy machine; the figure is what a person looks at.
outage_verdict() {
	local tunnel peer n text
	for tunnel in "${outage_tunnels[@]}"; do
		read -r peer n <<<"$tunnel"
		[ "${3:-$peer}" = "$peer" ] || continue
		outage_of "$peer" "$n"
		text="$1, $peer: $outage ms at most between two answers, $outage_lost pings lost"
		if [ "$outage" -ge 999999 ] || { [ "$2" -ge 0 ] && [ "$outage" -gt "$2" ]; } || { [ "$2" -lt 0 ] && [ "$outage_lost" -gt 0 ]; }; then
			not_ok "$text"
		else
			ok "$text"
		fi
	done
}
