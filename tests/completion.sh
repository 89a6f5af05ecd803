#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The shells' completions, called as the shells call them, against the program's own help and a daemon's canned answer.
#
#   tests/completion.sh [PROGRAM]      TAP lines; build/minicpe if no program is named
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
binary=$(realpath "${1:-build/minicpe}")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=0

# Answers for a daemon with three tunnels; all else is the program itself.
mkdir "$place/bin" "$place/files" "$place/files/folder"
touch "$place/files/tunnels.conf" "$place/files/tunnels.secrets"
cat >"$place/bin/minicpe" <<-EOT
	#!/bin/sh
	[ "\$1 \$2" != "status --brief" ] || { printf 'oracle-tunnel-1\tup\t1\noracle-tunnel-2\tdown\t2\nfra dc1\tup\t3\n'; exit 1; }
	exec "$binary" "\$@"
EOT
chmod +x "$place/bin/minicpe"
export PATH=$place/bin:$PATH

expect() { # SHELL WANTED WORD...: what is offered for the last of the words
	local shell=$1 wanted=$2 got
	shift 2
	got=$(if [ "$shell" = zsh ]; then offered_zsh "$@"; else offered_bash "$@"; fi 2>&1 | sort | paste -sd ' ')
	if [ "$got" = "$wanted" ]; then
		printf 'ok - completion: %s: minicpe %s\n' "$shell" "$*"
	else
		printf 'not ok - completion: %s: minicpe %s: %s, not %s\n' "$shell" "$*" "$got" "$wanted"
		failed=1
	fi
}

offered_bash() { # WORD...
	(
		cd "$place/files" || exit
		# shellcheck disable=SC1091 # a file of its own, checked as such
		. "$OLDPWD/packaging/completion.bash"
		COMP_WORDS=(minicpe "$@")
		COMP_CWORD=$#
		_minicpe
		[ ${#COMPREPLY[@]} = 0 ] || printf '%s\n' "${COMPREPLY[@]}"
	)
}

# Without a terminal: compadd and _files are put in their place, and say what they were given.
offered_zsh() { # WORD...
	(
		cd "$place/files" || exit
		zsh -f -c '
			compadd() { local -a given; given=(${(P)2}); for word in $given; do [[ $word != $PREFIX* ]] || print -r -- ${(q)word}; done }
			_files() { local one; for one in *(N); do [[ ( $1 != -/ || -d $one ) && $one = $PREFIX* ]] && print -r -- $one; done; return 0 }
			words=(minicpe "${@[2,-1]}"); CURRENT=$#words; PREFIX=$words[CURRENT]
			source "$1/packaging/completion.zsh"' - "$OLDPWD" "$@"
	)
}

verbs=$("$binary" --help | sed -n '/^Verbs/,/^$/s/^  \([a-z]*\) .*/\1/p' | sort | paste -sd ' ')
run() { # SHELL
	expect "$1" "$verbs" ''
	expect "$1" "$(tr ' ' '\n' <<<"$verbs" | grep '^st' | paste -sd ' ')" st
	expect "$1" "oracle-tunnel-1 oracle-tunnel-2" up oracle
	expect "$1" "fra\\ dc1" rekey f
	expect "$1" "fra\\ dc1 oracle-tunnel-1 oracle-tunnel-2" down ''
	expect "$1" "oracle-tunnel-2" status oracle-tunnel-2
	expect "$1" "--explain" check --e
	expect "$1" "--force --help --id --local --out --psk --site --vcn" import t.json --
	expect "$1" "tunnels.conf tunnels.secrets" check tunnels
	expect "$1" "tunnels.secrets" check -s tunnels.s
	expect "$1" "folder" import --out ''
	expect "$1" "" import --vcn ''
	expect "$1" "tunnels.conf tunnels.secrets" -c tunnels
	expect "$1" "debug error info warning" log ''
	expect "$1" "--watch" status --w
	expect "$1" "" nonsense ''
}

run bash
if command -v zsh >/dev/null; then run zsh; else echo "ok - completion: zsh # skip: zsh is not installed (interop/packages.sh check)"; fi
# Everything that a verb's help names is offered, and nothing of OCI's own command line.
for verb in $verbs; do
	wanted=$({ echo --help; "$binary" "$verb" --help; } | sed -n -e 1,2p -e '/^  -/p' | sed 's/   .*//' | grep -oE -- '--[a-z-]+' | sort -u | paste -sd ' ')
	expect bash "$wanted" "$verb" --
done
exit $failed
