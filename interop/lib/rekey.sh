# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Rekeys, and a ping every 5 ms through each tunnel meanwhile. Three tunnels to each peer: one that the CPE alone
# rekeys, one that the peer alone rekeys, one that both do, so that they often begin at once. A scenario may add one
# whose peer has so much the longer margin that it always comes first ("late").
#
#   rekey_run SECONDS CHILDREN MAINS      what each tunnel must have seen of both phases at least
#   rekey_by=lives                        because lifetimes (rekey_sa_life, rekey_ike_life) run out, or
#   rekey_by=commands                     because they are told to, one tunnel a second
#
# Lost is a ping that was not answered although a later one was. Where it went is read from a capture on the wire
# between the two (rekey_wire): a request that never left, or an answer that arrived on keys that the CPE has, is the
# CPE's loss. An answer on keys that it cannot have yet is not: a headend that is the responder of a Quick Mode of the
# CPE's and uses the new pair before it has message 3, which alone tells it that the other end has that pair, too. How
# long the CPE took for that message is measured, and limited.

rekey_tunnels=("libreswan 1 cpe" "libreswan 2 peer" "libreswan 3 both" "strongswan 1 cpe" "strongswan 2 peer" "strongswan 3 both")
rekey_by=${rekey_by:-lives}
rekey_sa_life=24 rekey_ike_life=72 rekey_margin=6
# The most that the CPE may take for message 3: exponentiations and SAs of all tunnels, the peers', too, on one emulated processor.
rekey_third_ms=100

rekey_files() {
	local tunnel peer n who lives=(ikelifetime="${rekey_ike_life}s" salifetime="${rekey_sa_life}s" rekeymargin="${rekey_margin}s")
	pair_begin
	for tunnel in "${rekey_tunnels[@]}"; do
		read -r peer n who <<<"$tunnel"
		local keys=()
		[ "$who" = peer ] || [ "$rekey_by" = commands ] || keys+=("${lives[@]/#/cpe.}")
		[ "$who" = cpe ] || [ "$rekey_by" = commands ] || keys+=("${lives[@]/#/peer.}")
		[ "$who" != peer ] || keys+=(cpe.rekey=no)
		[ "$who" != late ] || keys+=(cpe.rekeymargin=2s cpe.rekeyfuzz=0%)
		[ "$who" != cpe ] || [ "$peer" = strongswan ] || keys+=(peer.rekey=no) # charon is told no time at all
		pair_conn "$peer-$who" "$peer" "$n" "${keys[@]}"
	done
}

# A tunnel rekeys a margin to two before the end: at least so often in so many seconds.
rekey_least() { echo "$(($1 / (rekey_sa_life - rekey_margin))) $(($1 / (rekey_ike_life - rekey_margin)))"; }

rekey_up() { [ "$(pair_sas cpe | wc -l)" -ge ${#rekey_tunnels[@]} ]; }

# minicpe rekeys both phases by one command; for the others it is two.
rekey_minicpe() { on cpe "$MINICPE" rekey "$1"; }
rekey_libreswan() { pluto_whack cpe --initiate --asynchronous --name "$1"; }

# One tunnel a second: several at once would wait for each other's exponentiations, on the one processor of all.
rekey_told() { # SECONDS
	local tunnel peer n who end=$((SECONDS + $1 - ${#rekey_tunnels[@]} - 1))
	while [ $SECONDS -lt $end ]; do
		for tunnel in "${rekey_tunnels[@]}"; do
			sleep 1
			read -r peer n who <<<"$tunnel"
			[ "$who" = peer ] || "rekey_$LAB_CPE" "$peer-$who" >/dev/null 2>&1 &
			[ "$who" = cpe ] || { "${peer}_rekey" "$peer-$who" ike; sleep 0.5; "${peer}_rekey" "$peer-$who" ipsec; } >/dev/null 2>&1 &
		done
	done
}

rekey_pings() { # SECONDS
	local tunnel peer n who pids=()
	[ "$rekey_by" != commands ] || { rekey_told "$1" & pids+=($!); }
	for tunnel in "${rekey_tunnels[@]}"; do
		read -r peer n who <<<"$tunnel"
		on cpe ping -n -D -i 0.005 -w "$1" -I "10.1.0.$n" "${peer_inside[$peer]}.$n" >"$rekey_dir/$peer-$who" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}" || true
}

# The numbers of the pings that were lost, with the time of the next answer, and last "all COUNT".
rekey_missing() { # FILE
	awk '/icmp_seq=/ {
			match($0, /icmp_seq=[0-9]+/)
			n = substr($0, RSTART + 9, RLENGTH - 9) + turn * 65536
			if (n + 32768 < most) { turn++; n += 65536 }
			for (i = most + 1; i < n; i++) late[i] = $1
			delete late[n]
			if (n > most) most = n
		}
		END { for (i in late) print i, late[i]; print "all", most }' "$1"
}

# Each packet of a tunnel in a line: TIME out|in quick MESSAGE-ID, or TIME out|in esp SPI.
rekey_packets() { # PEER N
	tcpdump -Z root -nn -tt -v -r "$LAB_LOG/router.pcap" "host ${peer_net[$1]}.$2" 2>/dev/null |
		awk -v cpe="$cpe_ip" '
			/^[0-9]/ { time = $1; next }
			{ way = index($1, cpe) == 1 ? "out" : "in" }
			/quick/ { print time, way, "quick", substr($7, 1, 8) }
			/ESP\(spi=/ { print time, way, "esp", substr($4, 9, 10) }'
}

# Reads the packets, and the numbers of the lost pings from a file. Requests and answers stay in order, so the answer to
# ping n is the nth ESP packet back, if as many came back as went out. Prints OUT BACK SECOND THIRD OTHER LONGEST MIDDLE:
# lost answers that came on the new pair of a Quick Mode of the CPE's (SPIS) before the message 2 of that, and between
# message 2 and 3, and all others; the most milliseconds from message 2 to 3, of those in which any was lost, and the middle of all.
rekey_wire() { # FILE SPIS
	awk -v own="$2" '
		NR == FNR { if ($1 != "all") lost[$1] = 1; next }
		$3 == "esp" && $2 == "out" { out++ }
		$3 == "esp" && $2 == "in" { back++; spi[back] = $4; at[back] = $1; if (!($4 in first)) first[$4] = $1 }
		$3 == "quick" && !($4 in begun) { begun[$4] = $1; mine[$4] = $2 == "out"; order[++count] = $4 }
		$3 == "quick" && $2 == "in" && mine[$4] && !($4 in second) { second[$4] = $1 }
		$3 == "quick" && $2 == "out" && ($4 in second) && !($4 in third) {
			third[$4] = $1
			took = ($1 - second[$4]) * 1000
			for (i = ++thirds; i > 1 && all[i - 1] > took; i--) all[i] = all[i - 1]
			all[i] = took
		}
		END {
			for (n in lost) {
				quick = ""
				for (i = 1; i <= count; i++)
					if (mine[order[i]] && begun[order[i]] < first[spi[n]]) quick = order[i]
				if ((own != "" && !index(own, spi[n])) || quick == "" || !(quick in third) || at[n] >= third[quick]) { other++; continue }
				if (at[n] < second[quick]) early2++; else early3++
				if ((third[quick] - second[quick]) * 1000 > longest) longest = (third[quick] - second[quick]) * 1000
			}
			printf "%d %d %d %d %d %.1f %.1f\n", out, back, early2, early3, other, longest, all[int((thirds + 1) / 2)]
		}' "$1" -
}

# What passed around a time, for a person to see.
rekey_around() { # PEER N TIME
	local time=${3#[}
	time=${time%]}
	tcpdump -Z root -nn -tt -r "$LAB_LOG/router.pcap" "host ${peer_net[$1]}.$2" 2>/dev/null |
		awk -v at="$time" '$1 > at - 0.03 && $1 < at + 0.06' | sed -n 1,40p | diag
}

# Rekeys of a tunnel by what the CPE's program logged: "PHASE2 PHASE1", the first of each not counted.
rekey_counts_minicpe() { # NAME
	awk -v name=" $1: " 'index($0, name) && /: rekeyed as/ { two++ } index($0, name) && /ISAKMP SA established/ { one++ }
		END { print two + 0, one - 1 }' "$cpe_log"
}
# The inbound SAs of its own Quick Modes, where it tells them.
rekey_own_minicpe() { sed -nE "s/.* $1: up: rekeyed as initiator, SPIs ([0-9a-f]+) in.*/0x\1/p" "$cpe_log" | xargs; }
rekey_own_libreswan() { :; }
rekey_counts_libreswan() {
	awk -v name="\"$1\"" 'index($0, name) && /IPsec SA established/ { two++ } index($0, name) && /IKE SA established/ { one++ }
		END { print two - 1, one - 1 }' "$cpe_log"
}

rekey_verdict() { # PEER N WHO CHILDREN MAINS
	local name=$1-$3 who=$3 missing lost sent two one out back second third other longest middle told
	missing=$(rekey_missing "$rekey_dir/$name" | sort -n)
	sent=$(sed -n 's/^all //p' <<<"$missing")
	lost=$(grep -cv '^all' <<<"$missing" || true)
	read -r two one < <("rekey_counts_$LAB_CPE" "$name")
	read -r out back second third other longest middle < <(rekey_packets "$1" "$2" | rekey_wire <(echo "$missing") "$("rekey_own_$LAB_CPE" "$name")")
	local text="$LAB_CPE with $1, rekeyed by $who: $lost of $sent pings lost in $two rekeys of phase 2 and $one of phase 1"
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$LAB_CPE" "$1" "$3" "$sent" "$lost" "$((second + third))" "$two" "$one" "$middle" >>"$LAB_LOG/table"
	told="$second before its message 2 and $third before it had message 3, $longest ms after that at most"
	if [ "$lost" -gt 0 ]; then
		note "$name: $out requests and $back answers on the wire; sent by the peer on new keys: $told; $other others"
		grep -v '^all' <<<"$missing" | sed -n 1,2p | while read -r n time; do
			note "$name: ping $n, before the answer at $time"
			rekey_around "$1" "$2" "$time"
		done
	fi
	if [ "$LAB_CPE" != minicpe ]; then
		note "$text"
	elif [ "$two" -lt "$4" ] || [ "$one" -lt "$5" ]; then
		not_ok "$text: fewer than $4 and $5"
	elif [ "$lost" = 0 ]; then
		ok "$text"
	elif [ "$other" = 0 ] && [ "$out" = "$back" ] && [ "$out" -ge "$sent" ] && [ "${longest%.*}" -lt "$rekey_third_ms" ]; then
		ok "$text, all sent by the peer on keys that nobody else could have: $told"
	else
		not_ok "$text"
	fi
}

rekey_run() { # SECONDS CHILDREN MAINS
	local tunnel peer n who
	rekey_dir=/run/lab/rekey
	rm -rf $rekey_dir
	mkdir -p $rekey_dir
	rekey_files
	for peer in libreswan strongswan; do peer_start $peer; done
	cpe_start
	wait_for 60 rekey_up || bail "$LAB_CPE: not all are up: $(pair_sas cpe | xargs)"
	sleep 1
	pair_capture 96 whole
	sleep 1
	rekey_pings "$1"
	sleep 2 # what the capture has not written yet is lost when it ends
	pair_capture_end
	note "the capture: $(grep -E '^[0-9]+ packets' "$LAB_LOG/tcpdump.log" | xargs)"
	for tunnel in "${rekey_tunnels[@]}"; do
		read -r peer n who <<<"$tunnel"
		rekey_verdict "$peer" "$n" "$who" "$2" "$3"
	done
	cpe_stop
	for peer in libreswan strongswan; do peer_stop $peer; mv "$LAB_LOG/$peer.log" "$LAB_LOG/$peer-$LAB_CPE.log"; done
	mv "$cpe_log" "$LAB_LOG/cpe-$LAB_CPE.log"
	mv "$LAB_LOG/router.pcap" "$LAB_LOG/router-$LAB_CPE.pcap"
	for peer in cpe libreswan strongswan; do ip -n $peer xfrm state flush; ip -n $peer xfrm policy flush; done
}

rekey_table() {
	note "CPE, peer, who rekeys, pings, lost, of those too early by the peer, rekeys of phase 2, of phase 1, ms from message 2 to 3:"
	diag <"$LAB_LOG/table"
}
