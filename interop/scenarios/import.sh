# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# The JSON of OCI's command line for static tunnels, imported: the files bring them up as they are, with 0.0.0.0/0 at both
# ends, and the routes of x-minicpe-route= follow those that live.
. "$LAB_TOP/interop/lib/failover.sh"
. "$LAB_TOP/interop/lib/bgp.sh"
. "$LAB_TOP/interop/lib/import.sh"
minicpe_only
topology_up 3
headends_start leftsubnet=0.0.0.0/0 rightsubnet=0.0.0.0/0 vti-routing=no
import STATIC --vcn "$right_net"
check "the files are not replaced without being told to" bash -c '! "$@"' - "$MINICPE" import "$cpe_dir/tunnels.json" --out "$cpe_dir" --vcn 10.0.0.0/8
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"
wait_for 60 cpe_up || bail "not up: $(cpe_why_not)"
ok "the tunnels are up"
# The headends' own way back; with 0.0.0.0/0 their program makes none.
for n in 1 2; do wait_for 10 ip -n "headend$n" route replace "$left_net" dev "vti0$n" || not_ok "headend $n has no interface"; done
wait_for 60 way_uses 1 2 || not_ok "the route of x-minicpe-route= is: $(cpe_way)"
check "ping from lic-srv to compute, through a route that minicpe made" ping_once lic-srv "$compute_ip"
fail_silent 1
cloud_by 2
# Nothing is sent meanwhile, so dpddelay (10 s) is what it takes to ask.
if wait_for 30 way_uses 2; then ok "the dead tunnel left the route after $waited s"; else not_ok "the route is still: $(cpe_way)"; fi
check "ping over the other tunnel" ping_once lic-srv "$compute_ip"
cpe_stop
