# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Every combination of algorithms against both peers at once, one tunnel for each: first minicpe starts all
# of them, then (auto=add here) the peers do. A combination has succeeded when both kernels have its SAs with
# the algorithm that was asked for, and a ping came through and back; pair.sh lets nothing else in.
#
#   matrix_run "NAME PHASE1 PHASE2"...     a finding for each, and the table in $LAB_LOG/table

# The 45 of phase 1 and the 63 of phase 2, and what goes beyond OCI.
matrix_all() {
	local cipher hash group
	for cipher in aes256 aes192 aes128; do
		for hash in sha2_384 sha2_256 sha1; do
			for group in dh2 dh5 dh14 dh19 dh20; do matrix_phase1 $cipher-$hash $group; done
		done
		matrix_phase1 $cipher-sha2_512 dh14
	done
	for group in dh15 dh16 dh21; do matrix_phase1 aes256-sha2_256 $group; done
	for cipher in aes_gcm256 aes_gcm192 aes_gcm128 aes{256,192,128}-sha2_256 aes{256,192,128}-sha1; do
		for group in off dh2 dh5 dh14 dh19 dh20 dh24; do matrix_phase2 "$cipher" $group; done
	done
	for group in dh15 dh16 dh21; do matrix_phase2 aes_gcm256 $group; done
}
matrix_phase1() { echo "p1-$1-$2 $1;$2 aes_gcm256;dh14"; }
matrix_phase2() {
	case $2 in
	off) echo "p2-$1-pfs-off aes256-sha2_256;dh19 $1" ;;
	*) echo "p2-$1-pfs-$2 aes256-sha2_256;dh19 $1;$2" ;;
	esac
}

# Each value of each parameter at least once.
matrix_some() {
	matrix_phase1 aes256-sha2_384 dh5
	matrix_phase1 aes192-sha1 dh14
	matrix_phase1 aes128-sha2_256 dh20
	matrix_phase1 aes256-sha2_512 dh2
	matrix_phase1 aes128-sha2_384 dh21
	matrix_phase2 aes_gcm256 dh5
	matrix_phase2 aes_gcm192 dh20
	matrix_phase2 aes_gcm128 dh24
	matrix_phase2 aes256-sha2_256 dh14
	matrix_phase2 aes192-sha2_256 dh2
	matrix_phase2 aes128-sha1 dh19
	matrix_phase2 aes256-sha1 off
}

matrix_files() { # ROLE
	local i=0 row name ike esp peer ours=start theirs=add encapsulation
	[ "$1" = initiator ] || { ours=add theirs=start; }
	pair_begin
	for row in "${matrix_rows[@]}"; do
		i=$((i + 1))
		read -r name ike esp <<<"$row"
		# Every other one in UDP, too.
		encapsulation=auto
		[ $((i % 2)) = 0 ] || encapsulation=yes
		for peer in libreswan strongswan; do
			pair_conn "$peer-$name" $peer $i "ike=$ike" "esp=$esp" encapsulation=$encapsulation cpe.auto=$ours peer.auto=$theirs
		done
	done
}

# Counts on both sides without looking at each.
matrix_settled() {
	local count
	count=$(pair_sas cpe | wc -l)
	[ "$count" -ge "$matrix_expected" ] && return 0
	[ "$count" = "$matrix_count" ] || matrix_moved=$SECONDS
	matrix_count=$count
	[ $((SECONDS - matrix_moved)) -ge "${LAB_MATRIX_PATIENCE:-40}" ]
}

matrix_role() { # ROLE
	local role=$1 peer i row name ike esp want line key refused
	local -A here=() there=() pinged=() unsupported=()
	ip -n cpe xfrm state flush
	matrix_files "$role"
	if [ "$role" = responder ]; then
		cpe_start
		cpe_wait_ready 60 || bail "not ready: $(tail -n 5 "$cpe_log")"
	fi
	for peer in libreswan strongswan; do
		ip -n $peer xfrm state flush
		peer_start $peer
		while read -r line; do
			[ -z "$line" ] || unsupported[${line%% *}]=${line#* }
		done <<<"$("${peer}_refused")"
	done
	matrix_expected=$((${#matrix_rows[@]} * 2 - ${#unsupported[@]})) matrix_count=0 matrix_moved=$SECONDS
	note "$role: $matrix_expected tunnels expected, ${#unsupported[@]} that the peers do not know"
	local started=$EPOCHREALTIME
	if [ "$role" = initiator ]; then
		cpe_start
		cpe_wait_ready 60 || bail "not ready: $(tail -n 5 "$cpe_log")"
	fi
	wait_for 180 matrix_settled || true
	note "$role: $(pair_sas cpe | wc -l) tunnels after $(since "$started") s; memory of minicpe (processes, resident, proportional KiB): $(cpe_memory)"
	while read -r key line; do [ -z "$key" ] || here[$key]=$line; done <<<"$(pair_sas cpe)"
	for peer in libreswan strongswan; do
		while read -r key line; do [ -z "$key" ] || there[$key]=$line; done <<<"$(pair_sas $peer)"
	done
	matrix_ping
	i=0
	for row in "${matrix_rows[@]}"; do
		i=$((i + 1))
		read -r name ike esp <<<"$row"
		want=${esp%%;*}
		for peer in libreswan strongswan; do
			key=${peer_net[$peer]}.$i
			matrix_verdict
		done
	done
	cpe_stop
	for peer in libreswan strongswan; do peer_stop $peer; mv "$LAB_LOG/$peer.log" "$LAB_LOG/$peer-$role-$matrix_batch.log"; done
	mv "$cpe_log" "$LAB_LOG/cpe-$role-$matrix_batch.log"
}

matrix_ping() {
	local peer i line all=()
	for peer in libreswan strongswan; do
		for ((i = 1; i <= ${#matrix_rows[@]}; i++)); do
			[ -z "${here[${peer_net[$peer]}.$i]:-}" ] || all+=("$peer $i")
		done
	done
	# A few dozen at a time: starting hundreds of programs at once would be what gets measured.
	for ((i = 0; i < ${#all[@]}; i += 40)); do
		while read -r line; do [ -z "$line" ] || pinged[$line]=yes; done <<<"$(export -f pair_ping; declare -p peer_inside >/run/lab/inside;
			on cpe bash -c '. /run/lab/inside; pair_ping "$@"' ping "${all[@]:i:40}")"
	done
}

matrix_verdict() {
	local verdict=ok text="minicpe $role, $peer: $name"
	if [ -n "${unsupported[$peer-$name]:-}" ]; then
		skip "$text: $peer does not know it"
		note "$peer: ${unsupported[$peer-$name]}"
		verdict=unsupported
	elif [ "${here[$key]:-}" != "$want" ] || [ "${there[$key]:-}" != "$want" ]; then
		not_ok "$text: SAs here '${here[$key]:-none}', there '${there[$key]:-none}', not $want"
		verdict=failed
	elif [ -z "${pinged[$peer $i]:-}" ]; then
		not_ok "$text: no answer through the tunnel"
		verdict=failed
	else
		ok "$text"
	fi
	printf '%s\t%s\t%s\t%s\n' "$peer" "$role" "$name" "$verdict" >>"$LAB_LOG/table"
}

# In batches: on an emulated processor some two hundred Main Modes at once would show its limits and not ours.
matrix_run() { # ROW...
	local all=("$@") size=${LAB_MATRIX_BATCH:-12} first
	[ $# -ge "$size" ] || size=$#
	pair_up "$size"
	: >"$LAB_LOG/table"
	for role in initiator responder; do
		for ((first = 0; first < ${#all[@]}; first += size)); do
			matrix_rows=("${all[@]:first:size}") matrix_batch=$((first / size + 1))
			matrix_role $role
		done
	done
	note "by peer and minicpe's role:"
	cut -f 1,2,4 "$LAB_LOG/table" | sort | uniq -c | diag
}
