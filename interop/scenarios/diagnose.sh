# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# Many tunnels to one Libreswan, and one to a strongSwan, each wrong in its own way at one side: `minicpe diagnose` names
# what is wrong with each, and how sure it is, before a minute is over. One that is right is among them.
minicpe_only
# shellcheck source=/dev/null
. "$LAB_TOP/interop/lib/pair.sh"
pair_up 25
pair_begin

# wrong NAME N "PEER'S KEYS" "CPE'S KEYS" CODE SURE: a tunnel whose two ends are described differently.
names=() codes=() headend=libreswan
declare -A index
wrong() {
	local name=$1 n=$2
	# shellcheck disable=SC2086 # keys have no spaces
	{
		[ "$3" = none ] || pair_conn "$name" $headend "$n" only=peer $3
		pair_conn "$name" $headend "$n" only=cpe $4
	}
	index[$name]=${#names[@]}
	names+=("$name") codes+=("$5 ($6)")
}

ike='ike=aes256-sha2_256;modp2048'
wrong nothing 1 '' '' up certain
wrong secret 2 '' psk=NotTheHeadendsSecret0 psk-mismatch possible
wrong phase1 3 "$ike" 'ike=aes128-sha1;modp1536' ike-proposal likely
wrong phase2 4 '' 'esp=aes128-sha1;dh19' esp-proposal certain
wrong near-id 6 '' leftid=10.9.9.9 ike-id likely
wrong far-id 7 '' cpe.rightid=@somebody.else ike-id certain
wrong subnets 8 '' subnet=10.1.0.99/32 subnets certain
wrong filtered 9 '' '' no-answer likely
wrong version 10 'ikev2=yes peer.auto=start' '' ike-version likely
wrong port-4500 11 encapsulation=yes encapsulation=yes psk-mismatch possible
cpe_seen_as=$pair_nat_ip # its NAT passes no ESP
wrong nat 12 '' encapsulation=no nat possible
cpe_seen_as=$cpe_ip
wrong no-esp 13 '' '' traffic-in-zero likely
wrong unwanted 14 '' cpe.auto=add taken-down certain
wrong fragments 15 "$ike" "$ike" lost-answer possible
wrong no-way 16 '' '' no-route certain
wrong unrouted 17 '' 'cpe.mark=17/0xffffffff cpe.vti-interface=vti17 cpe.vti-routing=no' no-route-into-tunnel certain
wrong silent 18 '' 'cpe.dpddelay=30 cpe.dpdtimeout=120' silent certain
wrong nobody 19 none '' no-answer likely
wrong group 20 '' 'esp=aes_gcm256;dh2' pfs likely # Debian's Libreswan does not have that one
headend=strongswan # which is strict with groups; it shows its own when it begins
wrong other-group 1 'esp=aes_gcm256;dh14 peer.auto=start' '' pfs certain
wrong secret-told 2 '' psk=NotTheHeadendsSecret1 psk-mismatch likely
wrong near-id-told 3 '' leftid=10.9.9.9 ike-id certain
headend=libreswan
wrong aggressive 21 'peer.aggressive=yes peer.auto=start' '' protocol likely
wrong phase2-lost 22 '' '' quick-unanswered possible
wrong foreign 5 '' '' kernel certain
wrong dead 23 '' 'cpe.dpddelay=2 cpe.dpdtimeout=6' peer-dead certain
wrong deleted 24 '' '' peer-deleted certain
wrong no-answers 25 '' '' no-answers-sent likely

on router nft -f - <<-EOT
	table ip broken {
		chain forward {
			type filter hook forward priority 0
			ip daddr 198.51.100.9 drop
			ip daddr 198.51.100.11 udp dport 4500 drop
			ip saddr { 198.51.100.12, 198.51.100.13 } ip protocol esp drop
			ip saddr 198.51.100.15 udp length > 250 drop
			ip daddr 198.51.100.22 udp length > 330 drop
		}
		chain nat {
			type nat hook postrouting priority srcnat
			ip daddr 198.51.100.12 snat to $pair_nat_ip
		}
	}
EOT
for n in 5 16; do ip -n cpe route add unreachable 198.51.100.$n/32; done

peer_start libreswan
peer_start strongswan
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"

diagnosis() { on cpe "$MINICPE" diagnose "$1" 2>&1 || true; }
named() { # INDEX: the head line says the code that is expected
	diagnosis "${names[$1]}" >"$LAB_LOG/diagnosis.${names[$1]}"
	grep -qxF "${names[$1]}: ${codes[$1]}" "$LAB_LOG/diagnosis.${names[$1]}"
}

is_up() { on cpe "$MINICPE" status --brief "$1" | holds "^$1	up	"; }
wait_for 20 is_up nothing || bail "the tunnel with nothing wrong is not up: $(diagnosis nothing)"
# Another daemon's policy, made while this tunnel has no way yet.
ip -n cpe xfrm policy add src 10.1.0.5/32 dst 10.2.0.5/32 dir out tmpl src "$cpe_ip" dst 198.51.100.99 proto esp mode tunnel
ip -n cpe route del unreachable 198.51.100.5/32
on cpe nft 'add rule ip only in ip daddr 10.1.0.25 drop'
for name in no-esp silent nat dead deleted no-answers; do wait_for 20 is_up $name || not_ok "$name does not come up"; done
check "traffic passes where nothing is wrong" on cpe ping -q -c 2 -i 0.2 -w 8 -I 10.1.0.1 10.2.0.1
on router nft 'add rule ip broken forward ip saddr 198.51.100.18 drop'
for n in 12 13 18; do become cpe ping -q -i 0.2 -w 60 -I "10.1.0.$n" "10.2.0.$n" >/dev/null 2>&1 & done
become libreswan ping -q -i 0.5 -w 60 -I 10.2.0.25 10.1.0.25 >/dev/null 2>&1 &
# One is cut off, the other is taken down by a headend that does not answer any more.
on router nft 'add rule ip broken forward ip saddr 198.51.100.23 drop; add rule ip broken forward ip daddr 198.51.100.24 drop'
libreswan_delete deleted

all_named() { # SECONDS INDEX...
	local pending=("${@:2}") left i end=$((SECONDS + $1))
	while [ ${#pending[@]} -gt 0 ] && [ $SECONDS -lt $end ]; do
		left=()
		for i in "${pending[@]}"; do
			if named "$i"; then
				ok "${names[i]}: ${codes[i]} after $(since "$cpe_started") s"
				unset "index[${names[i]}]"
			else
				left+=("$i")
			fi
		done
		pending=("${left[@]}")
	done
	for i in "${pending[@]}"; do
		not_ok "${names[i]}: not named ${codes[i]}"
		diag <"$LAB_LOG/diagnosis.${names[i]}"
		unset "index[${names[i]}]"
	done
}
gone=${index[dead]}
# Seconds later the first is a headend that does not answer any more, and strongSwan has half-open SAs enough from one address.
all_named 30 "$gone" "${index[secret-told]}" "${index[near-id-told]}" "${index[deleted]}"
codes[gone]='no-answer-any-more (likely)'
index[dead]=$gone
all_named 60 "${index[@]}"
note "as it is printed:"
for name in secret near-id no-esp; do diag <"$LAB_LOG/diagnosis.$name"; done
check "exit status 0 where nothing is wrong" on cpe "$MINICPE" diagnose nothing
status=0
on cpe "$MINICPE" diagnose secret >/dev/null || status=$?
if [ "$status" = 1 ]; then ok "exit status 1 where something is"; else not_ok "exit status $status"; fi
if grep -qrF NotTheHeadendsSecret "$cpe_log" "$LAB_LOG"/diagnosis.*; then not_ok "a secret is printed"; else ok "no secret is printed"; fi
cpe_stop
