# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# BGP over the tunnels, with FRR on the CPE (the tutorial's files) and on the headends. Sourced by the scenarios that
# want it, which also say "# needs: frr".

inside_near=([1]=192.168.254.1/30 [2]=192.168.254.5/30) # the tutorial's leftvti=
inside_far=([1]=192.168.254.2/30 [2]=192.168.254.6/30)

# With /31 the same neighbours, so the tutorial's bgpd.conf stays as it is.
bgp_slash31() {
	inside_near=([1]=192.168.254.3/31 [2]=192.168.254.7/31)
	inside_far=([1]=192.168.254.2/31 [2]=192.168.254.6/31)
}

headend_keys_of() { # HEADEND
	echo "leftsubnet=0.0.0.0/0 rightsubnet=0.0.0.0/0 vti-routing=no leftvti=${inside_far[$1]}"
}

bgp_headends_start() {
	local n
	# shellcheck disable=SC2046
	for n in 1 2; do headend_start "$n" $(headend_keys_of "$n"); done
	for n in 1 2; do
		wait_for 30 headend_ready "$n" || bail "headend $n does not start: $(tail -n 5 "$LAB_LOG/headend$n.log")"
		frr_headend "$n"
	done
}

bgp_files() {
	cpe_files oci-ipsec-bgp.conf
	sed -i -e "s|leftvti=192.168.254.1/30|leftvti=${inside_near[1]}|" -e "s|leftvti=192.168.254.5/30|leftvti=${inside_near[2]}|" "$cpe_conf"
}

# ---- FRR ----

frr_start() { # NODE: the daemons that its folder's file "daemons" names, each with its own file
	local node=$1 daemon
	mkdir -p "/var/run/frr/$node" /var/tmp/frr
	: >"/etc/frr/$node/vtysh.conf"
	chown -R frr:frr "/var/run/frr/$node" /var/tmp/frr "/etc/frr/$node"
	for daemon in zebra staticd $(sed -n 's/^\([a-z0-9]*\)=yes$/\1/p' "/etc/frr/$node/daemons"); do
		[ -f "/etc/frr/$node/$daemon.conf" ] || : >"/etc/frr/$node/$daemon.conf"
		become "$node" "/usr/lib/frr/$daemon" -N "$node" -f "/etc/frr/$node/$daemon.conf" --log stdout -A 127.0.0.1 </dev/null >>"$LAB_LOG/frr-$node.out" 2>&1 &
		wait_for 10 test -S "/var/run/frr/$node/$daemon.vty" || bail "FRR's $daemon does not start on $node: $(tail -n 3 "$LAB_LOG/frr-$node.out")"
	done
}

frr_daemons() { # NODE: the distribution's file with the tutorial's change, its line 17
	mkdir -p "/etc/frr/$1"
	sed '17s/^bgpd=no$/bgpd=yes/' /etc/frr/daemons >"/etc/frr/$1/daemons"
}

frr_cpe() {
	frr_daemons cpe
	cp "$LAB_TOP/interop/tutorial/frr/bgpd.conf" /etc/frr/cpe/
	# The tutorial's gateway of type 2 is another one than the lab's.
	sed "s/192\.168\.1\.1\$/$cpe_gw/" "$LAB_TOP/interop/tutorial/frr/staticd-type$topology.conf" >/etc/frr/cpe/staticd.conf
	frr_start cpe
}

frr_headend() {
	local node=headend$1
	frr_daemons "$node"
	cat >"/etc/frr/$node/bgpd.conf" <<-EOT
		router bgp 31898
		 bgp router-id ${headend_ip[$1]}
		 no bgp ebgp-requires-policy
		 no bgp network import-check
		 timers bgp 3 9
		 neighbor ${inside_near[$1]%/*} remote-as 65000
		 neighbor ${inside_near[$1]%/*} timers connect 3
		 address-family ipv4 unicast
		  network 10.0.1.0/24
		  network $right_net
		 exit-address-family
	EOT
	frr_start "$node"
}

frr_stop() { # NODE
	local file
	for file in /var/run/frr/"$1"/*.pid; do kill "$(<"$file")" 2>/dev/null || true; done
	sleep 1
}

bgp_ask() { on cpe vtysh -N cpe -c "$1"; }

# Both neighbours have sent their two networks, as the tutorial's listing shows.
bgp_established() {
	local text
	text=$(bgp_ask 'show bgp summary') || return 1
	echo "$text"
	[ "$(grep -cE '^192\.168\.254\.(2|6) +4 +31898 .* [0-9:]{8} +2 +' <<<"$text")" = 2 ]
}

bgp_route() { way_uses 1 2; }

# ---- the tutorial's chapters with BGP ----

bgp_start() { # TYPE BEFORE|AFTER: when the CPE's FRR starts
	topology_up "$1"
	bgp_headends_start
	bgp_files
	${bgp_change:-:} # what the scenario has other than the tutorial
	[ "$2" != BEFORE ] || frr_cpe
	cpe_start
	cpe_wait_ready 30 || bail "the CPE's program is not ready after 30 s: $(tail -n 5 "$cpe_log")"
	[ "$2" != AFTER ] || frr_cpe
	bgp_wait_up
	ok "both tunnels up after $up_after s, both neighbours and both ways $waited s later (FRR started $2 it)"
}

bgp_wait_up() {
	wait_for 60 cpe_up || bail "not up: $(cpe_why_not)"
	up_after=$(since "$cpe_started")
	wait_for 90 bgp_established || bail "BGP: $(bgp_ask 'show bgp summary' | tail -n 6)"
	wait_for 30 bgp_route || bail "both neighbours are there, but the route is: $(cpe_way)"
	{ wait_for 30 headend_routed 1 && wait_for 30 headend_routed 2; } || bail "a headend has no route to the site by BGP"
}

tutorial_bgp() { # TYPE BEFORE|AFTER
	! narrated || title "connection type $1, BGP with FRR"
	bgp_start "$1" "$2"
	sshd_start
	if narrated; then
		topology_art
		show cpe vtysh -N cpe -c 'show bgp summary'
		show cpe ip route
	fi
	check "both neighbours have sent their two networks" bgp_established
	tutorial_chapter3
	cpe_stop
	wait_for 20 bgp_gone || not_ok "the routes by BGP are still there without tunnels: $(cpe_way)"
	cpe_start
	cpe_wait_ready 30 || bail "not ready again: $(tail -n 5 "$cpe_log")"
	bgp_wait_up
	ok "after a restart of the CPE's program FRR goes on: all is back $(since "$cpe_started") s after it"
	check "ping from lic-srv to compute" ping_once lic-srv "$compute_ip"
}

bgp_gone() { ! ip -n cpe route show "$right_net" | holds vti; }
