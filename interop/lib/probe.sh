#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Can this kernel do it? In a network namespace that is thrown away, each line is what a scenario
# would do; with bash -x, the last line shown is the one that failed.
set -e
ip link set lo up
ip link add probe0 type vti local 127.0.0.1 remote 127.0.0.2 ikey 5 okey 5
ip xfrm state add src 127.0.0.1 dst 127.0.0.2 proto esp spi 0x1000 mode tunnel \
	aead 'rfc4106(gcm(aes))' "0x$(printf '%072d' 0)" 128 encap espinudp 4500 4500 0.0.0.0
ip link add probe1 type veth peer name probe2
tc qdisc add dev probe1 root netem delay 1ms
nft 'table ip probe { chain c { type nat hook postrouting priority 100; masquerade; }; }'
