# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The QEMU way, sourced by lab.sh: builds the initramfs, boots Debian's stock kernel on the
# machine's own files, and hands over a job. Software emulation always: a script must not decide
# that a machine's /dev/kvm is good enough to boot on.

# Seen on an overloaded machine: a guest that finds its timer too slow to be one, which need not be asked; and
# once, a virtual processor that spins in the kernel for ever. Then the
# guest ends by itself, and says where it was, instead of hanging until the time is over.
guest_watchdog='no_timer_check softlockup_panic=1 sysctl.kernel.watchdog_thresh=25'

# What measures time says "# clock: counted". Then the guest's clock counts instructions, 2^SHIFT ns for each, and only
# goes with the host's while the guest has nothing to do: a busy host makes the run longer, not the figures worse. At 1
# the guest has 500 million instructions a second, for all eight hosts of the lab: less than a small router has for one.
guest_shift=${LAB_SHIFT:-1}

guest_modules=(virtio_pci 9pnet_virtio 9p overlay)

guest_version() { basename "$LAB_CACHE"/kernel/usr/lib/modules/*; }

# An initramfs of busybox, init and the modules that the first mounts need.
guest_initramfs() { # FILE
	local file=$1 version root number=100 path module
	version=$(guest_version)
	root=$(mktemp -d "$LAB_CACHE/initramfs.XXXXXX")
	mkdir -p "$root/bin" "$root/modules"
	cp /bin/busybox "$root/bin/busybox"
	for path in sh mount mkdir cat insmod ln switch_root sleep; do ln -s busybox "$root/bin/$path"; done
	install -m 755 "$LAB_TOP/interop/guest/init" "$root/init"
	for module in "${guest_modules[@]}"; do
		modprobe -d "$LAB_CACHE/kernel" -S "$version" --show-depends "$module"
	done | sed -nE 's/^insmod (.*\.ko[.xz]*).*/\1/p' | awk '!seen[$0]++' | while read -r path; do
		cp "$path" "$root/modules/$number-$(basename "$path")"
		number=$((number + 1))
	done
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$root.cpio"
	mv "$root.cpio" "$file"
	rm -rf "$root"
}

# What the guest's first script does: it is written as a file, so paths may hold anything.
guest_job() { # FILE inside.sh-ARGUMENT...
	local file=$1 name
	shift
	{
		echo 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/'
		for name in "${lab_passed[@]}"; do
			[ -z "${!name+set}" ] || printf 'export %s=%q\n' "$name" "${!name}"
		done
		printf 'export LAB_OUT=/run/out LAB_WAY=guest\n'
		[ "$lab_interactive" = no ] || printf 'stty rows %d cols %d </dev/console\n' "$(tput lines)" "$(tput cols)"
		printf 'date -s @%s >/dev/null\n' "$(date +%s)"
		# A controlling terminal, for the shell that a person may ask for.
		# Complaints of the kernel about what the programs do are to be seen; those of its start are not.
		printf 'dmesg -C\necho 5 >/proc/sys/kernel/printk\n'
		# In the first mount namespace: that is where the kernel looks for modules.
		printf 'setsid -c -w bash %q' "$LAB_TOP/interop/lib/inside.sh"
		printf ' %q' "$@"
		printf ' </dev/ttyS0 >/dev/ttyS0 2>&1\nstatus=$?\n'
		printf 'cd /mnt/out || cd /run/out\necho "$status" >%q\n' "$(basename "$file").status"
		# Level 0: the kernel need not tell a person that the power is off.
		printf 'sync\necho 0 >/proc/sys/kernel/printk\nexec /bin/busybox poweroff -f\n'
	} >"$file"
}

# One processor: under emulation a second one costs more than it gives. Each waits for the other at every change of a
# page table, the kernel then trusts no TSC and reads a slow timer chip instead, and two guests at a time have two cores.
guest_boot() { # JOB
	local job=$1
	local -a clock=()
	local limit=$lab_limit
	if [ "$lab_clock" = counted ]; then
		clock=(-icount "shift=$guest_shift,sleep=on")
		limit=$((limit * 6)) # the guest's time goes more slowly than the host's
	fi
	exec timeout --foreground "$limit" qemu-system-x86_64 \
		-M q35 -accel tcg "${clock[@]}" -cpu max -m "$LAB_MEMORY" -smp 1 \
		-display none -monitor none -chardev stdio,id=tty,signal=off -serial chardev:tty -no-reboot -nic none \
		-kernel "$LAB_CACHE"/kernel/boot/vmlinuz-"$(guest_version)" \
		-initrd "$LAB_CACHE/initramfs" \
		-append "console=ttyS0 quiet loglevel=3 panic=1 mitigations=off $guest_watchdog lab.job=$(basename "$job")" \
		-virtfs local,path=/,mount_tag=root,security_model=none,multidevs=remap,readonly=on \
		-virtfs local,path="${LAB_OUT//,/,,}",mount_tag=out,security_model=none,multidevs=remap
}

# In the background, so that a signal to this script ends the guest, too.
guest_watch() { # JOB
	local out guest filter
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	exec {out}> >(exec sed -u 's/\r$//')
	filter=$!
	guest_boot "$1" </dev/null >&"$out" &
	guest=$!
	# shellcheck disable=SC2064 # this guest
	trap "kill $guest 2>/dev/null" EXIT
	wait "$guest" || true
	trap - EXIT INT TERM HUP
	exec {out}>&-
	wait "$filter" || true
}

guest_run() { # inside.sh-ARGUMENT...
	local job status=1
	job=$(mktemp "$LAB_OUT/job.XXXXXX")
	if [ ! -f "$LAB_CACHE/initramfs" ] || [ "$LAB_CACHE/initramfs" -ot "$LAB_TOP/interop/guest/init" ] ||
		[ "$LAB_CACHE/initramfs" -ot "$LAB_CACHE/kernel/.stamp" ]; then
		guest_initramfs "$LAB_CACHE/initramfs"
	fi
	guest_job "$job" "$@"
	if [ "$lab_interactive" = yes ]; then
		(guest_boot "$job") || true
	else
		guest_watch "$job"
	fi
	if [ -s "$job.status" ]; then
		status=$(<"$job.status")
	else
		echo "lab: the guest ended without a result (see above, or its time was over)" >&2
	fi
	rm -f "$job" "$job.status"
	return "$status"
}
