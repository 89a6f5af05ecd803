# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check asan
#
# The data plane's own tests against this kernel: links, policies, SAs, events, leftovers, permits, reloads, what others
# undo; and each of its netlink messages and allocations failing. Another list in $kernel_tests is for scenarios that
# source this one.
minicpe_only
[ -n "${kernel_tests:-}" ] || kernel_tests=(dataplane_test dataplane_faults_test reload_test mend_test)
for name in "${kernel_tests[@]}"; do
	program=$(dirname "$MINICPE")/tests/kernel/$name
	[ -x "$program" ] || bail "there is no $program (make tests builds it)"
	CMOCKA_MESSAGE_OUTPUT=TAP "$program" >"$LAB_LOG/$name.txt" 2>&1 || true
	while read -r line; do
		case $line in
		'ok '*) ok "data plane:${line#ok [0-9]* -}" ;;
		'not ok '*) not_ok "data plane:${line#not ok [0-9]* -}: $(grep -A3 -F "${line##* - }" "$LAB_LOG/$name.txt" | tail -n 2 | xargs)" ;;
		esac
	done < <(grep -E '^(not )?ok ' "$LAB_LOG/$name.txt")
	[ "$(grep -cE '^ok ' "$LAB_LOG/$name.txt")" -gt 0 ] || not_ok "$name did not run: $(tail -n 2 "$LAB_LOG/$name.txt")"
	grep -E '^# [a-z ]+: [0-9]+ lives|^[a-z ]+: [0-9]+ lives' "$LAB_LOG/$name.txt" | diag || true
done
