# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# strongSwan as one of the peers of lib/pair.sh: charon, told by swanctl, from the cache's own folder (its
# packages cannot lie beside Libreswan's). Its conns come from what the scenario described so far.

strongswan_dir=/run/lab/strongswan

strongswan_begin() {
	: >$strongswan_dir/connections
	(umask 077 && : >$strongswan_dir/secrets)
}

# ipsec.conf's words for proposals in those of strongSwan.
declare -A strongswan_group=([dh2]=modp1024 [dh5]=modp1536 [dh14]=modp2048 [dh15]=modp3072 [dh16]=modp4096
	[dh19]=ecp256 [dh20]=ecp384 [dh21]=ecp521 [dh24]=modp2048s256)
strongswan_proposals() { # WORDS, with commas between several: leaves them in $proposals
	local one
	proposals=''
	for one in ${1//,/ }; do
		strongswan_proposal "$one"
		proposals+=${proposals:+,}$proposal
	done
}
strongswan_proposal() { # WORDS: leaves it in $proposal
	local group=''
	proposal=${1%%;*}
	[ "$proposal" = "$1" ] || group=-${strongswan_group[${1#*;}]}
	proposal=${proposal/sha2_/sha}
	[[ $proposal != aes_gcm* ]] || proposal=aes${proposal#aes_gcm}gcm16
	proposal+=$group
}

# more= is "SUBNET>INSIDE ..." of further conns of the CPE's to the same address, which charon wants as children of one.
strongswan_more() {
	local pair i=0
	for pair in ${both[more]:-}; do
		i=$((i + 1))
		cat <<-EOT
			$name-$i {
				local_ts = ${pair#*>}
				remote_ts = ${pair%>*}
				esp_proposals = $esp
				mode = tunnel
				${child_times}
			}
		EOT
	done
}

# With what pair_conn left in name, n, both and peer_value. A lifetime and its margin become the time
# at which to rekey and the rest.
strongswan_conn() {
	local ike esp start=none ike_times='rekey_time = 0' child_times='rekey_time = 0' proposal proposals
	local version=${peer_value[version]:-1} encap=no ikelife=${peer_value[ikelifetime]:-} salife=${peer_value[salifetime]:-}
	local margin=${peer_value[rekeymargin]:-10s}
	margin=${margin%s}
	strongswan_proposals "${both[peer_ike]:-${both[ike]}}"
	ike=$proposals
	strongswan_proposals "${both[esp]}"
	esp=$proposals
	[ "${peer_value[auto]}" != start ] || start=start
	[ "${both[encapsulation]}" != yes ] || encap=yes
	# The margin for IKE is as long again: a Main Mode has more messages than a Quick Mode.
	[ -z "$ikelife" ] || ike_times="rekey_time = $((${ikelife%s} - 2 * margin))s over_time = $((2 * margin))s rand_time = ${margin}s"
	[ -z "$salife" ] || child_times="rekey_time = $((${salife%s} - margin))s life_time = ${salife%s}s rand_time = $((margin / 2))s"
	cat >>$strongswan_dir/connections <<-EOT
		$name {
			version = $version
			local_addrs = 203.0.113.$n
			remote_addrs = ${both[seen_as]}
			proposals = $ike
			encap = $encap
			fragmentation = no
			dpd_delay = ${peer_value[dpddelay]:-0}
			keyingtries = 0
			unique = ${peer_value[unique]:-replace}
			aggressive = ${peer_value[aggressive]:-no}
			${ike_times// over/$'\n'over}
			local { auth = psk
				id = 203.0.113.$n }
			remote { auth = psk
				id = $cpe_ip }
			children { $name {
				local_ts = ${both[inside]}
				remote_ts = ${both[subnet]}
				esp_proposals = $esp
				mode = tunnel
				start_action = $start
				${child_times}
			}
			$(strongswan_more) }
		}
	EOT
	cat >>$strongswan_dir/secrets <<-EOT
		ike-$name { id-1 = 203.0.113.$n
			id-2 = $cpe_ip
			secret = "${both[psk]}" }
	EOT
}

# swanctl's grammar wants each setting in a line of its own.
strongswan_files() {
	{
		echo 'connections {'
		sed -E 's/ (over_time|rand_time|life_time) /\n\1 /g' $strongswan_dir/connections
		echo '}'
		echo 'secrets {'
		cat $strongswan_dir/secrets
		echo '}'
	} >$strongswan_dir/swanctl.conf
	# Every peer of the lab comes from one address: limits per address would be about the lab.
	cat >$strongswan_dir/strongswan.conf <<-EOT
		charon {
			load = random nonce aes sha1 sha2 md5 hmac xcbc gmp openssl kdf kernel-netlink socket-default vici pem pubkey
			block_threshold = 0
			cookie_threshold = 0
			half_open_timeout = 120
			install_routes = no
			install_virtual_ip = no
			retransmit_timeout = 2
			threads = 16
			plugins {
				vici { socket = unix://$strongswan_dir/vici
				}
			}
			filelog {
				lab { path = $LAB_LOG/strongswan.log
					append = yes
					flush_line = yes
					time_format = %H:%M:%S
					default = 1
					ike = ${strongswan_ike_level:-1}
				}
			}
		}
	EOT
}

strongswan_start() {
	: >"$LAB_LOG/strongswan.log"
	strongswan_files
	rm -f $strongswan_dir/vici
	# shellcheck disable=SC2016
	become strongswan unshare --mount bash -c 'mkdir -p /usr/lib/ipsec && mount --bind "$1/strongswan/usr/lib/ipsec" /usr/lib/ipsec &&
		rm -f /run/charon.pid && echo $$ >"$2/pid" &&
		STRONGSWAN_CONF=$2/strongswan.conf exec /usr/lib/ipsec/charon' \
		charon "$LAB_CACHE" $strongswan_dir </dev/null >"$LAB_LOG/strongswan.out" 2>&1 &
	wait_for 60 test -S $strongswan_dir/vici || bail "charon does not start: $(cat "$LAB_LOG/strongswan.out" "$LAB_LOG/strongswan.log" | tail -n 5)"
	strongswan_ctl --load-all --file $strongswan_dir/swanctl.conf >"$LAB_LOG/swanctl.log" 2>&1 || true
}

strongswan_ctl() { # VERB ARGUMENT...
	local verb=$1
	shift
	STRONGSWAN_CONF=$strongswan_dir/strongswan.conf LD_LIBRARY_PATH=$LAB_CACHE/strongswan/usr/lib/ipsec \
		"$LAB_CACHE/strongswan/usr/sbin/swanctl" "$verb" --uri "unix://$strongswan_dir/vici" "$@"
}

strongswan_ready() { grep -qE 'successfully loaded|loaded [0-9]+ of' "$LAB_LOG/swanctl.log"; }

strongswan_stop() {
	[ -f $strongswan_dir/pid ] || return 0
	kill "$(<$strongswan_dir/pid)" 2>/dev/null || true
	wait_for 15 strongswan_gone || strongswan_kill
	rm -f $strongswan_dir/pid
}
strongswan_gone() { ! kill -0 "$(<$strongswan_dir/pid)" 2>/dev/null; }
strongswan_kill() { kill -9 "$(<$strongswan_dir/pid)"; }

# The conns that charon did not take, and why, one in each line: "NAME REASON".
strongswan_refused() {
	sed -nE "s/^loading connection '([^']+)' failed: *(.*)/\1 \2/p" "$LAB_LOG/swanctl.log"
}

strongswan_up() { strongswan_ctl --initiate --child "$1" --timeout 1 >/dev/null 2>&1 & }
strongswan_delete() { strongswan_ctl --terminate --ike "$1" --timeout 1 >/dev/null 2>&1 & }
strongswan_delete_child() { strongswan_ctl --terminate --child "$1" --timeout 1 >/dev/null 2>&1 & }
strongswan_rekey() { # NAME ike|ipsec
	case $2 in
	ike) strongswan_ctl --rekey --ike "$1" >/dev/null 2>&1 ;;
	ipsec) strongswan_ctl --rekey --child "$1" >/dev/null 2>&1 ;;
	esac
}
