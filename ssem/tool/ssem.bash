# Copyright 2026 The Ssem authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# Completes the arguments of `ssem` in bash: subcommands, options, and keys of existing semaphores.

# Completes a key. The key is quoted for the shell, because it may contain spaces and other special
# characters.
_ssem_complete_keys()
{
  local key quoted
  while IFS= read -r key; do
    if [[ $key == "$1"* ]]; then
      printf -v quoted %q "$key"
      COMPREPLY+=("$quoted")
    fi
  done < <("${COMP_WORDS[0]}" list --keys 2>/dev/null)
}

_ssem()
{
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local command=${COMP_WORDS[1]} options= n_keys=0 are_ended= index word
  local common='--backend --help --version'
  COMPREPLY=()

  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W 'run list show watch reset remove clean --help --version' -- "$current"))
    return
  fi

  case $command in
    run) options="--count --units --wait --nonblock --conflict-exit-code $common" ;;
    list) options="--json --keys $common" ;;
    show) options="--json $common" ;;
    watch) options="--interval $common" ;;
    reset | remove) options=$common ;;
    clean) options="--dry-run $common" ;;
    *) return ;;
  esac

  case $previous in
    --backend)
      COMPREPLY=($(compgen -W 'shared-memory sysv' -- "$current"))
      return ;;
    --count | --units | --wait | --conflict-exit-code | --interval | -[cuwEi])
      return ;;
  esac

  # Count the arguments before this word that are neither options nor values of options.
  for ((index = 2; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    if [[ -z $are_ended ]]; then
      case $word in
        --) are_ended=1; continue ;;
        --backend | --count | --units | --wait | --conflict-exit-code | --interval | -[cuwEi])
          index=$((index + 1)); continue ;;
        -?*) continue ;;
      esac
    fi
    n_keys=$((n_keys + 1))
    # The arguments after the key are the command.
    [[ $command == run ]] && break
  done

  if [[ $command == run ]] && ((n_keys > 0)); then
    index=$((index + 1))
    [[ ${COMP_WORDS[index]} == -- ]] && ((index < COMP_CWORD)) && index=$((index + 1))
    if ((COMP_CWORD <= index)); then
      COMPREPLY=($(compgen -A command -- "$current"))
    else
      COMPREPLY=($(compgen -A file -- "$current"))
    fi
  elif [[ $current == -* && -z $are_ended ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    case $command in
      run | show | reset | remove) ((n_keys == 0)) && _ssem_complete_keys "$current" ;;
      watch) _ssem_complete_keys "$current" ;;
    esac
  fi
}

complete -F _ssem ssem
