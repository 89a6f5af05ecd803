# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
#
# The routes of vti-routing=yes are minicpe's own: what somebody else removes comes back, also what the kernel removes
# silently with a link; somebody else's route is never replaced; a crash's leftovers are recognised; the preferred
# source, the standby by metric=, and both values of x-minicpe-link= do what they say.
minicpe_only
. "$LAB_TOP/interop/lib/failover.sh"
topology_up 3
headends_start
before=$(cpe_snapshot)
static_up

mended() { # WHAT
	if wait_for 30 way_uses 1 2; then ok "$1: mended after $waited s"; else not_ok "$1: the route is: $(cpe_way)"; fi
}
unreachable() { cpe_way | holds '^unreachable'; }

ip -n cpe route del "$right_net"
mended "the route is removed"
ip -n cpe route flush proto 77
mended "both routes are flushed"
if wait_for 3 unreachable; then ok "the unreachable one is back, too"; else not_ok "the unreachable route is gone"; fi
sleep 1.2
ip -n cpe link set vti01 down
mended "a link is set down"
sleep 1.2
ip -n cpe link set vti01 down
ip -n cpe link set vti02 down
mended "both links are set down, which takes the route along silently"
sleep 1.2
ip -n cpe link set vti02 mode dormant
ip -n cpe link del vti01
mended "a link is deleted"
check "traffic after all that" ping_once lic-srv "$compute_ip"

cpe_kill
note "left by kill -9: $(ip -n cpe route show proto 77 | xargs)"
cpe_start
cpe_wait_ready 30 || bail "not ready after a crash"
check "after a crash: no hop before a tunnel is up, and no leak" unreachable
cpe_wait_up || bail "not up after a crash: $(cpe_why_not)"
mended "after a crash"
cpe_stop
check_same "all is gone after the stop" "$before" "$(cpe_snapshot)"

# Somebody else's route at the place stays, and is named.
ip -n cpe route add "$right_net" via "$cpe_gw"
cpe_start
cpe_wait_ready 30 || bail "not ready beside somebody's route"
cpe_wait_up || bail "not up: $(cpe_why_not)"
check "somebody else's route stays" grep -q "via $cpe_gw" <(cpe_way)
check "and the log says so" grep -q 'somebody else has a route to' "$cpe_log"
ip -n cpe route del "$right_net" via "$cpe_gw"
mended "it is removed"
cpe_stop

# Active and standby, a preferred source, no unreachable route, and links that go down.
ip -n cpe addr add 192.168.7.1/32 dev lo
sed -i -e 's/vti-routing=yes/&\n     leftsourceip=192.168.7.1\n     x-minicpe-unreachable=no\n     x-minicpe-link=down/' \
	-e '/vti-interface=vti02/a\     metric=50' "$cpe_conf"
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 3 "$cpe_log")"
cpe_wait_up || bail "not up: $(cpe_why_not)"
active() { ip -n cpe route get "$compute_ip" | holds "dev $1 src 192.168.7.1"; }
standby() { ip -n cpe route show "$right_net" metric 50 | holds 'dev vti02 .*src 192.168.7.1'; }
link_down() { ! ip -n cpe link show "$1" | holds '[<,]UP[,>]'; }
{ wait_for 20 active vti01 && wait_for 20 standby; } || true # the checks below say which is not
check "the one without metric= is active, with the preferred source" active vti01
check "the one with metric=50 stands by" standby
check "no unreachable route" bash -c '! ip -n cpe route show "$1" | grep -q unreachable' - "$right_net"
flows_start
sleep 1
fail_silent 1
cloud_by 2
if wait_for 5 active vti02; then ok "the standby takes over after $waited s"; else not_ok "the standby does not take over: $(cpe_way)"; fi
if wait_for 2 link_down vti01; then ok "the dead tunnel's link is down"; else not_ok "the dead tunnel's link is up"; fi
fail_silent 2
sleep 4
flows_stop
check "the last link is not set down" bash -c 'ip -n cpe link show vti02 | grep -q "[<,]UP[,>]"'
mend_silent 1
mend_silent 2
if wait_for 60 active vti01; then ok "the active one is back after $waited s"; else not_ok "not back: $(cpe_way)"; fi
check "its link is up" bash -c 'ip -n cpe link show vti01 | grep -q "[<,]UP[,>]"'
cpe_stop
ip -n cpe addr del 192.168.7.1/32 dev lo
check_same "all is gone after the stop" "$before" "$(cpe_snapshot)"
