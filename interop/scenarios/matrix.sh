# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# needs: strongswan
# limit: 3600
#
# Every combination of OCI's parameters and some beyond, against Libreswan and strongSwan, in both roles: some
# hundred tunnels to each at once. LAB_MATRIX_ROWS=EXPRESSION runs those rows whose name fits.
. "$LAB_TOP/interop/lib/pair.sh"
. "$LAB_TOP/interop/lib/matrix.sh"
mapfile -t rows < <(matrix_all | grep -E "^(${LAB_MATRIX_ROWS:-.*}) ")
matrix_run "${rows[@]}"
