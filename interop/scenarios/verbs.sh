# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
# needs: prometheus
#
# Every verb that asks or tells the daemon, with one tunnel up and the other down for a wrong secret: what is shown, the
# JSON against its schema, the metrics by promtool, each exit status, at a terminal and in a pipe; and clients that mean
# harm, of which the daemon takes no notice.
minicpe_only
topology_up 2
headends_start
ip -n cloud route replace "$left_net" via 10.255.1.1 # tunnel 2 will not be there
cpe_files
sed -i '2s/"[^"]*"/"WrongSecret00WrongSecret00"/' "$cpe_secrets"
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 3 "$cpe_log")"
on cpe ip route add "$right_net" dev vti01 || bail "the route cannot be added"
wait_for 30 cpe_up 1 || bail "tunnel 1 is not up: '$(cpe_tunnels)'"
schema=$LAB_TOP/docs/status.schema.json
minicpe() { on cpe "$MINICPE" "$@"; }
exits() { # STATUS COMMAND...: output goes to $out
	local want=$1 got=0
	shift
	out=$("$@" 2>&1) || got=$?
	[ "$got" = "$want" ] || { echo "exit status $got, not $want: $out"; return 1; }
}
says() { # PATTERN COMMAND...
	out=$("${@:2}" 2>&1) || true
	grep -qE -- "$1" <<<"$out" || { echo "no $1 in: $out"; return 1; }
}
named() { says '^oracle-tunnel-2: psk-mismatch \((likely|possible)\)$' minicpe diagnose oracle-tunnel-2; }
wait_for 20 named || not_ok "diagnose does not name the wrong secret: $(minicpe diagnose oracle-tunnel-2 || true)"

# ---- status ----
check "status: exit status 1, for one of two is up" exits 1 minicpe status
check "without a verb it is the same" says '^oracle-tunnel-1 +up .* 198\.51\.100\.11 +vti01 ' minicpe
check "the one that is down is there, with its reason" says '^oracle-tunnel-2 +down .*psk-mismatch' minicpe
check "status NAME: 0 for the one that is up" exits 0 minicpe status oracle-tunnel-1
block=$(minicpe status oracle-tunnel-1 || true)
diag <<<"$block"
for line in 'headend +198.51.100.11:4500 from 203.0.114.42:4500, ESP in UDP by encapsulation=yes' 'phase 1 +AES_CBC_256-SHA2_384-MODP1536, we began' \
	'phase 2 +AES_GCM_16_256-MODP1536, SPI in [0-9a-f]{8} out [0-9a-f]{8}' 'lifetimes +phase 1 8h00m, phase 2 1h00m' 'DPD .*round trip' \
	'interface +vti01, MTU 1[0-9]{3}, MTU of the way to the headend 1500' 'routes +10.0.2.0/24$' 'events +[0-9:]{8} '; do
	check "the block has its line: $line" grep -qE "^  $line" <<<"$block"
done
check "2 for the one that is down" exits 2 minicpe status oracle-tunnel-2
check "4 for one that is not there" exits 4 minicpe status no-such-tunnel
check "3 without a daemon" exits 3 minicpe status --run /nonexistent
check "4 for who may not" exits 4 on cpe setpriv --reuid 65533 --regid 65533 --clear-groups "$MINICPE" status
check "--brief: two lines of eight fields" bash -c '[ "$(awk -F"\t" "NF == 8" <<<"$1" | wc -l)" = 2 ]' - "$(minicpe status --brief || true)"
minicpe status --json >"$LAB_LOG/status.json" || true
check "--json fits its schema" "$LAB_TOP/tests/schema.py" "$schema" "$LAB_LOG/status.json"
minicpe status oracle-tunnel-2 --json >"$LAB_LOG/status2.json" || true
check "and so does that of one tunnel" "$LAB_TOP/tests/schema.py" "$schema" "$LAB_LOG/status2.json"

# ---- at a terminal ----
terminal() { # COLUMNS ENVIRONMENT COMMAND...
	on cpe env TERM=xterm "$2" script -qec "stty rows 24 cols $1; ${*:3}" /dev/null </dev/null | tr -d '\r'
}
lengths() { sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | awk -v most="$1" 'length($0) > most { print; bad = 1 } END { exit bad }'; }
for columns in 60 80 200; do
	terminal "$columns" LC_ALL=C "$MINICPE status; $MINICPE status oracle-tunnel-1; $MINICPE diagnose oracle-tunnel-2" >"$LAB_LOG/screen.$columns" || true
	check "nothing is wider than $columns columns" lengths "$columns" <"$LAB_LOG/screen.$columns"
done
diag <"$LAB_LOG/screen.80"
check "colours at a terminal" grep -q $'\x1b' "$LAB_LOG/screen.80"
terminal 80 NO_COLOR=1 "$MINICPE status" >"$LAB_LOG/screen.plain" || true
check "none with NO_COLOR" bash -c '! grep -q "$1" "$2"' - $'\x1b\\[3' "$LAB_LOG/screen.plain"
become lic-srv ping -q -i 0.1 -w 20 "$compute_ip" >/dev/null 2>&1 &
terminal 80 LC_ALL=C.UTF-8 "timeout -s INT 5 $MINICPE top" >"$LAB_LOG/top" || true
check "top draws again and again, with a graph" bash -c '[ "$(grep -c "$1" "$2")" -ge 2 ] && grep -qE "oracle-tunnel-1.*(▁|▂|▃|▄|▅|▆|▇|█)" "$2"' - $'\x1b\\[H' "$LAB_LOG/top"
tail -n 6 "$LAB_LOG/top" | diag
check "top in a pipe says what to use instead" says 'status --json' minicpe top

# ---- events, log, up, down, rekey ----
become cpe "$MINICPE" events --json >"$LAB_LOG/events" 2>&1 &
events_pid=$!
sleep 1
spi() { minicpe status oracle-tunnel-1 | sed -n 's/.*SPI in \([0-9a-f]*\) .*/\1/p'; }
before=$(spi)
has_new_spi() { local now && now=$(spi) && [ -n "$now" ] && [ "$now" != "$before" ]; }
check "rekey" exits 0 minicpe rekey oracle-tunnel-1
wait_for 10 has_new_spi || not_ok "no new SPIs after rekey: $before"
minicpe metrics >"$LAB_LOG/metrics.1"
check "down" exits 0 minicpe down oracle-tunnel-1
wait_for 5 exits 2 minicpe status oracle-tunnel-1 || not_ok "not down"
check "diagnose: it was taken down" says '^oracle-tunnel-1: taken-down \(certain\)$' minicpe diagnose oracle-tunnel-1
check "log debug" exits 0 minicpe log debug
check "up" exits 0 minicpe up oracle-tunnel-1
wait_for 20 exits 0 minicpe status oracle-tunnel-1 || not_ok "not up again"
check "the log has every step now" grep -q ' debug: received Quick Mode, message ID ' "$cpe_log"
check "log info" exits 0 minicpe log info
check "log verbose: there is no such level" exits 4 minicpe log verbose
check "log is root's" exits 4 on cpe setpriv --reuid 65533 --regid "$(stat -c %g /run/minicpe/control)" --clear-groups "$MINICPE" log debug
lines=$(wc -l <"$cpe_log")
kill -INT "$events_pid"
check "the events are there: down and up" bash -c 'grep -q "\"state\":\"down\"" "$1" && grep -q "\"state\":\"up\"" "$1"' - "$LAB_LOG/events"
check "each fits the schema" "$LAB_TOP/tests/schema.py" "$schema" --lines event "$LAB_LOG/events"
check "and events --past has them" says 'oracle-tunnel-1: down: taken down' minicpe events oracle-tunnel-1 --past
check "the log has key=value, and no debug line any more" bash -c 'grep -q " tunnel=oracle-tunnel-1 state=up" "$1" && ! tail -n "+$(($2 + 1))" "$1" | grep -q " debug: "' - "$cpe_log" "$lines"

# ---- metrics ----
minicpe metrics >"$LAB_LOG/metrics.2"
check "promtool finds nothing to complain about" promtool check metrics <"$LAB_LOG/metrics.2"
minicpe metrics --openmetrics >"$LAB_LOG/metrics.open"
check "nor does a strict reader of OpenMetrics" python3 -c '
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
families = list(parse(open(sys.argv[1]).read()))
assert len(families) > 15, families' "$LAB_LOG/metrics.open"
check "no counter runs backwards, over a rekey, down and up" awk '
	/_total\{/ { if (NR == FNR) was[$1] = $2; else { n++; if ($2 + 0 < was[$1] + 0) { print; bad = 1 } } }
	END { exit bad || !n }' "$LAB_LOG/metrics.1" "$LAB_LOG/metrics.2"

# ---- clients that mean harm ----
engine=$(pgrep -n -x minicpe)
timeout 30 nsenter --net=/run/netns/cpe python3 - <<'PY' || not_ok "the hostile clients failed themselves"
import os, random, socket, struct, time
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for _ in range(200):                # too many at once: the kernel says so to those that come
        try:
            s.connect("/run/minicpe/control")
            break
        except BlockingIOError:
            time.sleep(0.01)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 5, 0))
    return s
def send(s, data):
    try:
        s.send(data)
    except OSError:
        pass
def request(kind, value=0, name=b""):
    return struct.pack("=IHHI64s", 0x6d637065, 1, kind, value, name)
random.seed(7)
sleepers = []
for _ in range(8):                     # follow events and ask for everything, and read nothing
    s = connect()
    send(s, request(5, 3))
    sleepers.append(s)
for _ in range(300):                   # garbage of any length, and what is almost right
    s = connect()
    good = request(random.randrange(0, 9), random.getrandbits(32), b"oracle-tunnel-1"[: random.randrange(16)]) if random.random() < 0.4 else b""
    if not good or good[6] not in (2, 3, 4, 6):   # commands would be carried out: this is root
        send(s, good[: random.randrange(77)] if good else os.urandom(random.randrange(1, 3000)))
    s.close()
crowd = []
for _ in range(100):                   # more connections than there is room for
    s = connect()
    send(s, request(1))
    crowd.append(s)
PY
check "after them status answers as before" exits 1 minicpe status
check "the engine is the same as before" [ "$engine" = "$(pgrep -n -x minicpe)" ]
check "traffic goes on" wait_for 10 ping_once lic-srv "$compute_ip"
if grep -qF -e WrongSecret00 -e "${psk[1]}" "$cpe_log" "$LAB_LOG"/screen.* "$LAB_LOG/events" "$LAB_LOG/status.json"; then
	not_ok "a secret is shown"
else
	ok "no secret is shown"
fi
cpe_stop
check "without the daemon, metrics says so and ends with 3" exits 3 minicpe metrics
