# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# A wrong secret for tunnel 2: tunnel 1 works, tunnel 2 is tried again and again at a bounded rate,
# and the status says why it is down; no secret is ever printed.
minicpe_only
topology_up 3
headends_start
cpe_files
wrong=WrongSecret00WrongSecret00
sed -i "2s/\"[^\"]*\"/\"$wrong\"/" "$cpe_secrets"
count_ike

cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 3 "$cpe_log")"
ok "ready with a wrong secret"
wait_for 30 cpe_up 1 || bail "tunnel 1 is not up: '$(cpe_tunnels)'"
ok "tunnel 1 up"
sleep 10
first=$(ike_count 2)
sleep 20
packets=$(($(ike_count 2) - first))
note "IKE packets to headend 2 in 20 s: $packets"
if [ "$packets" -ge 1 ] && [ "$packets" -le 30 ]; then
	ok "keeps trying, at a bounded rate"
else
	not_ok "$packets packets in 20 s"
fi
if [ "$(cpe_tunnels)" = 1 ]; then ok "tunnel 1 stays up, tunnel 2 stays down"; else not_ok "tunnels up: '$(cpe_tunnels)'"; fi
status=$(cpe_status) || true
diag <<<"$status"
check "status: tunnel 1 up" grep -qE '^oracle-tunnel-1 .*\bup\b' <<<"$status"
check "status: tunnel 2 down, and that it may be the secret" \
	grep -qiE '^oracle-tunnel-2 .*\bdown\b.*(secret|psk|auth)' <<<"$status"
if grep -qF -e "$wrong" -e "${psk[1]}" -e "${psk[2]}" "$cpe_log"; then not_ok "a secret is in the log"; else ok "no secret in the log"; fi
cpe_stop
cpe_files
cpe_start
cpe_wait_ready 30 || bail "not ready with the right secret"
cpe_wait_up || bail "not up with the right secret: $(cpe_why_not)"
ok "with the right secret both are up after $up_after s"
cpe_stop
