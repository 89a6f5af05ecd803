# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# alone
#
# How long from starting the program to both tunnels installed, at 0 and at 160 ms of round trip,
# and how much memory it then holds: minicpe next to Libreswan, on the same files, in the same lab.
# LAB_RUNS (3) runs of each, the middle one counts; one more run before that loads the kernel's modules.
topology_up 3
headends_start
cpe_files
runs=${LAB_RUNS:-3}
programs=(minicpe libreswan)
if [ "$LAB_CPE" != minicpe ] || [ ! -x "$MINICPE" ]; then
	programs=(libreswan)
	skip "minicpe is not measured"
fi

# The kernel's own events tell when all is there: four SAs with keys, two outbound policies and two
# links that are up. Polling would slow down what is being measured.
installed_after() {
	local line spi='' out=no fd both
	local -A seen=()
	exec {fd}< <(ip -n cpe monitor link & exec ip -n cpe xfrm monitor SA policy)
	both=$!
	sleep 0.5
	cpe_start
	while [ ${#seen[@]} -lt 8 ] && IFS= read -r -t 60 -u "$fd" line; do
		[[ ! $line =~ spi\ (0x[0-9a-f]+) ]] || spi=${BASH_REMATCH[1]}
		[[ ! $line =~ ^[[:space:]]*(aead|enc)\  ]] || seen[$spi]=1
		[[ ! $line =~ dir\ ([a-z]+) ]] || out=${BASH_REMATCH[1]}
		[[ ! $line =~ mark\ (0x[56])/ || $out != out ]] || seen[mark ${BASH_REMATCH[1]}]=1
		[[ ! $line =~ ^[0-9]+:\ (vti0[12]).*[\<,]UP ]] || seen[${BASH_REMATCH[1]}]=1
	done
	took=$(since "$cpe_started")
	kill "$both"
	exec {fd}<&-
	[ ${#seen[@]} -ge 8 ] || { note "seen: ${!seen[*]}"; return 1; }
}

one_run() { # PROGRAM
	LAB_CPE=$1
	installed_after || bail "$1: no two tunnels within 60 s"
	sleep 1
	memory=$(cpe_memory)
	cpe_stop
	for link in vti01 vti02; do ip -n cpe link del "$link" 2>/dev/null || true; done # Libreswan leaves them
	sleep 1
}

declare -A result memories
for program in "${programs[@]}"; do one_run "$program"; done
for delay in 0 160; do
	topology_delay "$delay"
	for program in "${programs[@]}"; do
		all=()
		for ((run = 0; run < runs; run++)); do
			one_run "$program"
			all+=("$took")
		done
		result[$program $delay]=$(middle "${all[@]}")
		memories[$program]=$memory
		note "$program at $delay ms: ${all[*]} s"
	done
done
note "time to both tunnels installed, seconds, middle of $runs; memory of all processes, KiB"
printf '# %-12s %8s %8s %10s %10s %10s\n' program '0 ms' '160 ms' processes resident proportional
for program in "${programs[@]}"; do
	read -r count rss pss <<<"${memories[$program]}"
	printf '# %-12s %8s %8s %10s %10s %10s\n' "$program" "${result[$program 0]}" "${result[$program 160]}" "$count" "$rss" "$pss"
done
ok "measured: ${programs[*]}"
for delay in 0 160; do
	[ ${#programs[@]} = 2 ] || break
	if [ "${result[minicpe $delay]/./}" -lt "${result[libreswan $delay]/./}" ]; then
		ok "minicpe is the faster at $delay ms"
	else
		not_ok "minicpe is not faster at $delay ms"
	fi
done
