# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
#
# The soak of hours: see lib/soak.sh. SOAK_SECONDS=36000 LAB_TIMEOUT=40000 interop/lab.sh run soak
. "$LAB_TOP/interop/lib/soak.sh"
soak "${SOAK_SECONDS:-3600}"
