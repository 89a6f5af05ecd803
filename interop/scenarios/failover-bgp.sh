# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# alone
# clock: counted
# limit: 4000
# needs: frr
#
# A headend dies in each of four ways, and comes back: sixteen flows go on over the other tunnel within a second,
# by FRR's route, which follows the links' marks. Twenty times each; LAB_RUNS, LAB_KINDS (link stop kill silent) and
# LAB_DELAYS (0 160) choose. With LAB_CPE=libreswan: FRR beside that; LAB_DPD=1 gives it its fastest dead peer detection.
. "$LAB_TOP/interop/lib/failover.sh"
. "$LAB_TOP/interop/lib/bgp.sh"
bgp_change=libreswan_fastest
bgp_start 3 AFTER
flows_prepare || bail "the sixteen addresses do not answer"
for delay in ${LAB_DELAYS:-0 160}; do
	failures "$delay" 20
done
cpe_stop
