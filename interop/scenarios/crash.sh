# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check asan
#
# All processes killed at once: the next start takes over or removes what they left, whatever is
# now configured, and never touches what others made.
minicpe_only
topology_up 3
headends_start

# Somebody else's: a tunnel link, an SA and a policy. They are part of what must be left as it was.
ip -n cpe link add other0 type vti local "$cpe_ip" remote 198.51.100.99 ikey 99 okey 99
ip -n cpe xfrm state add src "$cpe_ip" dst 198.51.100.99 proto esp spi 0x99 mode tunnel \
	aead 'rfc4106(gcm(aes))' 0x"$(printf '%072d' 7)" 128
ip -n cpe xfrm policy add src 10.99.0.0/24 dst 10.98.0.0/24 dir out \
	tmpl src "$cpe_ip" dst 198.51.100.99 proto esp mode tunnel
before=$(cpe_snapshot)

cpe_bring_up
ok "both tunnels up after $up_after s"
cpe_kill || bail "kill -9 left processes: $(cpe_pids)"
leftovers=$(ip -n cpe -o link show type vti | wc -l)
note "left by kill -9: $((leftovers - 1)) links beside the other's, and ip xfrm state | grep -c ^src: $(ip -n cpe xfrm state | grep -c ^src)"

cpe_start
cpe_wait_ready 30 || bail "not ready after a crash: $(tail -n 3 "$cpe_log")"
ok "starts again after a crash, ready after $ready_after s"
cpe_route 2>/dev/null || note "the route of before is still there: $(ip -n cpe route show "$right_net")"
old_sas=$(ip -n cpe xfrm state | grep -c ^src)
cpe_wait_up || bail "after the crash not up: $(cpe_why_not)"
ok "both tunnels up again after $up_after s"
check "traffic after the crash" both_tunnels
# Two tunnels have four SAs, and the other one has its own.
sas=$(ip -n cpe xfrm state | grep -c ^src)
if [ "$sas" = 5 ]; then ok "no SA of the crashed one is left"; else not_ok "SAs after the restart: $sas, not 5 (at its start $old_sas)"; fi
cpe_stop
check_same "what the crash left is gone after a clean stop, and what others made is not" "$before" "$(cpe_snapshot)"

# The same, but the files have changed meanwhile: one tunnel is no longer configured.
cpe_bring_up
cpe_kill
sed -i '/^conn oracle-tunnel-2/,$d' "$cpe_conf"
cpe_start
cpe_wait_ready 30 || bail "not ready with one tunnel less: $(tail -n 3 "$cpe_log")"
wait_for 30 cpe_up 1 || bail "tunnel 1 alone does not come up: '$(cpe_tunnels)'"
if ip -n cpe link show vti02 >/dev/null 2>&1; then
	not_ok "vti02 is still there, although no longer configured"
else
	ok "the link of a tunnel that is no longer configured is removed"
fi
cpe_stop
check_same "nothing is left after that either" "$before" "$(cpe_snapshot)"
