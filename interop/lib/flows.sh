# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Pings through both tunnels at once, for scenarios that count what is lost. For a scenario to source.
# shellcheck disable=SC2154 # names of topology.sh and tap.sh

# Two addresses of lic-srv, 192.168.3.${flow[1]} and ${flow[2]}, whose packets take tunnel 1 and tunnel 2.
flows_find() {
	local last dev
	flow=()
	for last in {150..180}; do
		dev=$(ip -n cpe route get "$compute_ip" from "192.168.3.$last" iif ens3 2>/dev/null | grep -o 'vti0[12]' | head -n 1) || continue
		[ -z "${flow[${dev#vti0}]:-}" ] || continue
		flow[${dev#vti0}]=$last
		ip -n lic-srv addr add "192.168.3.$last/32" dev ens3
		[ -z "${flow[1]:-}" ] || [ -z "${flow[2]:-}" ] || return 0
	done
	return 1
}

# Pings each way in the background. It is their number that is given, not the time: so the last ones count, too.
flows_start() { # COUNT INTERVAL
	local n
	flows_pids=()
	for n in 1 2; do
		on lic-srv ping -q -c "$1" -i "$2" -W 3 -I "192.168.3.${flow[n]}" "$compute_ip" >"$LAB_LOG/ping-$n.txt" 2>&1 &
		flows_pids+=($!)
	done
}

# Waits for them; leaves what was sent and what of it was not answered in $flows_sent and $flows_lost.
flows_end() {
	wait "${flows_pids[@]}" || true
	read -r flows_sent flows_lost < <(sed -nE 's/^([0-9]+) packets transmitted, ([0-9]+) received.*/\1 \2/p' "$LAB_LOG"/ping-[12].txt |
		awk '{ sent += $1; lost += $1 - $2 } END { print sent + 0, lost + 0 }')
}

# What the kernels of these nodes counted of IPsec packets that they dropped, as "NODE COUNTER NUMBER".
flows_drops() { # NODE...
	local node
	for node in "$@"; do on "$node" awk -v node="$node" '$2 { print node, $1, $2 }' /proc/net/xfrm_stat; done
}

flows_both() {
	local n
	for n in 1 2; do on lic-srv ping -q -c 2 -i 0.2 -W 3 -I "192.168.3.${flow[n]}" "$compute_ip" || return 1; done
}
