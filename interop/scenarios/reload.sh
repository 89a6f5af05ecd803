# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# Twenty tunnels under traffic, and the files read anew while they run: one added, one changed, one removed, a secret, a
# bad file. The other nineteen lose no packet, two of them behind the removed one and with mark=-1 as it has, and what the
# command prints is what happened. Then what waits for a tunnel
# (`up --wait` and the like), and counters that no reload, rekey or dead engine sets back.
# shellcheck disable=SC2154 # pair_conn_cpe's names
minicpe_only
# shellcheck source=/dev/null
. "$LAB_TOP/interop/lib/pair.sh"

tunnels=20 changing=3 coming=21
pair_up 22
pair_begin
for ((n = 1; n <= coming; n++)); do
	case $n in
	"$changing") pair_conn "t$n" libreswan "$n" cpe.replay-window=128 cpe.mark=-1 cpe.vti-interface=vti03 cpe.vti-routing=yes ;;
	10 | 15) pair_conn "t$n" libreswan "$n" cpe.mark=-1 cpe.vti-interface="vti$n" cpe.vti-routing=yes ;;
	*) pair_conn "t$n" libreswan "$n" ;;
	esac
done
cp "$cpe_conf" "$cpe_dir/all"
conf_without() { awk -v not="$1" '$1 == "conn" { skip = $2 == not } !skip' "$2"; } # CONN FILE
conf_put() { cat >"$cpe_conf.new" && mv "$cpe_conf.new" "$cpe_conf"; }
conf_without "t$coming" "$cpe_dir/all" | conf_put

up() { [ "$(pair_sas cpe | wc -l)" = "$1" ]; }
spis_of() { ip -n cpe xfrm state | awk -v of="${peer_net[libreswan]}.$1" '$1 == "src" { far = $2 ~ /^198/ ? $2 : $4 } $3 == "spi" && far == of { print $4 }' | sort; }
sa_of() { pair_sas cpe | awk -v far="${peer_net[libreswan]}.$1" '$1 == far { print $2 }'; }
# The SPIs of every tunnel but the given one, to see that nothing of theirs was touched.
spis_but() { ip -n cpe xfrm state | awk -v not="${peer_net[libreswan]}.$1" '$1 == "src" { far = $2 ~ /^198/ ? $2 : $4 } $3 == "spi" && far != not { print far, $4 }' | sort; }
reload() { reload_status=0; on cpe "$MINICPE" reload >"$LAB_LOG/reload.out" 2>"$LAB_LOG/reload.err" || reload_status=$?; }
said() { grep -qxF -- "$1" "$LAB_LOG/reload.out"; }
packets() { on cpe "$MINICPE" status "$1" --json | awk -F '[ ,:]+' '/"packets_in"/ { print $3; exit }'; }
# "SENT LOST": what was sent before the last one that was answered, and which of these were not.
pinged() { awk -F 'icmp_seq=' '/bytes from/ { split($2, a, " "); if (a[1] > most) most = a[1]; seen[a[1]] = 1 } END { for (i = 1; i <= most; i++) lost += !(i in seen); print most + 0, lost + 0 }' "$1"; }
changed_up() { [ -n "$(sa_of $changing)" ] && ! grep -qxF "$(spis_of $changing | head -n 1)" <<<"$spis_changing"; }
changed_back() { [ -n "$(sa_of $changing)" ]; }
# The numbers that mark=-1 became, behind the removed one.
marks() { for n in 10 15; do ip -n cpe -d link show "vti$n" | grep -o 'okey [0-9.]*'; done; }
wait_status() { wait_result=0; on cpe "$MINICPE" "$@" >"$LAB_LOG/wait.out" 2>&1 || wait_result=$?; }
waited() { [ "$wait_result" = "$1" ] && grep -q "$2" "$LAB_LOG/wait.out"; } # STATUS WORDS
engine_pid() { pgrep -P "$(pgrep -P "$cpe_pid")"; }
engine_again() { local new; new=$(engine_pid) && [ "$new" != "$engine" ] && on cpe "$MINICPE" status t1 --brief >/dev/null; }

before=$(cpe_snapshot)
peer_start libreswan
cpe_start
cpe_wait_ready 30 || bail "not ready"
wait_for 60 up $tunnels || bail "of $tunnels tunnels these are up: $(pair_sas cpe | tr '\n' ' ')"
ok "$tunnels tunnels are up after $(since "$cpe_started") s"

declare -A pinging
for ((n = 1; n <= tunnels; n++)); do
	become cpe ping -i 0.1 -I "10.1.0.$n" "10.2.0.$n" >"$LAB_LOG/ping.$n" 2>&1 &
	pinging[$n]=$!
done
sleep 2

# What is wrong is told with its place, and nothing is touched.
spis=$(spis_but 0)
cp "$cpe_conf" "$cpe_dir/good"
sed -e 's/rightsubnet=10.2.0.4/rightsubnet=10.2.0.x/' -e '0,/pfs=/s/pfs=/pfff=/' "$cpe_dir/good" | conf_put
reload
if [ "$reload_status" = 4 ] && [ "$(grep -cE '^/run/lab/cpe/oci-ipsec.conf:[0-9]+:[0-9]+: error: ' "$LAB_LOG/reload.err")" = 2 ]; then
	ok "a bad file: both mistakes with line and column, exit status 4"
else
	not_ok "a bad file: exit status $reload_status, $(head -n 3 "$LAB_LOG/reload.err")"
fi
conf_put <"$cpe_dir/good"
reload
check "an unchanged file changes nothing" said "0 added, 0 removed, 0 changed, $tunnels untouched"
check_same "no SA was touched by either" "$spis" "$(spis_but 0)"

# One more, one other, a secret, a value that needs no new SA; then one less.
conf_put <"$cpe_dir/all"
reload
if [ "$reload_status" = 0 ] && grep -q "^+ t$coming " "$LAB_LOG/reload.out" && wait_for 10 up $((tunnels + 1)); then
	ok "added: one tunnel comes up beside the others"
else
	not_ok "added: exit status $reload_status, $(head -n 3 "$LAB_LOG"/reload.out "$LAB_LOG"/reload.err)"
fi
psk_before=$(cat "$cpe_secrets")
sed -i '/198.51.100.5:/s/PSK "/PSK "x/' "$cpe_secrets"
sed -e 's/replay-window=128/replay-window=256/' -e '/^conn t6$/a\	salifetime=2h' "$cpe_dir/all" | conf_put
spis=$(spis_but $changing) spis_changing=$(spis_of $changing)
reload
if said "~ t$changing replay-window 128 -> 256" && grep -q '^~ t5 pre-shared key changed' "$LAB_LOG/reload.out" &&
	said "~ t6 salifetime 28800s -> 7200s" && said "0 added, 0 removed, 3 changed, 18 untouched"; then
	ok "changed: replay-window=, a secret, salifetime= are told, and no secret is shown"
else
	not_ok "changed: exit status $reload_status, $(cat "$LAB_LOG"/reload.out "$LAB_LOG"/reload.err)"
fi
check "the changed one has other SAs" wait_for 10 changed_up
check_same "a new secret, another lifetime and the others kept their SAs" "$spis" "$(spis_but $changing)"
printf '%s\n' "$psk_before" >"$cpe_secrets"
reload
ip -n cpe route add 10.99.0.0/24 dev vti03
spis=$(spis_but $changing) numbers=$(marks)
conf_without "t$changing" "$cpe_conf" | conf_put
reload
if said "- t$changing" && said "  the route to 10.99.0.0/24 goes with vti03" && said "  the route to 10.2.0.$changing/32 goes with vti03" &&
	! ip -n cpe link show vti03 >/dev/null 2>&1 && [ -z "$(sa_of $changing)" ]; then
	ok "removed: its SAs and its interface are gone, and which routes went with it is told"
else
	not_ok "removed: exit status $reload_status, $(cat "$LAB_LOG"/reload.out "$LAB_LOG"/reload.err)"
fi
check_same "those with mark=-1 behind it keep their numbers" "okey 0.0.3.234 okey 0.0.3.235" "$(marks | xargs)"
check_same "and the other nineteen their SAs" "$spis" "$(spis_but $changing)"
# By the signal too, which says it in the log.
conf_put <"$cpe_dir/all"
kill -HUP "$cpe_pid"
check "SIGHUP does the same: it is back" wait_for 15 changed_back
check_same "before those with mark=-1, which keep their numbers" "$numbers" "$(marks)"
grep -q "reload: + t$changing" "$cpe_log" || not_ok "the log does not say what SIGHUP changed"

sleep 1
lost=0 sent=0
for ((n = 1; n <= tunnels; n++)); do
	kill -INT "${pinging[$n]}"
	wait "${pinging[$n]}" || true
	[ "$n" = $changing ] && continue
	read -r out gone < <(pinged "$LAB_LOG/ping.$n")
	sent=$((sent + out)) lost=$((lost + gone))
done
if [ "$sent" -gt 1000 ] && [ "$lost" = 0 ]; then
	ok "the other nineteen: $sent packets there and back through seven reloads, $lost lost"
else
	not_ok "the other nineteen: $lost of $sent packets lost"
fi

# Counters: a rekey, a reload and a dead engine, and they never go back.
counted=$(packets t1)
wait_status rekey t1 --wait=20
waited 0 't1 has new keys' || not_ok "rekey --wait: status $wait_result, $(cat "$LAB_LOG/wait.out")"
after_rekey=$(packets t1)
engine=$(engine_pid)
kill -9 "$engine"
wait_for 10 engine_again || not_ok "no new engine"
after_death=$(packets t1)
if [ "$counted" -gt 50 ] && [ "$after_rekey" -ge "$counted" ] && [ "$after_death" -ge "$after_rekey" ]; then
	ok "counters: $counted packets in, $after_rekey after a rekey, $after_death after the engine was killed"
else
	not_ok "counters ran backwards: $counted, $after_rekey after a rekey, $after_death after the engine was killed"
fi

wait_status down t2 --wait
waited 0 't2 is down' || not_ok "down --wait: status $wait_result, $(cat "$LAB_LOG/wait.out")"
wait_status up t2 --wait
if waited 0 't2 is up'; then ok "down, up and rekey wait until it is so"; else
	not_ok "up --wait: status $wait_result, $(cat "$LAB_LOG/wait.out")"
fi
pair_conn t22 libreswan 22
sed -i 's/198.51.100.22/198.51.100.99/' "$cpe_conf" "$cpe_secrets"
reload
wait_status up t22 --wait=5
if waited 5 't22 is not up after 5 s: '; then
	ok "a headend that is not there: status 5, $(sed 's/^minicpe: //' "$LAB_LOG/wait.out" | cut -c 1-80)"
else
	not_ok "up --wait of a headend that is not there: status $wait_result, $(cat "$LAB_LOG/wait.out")"
fi
cpe_stop
check_same "nothing is left behind" "$before" "$(cpe_snapshot)"
