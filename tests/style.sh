#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Holds the tree to its own rules: which folder may include what, headers that compile alone, an engine that
# needs neither the clock nor the network, licence lines, lengths, and no path of somebody's machine.
#
#   tests/style.sh              prints one line `not ok - ...` per violation, or `ok - ...` at the end
#
# Lines that begin with `#` are figures for people. The rules are the two tables below; DESIGN.md tells why.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
export LC_ALL=C

folders=(base crypto conf ike dataplane xfrm vti host daemon cli)
most_file_lines=450
most_function_lines=80
violations=0

# Which of our headers a file may include: the first line whose pattern fits the file counts.
# crypto/algs.h is a plain table that comes with conf/conf.h anyway. base/log.h is not for the engine, which gives
# notices. xfrm/netlink.h is the one netlink transaction, which vti/ shares. The privileged side hands the engine its
# configuration in messages of dataplane/, so these know conf's values.
own_headers='
base/*              base/*
crypto/*            crypto/* base/*
conf/*              conf/* base/* crypto/algs.h
ike/*               ike/* base/addr.h base/buf.h base/bytes.h base/mono.h base/list.h crypto/crypto.h crypto/algs.h conf/conf.h dataplane/dataplane.h
dataplane/server*   dataplane/* base/* conf/conf.h crypto/algs.h xfrm/xfrm.h vti/vti.h
dataplane/permit*   dataplane/* base/* conf/conf.h crypto/algs.h
dataplane/*         dataplane/* base/* conf/conf.h
xfrm/*              xfrm/* base/* dataplane/dataplane.h crypto/algs.h
vti/*               vti/* base/* dataplane/dataplane.h xfrm/netlink.h
daemon/reload*      daemon/* base/* conf/conf.h conf/diff.h dataplane/server.h
daemon/report*      daemon/* base/* crypto/algs.h conf/conf.h conf/ids.h conf/proposals.h ike/ike.h
host/*              host/* base/* conf/conf.h crypto/algs.h
daemon/*            daemon/* host/* base/* crypto/crypto.h crypto/algs.h conf/conf.h ike/ike.h dataplane/dataplane.h dataplane/client.h dataplane/server.h dataplane/quota.h xfrm/xfrm.h vti/vti.h cli/cli.h
cli/*               cli/* host/* base/* conf/conf.h crypto/algs.h daemon/control.h
'

# Libraries that belong to some folders only.
library_headers='
openssl/*       crypto/*
ev.h            daemon/*
seccomp.h       daemon/*
cap-ng.h        daemon/*
libmnl/*        xfrm/* vti/*
jansson.h       cli/*
libsmartcols/*  cli/*
cmocka.h        tests/*
'

# All of the C library that the engine, and the headers that it includes, may see: no socket, clock, file, environment.
pure_files='ike/* base/*.h crypto/crypto.h crypto/algs.h conf/conf.h dataplane/dataplane.h'
pure_headers='assert.h ctype.h inttypes.h limits.h stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h'

# All that the engine's objects may leave to others to define. Randomness is handed in, so crypto_random is not there.
pure_symbols='
(reader|writer|bytes|addr|prefix|endpoint|conf)_[a-z0-9_]*
crypto_(hash|prf|cbc|dh|cipher|group)_?[a-z0-9_]*
calloc|free|abort|qsort|bsearch|strto(l|ul|ll|ull)|__isoc(99|23)_strto(l|ul|ll|ull)
(__)?(mem(cpy|move|set|cmp|chr)|str(len|nlen|cmp|ncmp|casecmp|ncasecmp|chr|rchr|str|spn|cspn|pbrk|cpy|ncpy|cat)|stpcpy|v?snprintf)(_chk)?
(__)?explicit_bzero(_chk)?|__stack_chk_fail|__assert_fail|__ctype_(b|tolower|toupper)_loc|tolower|toupper|_GLOBAL_OFFSET_TABLE_
'

bad() {
	violations=$((violations + 1))
	printf 'not ok - style: %s\n' "$*"
}

# Does $1 match one of the patterns in the rest of the arguments?
fits() {
	local name=$1 pattern
	shift
	for pattern in "$@"; do
		# shellcheck disable=SC2053
		[[ $name == $pattern ]] && return 0
	done
	return 1
}

# The tree's files: what git knows or would add; without git, everything but what is built or fetched.
tree_files() {
	git ls-files --cached --others --exclude-standard 2>/dev/null ||
		find . -type f ! -path './.git/*' ! -path './build/*' ! -path './.cache/*' -printf '%P\n'
}

layer_files() {
	local folder
	for folder in "${folders[@]}"; do
		find "$folder" -maxdepth 1 -name '*.[ch]' 2>/dev/null
	done | sort
}

# "file:line kind header" for every include of the given files; kind is `own` or `system`.
includes() {
	awk '/^[ \t]*#[ \t]*include[ \t]*["<]/ {
		kind = $0 ~ /include[ \t]*</ ? "system" : "own"
		header = $0
		sub(/^[^"<]*["<]/, "", header)
		sub(/[">].*/, "", header)
		print FILENAME ":" FNR, kind, header
	}' "$@"
}

check_own_header() {
	local at=$1 header=$2 pattern allowed
	local file=${at%%:*}
	[ -f "$header" ] || { bad "$at: includes \"$header\", which is not a path from the root of the tree"; return; }
	while read -r pattern allowed; do
		if [ -z "$pattern" ] || ! fits "$file" "$pattern"; then continue; fi
		set -f
		# shellcheck disable=SC2086
		fits "$header" $allowed || bad "$at: ${file%%/*}/ may not include \"$header\""
		set +f
		return
	done <<<"$own_headers"
	bad "$at: no rule for $file"
}

check_system_header() {
	local at=$1 header=$2 pattern allowed
	local file=${at%%:*}
	set -f
	# shellcheck disable=SC2086
	if fits "$file" $pure_files && ! fits "$header" $pure_headers; then
		bad "$at: <$header> is not for the engine, nor for a header that it includes"
	fi
	while read -r pattern allowed; do
		# shellcheck disable=SC2086
		if [ -n "$pattern" ] && fits "$header" "$pattern" && ! fits "$file" $allowed; then
			bad "$at: <$header> is only for $allowed"
		fi
	done <<<"$library_headers"
	set +f
}

check_includes() {
	local at kind header count=0
	local -a files
	mapfile -t files < <(layer_files)
	while read -r at kind header; do
		count=$((count + 1))
		"check_${kind}_header" "$at" "$header"
	done < <(includes "${files[@]}")
	[ "$count" -gt 0 ] || bad "no include line was found: is this the root of the tree?"
	printf '# includes: %d lines checked\n' "$count"
}

check_headers_alone() {
	local header message count=0
	while read -r header; do
		count=$((count + 1))
		message=$(printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
			${CC:-cc} -std=c11 -D_GNU_SOURCE -I. -Wall -Wextra -Werror -fsyntax-only -x c - 2>&1) ||
			bad "$header does not compile alone: $(grep -m 1 -E 'error' <<<"$message")"
	done < <(layer_files | grep '\.h$'; find tests -name '*.h' | sort)
	printf '# headers: %d compiled alone, twice\n' "$count"
}

check_engine_symbols() {
	local message objects defined symbol object pattern
	pattern=$(printf '%s' "$pure_symbols" | sed '/^$/d' | paste -sd '|')
	message=$(make -s build/libike.a 2>&1) || { bad "ike/ does not build: $(grep -m 1 -E 'error' <<<"$message")"; return; }
	mapfile -t objects < <(find ike -name '*.c' | sort | sed 's|\(.*\)\.c|build/\1.o|')
	[ "${#objects[@]}" -gt 0 ] || { bad "ike/ has no object"; return; }
	defined=$(nm --defined-only -g "${objects[@]}" | awk 'NF == 3 { print $3 }' | sort -u)
	while read -r object symbol; do
		bad "$object needs $symbol, which the engine must not: it takes bytes and time, and gives outputs"
	done < <(nm -A -u "${objects[@]}" | sed 's|:.* | |' | awk -v known="$defined" -v pattern="^($pattern)\$" '
		BEGIN { n = split(known, list, "\n"); for (i = 1; i <= n; i++) own[list[i]] = 1 }
		!($2 in own) && $2 !~ pattern')
	printf '# engine: %d objects, needing %s\n' "${#objects[@]}" \
		"$(nm -u "${objects[@]}" | awk 'NF == 2 { print $2 }' | sort -u | comm -23 - <(echo "$defined") | wc -l) symbols of others"
}

is_source() {
	case $1 in
	*.[ch] | *.sh | Makefile | *.mk | *.awk | *.py) return 0 ;;
	*.*) return 1 ;;
	esac
	[ -f "$1" ] && head -c 2 "$1" | grep -q '^#!'
}

check_licence() {
	local file count=0
	while read -r file; do
		if [ ! -f "$file" ] || ! is_source "$file"; then continue; fi
		count=$((count + 1))
		case $file in
		*.[ch]) [ "$(head -n 1 "$file")" = '/* SPDX-License-Identifier: Apache-2.0 */' ] ||
			bad "$file:1: the first line must be /* SPDX-License-Identifier: Apache-2.0 */" ;;
		*) head -n 3 "$file" | grep -q '^# SPDX-License-Identifier: Apache-2.0$' ||
			bad "$file:1: no line # SPDX-License-Identifier: Apache-2.0 among the first three" ;;
		esac
	done < <(tree_files)
	printf '# licence: %d sources\n' "$count"
}

# "lines file:first name" for each function of the given C files, found by matching braces outside of comments,
# literals and preprocessor lines.
functions() {
	awk '
	function code(line,    out, c, two, quote) {   # the line without comments, strings and characters
		out = ""
		while (line != "") {
			c = substr(line, 1, 1); two = substr(line, 1, 2)
			if (comment) {
				if (two == "*/") { comment = 0; line = substr(line, 3) } else line = substr(line, 2)
			} else if (two == "/*") { comment = 1; line = substr(line, 3) }
			else if (two == "//") line = ""
			else if (c == "\"" || c == "\047") {
				quote = c; line = substr(line, 2)
				while (line != "" && substr(line, 1, 1) != quote)
					line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
				line = substr(line, 2); out = out "_"
			} else { out = out c; line = substr(line, 2) }
		}
		return out
	}
	function opens_function(head) { return head ~ /\([^=]*\)[ \t]*$/ && head !~ /=/ }
	function name_of(head) {
		gsub(/__attribute__[ \t]*\(\([^)]*\)?[^)]*\)\)/, "", head)
		sub(/[ \t]*\(.*/, "", head)
		sub(/.*[^A-Za-z0-9_]/, "", head)
		return head
	}
	FNR == 1 { comment = depth = continued = 0; head = "" }
	{
		if (!comment && (continued || $0 ~ /^[ \t]*#/)) { continued = $0 ~ /\\$/; next }
		text = code($0)
		for (i = 1; i <= length(text); i++) {
			c = substr(text, i, 1)
			if (c == "{") {
				if (depth++ == 0) { inside = opens_function(head); name = name_of(head); start = first }
			} else if (c == "}") {
				if (--depth == 0) {
					if (inside) print FNR - start + 1, FILENAME ":" start, name
					head = ""; inside = 0
				}
			} else if (depth == 0) {
				if (c == ";") { head = ""; continue }
				if (head ~ /^[ \t]*$/ && c != " " && c != "\t") { first = FNR; head = "" }
				head = head c
			}
		}
		if (depth == 0) head = head " "
	}' "$@"
}

# Median, 90th percentile and longest of "lines where name" on standard input.
spread() {
	sort -n | awk '{ n[NR] = $1; last = $3 " in " $2 } END {
		if (NR) printf "%d functions: median %d, p90 %d, longest %d (%s)", NR, n[int((NR + 1) / 2)], n[int((9 * NR + 9) / 10)], n[NR], last
	}'
}

check_lengths() {
	local folder file lines where name
	local -a files
	while read -r file; do
		[ -f "$file" ] || continue
		lines=$(wc -l <"$file")
		[ "$lines" -le "$most_file_lines" ] || bad "$file has $lines lines; at most $most_file_lines"
	done < <(tree_files | grep -E '\.(c|h|sh)$')
	for folder in "${folders[@]}" tests; do
		mapfile -t files < <(find "$folder" -name '*.[ch]' 2>/dev/null | sort)
		[ "${#files[@]}" -gt 0 ] || continue
		while read -r lines where name; do
			[ "$lines" -le "$most_function_lines" ] || bad "$where: $name() has $lines lines; at most $most_function_lines"
		done < <(functions "${files[@]}")
		printf '# %-10s %5d lines, %s\n' "$folder/" "$(cat "${files[@]}" | wc -l)" "$(functions "${files[@]}" | spread)"
	done
}

check_paths() {
	local hit
	while IFS= read -r hit; do
		bad "${hit:0:160}: a path of somebody's machine"
	done < <(tree_files | tr '\n' '\0' | xargs -0 grep -nIE '(^|[^A-Za-z0-9_.~-])/(work|home)/' -- 2>/dev/null)
}

check_includes
check_headers_alone
check_engine_symbols
check_licence
check_lengths
check_paths
if [ "$violations" -gt 0 ]; then
	printf '# %d violations of style\n' "$violations"
	exit 1
fi
printf 'ok - style: includes, headers alone, the engine'"'"'s symbols, licence lines, lengths, paths\n'
