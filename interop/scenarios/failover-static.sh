# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# alone
# clock: counted
# limit: 4000
#
# A headend dies in each of four ways, and comes back: sixteen flows go on over the other tunnel within a second,
# by minicpe's own route (vti-routing=yes). At no delay and at 160 ms. With LAB_CPE=libreswan: the tutorial's route
# and what becomes of the flows then; LAB_DPD=1 gives it its fastest dead peer detection.
# Twenty times each; LAB_RUNS, LAB_KINDS (link stop kill silent) and LAB_DELAYS (0 160) choose.
. "$LAB_TOP/interop/lib/failover.sh"
topology_up 3
headends_start
static_up
flows_prepare || bail "the sixteen addresses do not answer"
for delay in ${LAB_DELAYS:-0 160}; do
	failures "$delay" 20
done
cpe_stop
if [ "$LAB_CPE" = minicpe ]; then
	check_same "no route is left" "" "$(ip -n cpe route show proto 77)"
fi
