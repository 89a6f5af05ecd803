# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
# needs: strongswan conntrack
#
# A site's NAT that forgets its mappings and gives other ports, then another address; and a CPE whose own
# address changes: what each costs with Libreswan and with strongSwan as the headend.
minicpe_only
. "$LAB_TOP/interop/lib/pair.sh"
. "$LAB_TOP/interop/lib/outage.sh"
pair_up 1 nat
tunnels=("libreswan 1" "strongswan 1")
pair_begin
for peer in libreswan strongswan; do pair_conn "$peer-a" $peer 1 seen_as=%any; done
for peer in libreswan strongswan; do peer_start $peer; done
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"
up_count() { [ "$(pair_sas cpe | wc -l)" -ge 2 ]; }
wait_for 30 up_count || bail "not up: $(pair_sas cpe | xargs)"
check "ESP in UDP, since a NAT is there" grep -q 'NAT here, ESP in UDP' "$cpe_log"

# The mappings go, and the next ones are others.
forget() { # ADDRESS PORTS
	on router nft -f - <<-EOT
		flush table ip nat
		table ip nat {
			chain out {
				ip saddr 192.0.2.0/24 oifname { "lsw", "ssw" } meta l4proto udp snat to $1:$2
			}
		}
	EOT
	on router conntrack -F >/dev/null 2>&1
}
spis() { ip -n cpe xfrm state | grep -c "$1" || true; }
seen_from() { on "$1" ip xfrm state | grep -A 8 "^src $2 " | grep -o 'sport [0-9]*' | sort -u | xargs; }

outage_begin "${tunnels[@]}"
forget $pair_nat_ip 30000-30999
outage_end 3 40
outage_verdict "the NAT gives other ports" 12000
for peer in libreswan strongswan; do note "$peer sends to $(seen_from $peer $pair_nat_ip)"; done

ip -n router addr add 100.64.0.2/32 dev lo
outage_begin "${tunnels[@]}"
forget 100.64.0.2 40000-40999
outage_end 3 40
outage_verdict "the NAT has another address" 12000

outage_begin "${tunnels[@]}"
ip -n cpe addr del $cpe_ip/24 dev ens3
ip -n cpe addr add 192.0.2.43/24 dev ens3
ip -n cpe route replace default via 192.0.2.1
outage_end 3 40
outage_verdict "the CPE has another address" 12000
check "the SAs are those of the new address" test "$(ip -n cpe xfrm state | grep -c "192.0.2.43")" -ge 4
sleep 1
check "none of the old address is left" test "$(ip -n cpe xfrm state | grep -c "$cpe_ip ")" = 0
cpe_stop
