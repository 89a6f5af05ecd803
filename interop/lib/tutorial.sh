# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The tutorial from its chapter 2-7-2 on, as a scenario and with LAB_MODE=demo or shell as a show.

narrated() { [ "$LAB_MODE" != run ]; }

ping_once() { # FROM TO
	on "$1" ping -c 1 -W 3 "$2"
}

ssh_name() { # FROM TO NAME
	local name
	name=$(on "$1" ssh "$2" hostname) || return 1
	[ "$name" = "$3" ] || {
		echo "hostname says $name, not $3"
		return 1
	}
}

# One host pair always takes one tunnel, so other source addresses are needed to see both at work.
both_tunnels() {
	local last before after n
	before=$(vti_packets)
	for last in {130..145}; do
		ip -n lic-srv addr add "192.168.3.$last/32" dev ens3
		on lic-srv ping -q -c 1 -W 3 -I "192.168.3.$last" "$compute_ip" || {
			echo "no answer to 192.168.3.$last"
			return 1
		}
	done
	after=$(vti_packets)
	echo "packets sent and received, vti01 and vti02: before $before, after $after"
	read -ra before <<<"$before"
	read -ra after <<<"$after"
	for n in 0 1 2 3; do [ "${after[n]}" -gt "${before[n]}" ] || return 1; done
}

vti_packets() {
	on cpe awk '$1 == "vti01:" || $1 == "vti02:" { print $11, $3 }' /proc/net/dev | xargs
}

first_ping() {
	local answer
	answer=$(ping_once lic-srv "$compute_ip") || {
		echo "$answer"
		return 1
	}
	echo "$answer"
	grep -q 'ttl=60 ' <<<"$answer"
}

tutorial_start() { # TYPE
	topology_up "$1"
	sshd_start
	if narrated; then
		title "connection type $1, static routing"
		topology_art
		title "two Libreswan headends"
	fi
	headends_start
	! narrated || printf '%s\n' "$(ipsec --version | head -n 1), as headend1 and headend2, wait for the CPE"
	cpe_files
	! narrated || tutorial_files
	cpe_start
	cpe_wait_ready 30 || bail "the CPE's program is not ready after 30 s: $(tail -n 5 "$cpe_log")"
	ok "ready after $ready_after s"
	must "the tutorial's route is added at once" cpe_route
	cpe_wait_up || bail "not up: $(cpe_why_not)"
	ok "both tunnels up after $up_after s"
}

tutorial_files() {
	title "the tutorial's two files on the CPE"
	diff "$LAB_TOP/interop/tutorial/oci-ipsec.conf" "$cpe_conf" | sed -n 's/^> */    /p' || true
	echo "    nothing else differs from the tutorial's oci-ipsec.conf; the secrets in oci-ipsec.secrets are random"
	if [ "$LAB_CPE" = minicpe ]; then
		printf '\n[cpe]$ minicpe -c %s\n' "$(basename "$cpe_conf")"
	else
		printf '\n[cpe]$ pluto, with %s\n' "$(basename "$cpe_conf")"
	fi
}

tutorial_chapter3() {
	if narrated; then
		title "chapter 3 of the tutorial"
		show lic-srv ping -c 1 "$compute_ip" || true
		show lic-srv ssh "$compute_ip" hostname || true
		show compute ping -c 1 "$lic_ip" || true
		show compute ssh "$lic_ip" hostname || true
		echo
	fi
	check "ping from lic-srv to compute, ttl=60" first_ping
	check "ping from compute to lic-srv" ping_once compute "$lic_ip"
	check "ssh from lic-srv to compute" ssh_name lic-srv "$compute_ip" compute
	check "ssh from compute to lic-srv" ssh_name compute "$lic_ip" lic-srv
	check "both tunnels carry traffic, both ways" both_tunnels
	[ "$LAB_CPE" != minicpe ] || check "minicpe status shows both tunnels up" status_both_up
}

status_both_up() {
	local text
	text=$(cpe_status) || return 1
	echo "$text"
	[ "$(grep -c '^oracle-tunnel-[12] .*\bup\b' <<<"$text")" = 2 ]
}

tutorial_views() {
	title "what the CPE says of itself"
	if [ "$LAB_CPE" = minicpe ]; then show cpe minicpe status; else cpe_status; fi
	title "what the CPE's kernel says"
	show cpe ip -d link show type vti
	show cpe ip -br addr
	show cpe ip route
	show cpe ip xfrm state list nokeys
	show cpe ip xfrm policy list nosock
}

tutorial_failed() {
	local log
	for log in cpe headend1 headend2 libreswan strongswan; do
		[ -s "$LAB_LOG/$log.log" ] || continue
		note "the last lines of $log.log:"
		grep -vE 'netlink_expire|client output|adding UDP' "$LAB_LOG/$log.log" | tail -n 12 | diag
	done
}

tutorial() { # TYPE
	tutorial_start "$1"
	tutorial_chapter3
	! narrated || tutorial_views
}
