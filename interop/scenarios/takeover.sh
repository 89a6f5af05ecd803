# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
#
# An engine in somebody else's hands, against the privileged process on this kernel: thousands of requests at random and
# by design, of which none may reach beyond the configuration. Then the one request that reads files, asked for without
# end: by root's command, since to the privileged process it is the engine that asks.
# shellcheck disable=SC2034 # kernel.sh reads it
kernel_tests=(takeover_test)
. "$LAB_TOP/interop/scenarios/kernel.sh"
# shellcheck source=/dev/null
. "$LAB_TOP/interop/lib/pair.sh"
pair_up 1
pair_begin
pair_conn t1 libreswan 1
peer_start libreswan
cpe_start
cpe_wait_ready 30 || bail "not ready"
up() { [ -n "$(pair_sas cpe)" ]; }
wait_for 30 up || bail "the tunnel does not come up"
reload() { on cpe "$MINICPE" reload >"$LAB_LOG/reload.out" 2>&1; }
engine=$(pgrep -P "$(pgrep -P "$cpe_pid")") spis=$(ip -n cpe xfrm state | awk '$3 == "spi" { print $4 }')

done=0
for ((i = 0; i < 5; i++)); do ! reload || done=$((done + 1)); done
check_same "five reloads in a row are done" 5 $done
asked=5 refused=no
while [ $refused = no ] && [ $asked -lt 200 ]; do
	asked=$((asked + 1))
	reload || refused=yes
done
if [ $refused = yes ] && [ "$asked" -gt 10 ] && grep -q '^error: reloads were asked for faster than one a second, .*ask again$' "$LAB_LOG/reload.out"; then
	ok "the ${asked}th at once is refused, with a sentence"
else
	not_ok "refused: $refused, the ${asked}th; $(head -n 3 "$LAB_LOG/reload.out")"
fi
sleep 3
check "a little later it is done again" reload
check_same "the engine is the same, and so are the SAs" "$engine $spis" "$(pgrep -P "$(pgrep -P "$cpe_pid")") $(ip -n cpe xfrm state | awk '$3 == "spi" { print $4 }')"
cpe_stop
