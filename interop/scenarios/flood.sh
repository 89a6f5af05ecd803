# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
# alone
#
# Forged IKE messages, 20,000 a second where the guest can send them: tunnels stay up, traffic goes on, memory
# stays, and a headend that begins anew in the middle of it is up within two seconds.
minicpe_only
rate=${FLOOD_RATE:-20000} seconds=${FLOOD_SECONDS:-5}
flood=/run/lab/flood
cc -O2 -D_GNU_SOURCE -o "$flood" "$LAB_TOP/interop/tools/flood.c" || bail "no compiler for the flood"
topology_up 2
headends_start
cpe_bring_up
ok "both tunnels up after $up_after s"
memory=$(cpe_memory)

# Floods the CPE while pings go through both tunnels; nothing may be lost and no state may change.
flooded() { # NAME KIND [SOURCE [INTERFACE]]
	local name=$1 lost before after
	shift
	before=$(grep -c 'oracle-tunnel' "$cpe_log" || true)
	on lic-srv ping -q -i 0.02 -w "$((seconds + 1))" -I "$lic_ip" "$compute_ip" >"$LAB_LOG/ping.txt" 2>&1 &
	on internet "$flood" "$1" "$rate" "$seconds" "$cpe_ip" "${@:2}" >"$LAB_LOG/flood.txt" 2>&1 || note "$(cat "$LAB_LOG/flood.txt")"
	wait $!
	lost=$(sed -nE 's/^([0-9]+) packets transmitted, ([0-9]+) received.*/\1 \2/p' "$LAB_LOG/ping.txt" | awk '{ print $1 - $2 }')
	after=$(grep -c 'oracle-tunnel' "$cpe_log" || true)
	note "$name: $(cat "$LAB_LOG/flood.txt"), $lost pings lost"
	if [ "${lost:-99}" -le 1 ]; then ok "$name: traffic goes on"; else not_ok "$name: $lost pings lost"; fi
	if [ "$((after - before))" -le 12 ]; then ok "$name: the log is not flooded too"; else not_ok "$name: $((after - before)) log lines"; fi
	check "$name: both tunnels up" cpe_up
}

flooded "first messages from random addresses" first
flooded "first messages from the headend's address" first "${headend_ip[1]}"
flooded "garbage from the headend's address" garbage "${headend_ip[1]}"

# The headend begins anew while its own address is forged. Its daemon's start is not ours: the clock runs from when it listens.
on internet "$flood" first "$rate" 30 "$cpe_ip" "${headend_ip[1]}" >/dev/null 2>&1 &
flooding=$!
headend_stop 1
headend_start 1 auto=start
headend_ready 1 || true
began=$EPOCHREALTIME
if wait_for 60 cpe_up; then ok "a headend that begins anew is up again"; else not_ok "the headend that began anew is not up in 60 s"; fi
note "that took $(since "$began") s"
kill "$flooding" 2>/dev/null || true

after=$(cpe_memory)
note "processes, resident, proportional KiB: $memory before, $after after"
# shellcheck disable=SC2086 # three figures each
set -- $memory $after
if [ "$5" -le "$(($2 + 512))" ]; then ok "memory stays"; else not_ok "resident memory grew from $2 to $5 KiB"; fi
