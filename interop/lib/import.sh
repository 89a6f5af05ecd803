# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What OCI's command line would say of the lab's tunnels, and `minicpe import` of it. Sourced by the scenarios that want it,
# after bgp.sh, whose inside addresses it uses.

tunnel_json() { # N ROUTING
	# shellcheck disable=SC2154 # bgp.sh has the inside addresses
	cat <<-EOT
		{"bgp-session-info": {"customer-bgp-asn": "65000", "customer-interface-ip": "${inside_near[$1]}",
		   "oracle-bgp-asn": "31898", "oracle-interface-ip": "${inside_far[$1]}"},
		 "cpe-ip": "$nat_ip", "display-name": "Tunnel-$1", "dpd-timeout-in-sec": 20, "id": "ocid1.ipsectunnel.oc1.lab.$1",
		 "ike-version": "V1", "lifecycle-state": "AVAILABLE", "nat-translation-enabled": "AUTO",
		 "phase-one-details": {"is-custom-phase-one-config": null, "lifetime": 28800},
		 "phase-two-details": {"dh-group": "GROUP5", "is-pfs-enabled": true, "lifetime": 3600},
		 "routing": "$2", "status": "DOWN", "vpn-ip": "${headend_ip[$1]}"}
	EOT
}

# Writes tunnels.conf and the others into the CPE's folder, where cpe_start takes them.
import() { # ROUTING ARGUMENT...
	local n routing=$1
	shift
	mkdir -p "$cpe_dir"
	cpe_conf=$cpe_dir/tunnels.conf
	printf '{"data": [%s, %s]}\n' "$(tunnel_json 1 "$routing")" "$(tunnel_json 2 "$routing")" >"$cpe_dir/tunnels.json"
	printf '{"data": {"cpe-id": "ocid1.cpe.oc1.lab", "cpe-local-identifier": "%s", "static-routes": ["%s"]}}\n' "$cpe_ip" "$left_net" \
		>"$cpe_dir/connection.json"
	for n in 1 2; do (umask 077 && printf '{"data": {"shared-secret": "%s"}}\n' "${psk[n]}" >"$cpe_dir/psk$n.json"); done
	"$MINICPE" import "$cpe_dir/tunnels.json" "$cpe_dir/connection.json" --psk 1="$cpe_dir/psk1.json" --psk 2="$cpe_dir/psk2.json" \
		--out "$cpe_dir" "$@" </dev/null >"$LAB_LOG/import.log" 2>&1 || bail "import refuses: $(cat "$LAB_LOG/import.log")"
	ok "$routing: $(grep -c ^wrote "$LAB_LOG/import.log") files are written"
	check "no secret was shown" no_secret_shown
	check "the secrets are nobody else's to read" test "$(stat -c %a "$cpe_dir/tunnels.secrets")" = 600
	check "minicpe -t has nothing to say against them" tested
}

no_secret_shown() { ! grep -qF -e "${psk[1]}" -e "${psk[2]}" "$LAB_LOG/import.log"; }
tested() { on cpe "$MINICPE" -t -c "$cpe_conf" | grep ': fine: 2 tunnels, 0 warnings'; }
