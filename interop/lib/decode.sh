# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Captures read by tshark: does a dissector that nobody of us wrote find a malformed packet of the CPE's?
#
#   decode_keys_esp                      remembers the keys of the SAs in the CPE's kernel
#   decode_keys_strongswan FILE          those of the ISAKMP SAs, from charon's log (level 4) and the capture
#   decode_check FILE ADDRESS            a finding about what that address sent, and the counts in $decoded

decode_home=/run/lab/wireshark
decode_tables=$decode_home/.config/wireshark

tshark_on() { # FILE ARGUMENT...
	HOME=$decode_home XDG_CONFIG_HOME=$decode_home/.config tshark -n -o esp.enable_encryption_decode:TRUE -r "$@" 2>"$LAB_LOG/tshark.err"
}

# Both SAs of each pair, in tshark's words.
decode_keys_esp() {
	mkdir -p $decode_tables
	ip -n cpe xfrm state | awk '
		function put() { if (spi != "" && key != "") printf "\"IPv4\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\",\"%s\"\n", src, dst, spi, cipher, key, auth, akey }
		$1 == "src" { put(); src = $2; dst = $4; spi = key = "" }
		$1 == "proto" { spi = $4 }
		$1 == "aead" { cipher = "AES-GCM with 16 octet ICV [RFC4106]"; key = $3; auth = "NULL"; akey = "" }
		$1 == "auth-trunc" { auth = $2 == "hmac(sha256)" ? "HMAC-SHA-256-128 [RFC4868]" : "HMAC-SHA-1-96 [RFC2404]"; akey = $3 }
		$1 == "enc" { cipher = "AES-CBC [RFC3602]"; key = $3 }
		END { put() }' >>$decode_tables/esp_sa
	sort -u -o $decode_tables/esp_sa $decode_tables/esp_sa
}

# charon tells a key, but not of which cookie; one thread takes one message at a time, so the address that the
# message came from is known, and the addresses' cookies are in the capture, in the same order.
decode_keys_strongswan() { # FILE
	mkdir -p $decode_tables
	tshark_on "$1" -Y 'isakmp.exchangetype == 2 && isakmp.rspi != 00:00:00:00:00:00:00:00' -T fields -e ip.src -e ip.dst -e isakmp.ispi |
		awk -v cpe="$cpe_ip" '{ far = $1 == cpe ? $2 : $1 } !seen[far $3]++ { print far, $3 }' >$decode_home/cookies
	awk '
		{ thread = substr($2, 1, 2) }
		/received packet: from .* to / { match($0, /to [0-9.]+\[/); at[thread] = substr($0, RSTART + 3, RLENGTH - 4) }
		wanted == thread && match($0, /: +([0-9A-F][0-9A-F] )+/) {
			line = substr($0, RSTART + 1, RLENGTH - 1)
			gsub(/ /, "", line)
			key = key line
			if (length(key) >= 2 * octets) { print at[thread], tolower(key); wanted = "" }
			next
		}
		/encryption key Ka => / { wanted = thread; key = ""; match($0, /=> [0-9]+ bytes/); octets = substr($0, RSTART + 3, RLENGTH - 9) + 0 }
	' "$LAB_LOG/strongswan.log" >$decode_home/keys
	awk 'NR == FNR { cookie[$1, ++count[$1]] = $2; next } { c = cookie[$1, ++used[$1]]; if (c != "") printf "%s,%s\n", c, $2 }' \
		$decode_home/cookies $decode_home/keys >$decode_tables/ikev1_decryption_table
}

# A message that is sent again, to the bit, is decrypted wrongly by tshark, whose chain has gone on: it was looked at
# the first time.
decode_bad() { # FILE FILTER
	tshark_on "$1" -Y "$2 && (_ws.malformed || _ws.expert.severity == 0x00800000)" -T fields -e frame.number -e udp.payload -e _ws.col.Info |
		awk -F '\t' 'NR == FNR { if (!($2 in first) || $1 < first[$2]) first[$2] = $1; next } $2 == "" || first[$2] == $1' "$decode_home/payloads" -
}

decode_check() { # FILE ADDRESS
	local bad name count filter="ip.src == $2 && (isakmp || esp || udpencap) && !(icmp.type == 3)"
	name=$(basename "$1")
	mkdir -p $decode_tables
	tshark_on "$1" -Y "$filter" -T fields -E separator=' ' \
		-e frame.number -e frame.protocols -e isakmp.exchangetype -e isakmp.typepayload >"$LAB_LOG/$name.decoded" || true
	tshark_on "$1" -Y "$filter && udp" -T fields -e frame.number -e udp.payload >"$decode_home/payloads" || true
	bad=$(decode_bad "$1" "$filter" || true)
	count=$(wc -l <"$LAB_LOG/$name.decoded")
	decoded="$count packets of the CPE, $(grep -c isakmp "$LAB_LOG/$name.decoded" || true) of them IKE"
	if [ "$count" = 0 ]; then
		not_ok "$name: tshark finds nothing of the CPE's: $(head -n 3 "$LAB_LOG/tshark.err")"
	elif [ -n "$bad" ]; then
		not_ok "$name: tshark finds fault with $(wc -l <<<"$bad") of $decoded"
		head -n 5 <<<"$bad" | cut -c 1-200 | diag
	else
		ok "$name: $decoded, none malformed to tshark"
	fi
}
