# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
# needs: strongswan
#
# Ten conns to one headend, with one ISAKMP SA and ten pairs of IPsec SAs, as with OCI's policy based routing:
# against Libreswan and strongSwan, all come up, carry traffic, and do so after a rekey of each.
minicpe_only
. "$LAB_TOP/interop/lib/pair.sh"
count=10
pair_up $count
pair_begin
tunnels=() more=''
for ((i = 2; i <= count; i++)); do more+="10.1.0.$i/32>10.3.0.$i/32 "; done
pair_conn strongswan-1 strongswan 1 "more=$more"
pair_conn libreswan-1 libreswan 1
for ((i = 2; i <= count; i++)); do
	pair_conn libreswan-$i libreswan 1 subnet=10.1.0.$i/32 inside=10.2.0.$i/32
	pair_conn strongswan-$i strongswan 1 subnet=10.1.0.$i/32 inside=10.3.0.$i/32 only=cpe
done
for ((i = 1; i <= count; i++)); do tunnels+=("libreswan $i" "strongswan $i"); done
for peer in libreswan strongswan; do peer_start $peer; done
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"
pairs_up() { [ "$(grep -cE ": up: SPIs " "$cpe_log")" -ge $((2 * count)) ]; }
if wait_for 60 pairs_up; then ok "$((2 * count)) pairs up after $(since "$cpe_started") s"; else not_ok "up are: $(grep -oE '[a-z]+-[0-9]+: up: SPIs' "$cpe_log" | sort -u | xargs)"; fi

all_answer() {
	local answered
	answered=$(pair_answered "${tunnels[@]}" | sort)
	diff <(printf '%s\n' "${tunnels[@]}" | sort) - <<<"$answered"
}
check "traffic through each" all_answer
check "one ISAKMP SA with Libreswan" test "$(grep -c 'IKE SA established' "$LAB_LOG/libreswan.log")" = 1
check "one ISAKMP SA with strongSwan" test "$(grep -c 'IKE_SA .* established' "$LAB_LOG/strongswan.log")" = 1
for ((i = 1; i <= count; i++)); do
	for peer in libreswan strongswan; do on cpe "$MINICPE" rekey $peer-$i >/dev/null & done
done
rekeyed() { [ "$(grep -oE '[a-z]+-[0-9]+: up: rekeyed' "$cpe_log" | sort -u | wc -l)" -ge $((2 * count)) ]; }
if wait_for 60 rekeyed; then ok "each rekeyed"; else not_ok "rekeyed are: $(grep -oE '[a-z]+-[0-9]+: up: rekeyed' "$cpe_log" | sort -u | xargs)"; fi
check "traffic through each, rekeyed" all_answer
cpe_stop
