# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# Ten times started and stopped: the CPE's kernel is as it was before the first start, and the
# headends know that the tunnels are gone.
minicpe_only
topology_up 3
headends_start
cpe_files

headend_clear() { ! ip -n "headend$1" xfrm state | holds aead; }

before=$(cpe_snapshot)
good=0
for round in {1..10}; do
	cpe_start
	cpe_wait_ready 30 || bail "round $round: not ready after 30 s"
	cpe_route || bail "round $round: the tutorial's route cannot be added"
	cpe_wait_up || bail "round $round: not up: $(cpe_why_not)"
	cpe_stop
	[ "$cpe_status" = 0 ] || bail "round $round: exit status $cpe_status after SIGTERM"
	after=$(cpe_snapshot)
	[ "$before" = "$after" ] || {
		check_same "round $round leaves nothing behind" "$before" "$after"
		break
	}
	for n in 1 2; do
		wait_for 3 headend_clear "$n" || bail "round $round: headend $n was not told"
	done
	good=$round
done
[ "$good" != 10 ] || ok "ten starts and stops leave no SA, policy, link, address, route, rule or sysctl behind"
[ "$good" != 10 ] || ok "both headends were told each time, and exit status 0 each time"
