# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# alone
#
# The deaths of the three processes. Without an engine SAs and sockets stay, and a ping every 5 ms through each tunnel
# goes on, over the renegotiation; when one of the others dies all end, and the service manager starts all anew.
minicpe_only
for part in flows roles; do
	# shellcheck source=/dev/null
	. "$LAB_TOP/interop/lib/$part.sh"
done
topology_up 2
headends_start
cpe_bring_up
ok "both tunnels up after $up_after s"

# ---- an engine's death ----

flows_find || bail "no two flows by different tunnels"
flows_start 2400 0.005
flows_end
baseline=$flows_lost
note "baseline: $flows_lost of $flows_sent pings lost"

# An engine that begins says so; to look for its process takes longer, where processes are slow to start.
begun() { grep -c 'connecting: Main Mode with' "$cpe_log" || true; }
new_engine() { [ "$(begun)" -gt "$before" ]; }
new_sas() { cpe_up && [ "$(ip -n cpe xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort | xargs)" != "$spis" ]; }
for signal in KILL SEGV; do
	roles || bail "not three processes before SIG$signal"
	before=$(begun)
	spis=$(ip -n cpe xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort | xargs)
	drops=$(flows_drops cpe headend1 headend2)
	flows_start 2400 0.005
	sleep 2
	kill -"$signal" "$engine"
	check "SIG$signal: SAs stay while there is no engine" cpe_up
	if wait_for 5 new_engine; then ok "SIG$signal: a new engine after $waited s"; else not_ok "SIG$signal: no new engine in 5 s"; fi
	if wait_for 20 new_sas; then ok "SIG$signal: renegotiated after $waited s"; else not_ok "SIG$signal: no new SAs in 20 s"; fi
	flows_end
	diff <(echo "$drops") <(flows_drops cpe headend1 headend2) | diag || true
	# Libreswan as the headend: a few replies come under an SPI that is not known (DESIGN.md, known to be bad).
	if [ "$flows_lost" -le "$((baseline + flows_sent / 200))" ] && [ "$flows_sent" -ge 4800 ]; then
		ok "SIG$signal to the engine: $flows_lost of $flows_sent packets lost, the renegotiation included"
	else
		not_ok "SIG$signal to the engine: $flows_lost of $flows_sent packets lost (baseline $baseline)"
	fi
	check "SIG$signal: traffic through both tunnels after it" flows_both
done

# One that stands still is as good as dead, and noticed after 20 s.
roles || bail "not three processes before SIGSTOP"
before=$(begun)
spis=$(ip -n cpe xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort | xargs)
flows_start 7000 0.005
sleep 2
kill -STOP "$engine"
if wait_for 30 new_engine; then ok "SIGSTOP: a new engine after $waited s"; else not_ok "SIGSTOP: no new engine in 30 s"; fi
if wait_for 20 new_sas; then ok "SIGSTOP: renegotiated after $waited s"; else not_ok "SIGSTOP: no new SAs in 20 s"; fi
flows_end
if [ "$flows_lost" -le "$((baseline + flows_sent / 200))" ] && [ "$flows_sent" -ge 14000 ]; then
	ok "SIGSTOP to the engine: $flows_lost of $flows_sent packets lost, the renegotiation included"
else
	not_ok "SIGSTOP to the engine: $flows_lost of $flows_sent packets lost (baseline $baseline)"
fi
grep -q 'no sign of life for 20 s' "$cpe_log" || not_ok "SIGSTOP: the log does not say why"

cpe_stop

# ---- the deaths of the others ----

# What a service manager does with the unit's Restart=always and RestartSec=.
pause=$(sed -nE 's/^RestartSec=([0-9]+)ms$/\1/p' "$LAB_TOP/packaging/minicpe.service")
grep -q '^Restart=always$' "$LAB_TOP/packaging/minicpe.service" || not_ok "the unit does not say Restart=always"
(
	trap 'exit 0' TERM
	while :; do
		on cpe "$MINICPE" -c "$cpe_conf" </dev/null >>"$cpe_log" 2>&1 || true
		sleep "0.$(printf %03d "$pause")"
	done
) &
manager=$!
wait_for 30 cpe_up || bail "not up under the restart loop: $(cpe_why_not)"
for n in 1 2; do wait_for 40 headend_routed "$n" || true; done
cpe_route 2>/dev/null || true

# The longest time without an answer, in seconds with three decimals, of a ping with time stamps that ended just now.
longest_gap() {
	awk -F '[][]' -v end="$EPOCHREALTIME" '
		function look(at) { if (last && at - last > gap) gap = at - last }
		/icmp_seq/ && !/no answer/ { look($2); last = $2 }
		END { if (end - last > 1) look(end); printf "%.3f", gap }' "$1"
}

for role in privileged supervisor; do
	roles || bail "not three processes before the $role's death"
	others=("$privileged" "$supervisor" "$engine")
	on lic-srv ping -D -i 0.02 -w 14 -I "192.168.3.${flow[1]}" "$compute_ip" >"$LAB_LOG/gap.txt" 2>&1 &
	pinging=$!
	sleep 2
	kill -9 "${!role}"
	gone() { local p; for p in "${others[@]}"; do ! kill -0 "$p" 2>/dev/null || return 1; done; }
	if wait_for 3 gone; then ok "the $role's death ends the others after $waited s"; else not_ok "some live on after the $role's death"; fi
	wait "$pinging" || true
	gap=$(longest_gap "$LAB_LOG/gap.txt")
	note "$role killed: longest time without an answer $gap s"
	if awk -v gap="$gap" 'BEGIN { exit !(gap > 0 && gap <= 3) }'; then
		ok "the $role's death: traffic again within 3 s"
	else
		not_ok "the $role's death: no traffic for $gap s"
	fi
	wait_for 30 cpe_up || not_ok "not both up after the $role's death: $(cpe_why_not)"
	for n in 1 2; do wait_for 20 headend_routed "$n" || true; done
done
kill "$manager" 2>/dev/null || true
cpe_kill || true
