# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# Headend 1 drops everything, on headend 2 nobody listens (the kernel says so by ICMP). The program
# is ready all the same, keeps trying at a bounded rate, and both tunnels come up when they appear.
minicpe_only
topology_up 3
headend_start 1
wait_for 30 headend_ready 1 || bail "headend 1 does not start"
silence 1
cpe_files
count_ike

cpe_start
cpe_wait_ready 10 || bail "not ready although only the headends are silent: $(tail -n 3 "$cpe_log")"
ok "ready after $ready_after s with silent headends"
must "the tutorial's route is added at once" cpe_route
sleep 20
packets=$(($(ike_count 1) + $(ike_count 2)))
note "IKE packets to both headends in about 20 s: $packets"
if [ "$packets" -ge 4 ] && [ "$packets" -le 60 ]; then ok "keeps trying, at a bounded rate"; else not_ok "$packets packets in 20 s"; fi
status=$(cpe_status) || true
diag <<<"$status"
for n in 1 2; do
	check "status: tunnel $n down, with a reason" grep -qE "^oracle-tunnel-$n .*\bdown\b.*[a-z]{3}" <<<"$status"
done
appear=$EPOCHREALTIME
unsilence 1
headend_start 2
wait_for 90 cpe_up || bail "90 s after the headends appeared: '$(cpe_tunnels)'"
ok "both tunnels up $(since "$appear") s after the headends appeared (of which pluto's start is a part)"
for n in 1 2; do
	wait_for 40 headend_routed "$n" || bail "not up: $(cpe_why_not)"
done
check "traffic" both_tunnels
cpe_stop
