# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Libreswan as one of the peers of lib/pair.sh: its pluto (lib/headend.sh) with the conns described so far.

libreswan_begin() {
	printf 'config setup\n\tikev1-policy=accept\n\n' >/run/lab/libreswan/ipsec.conf
	(umask 077 && : >/run/lab/libreswan/ipsec.secrets)
}

# With what pair_conn left in name, n, both and peer_value.
libreswan_conn() {
	local key
	{
		printf 'conn %s\n\tleft=198.51.100.%s\n\tleftid=198.51.100.%s\n\tright=%s\n\trightid=%s\n' "$name" "$n" "$n" "${both[seen_as]}" "$cpe_ip"
		# Its script would only set routes, and pluto stands still while it runs.
		printf '\tauthby=secret\n\tikev2=%s\n\tleftupdown=%%disabled\n\tleftsubnet=%s\n\trightsubnet=%s\n' "${both[ikev2]:-no}" "${both[inside]}" "${both[subnet]}"
		printf '\tike=%s\n\tesp=%s\n\tpfs=%s\n\tencapsulation=%s\n' "${both[peer_ike]:-${both[ike]}}" "${both[esp]}" "${both[pfs]}" "${both[encapsulation]}"
		for key in "${!peer_value[@]}"; do
			[ -z "${peer_value[$key]}" ] || printf '\t%s=%s\n' "$key" "${peer_value[$key]}"
		done
	} >>/run/lab/libreswan/ipsec.conf
	# Who may come from anywhere is looked up before its name is known.
	key=$cpe_ip
	[ "${both[seen_as]}" != %any ] || key=%any
	key="198.51.100.$n $key: PSK \"${both[psk]}\""
	grep -qxF "$key" /run/lab/libreswan/ipsec.secrets || echo "$key" >>/run/lab/libreswan/ipsec.secrets
}

libreswan_start() {
	: >"$LAB_LOG/libreswan.log"
	pluto_start libreswan
}

libreswan_ready() { grep -q 'loading secrets' "$LAB_LOG/libreswan.log"; }
libreswan_stop() { pluto_stop libreswan; }
libreswan_kill() { kill -9 "$(</run/lab/libreswan/pid)"; }

# The conns that pluto did not take, and why, one in each line: "NAME REASON".
libreswan_refused() {
	sed -nE 's/.*"([^"]+)": failed to add.*connection[: ]*(.*)/\1 \2/p' "$LAB_LOG/libreswan.log"
}

libreswan_up() { pluto_whack libreswan --initiate --asynchronous --name "$1" >/dev/null; }
libreswan_delete() { pluto_whack libreswan --terminate --name "$1" >/dev/null; }
# Its commands for rekeying are for the other version of IKE; a second start makes another pair.
libreswan_rekey() { # NAME ike|ipsec
	[ "$2" = ike ] || libreswan_up "$1"
}
# The IPsec SA alone.
libreswan_delete_child() {
	local state
	state=$(pluto_whack libreswan --showstates | sed -nE "s/.*#([0-9]+): \"$1\".*QUICK_.*established.*/\1/p" | tail -n 1)
	[ -n "$state" ] && pluto_whack libreswan --deletestate "$state" >/dev/null
}
