# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# needs: strongswan
#
# What headends do, each by Libreswan and by strongSwan: both ends begin at once; it deletes its IPsec
# SA, or all; it dies and begins anew; it offers so much that its first message comes in IP fragments.
minicpe_only
. "$LAB_TOP/interop/lib/pair.sh"
. "$LAB_TOP/interop/lib/outage.sh"
pair_up 2
tunnels=("libreswan 1" "strongswan 1")
peers=(libreswan strongswan)

# Forty-five transforms of 40 octets.
many=''
for cipher in aes256 aes192 aes128; do
	for hash in sha2_512 sha2_384 sha1; do
		for group in dh14 dh15 dh16 dh19 dh20; do many+=${many:+,}$cipher-$hash\;$group; done
	done
done
pair_begin
for peer in "${peers[@]}"; do
	pair_conn "$peer-a" "$peer" 1 cpe.auto=add encapsulation=yes
	pair_conn "$peer-big" "$peer" 2 cpe.auto=add "ike=aes128-sha1;dh20" "peer_ike=$many"
done
for peer in "${peers[@]}"; do peer_start "$peer"; done
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"

up_count() { [ "$(pair_sas cpe | grep -c "\.$1 ")" -ge 2 ]; }
established() { grep -c " $1: .*ISAKMP SA established as $2" "$cpe_log" || true; }

# With 40 ms each way the first messages cross.
on router tc qdisc add dev lan root netem delay 40ms
on cpe tc qdisc add dev ens3 root netem delay 40ms
for peer in "${peers[@]}"; do
	on cpe "$MINICPE" up "$peer-a" >/dev/null &
	"${peer}_up" "$peer-a" &
	sleep 0.1
done
wait_for 30 up_count 1 || bail "both begin at once: up are $(pair_sas cpe | xargs)"
ok "both begin at once: both tunnels up"
for peer in "${peers[@]}"; do note "$peer: Main Modes as initiator $(established "$peer-a" initiator), as responder $(established "$peer-a" responder)"; done
on router tc qdisc del dev lan root
on cpe tc qdisc del dev ens3 root
sleep 1
outage_begin "${tunnels[@]}"
outage_end 12 20
outage_verdict "after both began at once" -1 libreswan
# charon takes one of the two ISAKMP SAs for a repetition, and deletes it 10 s later with the pair that it made.
outage_verdict "after both began at once" 15000 strongswan

# ---- deletes ----

outage_begin "${tunnels[@]}"
for peer in "${peers[@]}"; do "${peer}_delete_child" "$peer-a" || not_ok "$peer: no IPsec SA to delete"; done
outage_end 3 30
outage_verdict "the headend deletes its IPsec SA" 10000
outage_begin "${tunnels[@]}"
for peer in "${peers[@]}"; do "${peer}_delete" "$peer-a"; done
outage_end 3 30
outage_verdict "the headend deletes all" 15000

# ---- a new life ----

listens=()
outage_begin "${tunnels[@]}"
for peer in "${peers[@]}"; do
	"${peer}_kill"
	ip -n "$peer" xfrm state flush # as after a new start of the machine
done
sleep 1
for peer in "${peers[@]}"; do
	peer_start "$peer"
	listens+=("$peer ${EPOCHREALTIME/./}")
done
outage_end 1 40
for line in "${listens[@]}"; do
	read -r peer at <<<"$line"
	first=$(awk -v at="$((at / 1000))" '/icmp_seq=/ && substr($1, 2) * 1000 > at { print int(substr($1, 2) * 1000 - at); exit }' "$outage_dir/$peer-1")
	text="the headend dies and begins anew, $peer: traffic ${first:-never} ms after it listens"
	if [ "${first:-999999}" -lt 20000 ]; then ok "$text"; else not_ok "$text"; fi
done

# ---- a large offer ----

on router nft 'table ip pieces { counter lsw { }
	counter ssw { }
	chain pre { type filter hook prerouting priority -450;
		iifname "lsw" ip frag-off & 0x1fff != 0 counter name lsw;
		iifname "ssw" ip frag-off & 0x1fff != 0 counter name ssw; }; }'
for peer in "${peers[@]}"; do "${peer}_up" "$peer-big"; done
wait_for 30 up_count 2 || true
for peer in "${peers[@]}"; do
	name=lsw
	[ "$peer" = libreswan ] || name=ssw
	pieces=$(on router nft list counter ip pieces $name | sed -n 's/.*packets \([0-9]*\).*/\1/p')
	text="an offer of 45 transforms in IP fragments, $peer: $pieces later fragments"
	if [ "${pieces:-0}" -ge 1 ] && pair_sas cpe | holds "^${peer_net[$peer]}.2 "; then ok "$text, up"; else not_ok "$text; up are $(pair_sas cpe | xargs)"; fi
done
check "traffic through those" test "$(pair_answered "libreswan 2" "strongswan 2" | wc -l)" = 2
cpe_stop
