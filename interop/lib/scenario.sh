#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs one scenario, in namespaces that inside.sh made for it: sources the library, then the
# scenario's file, and says what the logs say if something failed.
set -eEuo pipefail

lab_failed=no
for part in tap topology headend cpe tutorial; do
	# shellcheck source=/dev/null
	. "$LAB_TOP/interop/lib/$part.sh"
done

# The folders that scenarios write to; the namespaces' names and the processes end with us anyway.
mount -t tmpfs -o mode=755 lab /run
mkdir -p /run/lab/root /run/sshd /run/netns /run/uts /run/lock
chmod 711 /run/lab
: >"$LAB_LOG/results"
[ "$LAB_WAY" != guest ] || dmesg -C

# A sanitizer's finding is a failure wherever it came up.
sanitized() {
	if grep -qsE 'Sanitizer|runtime error:' "$LAB_LOG"/cpe.log*; then
		not_ok "sanitizer: $(grep -hE -m 1 'Sanitizer|runtime error:' "$LAB_LOG"/cpe.log*)"
	fi
}

# Only in the guest is the kernel's log ours alone.
kernel_complaints() {
	local text
	[ "$LAB_WAY" = guest ] || return 0
	text=$(dmesg -t | grep -E '^(BUG|WARNING)|segfault|process .minicpe' | sort -u) || return 0
	not_ok "the kernel complains: $(head -n 1 <<<"$text")"
	diag <<<"$text"
}

# With LAB_PCAP each capture is shown to tshark. What leaves a site's NAT has its address.
captures_decoded() {
	local file
	[ -n "${LAB_PCAP:-}" ] || return 0
	# shellcheck source=/dev/null
	. "$LAB_TOP/interop/lib/decode.sh"
	for file in "$LAB_LOG"/*.pcap; do
		[ ! -s "$file" ] || [ -s "$file.decoded" ] || decode_check "$file" "$([[ $file = */router.pcap ]] && echo "$cpe_ip" || echo "$cpe_seen_as")"
	done
}

finish() {
	local status=$?
	sanitized
	captures_decoded
	kernel_complaints
	# A scenario that stopped half-way must not look like one that had less to say.
	[ "$status" = 0 ] || [ "$lab_failed" = yes ] || not_ok "stopped with status $status (${lab_where:-exit})"
	if [ "$status" != 0 ] || [ "$lab_failed" != no ]; then
		tutorial_failed
		status=1
	fi
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'lab_where="$(basename "${BASH_SOURCE[0]}") line $LINENO: $BASH_COMMAND"' ERR

# A person's shell, with the tunnels up: the helpers are at hand.
person() {
	export LAB_HINT="the lab's hosts: ${nodes[*]}
  on cpe ip xfrm state        runs a command on a host; on cpe bash gives a shell there
  cpe_status                  asks the CPE's daemon; logs are in $LAB_LOG
  exit                        ends the lab"
	bash --rcfile "$LAB_TOP/interop/lib/shellrc" -i || true
}

# shellcheck source=/dev/null
. "$LAB_TOP/interop/scenarios/$LAB_SCENARIO.sh"
[ "$LAB_MODE" != shell ] || person
