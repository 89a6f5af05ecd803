# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The tutorial's two sites as network namespaces, each with a host name of its own.
# shellcheck disable=SC2034 # the names are for the files that source this one

lic_ip=192.168.3.124
compute_ip=10.0.2.74
left_net=192.168.3.0/24
right_net=10.0.2.0/24
nat_ip=203.0.113.1
headend_ip=([1]=198.51.100.11 [2]=198.51.100.21)
nodes=(lic-srv router cpe internet headend1 headend2 cloud compute)

# on NODE COMMAND...: runs it there.
on() { (become "$@"); }

# The same in place of this shell: "become cpe PROGRAM &" makes $! the program's own process.
become() {
	exec nsenter --net="/run/netns/$1" --uts="/run/uts/$1" -- "${@:2}"
}

# What differs between the connection types: the CPE's address, the router's beside it, and what the
# other side sees of the CPE.
topology_type() {
	case $1 in
	2) cpe_ip=203.0.114.42 cpe_len=29 cpe_gw=203.0.114.41 cpe_seen_as=203.0.114.42 ;;
	3) cpe_ip=192.168.2.42 cpe_len=24 cpe_gw=192.168.2.1 cpe_seen_as=$nat_ip ;;
	*) bail "no connection type $1" ;;
	esac
	topology=$1
}

node_add() {
	ip netns add "$1"
	: >"/run/uts/$1"
	unshare --uts="/run/uts/$1" hostname "$1"
	# The packets that a kernel sends to itself, and pluto's and sshd's start, want this.
	ip -n "$1" link set lo up
}

wire() { # NODE DEVICE ADDRESS/LEN NODE DEVICE ADDRESS/LEN
	ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
	ip -n "$1" -batch - <<<"$(printf 'addr add %s dev %s\nlink set %s up' "$3" "$2" "$2")"
	ip -n "$4" -batch - <<<"$(printf 'addr add %s dev %s\nlink set %s up' "$6" "$5" "$5")"
}

topology_wires() {
	wire lic-srv ens3 $lic_ip/24 router lan 192.168.3.1/24
	wire cpe ens3 "$cpe_ip/$cpe_len" router cpe "$cpe_gw/$cpe_len"
	wire router wan $nat_ip/24 internet site 203.0.113.254/24
	wire internet oci1 198.51.100.9/29 headend1 wan "${headend_ip[1]}/29"
	wire internet oci2 198.51.100.17/29 headend2 wan "${headend_ip[2]}/29"
	wire headend1 inside 10.255.1.1/30 cloud headend1 10.255.1.2/30
	wire headend2 inside 10.255.2.1/30 cloud headend2 10.255.2.2/30
	wire cloud subnet 10.0.2.1/24 compute ens3 $compute_ip/24
}

topology_routes() {
	ip -n lic-srv route add default via 192.168.3.1
	ip -n compute route add default via 10.0.2.1
	ip -n cpe route add default via "$cpe_gw"
	ip -n router route add default via 203.0.113.254
	ip -n router route add $right_net via "$cpe_ip"
	ip -n headend1 route add default via 198.51.100.9
	ip -n headend2 route add default via 198.51.100.17
	ip -n headend1 route add $right_net via 10.255.1.2
	ip -n headend2 route add $right_net via 10.255.2.2
	ip -n cloud route add $left_net nexthop via 10.255.1.1 nexthop via 10.255.2.1
	[ "$topology" != 2 ] || ip -n internet route add 203.0.114.40/29 via $nat_ip
}

# The tutorial's chapter 2-4 for the CPE; the others only forward. Forwarding first: setting it resets others.
topology_sysctls() {
	local node
	for node in router internet headend1 headend2 cloud cpe; do
		on "$node" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
			cd /proc/sys/net/ipv4/conf
			for f in all default ens3; do
				[ ! -d $f ] || for v in accept_redirects send_redirects rp_filter; do echo 0 >$f/$v; done
			done'
	done
}

topology_nat() {
	[ "$topology" = 3 ] || return 0
	on router nft -f - <<-EOT
		table ip nat {
			chain out {
				type nat hook postrouting priority srcnat
				ip saddr 192.168.0.0/16 oifname "wan" masquerade
			}
		}
	EOT
}

topology_up() { # TYPE
	local node
	topology_type "$1"
	for node in "${nodes[@]}"; do node_add "$node"; done
	topology_wires
	topology_routes
	topology_sysctls
	topology_nat
	# For a look at the packets: LAB_PCAP=1.
	[ -z "${LAB_PCAP:-}" ] || become internet tcpdump -q -Z root -i any -w "$LAB_LOG/internet.pcap" -U 2>/dev/null &
}

# Half of the delay in each direction, on the wire between the site and the internet.
topology_delay() { # MILLISECONDS of round trip
	on router tc qdisc replace dev wan root netem delay "$(($1 / 2))ms" limit 100000
	on internet tc qdisc replace dev site root netem delay "$(($1 / 2))ms" limit 100000
}

# A headend that does not even say that nobody is there.
silence() { # HEADEND
	on "headend$1" nft 'table ip silence { chain in { type filter hook input priority 0; udp dport { 500, 4500 } drop; ip protocol esp drop; }; }'
}
unsilence() { on "headend$1" nft 'delete table ip silence'; }

# Counts the IKE packets towards a headend, where they pass the internet.
count_ike() {
	on internet nft -f - <<-EOT
		table ip count {
			counter ike1 { }
			counter ike2 { }
			chain forward {
				type filter hook forward priority 0
				ip daddr ${headend_ip[1]} udp dport { 500, 4500 } counter name ike1
				ip daddr ${headend_ip[2]} udp dport { 500, 4500 } counter name ike2
			}
		}
	EOT
}
ike_count() { # HEADEND
	on internet nft list counter ip count "ike$1" | sed -n 's/.*packets \([0-9]*\).*/\1/p'
}

# One sshd in each of the two sites' hosts, for the tutorial's ssh step. The key goes to where a plain
# "ssh ADDRESS" finds it.
sshd_start() {
	local node
	[ -f /run/lab/root/.ssh/id_ed25519 ] || ssh_keys
	for node in lic-srv compute; do
		on "$node" /usr/sbin/sshd -f /run/lab/sshd_config -E "$LAB_LOG/sshd-$node.log"
	done
}

ssh_keys() {
	mkdir -p /run/lab/root/.ssh
	chmod 700 /run/lab/root/.ssh
	ssh-keygen -q -t ed25519 -N '' -f /run/lab/root/.ssh/id_ed25519
	ssh-keygen -q -t ed25519 -N '' -f /run/lab/host_key
	cp /run/lab/root/.ssh/id_ed25519.pub /run/lab/root/.ssh/authorized_keys
	printf '%s\n' 'StrictHostKeyChecking no' 'LogLevel ERROR' 'ConnectTimeout 20' >/run/lab/root/.ssh/config
	cat >/run/lab/sshd_config <<-EOT
		HostKey /run/lab/host_key
		PidFile none
		UsePAM no
		UseDNS no
		StrictModes no
		PrintMotd no
	EOT
}

topology_art() {
	cat <<'EOT'
                                                                            tunnel 1
 lic-srv ------ router ------ internet ------------ headend1 198.51.100.11 ---+
 192.168.3.124    |  203.0.113.1        \                                     +-- cloud ---- compute
                  |                      \--------- headend2 198.51.100.21 ---+   router     10.0.2.74
                  |                                                         tunnel 2
EOT
	if [ "$topology" = 2 ]; then
		echo "                 cpe 203.0.114.42, a public address (connection type 2)"
	else
		echo "                 cpe 192.168.2.42, behind the router's NAT (connection type 3)"
	fi
}
