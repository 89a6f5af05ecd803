# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# needs: frr
#
# The tutorial, connection type 2 with BGP; FRR starts before the CPE's program and survives its restart.
. "$LAB_TOP/interop/lib/failover.sh"
. "$LAB_TOP/interop/lib/bgp.sh"
bgp_slash31 # here with /31, for type 3 with the tutorial's /30
tutorial_bgp 2 BEFORE
cpe_stop
