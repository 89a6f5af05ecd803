#compdef minicpe
# SPDX-License-Identifier: Apache-2.0
#
# Completion of minicpe's command line in zsh. Verbs and options come from the program's own --help, tunnels from the
# running daemon, so nothing here can be older than the program.

_minicpe() {
	local program=$words[1] verb='' help before=$words[CURRENT-1] argument=''
	local -a verbs options names
	[[ $CURRENT = 2 || $words[2] = -* ]] || verb=$words[2]
	help=$($program ${verb:+$verb} --help 2>/dev/null) || return 1
	if [[ $before = -* ]]; then
		argument=$(sed -n -e "s/^  $before \([A-Z=]*\) .*/\1/p" -e "s/.*\[$before \([A-Z=]*\)\].*/\1/p" <<<$help | head -n 1)
		case $argument in
		*FILE | SECRETS) _files && return ;;
		FOLDER) _files -/ && return ;;
		?*) return 1 ;;
		esac
	fi
	if [[ $PREFIX = -* ]]; then
		options=(${(fu)"$(echo --help; sed -n -e '1p' -e '/^  -/p' <<<$help | sed 's/   .*//' |
			grep -oE -- '(^|[^a-z-])--?[a-z][a-z-]*' | grep -oE -- '-.*')"})
		compadd -a options
	elif [[ -z $verb && $CURRENT = 2 ]]; then
		verbs=(${(f)"$(sed -n '/^Verbs/,/^$/s/^  \([a-z]*\) .*/\1/p' <<<$help)"})
		compadd -a verbs
	elif [[ ${help%%$'\n'*} = *NAME* ]]; then
		names=(${(f)"$($program status --brief 2>/dev/null | cut -f 1)"})
		compadd -a names
	elif [[ ${help%%$'\n'*} = *LEVEL* ]]; then
		options=(${(f)"$(sed -n 's/^  \([a-z]\{1,\}\)  .*/\1/p' <<<$help)"})
		compadd -a options
	elif [[ -n $verb && ${help%%$'\n'*} = *FILE* ]]; then
		_files
	fi
}

_minicpe "$@"
