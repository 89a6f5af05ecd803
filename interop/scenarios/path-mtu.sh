# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
#
# Packets of every size around the MTU, with DF and without, both ways, and downloads both ways, through an outer path
# of 1500, of 1400, and one that shrinks to 1300 midway: none hangs. Then with a site that filters ICMP, where
# x-minicpe-clamp-mss=yes stands in for it, and whose table is gone after the stop.
minicpe_only
. "$LAB_TOP/interop/lib/failover.sh"
topology_up 3
headends_start
static_up

path_mtu() { # SIZE
	local n
	for n in 1 2; do
		ip -n internet link set "oci$n" mtu "$1"
		ip -n "headend$n" link set wan mtu "$1"
	done
}

# The first packet that is too big only teaches its sender; so each size has two tries. With DF, a size that the sender
# knows not to fit is no failure of the path.
sizes() { # FROM TO do|dont
	local size out bad=()
	for size in {1230..1480..10} 1338 1339 1438 1439; do
		size=$((size - 28))
		out=$(on "$1" ping -c 1 -W 2 -M "$3" -s "$size" "$2" 2>&1) && continue
		out=$(on "$1" ping -c 1 -W 2 -M "$3" -s "$size" "$2" 2>&1) && continue
		[[ $3 = "do" && $out =~ (message too long|Frag needed|too long) ]] || bad+=("$((size + 28))")
	done
	[ ${#bad[@]} = 0 ] || {
		echo "no answer to packets of ${bad[*]} octets"
		return 1
	}
}

download() { # FROM TO ADDRESS [COMMAND midway]
	local sum received server
	[ -f /run/lab/blob ] || head -c 3000000 /dev/urandom >/run/lab/blob
	become "$1" socat -u OPEN:/run/lab/blob TCP-LISTEN:7000,reuseaddr &
	server=$!
	sleep 0.5
	[ -z "${4:-}" ] || (sleep 1; "${@:4}") &
	received=$(on "$2" timeout 40 socat -u "TCP:$3:7000,retry=30,interval=0.2" STDOUT | md5sum) || true
	kill "$server" 2>/dev/null || true
	wait "$server" 2>/dev/null || true
	sum=$(md5sum </run/lab/blob)
	[ "$received" = "$sum" ] || {
		echo "the download stopped"
		return 1
	}
}

all_ways() { # WHAT
	local how
	for how in "do" dont; do
		check "$1: every size from lic-srv, DF $how" sizes lic-srv "$compute_ip" $how || true
		check "$1: every size from compute, DF $how" sizes compute "$lic_ip" $how || true
	done
	check "$1: download from compute" download compute lic-srv "$compute_ip" || true
	check "$1: download from lic-srv" download lic-srv compute "$lic_ip" || true
}

vti_mtu() { ip -n cpe link show "vti0$1" | sed -n 's/.* mtu \([0-9]*\) .*/\1/p'; }

all_ways "path of 1500"
note "MTU of the VTIs: $(vti_mtu 1) $(vti_mtu 2)"
path_mtu 1400
all_ways "path of 1400"
note "MTU of the VTIs at 1400: $(vti_mtu 1) $(vti_mtu 2)"
path_mtu 1500
check "path that shrinks: download from compute" download compute lic-srv "$compute_ip" path_mtu 1300 || true
path_mtu 1500
check "path that shrinks: download from lic-srv" download lic-srv compute "$lic_ip" path_mtu 1300 || true
path_mtu 1500
cpe_stop

# ICMP is filtered on the site's side, as many do, and the path is small from the start.
sed -i '/ikev2=no/a\     mtu=1238\n     x-minicpe-clamp-mss=yes' "$cpe_conf"
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 3 "$cpe_log")"
cpe_wait_up || bail "not up: $(cpe_why_not)"
path_mtu 1300
for node in lic-srv compute; do on $node nft 'table ip mute { chain in { type filter hook input priority 0; icmp type destination-unreachable drop; }; }'; done
check "mtu= is the link's" test "$(vti_mtu 1) $(vti_mtu 2)" = "1238 1238"
check "ICMP filtered, MSS clamped: download from compute" download compute lic-srv "$compute_ip" || true
check "ICMP filtered, MSS clamped: download from lic-srv" download lic-srv compute "$lic_ip" || true
on cpe nft list ruleset | diag
on cpe nft flush ruleset
clamped() { on cpe nft list table inet minicpe | holds 'maxseg size set'; }
if wait_for 5 clamped; then
	ok "somebody flushes the ruleset: the clamp is back after $waited s"
else
	not_ok "the clamp is gone for good after nft flush ruleset"
fi
cpe_stop
check_same "no table of nftables is left" "" "$(on cpe nft list ruleset)"
