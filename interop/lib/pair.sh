# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The smallest lab: the CPE, a router, and one headend of each kind, with as many addresses as a
# scenario wants, so that hundreds of tunnels fit into one boot.
#
#   cpe 192.0.2.42 --- router --+-- libreswan  198.51.100.1, .2, ...   inside: 10.2.0.1, .2, ...
#   inside: 10.1.0.1, .2, ...   +-- strongswan 203.0.113.1, .2, ...    inside: 10.3.0.1, .2, ...
#
# A scenario describes tunnels by `pair_conn`, which gives one conn to the CPE's files and one to the
# peer's, then `peer_start PROGRAM` and `cpe_start`.
# shellcheck disable=SC2034 # the names are for the files that source this one
for part in libreswan strongswan; do
	# shellcheck source=/dev/null
	. "$LAB_TOP/interop/peers/$part.sh"
done

nodes=(cpe router libreswan strongswan)
cpe_ip=192.0.2.42 cpe_seen_as=192.0.2.42
pair_nat_ip=100.64.0.1 # what the peers see of a CPE behind NAT
declare -A peer_net=([libreswan]=198.51.100 [strongswan]=203.0.113)
declare -A peer_inside=([libreswan]=10.2.0 [strongswan]=10.3.0)

pair_up() { # [ADDRESSES [nat]]
	local count=${1:-8} node
	for node in "${nodes[@]}"; do node_add "$node"; done
	wire cpe ens3 $cpe_ip/24 router lan 192.0.2.1/24
	wire router lsw 100.64.1.1/30 libreswan wan 100.64.1.2/30
	wire router ssw 100.64.2.1/30 strongswan wan 100.64.2.2/30
	ip -n router addr add $pair_nat_ip/32 dev lo
	ip -n router route add 198.51.100.0/24 via 100.64.1.2
	ip -n router route add 203.0.113.0/24 via 100.64.2.2
	ip -n cpe route add default via 192.0.2.1
	ip -n libreswan route add default via 100.64.1.1
	ip -n strongswan route add default via 100.64.2.1
	for node in "${nodes[@]}"; do
		on "$node" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
			for v in accept_redirects send_redirects rp_filter; do echo 0 >/proc/sys/net/ipv4/conf/all/$v; done
			for v in accept_redirects send_redirects rp_filter; do for f in /proc/sys/net/ipv4/conf/*; do echo 0 >$f/$v; done; done'
	done
	pair_addresses cpe "$count" 10.1.0
	for node in libreswan strongswan; do
		pair_addresses "$node" "$count" "${peer_net[$node]}" "${peer_inside[$node]}"
		pair_ipsec_only "$node" "${peer_inside[$node]}.0/24"
	done
	pair_ipsec_only cpe 10.1.0.0/24
	[ "${2:-}" != nat ] || pair_nat
	[ -z "${LAB_PCAP:-}" ] || pair_capture 0
}

pair_addresses() { # NODE COUNT NET24...
	local node=$1 count=$2 net i
	shift 2
	for net in "$@"; do
		for ((i = 1; i <= count; i++)); do echo "addr add $net.$i/32 dev lo"; done
	done | ip -n "$node" -batch -
}

# What is for the inside and did not come through IPsec does not get in: a ping that is answered was
# protected in both directions.
pair_ipsec_only() { # NODE INSIDE
	on "$1" nft "table ip only { chain in { type filter hook input priority 0; ip daddr $2 meta ipsec missing counter drop; }; }"
}

pair_nat() {
	cpe_seen_as=$pair_nat_ip
	on router nft -f - <<-EOT
		table ip nat {
			chain out {
				type nat hook postrouting priority srcnat
				ip saddr 192.0.2.0/24 oifname { "lsw", "ssw" } snat to $pair_nat_ip
			}
		}
	EOT
}

# The packets that pass the router's wire to the CPE; SNAPLEN 0 is all of each.
# Each packet is written at once; where every one of many counts ("whole"), to memory and at the end to the log folder,
# since the way there is slow, and what tcpdump does not keep up with is lost.
pair_capture() { # SNAPLEN [whole]
	capture_file=$LAB_LOG/router.pcap
	[ -z "${2:-}" ] || capture_file=/run/lab/router.pcap
	# shellcheck disable=SC2046
	become router tcpdump -q -Z root -i lan -B 16384 -s "$1" -w "$capture_file" $([ -n "${2:-}" ] || echo -U) 2>"$LAB_LOG/tcpdump.log" &
	capture_pid=$!
}
pair_capture_end() {
	kill "$capture_pid" 2>/dev/null || true
	wait "$capture_pid" 2>/dev/null || true
	[ "$capture_file" = "$LAB_LOG/router.pcap" ] || mv "$capture_file" "$LAB_LOG/router.pcap"
}

pair_secret() {
	pair_psk=${pair_psk:-$(head -c 64 /dev/urandom | base64 -w 0 | tr -dc A-Za-z0-9 | cut -c 1-40)}
}

# Forgets the tunnels described so far.
pair_begin() {
	pair_secret
	mkdir -p "$cpe_dir" /run/lab/libreswan /run/lab/strongswan
	(umask 077 && : >"$cpe_conf" && : >"$cpe_secrets")
	libreswan_begin
	strongswan_begin
}

# pair_conn NAME PEER N [KEY=VALUE...]: a tunnel to the peer's address N. Keys, as both ends share them:
#   ike=, esp= (the words of ipsec.conf; pfs=no without a group), psk=, subnet=, inside= (the two networks)
# only=peer leaves it out of the CPE's files, only=cpe out of the peer's, peer_ike= is what the peer has instead of ike=, seen_as= where it
# takes the CPE to be (%any: anywhere), leftid= the CPE's identity, ikev2= Libreswan's version. For one end: cpe.KEY=VALUE and peer.KEY=VALUE, peer.auto, peer.ikelifetime, peer.salifetime,
# peer.rekeymargin for both kinds of peer, anything else in the words of that peer.
pair_conn() {
	local name=$1 peer=$2 n=$3 key line
	shift 3
	local -A cpe=([auto]=start) peer_value=([auto]=add)
	local -A both=([ike]='aes256-sha2_256;dh19' [esp]='aes_gcm256;dh5' [psk]=$pair_psk$n
		[seen_as]=$cpe_seen_as [subnet]=10.1.0.$n/32 [inside]=${peer_inside[$peer]}.$n/32 [encapsulation]=auto [pfs]=yes)
	for line in "$@"; do
		key=${line%%=*}
		case $key in
		cpe.*) cpe[${key#cpe.}]=${line#*=} ;;
		peer.*) peer_value[${key#peer.}]=${line#*=} ;;
		*) both[$key]=${line#*=} ;;
		esac
	done
	[[ ${both[esp]} == *\;* ]] || both[pfs]=no
	if [ "${both[only]:-}" != peer ]; then
		pair_conn_cpe >>"$cpe_conf"
		line="${both[leftid]:-$cpe_ip} ${peer_net[$peer]}.$n: PSK \"${both[psk]}\""
		grep -qxF "$line" "$cpe_secrets" || echo "$line" >>"$cpe_secrets"
	fi
	[ "${both[only]:-}" = cpe ] || "${peer}_conn" # sees name, n, both, peer_value
}

pair_conn_cpe() {
	printf 'conn %s\n\tleft=%%defaultroute\n\tleftid=%s\n\tright=%s.%s\n' "$name" "${both[leftid]:-$cpe_ip}" "${peer_net[$peer]}" "$n"
	printf '\tauthby=secret\n\tikev2=no\n\tleftsubnet=%s\n\trightsubnet=%s\n' "${both[subnet]}" "${both[inside]}"
	printf '\tike=%s\n\tphase2alg=%s\n\tpfs=%s\n\tencapsulation=%s\n' \
		"${both[ike]}" "${both[esp]}" "${both[pfs]}" "${both[encapsulation]}"
	for key in "${!cpe[@]}"; do
		[ -z "${cpe[$key]}" ] || printf '\t%s=%s\n' "$key" "${cpe[$key]}"
	done
}

peer_start() { # PROGRAM
	"$1_start"
	wait_for 60 "$1_ready" || bail "$1 does not start: $(tail -n 5 "$LAB_LOG/$1.log")"
}
peer_stop() { "$1_stop"; }

# The peers' addresses that have SAs with keys in both directions in a node's kernel, one in each line,
# with their algorithm: "198.51.100.7 aes_gcm256".
pair_sas() { # NODE
	local address=$cpe_seen_as
	[ "$1" != cpe ] || address=$cpe_ip
	ip -n "$1" xfrm state | awk -v cpe="$address" '
		$1 == "src" { far = $2 == cpe ? $4 : $2; way = $2 == cpe ? "out" : "in"; hash = "" }
		$1 == "auth-trunc" { hash = $2 == "hmac(sha256)" ? "-sha2_256" : $2 == "hmac(sha1)" ? "-sha1" : "-" $2 ($4) }
		$1 == "aead" { name[far " " way] = "aes_gcm" (length($3) - 2) * 4 - 32 }
		$1 == "enc" { name[far " " way] = "aes" (length($3) - 2) * 4 hash }
		{ seen[far] = 1 }
		END { for (far in seen) if (name[far " in"] != "" && name[far " in"] == name[far " out"]) print far, name[far " in"] }' | sort
}

# One ping through each of the tunnels given as "PEER N"; prints those that answered.
pair_ping() {
	local tunnel peer n
	for tunnel in "$@"; do
		read -r peer n <<<"$tunnel"
		(ping -q -c 3 -i 0.5 -w 8 -I "10.1.0.$n" "${peer_inside[$peer]}.$n" >/dev/null 2>&1 && echo "$tunnel") &
	done
	wait
}

# The same from the CPE's host.
pair_answered() {
	on cpe bash -c "$(declare -p peer_inside); $(declare -f pair_ping); pair_ping \"\$@\"" ping "$@"
}
