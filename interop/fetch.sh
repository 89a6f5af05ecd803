#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Downloads the lab's peers and its kernel with apt-get and unpacks them into a cache. Nothing is
# installed, so no service starts and no file of the machine changes.
#
#   interop/fetch.sh CACHE GROUP...      groups: see group_packages below
#
# Each group becomes CACHE/GROUP, a small tree (usr, etc, ...) that the lab lays over the machine's
# own. A stamp says what it was made of; a group whose stamp still fits is skipped.
set -euo pipefail

say() { printf 'fetch: %s\n' "$*" >&2; }
die() {
	say "$*"
	exit 1
}

group_packages() {
	case $1 in
	base) echo libreswan openssh-server openssh-client iputils-ping socat nftables tcpdump iproute2 ;;
	frr) echo frr ;;
	strongswan) echo strongswan strongswan-swanctl libstrongswan-standard-plugins ;; # not beside libreswan: both have /usr/sbin/ipsec
	tools) echo tshark iperf3 ike-scan ;;
	systemd) echo systemd ;;
	conntrack) echo conntrack ;;
	kernel) echo linux-image-amd64 ;;
	prometheus) echo prometheus ;; # of which only promtool is unpacked
	*) die "unknown group '$1'" ;;
	esac
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o APT::Sandbox::User=root "$@"
}

# The packages that installing the arguments would bring, as name=version. Simulated only.
closure() {
	local plan
	plan=$(apt -s install --no-install-recommends "$@") || return 1
	sed -nE 's/^Inst ([^ ]+) (\[[^]]*\] )?\(([^ ]+) .*/\1=\3/p' <<<"$plan"
}

# What the machine itself has of a list of name=version: when that changes, the cache is stale.
state_of() {
	local names=("${@%%=*}")
	dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' "${names[@]}" 2>/dev/null |
		grep ' installed$' | sort || true
}

fresh() { # DIR GROUP
	local stamp=$1/.stamp packages
	[ -f "$stamp" ] || return 1
	[ "$(sed -n 1p "$stamp")" = "$(group_packages "$2") $(cat /etc/debian_version)" ] || return 1
	read -ra packages < <(sed -n 2p "$stamp")
	[ "$(sed 1,2d "$stamp")" = "$(state_of "${packages[@]}")" ]
}

# Debian's file system has /lib, /bin and /sbin as links into /usr; older packages still ship them.
unpack() { # DEB DIR [TAR-PATTERN...]
	local deb=$1 dir=$2 part
	shift 2
	mkdir -p "$dir/usr/lib" "$dir/usr/bin" "$dir/usr/sbin" "$dir/etc"
	for part in lib bin sbin; do
		[ -L "$dir/$part" ] || ln -s "usr/$part" "$dir/$part"
	done
	dpkg-deb --fsys-tarfile "$deb" |
		tar -x -C "$dir" --keep-directory-symlink --no-same-owner --wildcards "$@"
}

unpack_kernel() { # DEB DIR
	local part patterns=('./boot/vmlinuz-*' './lib/modules/*/modules.*')
	# Drivers for hardware are three quarters of the package and of no use in a guest.
	for part in arch crypto fs lib net drivers/net drivers/virtio drivers/char drivers/crypto; do
		patterns+=("./lib/modules/*/kernel/$part/*")
	done
	unpack "$1" "$2" "${patterns[@]}"
	depmod -b "$2" "$(basename "$2"/usr/lib/modules/*)"
}

# The meta package has nothing in it; the kernel is the package that it depends on.
kernel_closure() {
	local name version
	name=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1)
	version=$(apt-cache show --no-all-versions "$name" 2>/dev/null | sed -n 's/^Version: //p')
	[ -n "$name" ] && [ -n "$version" ] && printf '%s=%s\n' "$name" "$version"
}

plan() {
	if [ "$1" = kernel ]; then
		kernel_closure
	elif [ "$1" = prometheus ]; then
		closure prometheus | grep '^prometheus='
	else
		read -ra names < <(group_packages "$1")
		closure "${names[@]}"
	fi
}

# The machine has all of them itself: then there is nothing to lay over it.
installed() { # NAME...
	[ "$(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null | grep -cx installed)" = $# ]
}

download() { # DIR NAME=VERSION...
	local dir=$1
	shift
	(cd "$dir" && apt download "$@" >"$dir/log" 2>&1)
}

fetch() { # GROUP
	local group=$1 dir=$cache/$1 new=$cache/$1.new packages names deb
	fresh "$dir" "$group" && return 0
	rm -rf "$new"
	mkdir -p "$new/debs"
	read -ra names < <(group_packages "$group")
	mapfile -t packages < <(plan "$group" 2>/dev/null)
	if [ ${#packages[@]} -eq 0 ] && installed "${names[@]}"; then
		packages=("${names[@]}")
	elif [ ${#packages[@]} -eq 0 ] || ! download "$new/debs" "${packages[@]}"; then
		# No lists, or lists older than the archive.
		say "updating the package lists"
		apt update
		mapfile -t packages < <(plan "$group")
		[ ${#packages[@]} -gt 0 ] || die "apt knows no package for: $(group_packages "$group")"
		download "$new/debs" "${packages[@]}" || die "download failed: $(cat "$new/debs/log")"
	fi
	[ "${packages[*]}" = "${names[*]}" ] || say "unpacking $group (${#packages[@]} packages, not installed)"
	for deb in "$new"/debs/*.deb; do
		[ -f "$deb" ] || break
		case $group in
		kernel) unpack_kernel "$deb" "$new" ;;
		prometheus) unpack "$deb" "$new" ./usr/bin/promtool ;;
		*) unpack "$deb" "$new" ;;
		esac
	done
	rm -rf "$new/debs" "$new"/usr/share/{doc,man,locale,bash-completion}
	{
		echo "$(group_packages "$group") $(cat /etc/debian_version)"
		echo "${packages[*]}"
		state_of "${packages[@]}"
	} >"$new/.stamp"
	rm -rf "$dir"
	mv "$new" "$dir"
}

[ $# -ge 2 ] || die "usage: fetch.sh CACHE GROUP..."
mkdir -p "$1"
cache=$(cd "$1" && pwd)
shift
[ -f "$cache/.gitignore" ] || echo '*' >"$cache/.gitignore"
exec {lock}>"$cache/.lock"
flock "$lock" # two labs may start at once
for group in "$@"; do fetch "$group"; done
