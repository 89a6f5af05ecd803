# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Completion of minicpe's command line in bash. Verbs and options come from the program's own --help, tunnels from the
# running daemon, so nothing here can be older than the program.

# Words that begin with $cur go into COMPREPLY, with what the shell would take apart quoted.
_minicpe_offer() { # WORD...
	local word
	for word in "$@"; do
		[[ $word != "$cur"* ]] || COMPREPLY+=("$(printf '%q' "$word")")
	done
}

_minicpe_files() { # -f or -d
	local word
	compopt -o filenames 2>/dev/null
	while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$1" -- "$cur")
}

# In --help, usage comes first; then lines like "  --out FOLDER   where to write".
_minicpe_options() {
	{
		echo --help
		sed -n -e '1p' -e '/^  -/p' <<<"$help" | sed 's/   .*//' | grep -oE -- '(^|[^a-z-])--?[a-z][a-z-]*' | grep -oE -- '-.*'
	} | sort -u
}

# What stands behind an option: FILE, FOLDER, or nothing.
_minicpe_argument() { # OPTION
	sed -n -e "s/^  $1 \([A-Z=]*\) .*/\1/p" -e "s/.*\[$1 \([A-Z=]*\)\].*/\1/p" <<<"$help" | head -n 1
}

_minicpe_names() {
	local name
	while IFS=$'\t' read -r name _; do [[ -z $name ]] || _minicpe_offer "$name"; done < <("$program" status --brief 2>/dev/null)
}

_minicpe() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} verb='' help
	COMPREPLY=()
	[[ $COMP_CWORD = 1 || ${COMP_WORDS[1]} = -* ]] || verb=${COMP_WORDS[1]}
	help=$("$program" ${verb:+"$verb"} --help 2>/dev/null) || return 0
	if [[ $before = -* ]]; then
		case $(_minicpe_argument "$before") in
		*FILE | SECRETS) _minicpe_files -f && return ;;
		FOLDER) _minicpe_files -d && return ;;
		?*) return ;;
		esac
	fi
	if [[ $cur = -* ]]; then
		# shellcheck disable=SC2046
		_minicpe_offer $(_minicpe_options)
	elif [[ -z $verb && $COMP_CWORD = 1 ]]; then
		# shellcheck disable=SC2046
		_minicpe_offer $(sed -n '/^Verbs/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<"$help")
	elif [[ ${help%%$'\n'*} = *NAME* ]]; then
		_minicpe_names
	elif [[ ${help%%$'\n'*} = *LEVEL* ]]; then
		# shellcheck disable=SC2046
		_minicpe_offer $(sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p' <<<"$help")
	elif [[ -n $verb && ${help%%$'\n'*} = *FILE* ]]; then
		_minicpe_files -f
	fi
}

complete -F _minicpe minicpe
