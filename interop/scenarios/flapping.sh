# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# alone
# clock: counted
#
# What must not be taken for a death, and what must not be believed too soon: traffic one way only over each tunnel
# for a minute; a path that flaps every 2 s for a minute; both headends gone for a while.
# LAB_KINDS (one-way flap both) chooses.
minicpe_only
. "$LAB_TOP/interop/lib/failover.sh"
flows=6
topology_up 3
headends_start
static_up
flows_prepare || bail "the addresses do not answer"

changes() { grep -c ' route to .* by ' "$cpe_log" || true; }
alarms() { grep -c ': silent: ' "$cpe_log" || true; }

# Out by both, back by the other headend alone: each tunnel in turn carries outgoing traffic only.
one_way() {
	local n before
	for n in 1 2; do
		cloud_by $((3 - n))
		before=$(alarms)
		flows_start
		sleep 60
		flows_stop
		if [ "$(alarms)" = "$before" ]; then
			ok "a minute of traffic that comes back by headend $((3 - n)) only: no alarm"
		else
			not_ok "one-way traffic on tunnel $n: $(($(alarms) - before)) false alarms"
		fi
		verdict "one-way traffic on tunnel $n: no ping lost (worst $flow_worst)" "$flow_worst" 0
	done
	cloud_by 1 2
}

flap() {
	local before turn
	before=$(changes)
	cloud_by 2
	flows_start
	for turn in {1..15}; do
		fail_silent 1
		sleep 2
		mend_silent 1
		sleep 2
	done
	flows_stop
	note "flapping: $(($(changes) - before)) changes of the route in a minute; lost pings per flow: ${flow_lost[*]}"
	# Damping: 0.4 s doubled each time up to 30 s leaves room for seven returns within a minute.
	if [ $(($(changes) - before)) -le 14 ]; then ok "a minute of flapping: $(($(changes) - before)) changes of the route"; else not_ok "$(($(changes) - before)) changes of the route in a minute of flapping"; fi
	check "the other tunnel was in the route all the time" bash -c '! sed "1,/vti01 and vti02/d" "$1" | grep "route to" | grep -v vti02' - "$cpe_log"
	if wait_for 60 way_uses 1 2; then ok "in use again $waited s after the flapping"; else not_ok "not used again: $(cpe_way)"; fi
	cloud_by 1 2
}

both() {
	local back
	fail_silent 1
	fail_silent 2
	if wait_for 15 way_uses; then ok "both headends gone: no route but the unreachable one after $waited s"; else not_ok "both gone, but: $(cpe_way)"; fi
	check "nothing leaves in clear: the route is unreachable" grep -q '^unreachable' <(cpe_way)
	sleep "$1"
	back=$EPOCHREALTIME
	mend_silent 2
	cloud_by 2
	wait_for 30 on lic-srv ping -q -c 1 -W 1 "$compute_ip" || true
	waited=$(since "$back")
	if [ "${waited%.*}" -lt 5 ]; then ok "gone for $1 s: traffic $waited s after the first headend answers"; else not_ok "gone for $1 s: traffic only $waited s after the first headend answers"; fi
	mend_silent 1
	if wait_for 60 way_uses 1 2; then ok "the second one too, $waited s after it"; else not_ok "the second one is not used again: $(cpe_way)"; fi
	cloud_by 1 2
}

for kind in ${LAB_KINDS:-one-way flap both}; do
	case $kind in
	one-way) one_way ;;
	flap) flap ;;
	both)
		both 8
		both 50 # longer than the timeout of dead peer detection
		;;
	esac
done
cpe_stop
