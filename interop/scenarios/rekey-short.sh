# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# alone
# clock: counted
# needs: strongswan
#
# Rekeys of both phases by the CPE, by the peer, and by both at once, against Libreswan and strongSwan, with a
# ping every 5 ms: none is lost but those that the peer sends on keys that nobody else can have yet. Then the same with
# Libreswan as the CPE, to compare.
. "$LAB_TOP/interop/lib/pair.sh"
. "$LAB_TOP/interop/lib/rekey.sh"
rekey_by=commands
pair_up 3
rekey_run 30 3 0
[ "$LAB_CPE" != minicpe ] || LAB_CPE=libreswan rekey_run 30 0 0
rekey_table
