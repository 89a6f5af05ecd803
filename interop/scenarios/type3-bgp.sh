# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# needs: frr
#
# The tutorial, connection type 3 with BGP; FRR starts after the CPE's program and survives its restart.
. "$LAB_TOP/interop/lib/failover.sh"
. "$LAB_TOP/interop/lib/bgp.sh"
tutorial_bgp 3 AFTER
cpe_stop
