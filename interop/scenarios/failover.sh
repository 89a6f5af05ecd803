# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
# alone
# clock: counted
#
# A headend dies in each of four ways, once, and comes back: sixteen flows go on over the other tunnel within a second.
# failover-static and failover-bgp have the same twenty times, at a delay, too.
minicpe_only
. "$LAB_TOP/interop/lib/failover.sh"
topology_up 3
headends_start
static_up
flows_prepare || bail "the sixteen addresses do not answer"
for kind in link stop kill silent; do
	n=$((${n:-2} % 2 + 1))
	failure "$kind" "$n" 10
done
cpe_stop
