# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
#
# Every kind of call of every process, at several places of start, new keys and stop: see lib/faults.sh.
# Takes hours on a slow machine: LAB_TIMEOUT=20000 interop/lab.sh run faults, or in pieces: FAULT_PART=1/8 and so on.
. "$LAB_TOP/interop/lib/faults.sh"
faults "${FAULT_PLACES:-4}" "${FAULT_CASES:-10000}"
