# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Up, down, rekey, reload, headends that restart or die, loss, SAs taken away: at random from a seed, for as long as
# wanted. After each the tunnels are up and carry traffic; memory, descriptors, SAs, policies, links and routes are
# where they were when it began. SOAK_SEED replays a run: the same acts in the same order.
minicpe_only

soak_random() { # MOST: 0 .. MOST-1 into $chance; 31 bits of a linear congruential generator
	soak_state=$(((soak_state * 1103515245 + 12345) & 0x7fffffff))
	chance=$((soak_state / 65536 % $1))
}

soak_tunnel() {
	soak_random 2
	tunnel=$((chance + 1))
}

soak_verb() { on cpe "$MINICPE" "$1" ${2:+"oracle-tunnel-$2"}; }

# ---- the acts; each leaves the world as it was, and the daemon to find back ----

act_rekey() { soak_tunnel; soak_verb rekey "$tunnel"; }
act_rekey_both() { soak_verb rekey 1 && soak_verb rekey 2; }
act_down_up() {
	soak_tunnel
	soak_verb down "$tunnel"
	soak_random 3
	sleep "$chance"
	soak_verb up "$tunnel"
}
act_reload() { soak_verb reload; }
act_reload_changed() {
	cp -p "$cpe_conf" /run/lab/conf
	sed -i 's/^\( *salifetime=\).*/\140m/' "$cpe_conf"
	! cmp -s "$cpe_conf" /run/lab/conf || return 1
	soak_verb reload || return 1
	sleep 1
	cp -p /run/lab/conf "$cpe_conf"
	soak_verb reload
}
act_flush() { ip -n cpe xfrm state flush; }
act_policies() { ip -n cpe xfrm policy flush; }
act_link() { soak_tunnel; ip -n cpe link del "vti0$tunnel"; }
act_loss() {
	soak_random 25
	on router tc qdisc replace dev wan root netem loss "$((chance + 5))%"
	soak_verb rekey 1 && soak_verb rekey 2
	sleep 3
	on router tc qdisc del dev wan root
}
act_cut() {
	soak_random 4
	ip -n router link set wan down
	sleep "$chance"
	ip -n router link set wan up
	ip -n router route replace default via 203.0.113.254
}
act_peer_restart() {
	soak_tunnel
	headend_stop "$tunnel"
	soak_peer_again
}
act_peer_kill() {
	soak_tunnel
	kill -9 "$(<"/run/lab/headend$tunnel/pid")"
	ip -n "headend$tunnel" xfrm state flush
	ip -n "headend$tunnel" xfrm policy flush
	soak_peer_again
}
act_engine() { kill -9 "$(cpe_pids | tail -n 1)"; }

soak_peer_again() {
	rm -f "/run/lab/headend$tunnel/pid"
	ip -n "headend$tunnel" link del "vti0$tunnel" 2>/dev/null || true
	: >"$LAB_LOG/headend$tunnel.log"
	headend_start "$tunnel"
	wait_for 30 headend_ready "$tunnel"
}

# ---- how things are ----

soak_answer() { on lic-srv ping -q -c 1 -W 1 "$compute_ip"; }
soak_routed() { [ "$(ip -n cpe route show "$right_net" | grep -c 'nexthop.*vti0')" = 2 ] && headend_routed 1 && headend_routed 2; }
soak_whole() { cpe_up && soak_routed && soak_answer; }

# Of each process its name, descriptors and resident KiB.
soak_processes() {
	local pid
	for pid in $(cpe_pids); do
		printf '%s %s\n' "$(find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l)" "$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")"
	done
}
soak_descriptors() { soak_processes | cut -d ' ' -f 1 | xargs; }
soak_resident() { soak_processes | awk '{ sum += $2 } END { print sum }'; }
# SPIs and interface numbers are new each time; all else is not.
soak_shape() {
	cpe_snapshot | sed -E 's/spi 0x[0-9a-f]+/spi X/; s/(seq|oseq|replay-window|lastused|if_id) .*//; s/ (mtu|state|qlen) [^ ]+//g' |
		grep -vE 'link-netnsid|/all/|/default/|/ens3/' | sort
}
soak_settled() { soak_whole && [ "$(soak_shape)" = "$soak_began" ] && [ "$(soak_descriptors)" = "$soak_fds" ]; }

soak_settle() { # SECONDS WHAT
	wait_for "$1" soak_settled && return 0
	not_ok "after $2 (act $acts, SOAK_SEED=$SOAK_SEED): not as at the beginning after $1 s; tunnels '$(cpe_tunnels)', descriptors $(soak_descriptors), not $soak_fds"
	diff <(echo "$soak_began") <(soak_shape) | diag || true
	return 1
}

soak_choose() {
	soak_random ${#soak_acts[@]}
	act=${soak_acts[chance]}
}

soak_start() {
	SOAK_SEED=${SOAK_SEED:-$((RANDOM * 32768 + RANDOM))}
	soak_state=$((SOAK_SEED & 0x7fffffff))
	note "SOAK_SEED=$SOAK_SEED"
	topology_up 3
	headends_start
	cpe_files
	sed -i 's/vti-routing=no/vti-routing=yes/' "$cpe_conf"
	soak_clean=$(cpe_snapshot)
	cpe_start
	cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"
	cpe_wait_up || bail "not up: $(cpe_why_not)"
	wait_for 30 soak_whole || bail "no traffic: $(ip -n cpe route show "$right_net")"
	soak_acts=(rekey rekey_both down_up flush policies link loss cut peer_restart peer_kill rekey down_up
		reload reload_changed reload)
}

# Once each, so that what is only ever allocated once is there: then the comparison begins.
soak_warm() {
	sleep 2
	soak_began=$(soak_shape) soak_fds=$(soak_descriptors) acts=0
	for act in ${SOAK_WARM:-rekey_both flush link reload}; do
		"act_$act" >/dev/null || true
		soak_settle 60 "$act" || true
	done
	soak_memory=$(soak_resident)
	note "at the beginning: descriptors $soak_fds, resident $soak_memory KiB, SAs $(ip -n cpe xfrm state | grep -c ^src)"
}

soak() { # SECONDS
	local end act done_acts='' failed=0 most=0 memory
	soak_start
	soak_warm
	end=$((SECONDS + $1))
	while [ $SECONDS -lt $end ] && [ "$failed" -lt 5 ]; do
		soak_choose
		acts=$((acts + 1)) done_acts+=" $act"
		"act_$act" >/dev/null 2>&1 || not_ok "$act failed (act $acts, SOAK_SEED=$SOAK_SEED)"
		soak_settle 90 "$act" || failed=$((failed + 1))
		memory=$(soak_resident)
		[ "$memory" -le "$most" ] || most=$memory
		[ $((acts % 25)) != 0 ] || note "$acts acts: resident $memory KiB, most $most"
	done
	[ "$failed" != 0 ] || ok "$acts acts, after each all as at the beginning"
	[ "$acts" -gt 0 ] || not_ok "no act at all"
	note "acts:$(tr ' ' '\n' <<<"$done_acts" | sort | uniq -c | awk 'NF == 2 { printf " %s %s,", $1, $2 }')"
	memory=$(soak_resident)
	if [ "$memory" -le $((soak_memory + 256)) ]; then
		ok "resident memory: $soak_memory KiB at the beginning, $memory at the end"
	else
		not_ok "resident memory grew from $soak_memory to $memory KiB (SOAK_SEED=$SOAK_SEED)"
	fi
	cpe_stop
	[ "$cpe_status" = 0 ] || not_ok "status $cpe_status at the end"
	check_same "nothing is left after the stop" "$soak_clean" "$(cpe_snapshot)"
}
