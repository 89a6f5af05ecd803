#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What reads the sources without running them, as TAP lines: clang-tidy (.clang-tidy), clang's static analyzer,
# gcc's -fanalyzer, cppcheck, shellcheck. Nothing is suppressed but singly, at its place, with the reason.
#
#   tests/analysis.sh           all of them; clang's static analyzer over a part, because it takes minutes
#   tests/analysis.sh long      that one over everything, and gcc's over the tests too
#
# What passed is remembered in build/analysis by the hash of all that went into it, so that a second run is short.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
export LC_ALL=C

flags=(-std=c11 -D_GNU_SOURCE '-DMINICPE_VERSION="0"' -I.)
folders=(base crypto conf ike dataplane xfrm vti host daemon cli)
cache=build/analysis
# Where the analyzer of clang takes long, and `make check` goes without it.
slow='^(ike|tests)/'

# One line a tool: how it is called on one file, and what else decides its result.
tool_tidy() { clang-tidy --quiet --checks='-clang-analyzer-*' "$1" -- "${flags[@]}" 2>&1; }
tool_clang() { clang-tidy --quiet --checks='-*,clang-analyzer-*,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling' "$1" -- "${flags[@]}" 2>&1; }
tool_gcc() { gcc "${flags[@]}" -O2 -Werror -fanalyzer -c -o /dev/null "$1" 2>&1; }
tool_shell() { shellcheck -x "$1" 2>&1; }

# Two kinds of finding are not asked for. variableScope: values that belong together are declared together, even where
# one is for the argument of a single line. unusedStructMember: it does not see initializers, nor a union's other member.
tool_cppcheck() {
	local part=("${folders[@]}")
	[ "$1" = program ] || part=(tests interop/tools)
	mkdir -p "$cache/cppcheck-$1"
	cppcheck --std=c11 --enable=warning,performance,portability,style --suppress=variableScope --suppress=unusedStructMember \
		--inline-suppr --error-exitcode=1 -q -I. --cppcheck-build-dir="$cache/cppcheck-$1" \
		--template='{file}:{line}: {severity}: {message} [{id}]' "${part[@]}" 2>&1
}

# Everything that the result depends on: tool, rules, flags, the file, what it includes.
key() { # TOOL FILE
	local files=("$2")
	case $1 in
	cppcheck) mapfile -t files < <(git ls-files -co --exclude-standard '*.[ch]' 2>/dev/null || find . -name '*.[ch]') ;;
	shell) mapfile -t files < <(shell_files) ;;
	*) mapfile -t files < <(gcc "${flags[@]}" -MM "$2" 2>/dev/null | tr -d "\\\\" | tr ' ' '\n' | grep -E '\.[ch]$') ;;
	esac
	{
		echo "$1 $2 ${flags[*]} $versions"
		cat tests/analysis.sh .clang-tidy tests/.clang-tidy "${files[@]}"
	} | sha256sum | cut -d ' ' -f 1
}

# Tools whose own exit status does not tell of warnings tell by what they print.
one() { # TOOL FILE
	local mark text status=0
	mark=$cache/$(key "$1" "$2")
	[ ! -e "$mark" ] || return 0
	text=$("tool_$1" "$2") || status=1
	! grep -qE '(warning|error): ' <<<"$text" || status=1
	if [ "$status" = 0 ]; then
		: >"$mark"
	else
		printf '%s\n' "$text" | grep -vE '^[0-9]+ warnings? (generated|treated)' >"$cache/$1-${2//\//_}.failed"
	fi
}

shell_files() {
	git ls-files '*.sh' 2>/dev/null || find interop tests packaging -name '*.sh'
	printf '%s\n' interop/guest/init interop/lib/shellrc
}

c_files() { find "$@" -name '*.c' | sort; }

# "TOOL FILE" for all that is to be done, the slowest first.
jobs_of() { # [long]
	if [ -n "$1" ]; then
		c_files "${folders[@]}" tests | sed 's/^/clang /'
		c_files tests | sed 's/^/gcc /'
	else
		c_files "${folders[@]}" | grep -vE "$slow" | sed 's/^/clang /'
	fi
	printf 'cppcheck %s\n' program tests
	c_files "${folders[@]}" | sed 's/^/gcc /'
	c_files "${folders[@]}" tests interop/tools | sed 's/^/tidy /'
	shell_files | sed 's/^/shell /'
}

verdict() { # TOOL COUNT NAME
	local failed=("$cache/$1"-*.failed)
	if [ ! -e "${failed[0]}" ]; then
		printf 'ok - analysis: %s, %s runs\n' "$3" "$2"
		return
	fi
	cat "${failed[@]}" | sed 's/^/# /'
	printf 'not ok - analysis: %s finds something in %d of %s runs\n' "$3" "${#failed[@]}" "$2"
	result=1
}

main() {
	local tool name count
	result=0
	for tool in clang-tidy cppcheck shellcheck gcc; do
		command -v "$tool" >/dev/null || { printf 'not ok - analysis: %s is not installed (interop/packages.sh check)\n' "$tool"; exit 1; }
	done
	mkdir -p "$cache"
	rm -f "$cache"/*.failed
	versions=$(clang-tidy --version; cppcheck --version; shellcheck --version; gcc --version)
	export versions
	jobs_of "${1:-}" >"$cache/jobs"
	xargs -P "$(nproc)" -L 1 bash "$0" one <"$cache/jobs"
	while read -r tool name; do
		count=$(grep -c "^$tool " "$cache/jobs")
		verdict "$tool" "$count" "$name"
	done <<-'END'
		tidy clang-tidy
		clang clang's static analyzer
		gcc gcc -fanalyzer
		shell shellcheck
		cppcheck cppcheck
	END
	exit "$result"
}

case ${1:-} in
one) one "$2" "$3" ;;
'' | long) main "${1:-}" ;;
*) sed -n '4,9p' "$0" >&2; exit 2 ;;
esac
