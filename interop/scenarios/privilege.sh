# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# What each of the three processes has and has not; and secrets: where they are in memory, that they are gone when
# they are of no more use, and that no text has them.
minicpe_only
# shellcheck source=interop/lib/roles.sh
. "$LAB_TOP/interop/lib/roles.sh"
cc -O2 -D_GNU_SOURCE -o /run/lab/memory "$LAB_TOP/interop/tools/memory.c" || bail "no compiler for the search of memory"
# shellcheck disable=SC2034 # lib/cpe.sh reads it
cpe_options=-d
topology_up 2
headends_start
cpe_bring_up
ok "both tunnels up after $up_after s"

# ---- what they have ----

confined() { # PID CAPABILITIES FILTERS
	local pid=$1
	[ "$(status_of "$pid" CapEff)" = "$2" ] && [ "$(status_of "$pid" CapPrm)" = "$2" ] &&
		[ "$(status_of "$pid" CapInh)" = 0000000000000000 ] && [ "$(status_of "$pid" CapAmb)" = 0000000000000000 ] &&
		[ "$(status_of "$pid" NoNewPrivs)" = 1 ] && [ "$(status_of "$pid" Seccomp)" = 2 ] &&
		[ "$(status_of "$pid" Seccomp_filters)" = "$3" ] && return 0
	grep -E 'Cap|NoNew|Seccomp' "/proc/$pid/status"
	return 1
}

# All that is in memory is locked. No core file; if there were one, no map would be in it; and of a process that may not
# be dumped /proc/PID/mem and the like belong to root, not to its user.
guarded() { # PID
	local pid=$1
	[ "$(status_of "$pid" VmLck)" -gt 1000 ] || { echo "locked: $(status_of "$pid" VmLck) KiB"; return 1; }
	awk '/^[0-9a-f]+-[0-9a-f]+ / { map = $0 } /^Rss:/ { rss = $2 } /^VmFlags:/ && rss && !/ lo / && map !~ /\[v/ { print "not locked: " map; bad = 1 }
		END { exit bad }' "/proc/$pid/smaps" || return 1
	grep -q 'Max core file size  *0  *0' "/proc/$pid/limits" || { grep core "/proc/$pid/limits"; return 1; }
	[ "$(cat "/proc/$pid/coredump_filter")" = 00000000 ] || { cat "/proc/$pid/coredump_filter"; return 1; }
	[ "$(stat -c %u "/proc/$pid/mem")" = 0 ] || { echo "/proc/$pid/mem is its user's: it may be dumped"; return 1; }
}

descriptors() { # PID: their kinds, sorted and counted
	find "/proc/$1/fd" -type l -printf '%l\n' | sed -E 's/:\[[0-9]+\]//; s|.*/cpe\.log|log|' | sort | uniq -c | awk '{ print $1 "x" $2 }' | xargs
}

# Every socket of the process is one of netlink, or of the channels to its peers.
no_other_socket() { # PID
	local inode known
	known=$(on cpe cat /proc/net/netlink /proc/net/unix)
	for inode in $(find "/proc/$1/fd" -type l -printf '%l\n' | sed -n 's/^socket:\[\(.*\)\]/\1/p'); do
		grep -qw "$inode" <<<"$known" || { echo "socket $inode is neither"; return 1; }
	done
}

outside() { # PID: user and root folder
	[ "$(status_of "$1" Uid)" != 0 ] && [ "$(readlink "/proc/$1/root")" = /run/minicpe/empty ] && [ -z "$(ls -A /run/minicpe/empty)" ]
}

roles || bail "not three processes: $(cpe_pids | xargs ps -o pid,ppid,args -p)"
check "the privileged process: CAP_NET_ADMIN alone, a list of system calls" confined "$privileged" 0000000000001000 1
check "the supervisor: no capability, a list of system calls" confined "$supervisor" 0000000000000000 1
check "the engine: no capability, two lists of system calls" confined "$engine" 0000000000000000 2
check "the supervisor: own user, empty root" outside "$supervisor"
check "the engine: own user, empty root" outside "$engine"
check "the privileged process: no socket but netlink and its peers" no_other_socket "$privileged"
number=0
for pid in "$privileged" "$supervisor" "$engine"; do
	number=$((number + 1))
	check "memory locked, out of dumps: process $number of 3" guarded "$pid"
done
# UDP 500 and 4500, ICMP, control, the two channels; the loop, the timer, the supervisor's pipe; no file but the log.
have=$(descriptors "$engine")
check_same "the engine has no descriptor that it does not need" "2x/dev/null 1xanon_inode:[eventpoll] 1xanon_inode:[timerfd] 1xlog 1xpipe 6xsocket" "$have"
check_same "nor has the supervisor" "2x/dev/null 1xlog 1xpipe 5xsocket" "$(descriptors "$supervisor")"

# ---- secrets ----

hex() { od -An -v -tx1 | tr -d ' \n'; }

# The first 16 octets of each session key that the kernel has, as "key-N HEX"; the secrets as "psk-N HEX".
needles() {
	local n
	ip -n cpe xfrm state | awk '$1 == "aead" || $1 == "enc" { print "key-" ++n, substr($3, 3, 32) }'
	for n in 1 2; do printf 'psk-%d %s\n' "$n" "$(printf %s "${psk[n]}" | hex)"; done
}
search() { /run/lab/memory "$privileged" "$supervisor" "$engine" <"$1"; }

needles >/run/lab/needles
[ "$(grep -c ^key- /run/lab/needles)" = 4 ] || bail "not four keys in the kernel: $(cat /run/lab/needles)"
search /run/lab/needles >"$LAB_LOG/memory-up.txt" || bail "memory cannot be read: $(cat "$LAB_LOG/memory-up.txt")"
note "$(tail -n 1 "$LAB_LOG/memory-up.txt")"
check "the search finds the secrets where they have to be" grep -q "^$engine psk-1" "$LAB_LOG/memory-up.txt"
absent() { # PATTERN FILE
	! grep -E "$1" "$2"
}
check "session keys are in no process once the kernel has them" absent ' key-' "$LAB_LOG/memory-up.txt"
check "the supervisor holds no secret" absent "^$supervisor " "$LAB_LOG/memory-up.txt"
on cpe "$MINICPE" status --json >"$LAB_LOG/status.json" 2>&1 || not_ok "status says: $(cat "$LAB_LOG/status.json")"
on cpe "$MINICPE" rekey oracle-tunnel-1 >/dev/null || not_ok "rekey is refused"
sleep 3
needles | sed 's/key-/new-/' | grep ^new- >>/run/lab/needles
on cpe "$MINICPE" down oracle-tunnel-1 >/dev/null || not_ok "down is refused"
wait_for 10 cpe_up 2 || not_ok "not down after 10 s: $(cpe_tunnels)"
search /run/lab/needles >"$LAB_LOG/memory-down.txt"
check "nor after a rekey and a down" absent ' (key|new)-' "$LAB_LOG/memory-down.txt"

# As it is, and in hex in either case.
no_secret_in() { # FILE...
	{
		cut -d ' ' -f 2 /run/lab/needles
		cut -d ' ' -f 2 /run/lab/needles | tr a-f A-F
		printf '%s\n' "${psk[1]}" "${psk[2]}"
	} >/run/lab/texts
	! grep -F -f /run/lab/texts "$@"
}
check "the log at debug level, and the status, have no secret" no_secret_in "$cpe_log" "$LAB_LOG/status.json"
grep -q 'debug:' "$cpe_log" || not_ok "the log has no line of debug level"

on cpe "$MINICPE" up oracle-tunnel-1 >/dev/null || not_ok "up is refused"
wait_for 30 cpe_up || bail "not up again: $(cpe_tunnels)"
wait_for 40 headend_routed 1 || true

# ---- a reload that takes a secret away ----

sed -i '/^conn oracle-tunnel-2/,$d' "$cpe_conf"
sed -i "/${psk[2]}/d" "$cpe_secrets"
on cpe "$MINICPE" reload >"$LAB_LOG/reload.txt" 2>&1 || not_ok "reload is refused: $(tail -n 1 "$LAB_LOG/reload.txt")"
wait_for 20 cpe_up 1 || not_ok "tunnel 2 is still there after the reload: $(cpe_tunnels)"
roles || bail "not three processes after the reload"
search /run/lab/needles >"$LAB_LOG/memory-reload.txt"
check "a secret that a reload took away is in no process" absent ' psk-2 ' "$LAB_LOG/memory-reload.txt"
check "the log still has no secret" no_secret_in "$cpe_log"
cpe_files
cpe_stop

