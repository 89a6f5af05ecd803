# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Which of the CPE's processes is which. For a scenario to source.
# shellcheck disable=SC2034 # the names are for the files that source this one

# The privileged process, the supervisor, the engine: each is the child of the one before.
roles() {
	local pid parent
	privileged='' supervisor='' engine=''
	for pid in $(cpe_pids); do
		parent=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
		if ! grep -qs minicpe "/proc/$parent/comm"; then
			privileged=$pid
		elif grep -qs minicpe "/proc/$(awk '/^PPid:/ { print $2 }' "/proc/$parent/status")/comm"; then
			engine=$pid
		else
			supervisor=$pid
		fi
	done
	[ -n "$privileged" ] && [ -n "$supervisor" ] && [ -n "$engine" ]
}

status_of() { awk -v key="$2:" '$1 == key { print $2 }' "/proc/$1/status"; }
