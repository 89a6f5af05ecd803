# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Libreswan's pluto, as a headend that stands for one of OCI's, and as the CPE to compare with.
# Each pluto has a mount namespace of its own with its folder bound over /run/pluto, where its
# helpers look for it.

psk=() # shared secret of tunnel 1 and 2, made when first needed

secrets_make() {
	local tunnel
	for tunnel in 1 2; do
		psk[tunnel]=${psk[tunnel]:-$(head -c 64 /dev/urandom | base64 -w 0 | tr -dc A-Za-z0-9 | cut -c 1-48)}
	done
}

# pluto_start NODE: with the files ipsec.conf and ipsec.secrets in /run/lab/NODE. The mount namespace
# can be entered through the file /run/lab/NODE/pid.
pluto_start() {
	local node=$1 dir=/run/lab/$1
	[ -d /run/lab/nss ] || { mkdir /run/lab/nss && ipsec initnss --nssdir /run/lab/nss >/dev/null; }
	rm -rf "$dir/nss" "$dir/run"
	cp -r /run/lab/nss "$dir/nss"
	mkdir -p "$dir/run" /run/pluto
	chmod 600 "$dir/ipsec.secrets"
	# shellcheck disable=SC2016
	become "$node" unshare --mount bash -c 'mount --bind "$1/run" /run/pluto && echo $$ >"$1/pid" &&
		exec /usr/libexec/ipsec/pluto --config "$1/ipsec.conf" --secretsfile "$1/ipsec.secrets" \
			--nssdir "$1/nss" --rundir "$1/run" --logfile "$2" --nofork' \
		pluto "$dir" "$LAB_LOG/$node.log" </dev/null >/dev/null 2>&1 &
}

pluto_whack() { # NODE ARGUMENT...
	local dir=/run/lab/$1
	shift
	/usr/libexec/ipsec/whack --rundir "$dir/run" --ctlsocket "$dir/run/pluto.ctl" "$@"
}

pluto_gone() { ! kill -0 "$(<"/run/lab/$1/pid")" 2>/dev/null; }

pluto_stop() { # NODE
	[ -f "/run/lab/$1/pid" ] || return 0
	pluto_whack "$1" --shutdown >/dev/null 2>&1 || true
	wait_for 10 pluto_gone "$1" || kill -9 "$(<"/run/lab/$1/pid")" || true
	rm -f "/run/lab/$1/pid"
}

# headend_conf N [KEY=VALUE...]: the headend's connection. A KEY=VALUE replaces a line or adds one;
# KEY= alone takes it away. The route to the site is put into the tunnel by vti-routing.
headend_conf() {
	local n=$1 line key lines
	shift
	local -A value=(
		[left]=${headend_ip[n]} [leftid]=${headend_ip[n]} [leftsubnet]=$right_net
		[right]=$cpe_seen_as [rightid]=$cpe_ip [rightsubnet]=$left_net
		[authby]=secret [auto]=add [ikev2]=no
		[ike]='aes_cbc256-sha2_384;modp1536' [phase2alg]='aes_gcm256;modp1536'
		[encapsulation]=yes [ikelifetime]=28800s [salifetime]=3600s
		[mark]=$((10 + n))/0xffffffff [vti-interface]=vti0$n [vti-routing]=yes
	)
	for line in "$@"; do value[${line%%=*}]=${line#*=}; done
	mkdir -p "/run/lab/headend$n"
	{
		# Debian's pluto refuses version 1 of IKE unless told otherwise.
		printf 'config setup\n\tikev1-policy=accept\n\nconn cpe\n'
		lines=$(for key in "${!value[@]}"; do
			[ -z "${value[$key]}" ] || printf '\t%s=%s\n' "$key" "${value[$key]}"
		done)
		sort <<<"$lines"
	} >"/run/lab/headend$n/ipsec.conf"
	printf '%s %s: PSK "%s"\n' "${headend_ip[n]}" "${value[rightid]}" "${psk[n]}" >"/run/lab/headend$n/ipsec.secrets"
}

headend_start() { # N [KEY=VALUE...]
	secrets_make
	headend_conf "$@"
	pluto_start "headend$1"
}

# The secrets come last.
headend_ready() {
	grep -q 'added IKEv1 connection' "$LAB_LOG/headend$1.log" && grep -q 'loading secrets' "$LAB_LOG/headend$1.log"
}

# Both at once, because a pluto takes its time; returns when both listen and know their connection.
headends_start() { # [KEY=VALUE...]
	local n
	for n in 1 2; do headend_start "$n" "$@"; done
	for n in 1 2; do
		wait_for 30 headend_ready "$n" || bail "headend $n does not start: $(tail -n 5 "$LAB_LOG/headend$n.log")"
	done
}

headend_stop() { pluto_stop "headend$1"; }
