# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# needs: strongswan
#
# Each value of each parameter of both phases once, against Libreswan and strongSwan, in both roles.
. "$LAB_TOP/interop/lib/pair.sh"
. "$LAB_TOP/interop/lib/matrix.sh"
mapfile -t rows < <(matrix_some)
matrix_run "${rows[@]}"
