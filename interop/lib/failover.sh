# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Failures of a headend, and what becomes of sixteen flows meanwhile. A scenario sources this file.
# shellcheck disable=SC2034 # the results are for the files that source this one

flows=16
flow_net=10.0.2.1 # and two digits: 10.0.2.100 and so on

flows_prepare() {
	local n
	for ((n = 0; n < flows; n++)); do
		ip -n compute addr add "$flow_net$(printf %02d "$n")/32" dev ens3
		# The cloud's and the site's routers learn the neighbours before anything is measured.
		on lic-srv ping -q -c 1 -W 5 "$flow_net$(printf %02d "$n")" >/dev/null || return 1
	done
}

# A ping each 100 ms per flow, until flows_stop, which counts.
flows_start() {
	local n
	flow_pids=()
	for ((n = 0; n < flows; n++)); do
		become lic-srv ping -n -i 0.1 -W 2 "$flow_net$(printf %02d "$n")" >"/run/lab/flow.$n" 2>&1 &
		flow_pids+=($!)
	done
}

# flow_lost: lost pings of each flow; flow_worst: of the worst; flow_hit: how many flows lost any. The last three may
# still be under way and do not count, whether they were answered or not.
flows_stop() {
	local n files=()
	kill -INT "${flow_pids[@]}"
	wait "${flow_pids[@]}" || true
	for ((n = 0; n < flows; n++)); do files+=("/run/lab/flow.$n"); done
	mapfile -t flow_lost < <(flows_count "${files[@]}")
	flow_worst=0 flow_hit=0
	for ((n = 0; n < flows; n++)); do
		[[ ${flow_lost[n]} =~ ^[0-9]+$ ]] || bail "flow $n did not run: $(tail -n 2 "/run/lab/flow.$n")"
		[ "${flow_lost[n]}" -le "$flow_worst" ] || flow_worst=${flow_lost[n]}
		[ "${flow_lost[n]}" = 0 ] || flow_hit=$((flow_hit + 1))
	done
}

# A line for each file: how many of the pings that it counts were not answered, or "none" if it hardly sent any. One process
# for all of them: under emulation, starting processes is what takes the time.
flows_count() { # FILE...
	awk 'BEGIN { for (i = 1; i < ARGC; i++) place[ARGV[i]] = i }
		{ now = place[FILENAME] }
		/^[0-9]+ packets transmitted/ { most[now] = $1 - 3 }
		match($0, /icmp_seq=[0-9]+ ttl/) { answered[now, substr($0, RSTART + 9) + 0] }
		END {
			for (i = 1; i < ARGC; i++) {
				for (got = n = 0; n++ < most[i];) got += (i, n) in answered
				print (most[i] > 0 ? most[i] - got : "none")
			}
		}' "$@"
}

# Where the cloud sends what is for the site: by the headends that are named.
cloud_by() { # HEADEND...
	local n hops=()
	for n in "$@"; do hops+=(nexthop via "10.255.$n.1"); done
	ip -n cloud route replace "$left_net" "${hops[@]}"
}

# ---- the four ways of failing: fail_KIND N and mend_KIND N ----

fail_link() { ip -n internet link set "oci$1" down; }
mend_link() { ip -n internet link set "oci$1" up; }

fail_stop() { pluto_whack "headend$1" --shutdown >/dev/null 2>&1 & }
mend_stop() {
	wait_for 10 pluto_gone "headend$1" || true
	headend_again "$1"
}

# Its kernel goes on for a second: it still sends by the tunnel, while nobody takes ESP in UDP off the wire.
fail_kill() {
	kill -9 "$(<"/run/lab/headend$1/pid")"
	(sleep 1; ip -n "headend$1" xfrm state flush) &
}
mend_kill() {
	ip -n "headend$1" xfrm policy flush
	headend_again "$1"
}

fail_silent() {
	on internet nft "table ip drop$1 { chain forward { type filter hook forward priority 0;
		ip daddr ${headend_ip[$1]} drop; ip saddr ${headend_ip[$1]} drop; }; }"
}
mend_silent() { on internet nft "delete table ip drop$1"; }

headend_again() {
	rm -f "/run/lab/headend$1/pid"
	ip -n "headend$1" link del "vti0$1" 2>/dev/null || true
	mv "$LAB_LOG/headend$1.log" "$LAB_LOG/headend$1.log.before"
	# shellcheck disable=SC2046
	headend_start "$1" $(headend_keys_of "$1")
	wait_for 30 headend_ready "$1" || bail "headend $1 does not start again"
}
headend_keys_of() { :; } # what it was started with, beyond the tutorial

# ---- the CPE ----

# The tutorial's files with one word changed; Libreswan has the tutorial's route instead.
static_files() {
	cpe_files
	if [ "$LAB_CPE" = minicpe ]; then
		sed -i 's/vti-routing=no/vti-routing=yes/' "$cpe_conf"
	else
		libreswan_fastest
	fi
}

# LAB_DPD: what Libreswan as the CPE can do at its fastest.
libreswan_fastest() {
	if [ "$LAB_CPE" = libreswan ] && [ -n "${LAB_DPD:-}" ]; then
		sed -i '/ikev2=no/a\     dpddelay=1\n     dpdtimeout=3\n     dpdaction=restart' "$cpe_conf"
	fi
}

static_up() {
	static_files
	cpe_start
	cpe_wait_ready 30 || bail "the CPE's program is not ready after 30 s: $(tail -n 5 "$cpe_log")"
	[ "$LAB_CPE" = minicpe ] || wait_for 30 cpe_route
	cpe_wait_up || bail "not up: $(cpe_why_not)"
	wait_for 30 way_uses 1 2 || bail "both are up, but the route is: $(cpe_way)"
	ok "both tunnels up after $up_after s, and in the route"
}

cpe_way() { ip -n cpe route show "$right_net"; }

# Does the CPE's route lead by exactly these tunnels?
way_uses() { # TUNNEL...
	local used
	used=$(ip -n cpe route show "$right_net" | grep -v '^unreachable' | grep -o 'vti0[12]' | sort -u | tr -d -c '12')
	[ "$used" = "$(printf %s "$@")" ]
}

failure_time=2.5
[ "$LAB_CPE" = minicpe ] || failure_time=9 # its own dead peer detection is slower
declare -A figures

# A headend that fails again and again is held down for up to half a minute, which is right and not what is measured here.
# FRR may try a neighbour only every two minutes.
cpe_afresh() {
	[ "$LAB_CPE" = minicpe ] || return 0
	cpe_stop
	cpe_start
	cpe_wait_ready 30 || bail "not ready again: $(tail -n 5 "$cpe_log")"
	wait_for 150 both_return || bail "not as before after a restart: $(cpe_way)"
	sleep 3 # the first probe measures the round trip
}
both_return() { returned 1 && returned 2; }

# All kinds, LAB_RUNS times (or so often), at a round trip of so many milliseconds; the headends take turns.
failures() { # MILLISECONDS TIMES
	local kind run n=1 most=10
	topology_delay "$1"
	[ "$1" = 0 ] || most=13
	sleep 12 # a round trip is measured with each answered probe, and those come every ten seconds
	note "at $1 ms of round trip"
	figures=()
	for ((run = 0; run < ${LAB_RUNS:-$2}; run++)); do
		[ "$run" = 0 ] || cpe_afresh
		for kind in ${LAB_KINDS:-link stop kill silent}; do
			failure "$kind" "$n" "$most"
			n=$((3 - n))
		done
		n=$((3 - n)) # or each kind would always hit the same one
	done
	for kind in ${LAB_KINDS:-link stop kill silent}; do
		figure "$kind" "$1"
		figure "$kind back" "$1"
	done
}

# shellcheck disable=SC2206 # figures are numbers
figure() { # KIND MILLISECONDS
	local -a all=(${figures[$1]})
	note "$(printf 'figure %s %s, %s ms: pings lost by the worst flow: median %s, worst %s of %s runs: %s' "$LAB_CPE" "$1" "$2" \
		"$(middle "${all[@]}")" "$(printf '%s\n' "${all[@]}" | sort -n | tail -n 1)" ${#all[@]} "${all[*]}")"
}

# One failure and its end. The cloud's own way back moves at the same moment, as OCI's does.
failure() { # KIND HEADEND MOST-LOST
	local kind=$1 n=$2 most=$3 other=$((3 - $2)) back
	flows_start
	sleep 1
	"fail_$kind" "$n"
	cloud_by "$other"
	sleep "$failure_time"
	flows_stop
	figures[$kind]+="$flow_worst "
	note "$kind, headend $n: lost pings per flow: ${flow_lost[*]}"
	verdict "$kind of headend $n: at most $most pings lost per flow ($flow_hit hit, worst $flow_worst)" "$flow_worst" "$most"
	flows_start
	sleep 0.5
	back=$EPOCHREALTIME
	"mend_$kind" "$n"
	if wait_step=0.4 wait_for 60 returned "$n"; then
		note "$kind, headend $n: its tunnel is used again $(since "$back") s after it is back"
	else
		[ "$LAB_CPE" != minicpe ] || not_ok "$kind of headend $n: its tunnel is not used again: $(cpe_way)"
		note "$kind, headend $n: not used again after 60 s"
	fi
	cloud_by 1 2
	sleep 1
	flows_stop
	figures[$kind back]+="$flow_worst "
	verdict "$kind of headend $n: no ping lost when it is back ($flow_hit hit, worst $flow_worst)" "$flow_worst" 0
}

# Both ways: the route leads into the tunnel, and the headend has a route into it.
returned() { way_uses 1 2 && cpe_up && headend_routed "$1"; }

# For others than minicpe a figure is a figure, and no finding.
verdict() { # WHAT VALUE MOST
	if [ "$LAB_CPE" != minicpe ]; then
		note "$LAB_CPE: $1"
	elif [ "$2" -le "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
	fi
}
