# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# needs: frr
#
# The JSON of OCI's command line for tunnels with BGP, imported: minicpe and FRR take the files as they are.
. "$LAB_TOP/interop/lib/failover.sh"
. "$LAB_TOP/interop/lib/bgp.sh"
. "$LAB_TOP/interop/lib/import.sh"
minicpe_only
topology_up 3
bgp_headends_start
import BGP
frr_daemons cpe
cp "$cpe_dir/tunnels.frr" /etc/frr/cpe/bgpd.conf
echo "ip route $left_net $cpe_gw" >/etc/frr/cpe/staticd.conf
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"
frr_start cpe
bgp_wait_up
ok "both neighbours are there $waited s after the tunnels"
check "ping from lic-srv to compute, over a route by BGP" ping_once lic-srv "$compute_ip"
cpe_stop
