#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows the tutorial with minicpe on the CPE.
#
#   interop/demo.sh [PATTERN]          connection types 2 and 3, static; or those whose name has PATTERN in it (bgp, type3)
#   interop/demo.sh [PATTERN] shell    leaves you in a shell inside the lab, with the tunnels up
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd -P)
started=$SECONDS

# Static routing, unless the pattern asks for something else.
names() { # PATTERN
	local all
	all=$("$top/interop/lab.sh" list | grep '^type[23]-')
	case $1 in
	*-* | *bgp*) grep -F -- "$1" <<<"$all" ;;
	*) grep -F -- "$1" <<<"$all" | grep -e '-static$' ;;
	esac
}

verb=demo pattern=${TYPE:+type$TYPE}
for word in "$@"; do
	if [ "$word" = shell ]; then verb=shell; else pattern=$word; fi
done
[ "$verb$pattern" != shell ] || pattern=type3
mapfile -t chosen < <(names "$pattern")
[ "$verb" != shell ] || chosen=("${chosen[@]:0:1}")
if [ ${#chosen[@]} -eq 0 ]; then
	echo "demo: nothing is called '$pattern'; there are: $("$top/interop/lab.sh" list | grep '^type' | xargs)" >&2
	exit 2
fi
if [ "${LAB_CPE:-minicpe}" = minicpe ] && [ ! -x "${MINICPE:-$top/build/minicpe}" ]; then
	echo "demo: ${MINICPE:-$top/build/minicpe} is not there: 'make' builds it" >&2
	exit 2
fi

status=0
"$top/interop/lab.sh" "$verb" "${chosen[@]}" || status=$?
if [ "$status" = 0 ]; then
	echo "demo: ok (${chosen[*]}, $((SECONDS - started)) s)"
else
	echo "demo: failed, for the reasons above"
fi
exit "$status"
