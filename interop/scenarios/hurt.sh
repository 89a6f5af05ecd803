# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# What others do to a running minicpe, and the machine it runs on: SAs, policies and links taken away, the outer
# interface down and gone, notifications lost, processes stopped for a while, a clock that jumps, a disk that is full.
# All of it is noticed and mended, and nothing is left behind. LAB_KINDS chooses.
minicpe_only
topology_up 3
headends_start
cpe_files
sed -i 's/vti-routing=no/vti-routing=yes/' "$cpe_conf"
# The cable is another one after it was taken away.
everything() { cpe_snapshot | sed -E 's/ens3@if[0-9]+/ens3/; s/link.ether [0-9a-f:]+//'; }
before=$(everything)

policies() { ip -n cpe xfrm policy list nosock | grep -c '^src' || true; }
links() { ip -n cpe -o link show type vti | grep -v ip_vti0 | sed -E 's/^[0-9]+: //; s/ (qlen|mode|group|link-netnsid) [^ ]+//g' | sort; }
ways() { ip -n cpe route show "$right_net" | tr -s '\n\t ' ' '; }
works() { on lic-srv ping -q -c 1 -W 1 "$compute_ip"; }
shape() { links; ways; echo; policies; ip -n cpe -4 -o addr show | grep -o 'vti0[^ ]* .*inet [^ ]*' || true; }
as_before() { [ "$(shape)" = "$shape" ]; }
whole() { cpe_up && as_before && works; }

# mended WHAT SECONDS: everything is as it was, and carries traffic.
mended() {
	if wait_for "$2" whole; then
		ok "$1: mended after $waited s"
	else
		not_ok "$1: not mended after $2 s; tunnels '$(cpe_tunnels)'"
		diff <(echo "$shape") <(shape) | diag || true
	fi
}

cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"
cpe_wait_up || bail "not up: $(cpe_why_not)"
both_ways() { [ "$(ways | grep -o 'dev vti0' | wc -l)" = 2 ] && headend_routed 1 && headend_routed 2 && works; }
wait_for 60 both_ways || bail "no traffic by both: $(ways)"
shape=$(shape)

hurt_states() {
	ip -n cpe xfrm state flush
	mended "all SAs flushed by somebody" 60
	ip -n cpe xfrm state list nokeys | awk '/^src/ { from = $2; to = $4 } $1 == "proto" { print from, to, $4; exit }' >/run/lab/one
	read -r from to spi </run/lab/one
	ip -n cpe xfrm state delete src "$from" dst "$to" proto esp spi "$spi"
	mended "one SA deleted by somebody" 60
}

hurt_policies() {
	ip -n cpe xfrm policy flush
	mended "all policies flushed by somebody" 60
}

hurt_links() {
	ip -n cpe link del vti01
	mended "a VTI deleted by somebody" 60
	ip -n cpe link set vti02 down
	mended "a VTI set down by somebody" 60
	ip -n cpe route flush "$right_net"
	mended "the routes flushed by somebody" 60
}

# What a network manager does when the link is back: address and route anew.
outer_back() {
	ip -n cpe link set ens3 up
	ip -n cpe addr show dev ens3 | holds "$cpe_ip" || ip -n cpe addr add "$cpe_ip/$cpe_len" dev ens3
	ip -n cpe route replace default via "$cpe_gw"
}

hurt_outer() {
	ip -n cpe link set ens3 down
	sleep 2
	outer_back
	mended "the outer interface down for 2 s" 60
	ip -n cpe link del ens3
	sleep 2
	wire cpe ens3 "$cpe_ip/$cpe_len" router cpe "$cpe_gw/$cpe_len"
	ip -n router route replace "$right_net" via "$cpe_ip"
	outer_back
	on cpe sh -c 'cd /proc/sys/net/ipv4/conf/ens3 && for v in accept_redirects send_redirects rp_filter; do echo 0 >$v; done'
	mended "the outer interface deleted, and there again after 2 s" 60
}

# While nobody reads them, more notifications than there is room for; what is lost among them matters.
hurt_notifications() {
	local i
	ip -n cpe xfrm state list >/run/lab/states
	kill -STOP "$cpe_pid"
	for ((i = 1; i <= 1500; i++)); do
		printf 'xfrm state add src 10.99.0.1 dst 10.99.0.2 proto esp spi %d mode tunnel aead rfc4106(gcm(aes)) 0x%072d 128\n' $((i + 4096)) 7
	done >/run/lab/many
	ip -n cpe -batch /run/lab/many
	ip -n cpe xfrm state flush
	ip -n cpe xfrm policy flush
	kill -CONT "$cpe_pid"
	mended "everything flushed among 3000 notifications that were too many" 60
}

hurt_stopped() {
	local pid pids
	pids=$(cpe_pids)
	for pid in $pids; do kill -STOP "$pid"; done
	sleep 6
	for pid in $pids; do kill -CONT "$pid"; done
	mended "all processes stopped for 6 s" 60
	for pid in $pids; do
		kill -STOP "$pid"
		sleep 3
		kill -CONT "$pid"
		mended "process $((++number)) of three stopped for 3 s" 60
	done
}
number=0

# The guest's clock is its own; the machine's is not ours to set.
hurt_clock() {
	local jump lines
	if [ "$LAB_WAY" != guest ]; then
		skip "a clock that jumps: only in a guest"
		return
	fi
	for jump in '+3 days' '-7 days' '+4 days'; do
		sleep 3 # an SA that is younger than a second ends with the jump: see DESIGN.md
		lines=$(wc -l <"$cpe_log")
		date -s "$jump" >/dev/null
		sleep 3
		if [ "$(tail -n +$((lines + 1)) "$cpe_log" | grep -c ': up\|: down\|gone')" = 0 ] && whole; then
			ok "the clock jumps by $jump: nothing happens"
		else
			not_ok "the clock jumps by $jump: $(tail -n +$((lines + 1)) "$cpe_log" | head -n 3 | tr '\n' '|')"
		fi
		on cpe "$MINICPE" rekey oracle-tunnel-1 >/dev/null
		sleep 1
		mended "new keys after the clock's jump" 60
	done
}

hurt_end() {
	cpe_stop
	check_same "nothing is left after all that" "$before" "$(everything)"
}

# A log that cannot be written is no reason to stop, nor to hang at the end.
hurt_disk() {
	mkdir -p /run/lab/disk
	mount -t tmpfs -o size=16k lab /run/lab/disk
	head -c 20000 /dev/zero >/run/lab/disk/full 2>/dev/null || true
	cpe_log=/run/lab/disk/log
	notify_open
	cpe_started=$EPOCHREALTIME
	NOTIFY_SOCKET=$cpe_dir/notify become cpe "$MINICPE" -d -c "$cpe_conf" </dev/null >>"$cpe_log" 2>&1 &
	cpe_pid=$!
	cpe_wait_ready 30 || not_ok "not ready with a full disk"
	mended "the disk with the log is full: a start, two tunnels" 60
	cpe_stop
	[ "$cpe_status" = 0 ] || not_ok "status $cpe_status at the end"
	check_same "nothing is left after that" "$before" "$(everything)"
	if [ -s "$cpe_log" ]; then note "the log has $(wc -c <"$cpe_log") octets"; else ok "not an octet of the log was written"; fi
	cpe_log=$LAB_LOG/cpe.log
}

for kind in ${LAB_KINDS:-states policies links outer notifications stopped clock}; do "hurt_$kind"; done
hurt_end
hurt_disk
