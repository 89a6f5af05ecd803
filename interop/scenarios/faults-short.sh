# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# A few of the faults of lib/faults.sh: the same each time, so that a red run is about what has changed. `faults` has all.
FAULT_SEED=${FAULT_SEED:-5}
. "$LAB_TOP/interop/lib/faults.sh"
faults 2 "${FAULT_CASES:-4}"
