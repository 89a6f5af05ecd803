# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: check
#
# `minicpe check` on a real kernel: a machine that is fine, then wrong in one way after the other. What it says is compared,
# what it says mends the packet filter is done and held against the truth, and nothing is changed by looking.
minicpe_only

look() { # STATUS ARGUMENT...: runs it; its text is in $LAB_LOG/check.txt
	local wanted=$1 status=0
	shift
	on cpe "$MINICPE" check "$cpe_conf" "$@" >"$LAB_LOG/check.txt" 2>&1 || status=$?
	[ "$status" = "$wanted" ] || { echo "status $status"; cat "$LAB_LOG/check.txt"; return 1; }
}
says() { # VERDICT PATTERN
	grep -E "^ *$1 .*$2" "$LAB_LOG/check.txt" || { cat "$LAB_LOG/check.txt"; return 1; }
}
finds() { # STATUS VERDICT PATTERN
	look "$1" && says "$2" "$3"
}
mend_of() { # PATTERN: what stands below the finding
	grep -A 1 -E "$1" "$LAB_LOG/check.txt" | sed -n 's/^ *mend it: //p' | head -n 1
}
looks_of_kernel() { cut -d ' ' -f 1 /proc/modules | sort; }

topology_up 3
cpe_files

before=$(cpe_snapshot) modules=$(looks_of_kernel)
# The guest has no time service; but for that nothing is wrong.
check "a fine machine: a warning about the clock at the most" look 1
check "ESP and VTI are there" bash -c 'grep -c "OK .*\(esp4\|ip_vti\|xfrm_user\)" "$1" | grep -qx 3' - "$LAB_LOG/check.txt"
check "no failure, and all was seen" grep -qE ' [01] warnings?, 0 failures, 0 not seen$' "$LAB_LOG/check.txt"
check_same "looking changed nothing" "$before" "$(cpe_snapshot)"
check_same "looking loaded no module" "$modules" "$(looks_of_kernel)"
check "--json is one object" bash -c '"$1" check "$2" --json | tr -d "\n" | grep -qE "^\{.*\"schema\": 1,.*\"findings\": \[.*\] *\}$"' - "$MINICPE" "$cpe_conf"

# A filter that drops everything, answers too.
on cpe nft -f - <<-EOT
	table inet filter {
		chain input {
			type filter hook input priority 0; policy drop;
			iif lo accept
			tcp dport 22 accept
		}
	}
EOT
check "nftables' drop is found" finds 2 FAILURE 'answers on UDP port 4500: dropped by inet filter input'
mend=$(mend_of 'answers on UDP port 4500')
check "what mends it is a command: $mend" on cpe bash -c "${mend%%, and*}"
check "after that the packet filter is fine" finds 1 OK 'nftables: UDP 500 and 4500'
on cpe nft flush ruleset
on cpe nft -f - <<-EOT
	table inet filter {
		chain input { type filter hook input priority 0; policy drop; ct state established,related accept; iif lo accept; }
		chain early { type filter hook prerouting priority -450; ip frag-off & 0x1fff != 0 drop; }
	}
EOT
check "answers come in, but nobody may begin" finds 1 WARNING 'what a headend begins on UDP port 500: dropped by inet filter input'
check "fragments are dropped" says WARNING 'IP fragments: dropped by inet filter early'
on cpe nft flush ruleset

on cpe sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv4/conf/ens3/rp_filter'
check "forwarding that is off" finds 1 WARNING 'net.ipv4.ip_forward is 0'
check "strict reverse-path filtering" says WARNING 'net.ipv4.conf.ens3.rp_filter is 1'
topology_sysctls

become cpe socat -u UDP-RECV:500 STDOUT </dev/null >/dev/null &
holder=$!
wait_for 5 on cpe grep -q ':01F4 ' /proc/net/udp
check "the port's holder is named" finds 2 FAILURE "UDP port 500 is held by socat \\(pid $holder\\)"
kill "$holder"
cp "$(command -v sleep)" /run/lab/pluto
/run/lab/pluto 60 &
check "another IKE daemon" finds 2 FAILURE 'pluto is running'
kill $!

ip -n cpe addr add 10.0.2.9/24 dev ens3
check "the far subnet that is near, too" finds 1 WARNING "overlaps with the local network 10.0.2.0/24 of ens3"
ip -n cpe addr del 10.0.2.9/24 dev ens3
ip -n cpe route del default
check "no route to a headend" finds 2 FAILURE 'there is no route to its headend'
ip -n cpe route add default via "$cpe_gw"

check "an ordinary user hears what was not seen" bash -c '! nsenter --net=/run/netns/cpe setpriv --reuid 65534 --clear-groups "$1" check "$2" >"$3"; grep -q "NOT SEEN.*packet filter" "$3" && grep -q "may not be read by this user" "$3"' \
	- "$MINICPE" "$cpe_conf" "$LAB_LOG/user.txt"
check "--explain tells of every line" bash -c '[ "$("$1" check --explain "$2" | wc -l)" = "$(grep -c "^ .*=" "$2")" ]' - "$MINICPE" "$cpe_conf"

cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"
check "minicpe's own ports are its own" finds 1 OK "UDP port 4500 is minicpe's"
cpe_stop
check_same "all is as before" "$before" "$(cpe_snapshot)"
