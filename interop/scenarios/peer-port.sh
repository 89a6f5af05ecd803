# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# needs: strongswan
#
# A headend behind a NAT that gives it another port: the kernel tells, and the SAs are changed in place.
minicpe_only
. "$LAB_TOP/interop/lib/pair.sh"
. "$LAB_TOP/interop/lib/outage.sh"
pair_up 1
tunnels=("libreswan 1" "strongswan 1")
pair_begin
for peer in libreswan strongswan; do pair_conn $peer-a $peer 1 encapsulation=yes; done
for peer in libreswan strongswan; do peer_start $peer; done
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"
up_count() { [ "$(pair_sas cpe | wc -l)" -ge 2 ]; }
wait_for 30 up_count || bail "not up: $(pair_sas cpe | xargs)"
become cpe ip xfrm monitor >"$LAB_LOG/monitor" 2>&1 &

spis() { ip -n cpe xfrm state | grep -E 'proto esp spi' | sort; }
ports() { ip -n cpe xfrm state | grep -c "$1" || true; }
moved_to() { [ "$(ports "dport $1\|sport $1")" -ge 4 ]; }
before=$(spis)
outage_begin "${tunnels[@]}"
# nft gives UDP without a checksum a wrong one when it changes a port; tc leaves it without.
renumber() { # DEVICE "MATCH" sport|dport FROM TO
	on router tc qdisc add dev "$1" root handle 1: prio 2>/dev/null || true
	# shellcheck disable=SC2086
	on router tc filter add dev "$1" parent 1: protocol ip u32 match ip $2 match ip protocol 17 0xff match ip "$3" "$4" 0xffff \
		action pedit ex munge udp "$3" set "$5" pipe action csum udp
}
# The way back first: what answers the new port must meet somebody from the first packet on.
renumber lsw "dst 198.51.100.1/32" dport 14500 4500
renumber ssw "dst 203.0.113.1/32" dport 14500 4500
for address in 198.51.100.1 203.0.113.1; do renumber lan "src $address/32" sport 4500 14500; done
if wait_for 10 moved_to 14500; then ok "the headends' NAT gives another port: followed after $waited s"; else not_ok "the new port is not followed: $(ip -n cpe xfrm state | grep encap | xargs)"; fi
outage_end 1 10
outage_verdict "the headend has another port" -1
check_same "the same SAs as before, changed in place" "$before" "$(spis)"
on router tc qdisc del dev lan root
wait_for 10 moved_to 4500 || not_ok "the old port is not followed again"
cpe_stop
