# Relative paths mean the folder that a script was called from, which stands in CALLER; sourced from the project's root.

# from_caller PATH: PATH, absolute where it is relative and the caller's folder is not the project's root.
from_caller() {
  case $1 in
    /* | "") echo "$1" ;;
    *) if [ "$(cd "$CALLER" && pwd -P)" = "$(pwd -P)" ]; then echo "$1"; else echo "$CALLER/$1"; fi ;;
  esac
}

# argument_from_caller FLAG VALUE: VALUE; where the flag of main.py names a file or folder, as from_caller gives it if it
# is there (alone or behind `kind:`) or is to be written. What the project's root alone has is still found there.
argument_from_caller() {
  local kind= path=$2
  case $1 in
    --log_dir | --visualize_path) path=$(from_caller "$path") ;;
    --weights | --config | --resume | --scannet_path | --category_weights | --instance_sampling_weights | \
    --language_features_path | --label_set | --label_ids | --text_encoder | --class_names | --held_out_classes)
      case $path in file:* | clip:* | siglip2:*) kind=${path%%:*}: path=${path#*:} ;; esac
      if [ -n "$path" ] && [ -e "$CALLER/$path" ]; then
        path=$(from_caller "$path")
      elif [[ $1 == --weights && $path == *,* ]]; then  # several networks: each by itself
        path=$(argument_from_caller "$1" "${path%%,*}"),$(argument_from_caller "$1" "${path#*,}")
      fi ;;
  esac
  echo "$kind$path"
}

# arguments_from_caller: the same for every word of the array ARGS, written `--flag VALUE` or `--flag=VALUE`.
arguments_from_caller() {
  local i before=
  for ((i = 0; i < ${#ARGS[@]}; i++)); do
    case ${ARGS[i]} in
      --*=*) ARGS[i]=${ARGS[i]%%=*}=$(argument_from_caller "${ARGS[i]%%=*}" "${ARGS[i]#*=}") ;;
      --*) ;;
      *) ARGS[i]=$(argument_from_caller "$before" "${ARGS[i]}") ;;
    esac
    before=${ARGS[i]}
  done
}
