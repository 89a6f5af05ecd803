# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# needs: strongswan tools
#
# Tunnels in both roles with both peers, plain and in UDP, rekeyed, probed and deleted; tshark decodes all of it,
# ESP with the kernel's keys, IKE with those that strongSwan tells.
minicpe_only
. "$LAB_TOP/interop/lib/pair.sh"
. "$LAB_TOP/interop/lib/decode.sh"
LAB_PCAP='' pair_up 2
all=("libreswan 1" "libreswan 2" "strongswan 1" "strongswan 2")
pair_begin
strongswan_ike_level=4
for peer in libreswan strongswan; do
	pair_conn $peer-ours $peer 1 cpe.dpddelay=2s
	pair_conn $peer-theirs $peer 2 cpe.auto=add peer.auto=start encapsulation=yes "esp=aes256-sha2_256;dh14" cpe.salifetime=600s
done
pair_capture 0
sleep 1
cpe_start
cpe_wait_ready 30 || bail "not ready: $(tail -n 5 "$cpe_log")"
for peer in libreswan strongswan; do peer_start $peer; done
up_count() { [ "$(pair_sas cpe | wc -l)" -ge 4 ]; }
wait_for 60 up_count || bail "not up: $(pair_sas cpe | xargs)"
decode_keys_esp
check "traffic through all" test "$(pair_answered "${all[@]}" | wc -l)" = 4
for peer in libreswan strongswan; do on cpe "$MINICPE" rekey $peer-ours >/dev/null || true; done
sleep 6
decode_keys_esp
check "traffic through all, rekeyed" test "$(pair_answered "${all[@]}" | wc -l)" = 4
cpe_stop
sleep 1
pair_capture_end
for peer in libreswan strongswan; do peer_stop $peer; done
decode_keys_strongswan "$LAB_LOG/router.pcap"
decode_check "$LAB_LOG/router.pcap" $cpe_ip
note "keys: $(wc -l <$decode_tables/esp_sa) of IPsec SAs, $(wc -l <$decode_tables/ikev1_decryption_table) of ISAKMP SAs"
cp $decode_tables/* "$LAB_LOG" # of secrets made for this run
# A HASH payload (8) is seen only by who decrypts.
open_ike=$(grep isakmp "$LAB_LOG/router.pcap.decoded" | awk '$3 == 32 && $4 ~ /(^|,)8(,|$)/' | wc -l)
open_esp=$(grep -c 'esp:ip:icmp\|esp.*icmp' "$LAB_LOG/router.pcap.decoded" || true)
if [ "$open_ike" -ge 4 ]; then ok "$open_ike Quick Mode messages of ours decrypted by tshark"; else not_ok "only $open_ike Quick Mode messages of ours decrypted by tshark"; fi
if [ "$open_esp" -ge 20 ]; then ok "$open_esp ESP packets of ours decrypted by tshark"; else not_ok "only $open_esp ESP packets of ours decrypted by tshark"; fi
