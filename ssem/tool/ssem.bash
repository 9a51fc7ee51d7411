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

# Completes the value of --native-key. bash splits a word at its colons, and replaces only what
# follows the last one. Returns 1 if the current word does not belong to such a value.
_ssem_complete_native_keys()
{
  local first typed= key quoted kept=
  for ((first = COMP_CWORD; first > 2; first--)); do
    typed=${COMP_WORDS[first]}$typed
    [[ ${COMP_WORDS[first-1]} == --native-key ]] && break
    [[ ${COMP_WORDS[first]} == : || ${COMP_WORDS[first-1]} == : ]] || return 1
  done
  ((first > 2)) || return 1
  ((first == COMP_CWORD)) || kept=${typed%"${typed##*:}"}

  while IFS= read -r key; do
    if [[ $key == "$typed"* ]]; then
      printf -v quoted %q "${key#"$kept"}"
      COMPREPLY+=("$quoted")
    fi
  done < <("${COMP_WORDS[0]}" list --native-keys 2>/dev/null)
}

_ssem()
{
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
  local command=${COMP_WORDS[1]} options= n_keys=0 are_ended= is_native= index word
  local common='--backend --address --help --version'
  local waiting='--wait --nonblock --conflict-exit-code --quiet'
  local commands='run post wait list show watch reset remove clean'
  COMPREPLY=()

  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "$commands help --help --version" -- "$current"))
    return
  fi

  case $command in
    run) options="--count --units $waiting --kill-after --native-key $common" ;;
    wait) options="$waiting --native-key $common" ;;
    list) options="--json --keys --native-keys $common" ;;
    show) options="--json --native-key $common" ;;
    watch) options="--interval --json --native-key $common" ;;
    post | reset | remove) options="--native-key $common" ;;
    clean) options="--dry-run $common" ;;
    help)
      ((COMP_CWORD == 2)) && COMPREPLY=($(compgen -W "$commands" -- "$current"))
      return ;;
    *) return ;;
  esac

  case $previous in
    --backend)
      COMPREPLY=($(compgen -W 'shared-memory sysv posix etcd' -- "$current"))
      return ;;
    --address | --count | --units | --wait | --conflict-exit-code | --kill-after | --interval | -[cuwEki])
      return ;;
  esac

  _ssem_complete_native_keys && return

  # Count the arguments before this word that are neither options nor values of options.
  for ((index = 2; index < COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    if [[ -z $are_ended ]]; then
      case $word in
        --) are_ended=1; continue ;;
        --backend | --address | --count | --units | --wait | --conflict-exit-code | --kill-after | \
        --interval | -[cuwEki])
          index=$((index + 1)); continue ;;
        --native-key)
          is_native=1
          index=$((index + 1))
          while [[ ${COMP_WORDS[index+1]} == : ]]; do
            index=$((index + 2))
          done
          continue ;;
        -?*) continue ;;
      esac
    fi
    n_keys=$((n_keys + 1))
    # The arguments after the key are the command.
    [[ $command == run ]] && break
  done

  # A native key takes the place of the key. Then the first argument of run is the command.
  if [[ -n $is_native ]]; then
    [[ $command == run ]] && index=$((index - 1))
    # The current word may still be an option of run.
    if [[ $command != run || $n_keys -gt 0 || $current != -* || -n $are_ended ]]; then
      n_keys=1
    fi
  fi

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
      run | post | wait | show | reset | remove) ((n_keys == 0)) && _ssem_complete_keys "$current" ;;
      watch) _ssem_complete_keys "$current" ;;
    esac
  fi
}

complete -F _ssem ssem
