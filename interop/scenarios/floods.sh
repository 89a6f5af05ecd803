# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# clock: counted
#
# Forged IKE messages, 20,000 a second: first messages from anywhere and from the headend's own address, garbage, a
# recorded handshake again and again, encrypted messages with the true cookies. Tunnels stay up, not a packet is lost, the
# headend is not flooded with answers, probes are answered, memory stays, and a headend that begins anew in the middle of
# it is up within two seconds. One emulated processor sends and takes 14,000 to 17,000 of them a second; with LAB_SHIFT=0,
# and twice the time, all.
minicpe_only
# shellcheck source=interop/lib/flows.sh
. "$LAB_TOP/interop/lib/flows.sh"
rate=${FLOOD_RATE:-20000} seconds=${FLOOD_SECONDS:-4}
flood=/run/lab/flood
cc -O2 -D_GNU_SOURCE -o "$flood" "$LAB_TOP/interop/tools/flood.c" || bail "no compiler for the flood"
topology_up 2
headends_start dpddelay=2s dpdtimeout=8s dpdaction=clear
become internet "$flood" record /run/lab/recorded 60 "${headend_ip[1]}" oci1 &
recording=$!
cpe_bring_up
ok "both tunnels up after $up_after s"
flows_find || bail "no two flows by different tunnels"
sleep 3 # a probe and its answer are recorded, too
kill "$recording"
note "recorded: $(($(stat -c %s /run/lab/recorded) / 1404)) datagrams of headend 1"

# Floods the CPE while pings go through both tunnels; nothing may be lost and no state may change.
flooded() { # NAME KIND [SOURCE [FILE]]
	local name=$1 before after
	shift
	before=$(grep -c 'oracle-tunnel' "$cpe_log" || true)
	flows_start $((seconds * 50 + 50)) 0.02
	on internet "$flood" "$1" "$rate" "$seconds" "$cpe_ip" "${@:2}" >"$LAB_LOG/flood.txt" 2>&1 || not_ok "$name: $(cat "$LAB_LOG/flood.txt")"
	flows_end
	reached=$(sed -n 's/.* \([0-9]*\) a second$/\1/p' "$LAB_LOG/flood.txt")
	after=$(grep -c 'oracle-tunnel' "$cpe_log" || true)
	note "$name: $(cat "$LAB_LOG/flood.txt"), $flows_lost of $flows_sent pings lost, $((after - before)) log lines"
	[ "$1" != nothing ] || { baseline=$flows_lost; return 0; }
	if [ "$flows_lost" -le "$baseline" ]; then ok "$name: no packet is lost"; else not_ok "$name: $flows_lost of $flows_sent pings lost, $baseline without an engine in the way"; fi
	if [ "$((after - before))" -le 12 ]; then ok "$name: the log is not flooded too"; else not_ok "$name: $((after - before)) log lines"; fi
	check "$name: both tunnels up" cpe_up
}

flooded "baseline, a port where nobody listens" nothing "${headend_ip[1]}"
silent_before=$(grep -c 'silent: the headend answers no probe' "$cpe_log" || true)
slow=no
[ "$baseline" = 0 ] && [ "$silent_before" = 0 ] && [ "$reached" -ge $((rate * 3 / 4)) ] || slow=yes
flooded "first messages from random addresses" first
memory=$(cpe_memory)
answers() { grep -c 'phase 1 message is part of an unknown exchange' "$LAB_LOG/headend1.log" || true; }
answered=$(answers)
flooded "first messages from the headend's address" first "${headend_ip[1]}"
answered=$(($(answers) - answered)) most=$((150 * (seconds + 2)))
if [ "$answered" -le "$most" ]; then ok "the headend gets $answered answers to them"; else not_ok "the headend is flooded with $answered answers, more than $most"; fi
flooded "first messages from the headend's address, each with another offer" offers "${headend_ip[1]}"
flooded "garbage from the headend's address" garbage "${headend_ip[1]}"
flooded "the headend's own messages once more" replay "${headend_ip[1]}" /run/lab/recorded
flooded "encrypted messages with the true cookies" cipher "${headend_ip[1]}" /run/lab/recorded

silent=$(grep -c 'silent: the headend answers no probe' "$cpe_log" || true)
if [ "$slow" = yes ]; then
	skip "whether probes are answered: this guest answers too slowly without any engine in the way"
elif [ "$silent" -le "$silent_before" ]; then
	ok "every probe of ours was answered"
else
	not_ok "a probe of ours was not answered"
fi
if grep -q 'declaring peer dead' "$LAB_LOG"/headend[12].log; then not_ok "a headend's probe was not answered"; else ok "every probe of the headends was answered"; fi

# How long it takes from a headend's first Main Mode message to an ISAKMP SA, by its own log; its daemon's start is not
# ours. Not only of the Main Mode that it begins: ours may be done before, and Libreswan then runs its scripts for a
# second or two and reads nothing.
main_mode_took() { # HEADEND LINES-BEFORE
	tail -n "+$(($2 + 1))" "$LAB_LOG/headend$1.log" | awk '
		function seconds(time,    t) { split(time, t, ":"); return t[1] * 3600 + t[2] * 60 + t[3] }
		/initiating IKEv1 Main Mode/ && !began { began = 1; at = seconds($3) }
		/IKE SA established/ && began && !done { done = 1; printf "%.2f", seconds($3) - at }'
}
restarted() { # HEADEND: leaves how long it took in $took
	local lines
	lines=$(wc -l <"$LAB_LOG/headend$1.log")
	headend_stop "$1"
	headend_start "$1" auto=start
	took=''
	wait_for 60 new_main_mode "$1" "$lines" || true
	took=$(main_mode_took "$1" "$lines")
}
new_main_mode() { [ -n "$(main_mode_took "$1" "$2")" ]; }

restarted 2
note "without a flood a headend's new Main Mode takes ${took:-for ever} s"
undisturbed=$took
restarted_in_flood() { # NAME KIND [FILE]
	local flooding
	on internet "$flood" "$2" "$rate" 60 "$cpe_ip" "${headend_ip[1]}" "${@:3}" >/dev/null 2>&1 &
	flooding=$!
	restarted 1
	kill "$flooding" 2>/dev/null || true
	if [ -n "$took" ] && awk -v t="$took" -v u="${undisturbed:-0}" 'BEGIN { exit t > 2 && t > u + 1 }'; then
		ok "$1: a headend that begins anew in the middle of it is up after $took s"
	elif [ "$slow" = yes ]; then
		skip "$1: a headend that begins anew: this guest cannot stand $rate a second by itself"
	else
		not_ok "$1: the headend that began anew took ${took:-more than 60} s"
	fi
	if wait_for 20 flows_both; then ok "$1: and traffic goes through both tunnels"; else not_ok "$1: no traffic through both tunnels after it"; fi
}
restarted_in_flood "first messages from its address" first
restarted_in_flood "each with another offer" offers
restarted_in_flood "garbage" garbage
restarted_in_flood "its own messages once more" replay /run/lab/recorded
restarted_in_flood "encrypted messages" cipher /run/lab/recorded

after=$(cpe_memory)
note "processes, resident, proportional KiB: $memory before, $after after"
read -r _ resident_before _ _ resident_after _ <<<"$memory $after"
if [ "$resident_after" -le "$((resident_before + 512))" ]; then ok "memory stays"; else not_ok "resident memory grew from $resident_before to $resident_after KiB"; fi
