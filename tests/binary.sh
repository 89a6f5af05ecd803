#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the built program is made of, as checksec asks it, and what its unit file leaves it, as systemd asks it.
#   tests/binary.sh [PROGRAM]     build/minicpe; prints TAP lines
# shellcheck disable=SC2317 # functions are called by name
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
export LC_ALL=C

program=${1:-build/minicpe}
unit=packaging/minicpe.service
most_exposure=2.2
status=0

ok() { echo "ok - binary: $*"; }
not_ok() {
	echo "not ok - binary: $*"
	status=1
}
skip() { echo "ok - binary: $* # skip"; }

# fact WHAT COMMAND...: the command's success is the fact.
fact() {
	local what=$1
	shift
	if "$@"; then ok "$what"; else not_ok "$what"; fi
}

headers=$(readelf -hW "$program") || { not_ok "$program cannot be read (make builds it)"; exit 1; }
segments=$(readelf -lW "$program")
dynamic=$(readelf -dW "$program")
notes=$(readelf -nW "$program")
# "NAME" of each function that is another library's.
imports=$(nm -D --undefined-only "$program" | awk '{ sub(/@.*/, "", $2); print $2 }' | sort -u)

has() { grep -qE "$1" <<<"$2"; }
lacks() { ! grep -E "$1" <<<"$2"; }
imports_only() { ! grep -vxE "$1" <<<"$2"; }

position_independent() { has 'Type: +DYN' "$headers" && has 'FLAGS_1.*PIE' "$dynamic"; }
full_relro() { has GNU_RELRO "$segments" && has 'FLAGS_1.*NOW' "$dynamic"; }
no_executable_stack() { has 'GNU_STACK.* RW ' "$segments"; }
# No segment is both written to and executed.
no_writable_code() { lacks '(LOAD|STACK).* RWE ' "$segments"; }
libraries() {
	local found
	found=$(sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' <<<"$dynamic")
	imports_only '(libcrypto|libmnl|libev|libseccomp|libcap-ng|libjansson|libsmartcols|libc|ld-linux.*)\.so\.[0-9]+' "$found"
}
# Nothing is run, and nothing is loaded: row 79 of tests/rows.txt. Only the verbs that look at the machine run programs (cli/).
runs_nothing() {
	local needed
	needed=$(nm -u "$(dirname "$program")"/lib{base,crypto,conf,host,ike,dataplane,xfrm,vti,daemon}.a | awk 'NF == 2 { print $2 }' | sort -u)
	[ -n "$needed" ] && lacks '^(system|popen|exec[lv]p?e?|execveat|fexecve|posix_spawnp?|wordexp|dlopen|dlmopen)$' "$needed"
}
# What writes past an end, or into a format, whatever it is given.
no_unbounded() { lacks '^(gets|strcpy|strcat|stpcpy|v?sprintf|__(strcpy|strcat|stpcpy|v?sprintf)_chk|alloca|mktemp|tmpnam)$' "$imports"; }

fact "position independent (PIE)" position_independent
fact "full RELRO: read-only after relocation, all bound at the start" full_relro
fact "no executable stack" no_executable_stack
fact "no segment is writable and executable" no_writable_code
fact "stack protector" has '^__stack_chk_fail$' "$imports"
fact "FORTIFY: checked functions in use" has '^__(memcpy|snprintf)_chk$' "$imports"
fact "no run path" lacks 'RPATH|RUNPATH' "$dynamic"
fact "only the libraries that it says" libraries
fact "the daemon runs no program, loads no library" runs_nothing
fact "no function that cannot be told where to stop" no_unbounded
# All objects must have it, the compiler's own start files too, which are not ours.
case $(uname -m) in
x86_64)
	if has 'IBT, SHSTK' "$notes"; then
		ok "CET: indirect branches and shadow stack"
	else
		fact "CET: our own objects are made for it (this distribution's start files are not)" \
			has IBT "$(readelf -nW build/daemon/engine.o build/ike/ike.o 2>/dev/null)"
	fi
	;;
*) skip "CET is x86's" ;;
esac

exposure() {
	systemd-analyze security --offline=true "$unit" 2>/dev/null | sed -nE 's/.*Overall exposure level.*: ([0-9.]+) .*/\1/p'
}
if level=$(exposure) && [ -n "$level" ]; then
	fact "systemd-analyze security: exposure $level, at most $most_exposure" awk -v l="$level" -v m="$most_exposure" 'BEGIN { exit l > m }'
else
	skip "no systemd-analyze that judges a unit file (systemd 250 or later)"
fi
for line in Type=notify Restart=always RestartSec=100ms NoNewPrivileges=yes LimitCORE=0 LimitMEMLOCK=infinity; do
	fact "the unit says $line" has "^$line\$" "$(cat "$unit")"
done
fact "the unit can reload" has '^ExecReload=.+' "$(cat "$unit")"
# The calls of a group, groups in it included.
group() { # @NAME
	local call
	while read -r call; do
		case $call in
		@*) group "$call" ;;
		[a-z_]*) echo "$call" ;;
		esac
	done < <(systemd-analyze syscall-filter "$1" 2>/dev/null | sed -n 's/^ \+\([@a-z_][a-z0-9_-]*\)$/\1/p')
}
# What the unit's lines leave, one after the other, as systemd.exec(5) has it: ~ takes away what was given before.
allowed_calls() {
	local line word
	local -A left
	while read -r line; do
		for word in ${line#\~}; do
			while read -r call; do
				if [ "$line" != "${line#\~}" ]; then unset "left[$call]"; else left[$call]=1; fi
			done < <([[ $word == @* ]] && group "$word" || echo "$word")
		done
	done < <(sed -n 's/^SystemCallFilter=//p' "$unit")
	printf '%s\n' "${!left[@]}"
}
# What starting takes besides what every program does; the filter must leave it.
if [ -n "$(group @mount)" ]; then
	allowed=$(allowed_calls)
	for call in setresuid setresgid setgroups setfsgid prctl capset mlockall fork clone socketpair seccomp landlock_create_ruleset \
		landlock_add_rule landlock_restrict_self mkdir bind; do
		fact "the unit's filter leaves $call()" has "^$call\$" "$allowed"
	done
	fact "the unit's filter takes mount() and init_module() away" lacks '^(mount|init_module|ptrace|kexec_load|settimeofday)$' "$allowed"
else
	skip "no systemd-analyze that lists system calls"
fi
exit "$status"
