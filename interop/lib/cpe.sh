# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The CPE: minicpe, or with LAB_CPE=libreswan the program that it replaces, on the same two files.
# A scenario says cpe_start, cpe_stop and so on, and need not know which it is.

cpe_dir=/run/lab/cpe
cpe_conf=$cpe_dir/oci-ipsec.conf
cpe_secrets=$cpe_dir/oci-ipsec.secrets

# shellcheck disable=SC2120 # most scenarios take the usual file
# The tutorial's files, with nothing but their placeholders replaced.
cpe_files() { # [FILE of the tutorial, for other patterns than static routing]
	local file source
	secrets_make
	mkdir -p "$cpe_dir"
	for file in "$cpe_conf" "$cpe_secrets"; do
		source=$(basename "$file")
		[ "$file" != "$cpe_conf" ] || source=${1:-$source}
		(
			umask 077
			sed -e "s/CPE_IP/$cpe_ip/" \
				-e "s/Tunnel1_public_IP/${headend_ip[1]}/" -e "s/Tunnel2_public_IP/${headend_ip[2]}/" \
				-e "s/Shared_secret_tunnel1/${psk[1]}/" -e "s/Shared_secret_tunnel2/${psk[2]}/" \
				"$LAB_TOP/interop/tutorial/$source" >"$file"
		)
	done
}

# Starts the program; $cpe_started is when. The log goes on in one file over several starts.
cpe_start() {
	cpe_log=$LAB_LOG/cpe.log
	"cpe_start_$LAB_CPE"
}

cpe_start_minicpe() {
	[ -x "$MINICPE" ] || bail "there is no program $MINICPE (make builds it)"
	notify_open
	cpe_started=$EPOCHREALTIME
	# shellcheck disable=SC2086 # several words, or none
	NOTIFY_SOCKET=$cpe_dir/notify become cpe "$MINICPE" ${cpe_options:-} -c "$cpe_conf" </dev/null >>"$cpe_log" 2>&1 &
	cpe_pid=$!
}

cpe_start_libreswan() {
	# The tutorial's file has no "config setup", and Debian's pluto wants one for version 1 of IKE.
	printf 'config setup\n\tikev1-policy=accept\ninclude %s\n' "$cpe_conf" >"$cpe_dir/ipsec.conf"
	cp "$cpe_secrets" "$cpe_dir/ipsec.secrets"
	cpe_started=$EPOCHREALTIME
	pluto_start cpe
	cpe_pid=$!
}

# A datagram socket that hands on what a service manager would be told. READY=1 need not end in a
# newline, so notify_wait reads byte by byte.
notify_open() {
	notify_close
	rm -f "$cpe_dir/notify"
	exec {notify_fd}< <(exec socat -u "UNIX-RECV:$cpe_dir/notify" STDOUT)
	notify_pid=$!
	wait_for 5 test -S "$cpe_dir/notify" || bail "socat made no notify socket"
}

notify_close() {
	[ -n "${notify_fd:-}" ] || return 0
	exec {notify_fd}<&-
	kill "$notify_pid" 2>/dev/null || true
	unset notify_fd
}

# Until the program says that it is ready (its links exist); $ready_after is how long that took.
cpe_wait_ready() { # SECONDS
	if [ "$LAB_CPE" = libreswan ]; then
		wait_for "$1" cpe_links # says nothing itself before the links, which come with the tunnels
	else
		notify_wait "$1"
	fi || return 1
	ready_after=$(since "$cpe_started")
}

notify_wait() { # SECONDS
	local text='' byte end=$((SECONDS + $1))
	while [[ $text != *READY=1* ]]; do
		[ $SECONDS -lt $end ] || return 1
		IFS= read -r -t 1 -N 1 -u "$notify_fd" byte && text+=$byte && continue
		kill -0 "$cpe_pid" 2>/dev/null || return 1
	done
}

cpe_links() { ip -n cpe link show vti01 && ip -n cpe link show vti02; }

# The tutorial's route, as its ExecStartPost has it after 30 seconds of sleep; here the moment that
# the program says it is ready.
cpe_route() { on cpe ip route add "$right_net" nexthop dev vti01 nexthop dev vti02; }

# Which of the tunnels have both of their SAs in the kernel, as "1", "2" or "1 2". Those without
# keys (an SPI that is only reserved) do not count.
cpe_tunnels() {
	ip -n cpe xfrm state | awk -v one="${headend_ip[1]}" -v two="${headend_ip[2]}" '
		$1 == "src" { from = $2; to = $4 }
		$1 == "aead" || $1 == "enc" { has[from " in"] = has[to " out"] = 1 }
		function up(ip) { return has[ip " in"] && has[ip " out"] }
		END { print (up(one) ? "1" : "") (up(one) && up(two) ? " " : "") (up(two) ? "2" : "") }'
}

cpe_up() { [ "$(cpe_tunnels)" = "${1:-1 2}" ]; }

# The far side answers through both: the cloud's routes into a tunnel come with its SAs.
headend_routed() { ip -n "headend$1" route show "$left_net" | holds vti; }

# Says whether the scenario is about the program itself, which nothing else can stand for.
minicpe_only() {
	[ "$LAB_CPE" = minicpe ] && return 0
	skip "is about minicpe"
	exit 0
}

# The usual start: files, program, route, both tunnels. $up_after is how long the tunnels took.
cpe_bring_up() {
	cpe_files
	cpe_start
	cpe_wait_ready 30 || bail "the CPE's program is not ready after 30 s: $(tail -n 5 "$cpe_log")"
	cpe_route || bail "the tutorial's route cannot be added"
	cpe_wait_up || bail "not up: $(cpe_why_not)"
}

cpe_why_not() {
	local n
	echo "tunnels in the CPE's kernel: '$(cpe_tunnels)'"
	for n in 1 2; do headend_routed "$n" || echo "headend $n has no route into its tunnel"; done
}

cpe_wait_up() {
	wait_for 60 cpe_up || return 1
	up_after=$(since "$cpe_started")
	# A headend that missed the last message repeats its own after up to 16 s.
	wait_for 40 headend_routed 1 && wait_for 40 headend_routed 2
}

# The processes of the CPE's program, helpers included: all that run in its namespace but for the tools
# that scenarios look with.
cpe_pids() {
	local pid
	for pid in $(ip netns pids cpe); do
		case $(cat "/proc/$pid/comm" 2>/dev/null) in
		'' | ip | tc | nft | tcpdump | ping | iperf3 | bash | zebra | staticd | bgpd | vtysh) ;;
		*) echo "$pid" ;;
		esac
	done
}
cpe_gone() { [ -z "$(cpe_pids)" ]; }

cpe_stop() {
	if [ "$LAB_CPE" = libreswan ]; then
		pluto_stop cpe
	else
		kill -TERM "$cpe_pid" || true # what has just ended by itself has a status that tells
		wait_for 15 cpe_gone || { not_ok "still running 15 s after SIGTERM: $(cpe_pids | xargs ps -o pid,args -p)"; cpe_kill; }
		cpe_status=0
		wait "$cpe_pid" || cpe_status=$?
		notify_close
	fi
}

# All processes at once. Bash has something to say about it, which nobody needs.
cpe_kill() {
	{
		cpe_pids | xargs -r kill -9 || true # one may be gone by now
		wait_for 5 cpe_gone || return 1
		wait "$cpe_pid" || true
	} 2>/dev/null
}

cpe_status() {
	if [ "$LAB_CPE" = libreswan ]; then
		pluto_whack cpe --trafficstatus
	else
		on cpe "$MINICPE" status
	fi
}

# Kernel objects of the CPE as text, to compare before and after. What comes with a module (ip_vti0)
# or by itself (link-local addresses, counters) does not count.
cpe_snapshot() {
	local what
	for what in 'link' 'addr' 'route show table all' 'rule' 'xfrm state' 'xfrm policy'; do
		echo "== $what"
		# shellcheck disable=SC2086
		ip -n cpe -o $what | grep -vE 'ip_vti0|fe80:|ff00::|proto kernel' |
			sed -E 's/^[0-9]+: //; s/ (valid|preferred)_lft [^ ]+//g; s/auth-trunc.*|aead .*|enc .*//'
	done
	on cpe sh -c 'cd /proc/sys/net/ipv4/conf && grep . all/* default/* ens3/* 2>/dev/null'
}

# Resident and proportional memory of the CPE's processes, in KiB.
cpe_memory() {
	local pid rss=0 pss=0 count=0 one
	for pid in $(cpe_pids); do
		one=$(awk '/^Rss:/{r=$2} /^Pss:/{p=$2} END{print r, p}' "/proc/$pid/smaps_rollup" 2>/dev/null) || continue
		rss=$((rss + ${one% *})) pss=$((pss + ${one#* })) count=$((count + 1))
	done
	echo "$count $rss $pss"
}
