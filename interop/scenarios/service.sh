# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# in: long
# needs: systemd
#
# The installed program as a service of a real systemd: `systemctl enable --now` returns when a route can be put on the
# VTIs, so the tutorial's ExecStartPost needs no sleep; what is killed comes back; reload; the journal; files with mistakes.
minicpe_only
[ "$MINICPE" = "$LAB_TOP/build/minicpe" ] || { skip "is about what make install installs"; exit 0; }
systemd=/lib/systemd/systemd
topology_up 3
headends_start
cpe_files
units=/etc/systemd/system

# A setting that the daemon warns of, if the unit lets it look. None of those that systemd-sysctl puts right in here.
on cpe sh -c 'echo 1 >/proc/sys/net/ipv4/conf/ens3/accept_redirects'

# Into the copies of /usr and /etc that the lab throws away.
must "make install" make -C "$LAB_TOP" -o build/minicpe install
install -d "$units/minicpe.service.d" /etc/minicpe
install -m 600 "$cpe_conf" /etc/minicpe/tunnels.conf
install -m 600 "$cpe_secrets" /etc/minicpe/tunnels.secrets
# One by name: who asks for it has to come and go with what the unit leaves, which is no CAP_KILL.
echo "${headend_ip[1]} headend1.example" >>/etc/hosts
sed -i "s/^ *right=${headend_ip[1]}\$/     right=headend1.example\n     rightid=${headend_ip[1]}/" /etc/minicpe/tunnels.conf
cat >"$units/minicpe.service.d/route.conf" <<-EOT
	[Service]
	ExecStartPost=/usr/sbin/ip route replace $right_net nexthop dev vti01 nexthop dev vti02
EOT
# Only what the service needs of a boot: the guest's own services are none of ours.
printf '[Unit]\nDescription=the lab\nRequires=systemd-journald.socket\n' >"$units/lab.target"
for unit in sysinit.target basic.target; do printf '[Unit]\nDescription=nothing else\n' >"$units/$unit"; done

# A systemd of its own for the CPE, as in a container: own processes, control groups and /run.
service_manager() {
	# shellcheck disable=SC2016
	become cpe unshare --mount --pid --fork --kill-child --cgroup bash -c '
		mount -t proc proc /proc
		mount -t sysfs sys /sys 2>/dev/null
		mount -t cgroup2 cgroup /sys/fs/cgroup
		mount -t tmpfs -o mode=755 run /run
		mkdir -p /var/log/journal
		exec env -i container=lab PATH=/usr/sbin:/usr/bin "$1" --system --unit=lab.target --log-target=journal' \
		manager "$systemd" </dev/null >"$LAB_LOG/systemd.log" 2>&1 &
	manager=$!
	wait_for 60 manager_pid || bail "systemd does not start: $(tail -n 5 "$LAB_LOG/systemd.log")"
	wait_for 60 in_service systemctl list-units || bail "systemd does not answer: $(tail -n 5 "$LAB_LOG/systemd.log")"
}
manager_pid() { inside=$(pgrep -P "$manager" -x systemd) || inside=$(pgrep -P "$(pgrep -P "$manager")" -x systemd); }
in_service() { nsenter --target "$inside" --mount --pid --cgroup --net --uts -- "$@"; }
main_pid() { in_service systemctl show -P MainPID minicpe; }
state() { in_service systemctl show -P ActiveState minicpe; }

service_manager
started=$EPOCHREALTIME
check "systemctl enable --now minicpe" in_service systemctl enable --now minicpe
[ "$(state)" = active ] || {
	in_service journalctl --no-pager -u minicpe -o cat 2>&1 | diag
	bail "the service does not start"
}
note "it took $(since "$started") s until systemd took the service for started"
hops=$(ip -n cpe route show "$right_net" | grep -o 'vti0[12]' | xargs)
if [ "$hops" = "vti01 vti02" ]; then ok "the tutorial's route is there without a sleep"; else not_ok "the route is: $hops"; fi
wait_for 60 cpe_up || bail "not up: $(cpe_why_not)"
wait_for 40 headend_routed 1 && wait_for 40 headend_routed 2
ok "both tunnels up $(since "$started") s after the command"
check "traffic" ping_once lic-srv "$compute_ip"
check "minicpe status, from within" in_service minicpe status
status_line() { in_service systemctl show -P StatusText minicpe | holds '2 up'; }
check "systemctl status has the tunnels" wait_for 10 status_line

# Each process in turn; traffic again is what counts.
passes() { on lic-srv ping -q -c 1 -W 1 "$compute_ip"; }
victim_main() { main_pid; }
victim_other() { in_service systemctl show -P ControlGroup minicpe >/dev/null; in_service pgrep -u minicpe -o; }
restarted() { [ "$(main_pid)" != "$before" ] && [ "$(state)" = active ]; }
for victim in main other; do
	before=$(main_pid)
	in_service kill -9 "$("victim_$victim")"
	began=$EPOCHREALTIME
	wait_for 20 restarted || true
	if wait_for 60 passes; then
		note "$victim killed: traffic again after $(since "$began") s (a service manager under emulation is part of that)"
		ok "the $victim process killed: the service comes back with its tunnels"
	else
		not_ok "the $victim process killed: no traffic within 60 s: state $(state)"
	fi
	wait_for 30 restarted || not_ok "the $victim process killed: the service was not started again"
	wait_for 60 cpe_up || not_ok "the $victim process killed: not both tunnels up"
done

spi_now() { ip -n cpe xfrm state | grep -o 'spi 0x[0-9a-f]*' | sort | xargs; }
spis=$(spi_now)
check "systemctl reload" in_service systemctl reload minicpe
sleep 1
check_same "a reload without a change leaves the SAs alone" "$spis" "$(spi_now)"
in_service journalctl --no-pager -u minicpe -o short-monotonic >"$LAB_LOG/journal.txt" 2>&1 || true
if grep -q 'oracle-tunnel-1' "$LAB_LOG/journal.txt"; then ok "the journal has the tunnels' lines"; else not_ok "the journal lacks the tunnels: $(tail -n 3 "$LAB_LOG/journal.txt")"; fi
if grep -q 'oracle-tunnel-1: headend1.example is' "$LAB_LOG/journal.txt"; then ok "a name was looked up"; else not_ok "no name was looked up"; fi
if grep -q 'net.ipv4.conf.ens3.accept_redirects is 1' "$LAB_LOG/journal.txt"; then ok "it tells of the host's settings"; else not_ok "it tells nothing of the host's settings"; fi
if grep -qF -e "${psk[1]}" -e "${psk[2]}" "$LAB_LOG/journal.txt"; then not_ok "the journal has a secret"; else ok "no secret in the journal"; fi

check "systemctl stop" in_service systemctl stop minicpe
left=$(ip -n cpe xfrm state; ip -n cpe xfrm policy; ip -n cpe -o link show type vti | grep -v ip_vti0 || true)
check_same "nothing is left after a stop" "" "$left"

# A mistake in the file: the start fails, and the journal says where and what.
sed -i 's/vti-routing=no/vti-ruoting=no/' /etc/minicpe/tunnels.conf
if in_service systemctl start minicpe >/dev/null 2>&1; then not_ok "a file with a mistake starts"; else ok "a file with a mistake does not start"; fi
in_service systemctl stop minicpe || true
if in_service journalctl --no-pager -u minicpe -o cat 2>/dev/null | holds 'tunnels.conf:[0-9]*:[0-9]*: error: .*vti-routing'; then
	ok "the journal says where the mistake is"
else
	not_ok "the journal does not say where the mistake is: $(in_service journalctl --no-pager -u minicpe -o cat -n 3 2>&1)"
fi
kill -9 "$inside" 2>/dev/null || true
