# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# The soak of a few acts: see lib/soak.sh.
SOAK_SEED=${SOAK_SEED:-20251125} # the same each time; `soak` takes another
SOAK_WARM="flush reload" # half a minute less
. "$LAB_TOP/interop/lib/soak.sh"
soak "${SOAK_SECONDS:-20}"
