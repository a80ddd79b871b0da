# What the commands that run several stages share: demo.sh, train_pretrained.sh. Sourced from the project's root.

# say WORDS: a heading with the minutes since the start.
say() { printf '\n== %d:%02d  %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

# go_on RUN: GO_ON becomes the flags to go on with a run that was stopped, or that has ended and trains nothing more.
go_on() { GO_ON=(); if [ -f "$1/last.ckpt" ]; then GO_ON=(--resume "$1"); fi; }

PRECISION=float32
case ${LIB_SPARSE_ISA:-avx512} in avx512)  # elsewhere bf16 saves no time on a CPU
  if grep -qm1 avx512_bf16 /proc/cpuinfo 2>/dev/null; then PRECISION=bf16; fi ;;
esac
