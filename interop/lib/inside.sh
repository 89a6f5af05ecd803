#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The part of the lab that runs inside: in a mount namespace of its own on the machine's kernel, or
# in the guest. Makes a world that can be thrown away (the cache's packages laid over /usr and /etc,
# empty /run, /tmp and parts of /var), and runs each scenario in namespaces of its own, so that
# whatever a scenario starts or makes is gone when it ends.
#
#   inside.sh probe | run SCENARIO... | demo SCENARIO... | shell SCENARIO
set -euo pipefail

# /mnt is there on every Debian and nothing of ours lies under it. The places are entered first,
# since any of them may be hidden by what gets mounted.
mount_places() {
	local name
	exec 10<"$LAB_TOP" 11<"$LAB_CACHE" 12<"$LAB_OUT"
	mount -t tmpfs -o mode=755 lab /mnt
	mkdir -p /mnt/{top,cache,out,rw}
	mount -c --bind /proc/self/fd/10 /mnt/top
	mount -c --bind /proc/self/fd/11 /mnt/cache
	mount -c --bind /proc/self/fd/12 /mnt/out
	exec 10<&- 11<&- 12<&-
	# A program built in the tree is looked for where the tree now is; another one is copied, since it
	# may be in a folder that gets hidden.
	case $MINICPE in
	"$LAB_TOP"/*) MINICPE=/mnt/top${MINICPE#"$LAB_TOP"} ;;
	*) [ ! -x "$MINICPE" ] || { cp "$MINICPE" /mnt/minicpe && MINICPE=/mnt/minicpe; } ;;
	esac
	LAB_TOP=/mnt/top LAB_CACHE=/mnt/cache LAB_OUT=/mnt/out
	export LAB_TOP LAB_CACHE LAB_OUT MINICPE
	for name in usr etc; do mount_over "$name"; done
	ln -sf "$MINICPE" /usr/local/sbin/minicpe
	for name in /run /tmp /var/tmp /var/lib /var/log; do mount -t tmpfs -o mode=755 lab "$name"; done
	chmod 1777 /tmp /var/tmp
	mkdir -p /run/lock /run/netns /run/uts /run/lab /var/lib/ipsec
}

mount_over() { # usr|etc
	local name=$1 group lower=''
	for group in $LAB_GROUPS kernel; do
		[ "$group" != strongswan ] || continue
		[ ! -d "/mnt/cache/$group/$name" ] || lower+=/mnt/cache/$group/$name:
	done
	mkdir -p "/mnt/rw/$name" "/mnt/rw/.$name"
	mount -t overlay -o "lowerdir=$lower/$name,upperdir=/mnt/rw/$name,workdir=/mnt/rw/.$name" lab "/$name"
}

# What the packages' install scripts would have done, in the copy of /etc.
add_users() {
	local name number=64000
	for name in sshd frr minicpe; do
		number=$((number + 1))
		grep -q "^$name:" /etc/passwd || echo "$name:x:$number:$number::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
		grep -q "^$name:" /etc/group || echo "$name:x:$number:" >>/etc/group
	done
	grep -q '^frrvty:' /etc/group || echo 'frrvty:x:64009:frr' >>/etc/group
	# Root gets a home of the lab's and, for sshd, a password that is not "locked".
	sed -i 's|^\(root:[^:]*:0:0:[^:]*\):[^:]*:.*|\1:/run/lab/root:/bin/bash|' /etc/passwd
	sed -i 's|^root:[^:]*:|root:*:|' /etc/shadow
	mkdir -p /run/lab/root /run/sshd
	export HOME=/run/lab/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}

count() { grep -c "^$1 " "$results" || true; }

run_one() { # run|demo|shell SCENARIO
	local name=$2 log=/mnt/out/$2 status=0 started=$SECONDS limit
	# A scenario that takes longer than most says so in a line "# limit: SECONDS".
	limit=$(sed -n 's/^# limit: //p' "$LAB_TOP/interop/scenarios/$name.sh")
	limit=${LAB_TIMEOUT:-${limit:-600}}
	rm -rf "$log"
	mkdir -p "$log"
	printf '# %s\n' "$name"
	LAB_MODE=$1 LAB_SCENARIO=$name LAB_LOG=$log \
		timeout --foreground -k 5 "$limit" \
		unshare --mount --net --uts --ipc --pid --fork --kill-child --mount-proc \
		bash "$LAB_TOP/interop/lib/scenario.sh" || status=$?
	cat "$log/results" >>"$results" 2>/dev/null || true
	# Killed, or the like: all else is said by the scenario itself.
	if [ "$status" != 0 ] && ! grep -qs '^not ok ' "$log/results"; then
		printf 'not ok %s: ended with status %d\n' "$name" "$status" | tee -a "$results" "$log/results"
	fi
	printf '# %s took %d s\n' "$name" $((SECONDS - started))
}

main() {
	local verb=$1 name
	shift
	# The first process of a PID namespace only gets the signals that it asks for.
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mount_places
	add_users
	if [ "$verb" = probe ]; then
		bash -x "$LAB_TOP/interop/lib/probe.sh"
		return
	fi
	results=/run/lab/results
	: >"$results"
	if [ "$LAB_WAY" = guest ]; then
		printf '# guest up after %.1f s of its time\n' "$(cut -d ' ' -f 1 /proc/uptime)"
		# Loading the kernel's modules takes seconds the first time; no scenario is about that.
		unshare --net bash "$LAB_TOP/interop/lib/probe.sh" >/run/lab/probe.log 2>&1 &
	fi
	for name in "$@"; do run_one "$verb" "$name"; done
	# Once more, after all the logs.
	sed -n 's/^not ok /failed: /p' "$results"
	printf 'lab: %d ok, %d not ok, %d skipped\n' "$(count ok)" "$(count 'not ok')" "$(count skip)"
	[ "$(count 'not ok')" = 0 ] && [ "$(count ok)" != 0 ]
}

main "$@"
