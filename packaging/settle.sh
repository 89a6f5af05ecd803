#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# After files were installed into the running system: the user minicpe, and systemd told. A container
# or a system without these tools works all the same (the daemon then runs its engine as nobody).
#
#   settle.sh PREFIX
set -eu
prefix=$1

if ! getent passwd minicpe >/dev/null; then
	if command -v systemd-sysusers >/dev/null; then
		systemd-sysusers "$prefix/lib/sysusers.d/minicpe.conf"
	elif command -v useradd >/dev/null; then
		useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin minicpe
	elif command -v adduser >/dev/null; then
		adduser -S -D -H -h / -s /sbin/nologin minicpe
	else
		echo "there is no tool to make a user with: make the system user minicpe yourself" >&2
	fi
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	echo "minicpe is installed. Next: put the tunnels into /etc/minicpe/tunnels.conf and .secrets, then"
	echo "  minicpe -t -c /etc/minicpe/tunnels.conf && systemctl enable --now minicpe"
fi
