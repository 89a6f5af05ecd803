# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# alone
# clock: counted
# needs: strongswan
# limit: 2400
#
# At least 20 rekeys of phase 2 and 5 of phase 1 by the CPE, by the peer, and by both, against Libreswan and
# strongSwan, with a ping every 5 ms: none is lost but those that the peer sends on keys that nobody else can have yet,
# and none at all where Libreswan always comes first. Then the same with Libreswan as the CPE, to compare.
. "$LAB_TOP/interop/lib/pair.sh"
. "$LAB_TOP/interop/lib/rekey.sh"
rekey_tunnels+=("libreswan 4 late")
pair_up 4
seconds=${LAB_REKEY_SECONDS:-380}
read -r children mains < <(rekey_least "$seconds")
rekey_run "$seconds" "$children" "$mains"
# To compare, a quarter is enough: what is lost is given with the rekeys it was lost in.
[ "$LAB_CPE" != minicpe ] || LAB_CPE=libreswan rekey_run $((seconds / 4)) 0 0
rekey_table
