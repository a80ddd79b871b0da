#!/usr/bin/env bash
# Fetch what may be had without signing anything, and say, step by step, how to get ScanNet itself:
#   bash download.sh                 split lists, CLIP's text tower and vocabulary
#   bash download.sh --check RAW     are the files of a ScanNet download complete?
# Downloads resume where they stopped and are checked; a file that is there and right is not fetched again.
set -uo pipefail
CALLER=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
. training_scripts/paths.sh

# Sources: change them for a mirror. Each: target, address, sha256 ("-": whatever comes, its sum is printed).
DOWNLOADS=$(from_caller "${DOWNLOADS:-}")
DOWNLOADS=${DOWNLOADS:-data/downloads}
SCANNET_LISTS=${SCANNET_LISTS:-https://raw.githubusercontent.com/ScanNet/ScanNet/master/Tasks/Benchmark}
CLIP_WEIGHTS=${CLIP_WEIGHTS:-https://openaipublic.azureedge.net/clip/models/40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt}
CLIP_VOCABULARY=${CLIP_VOCABULARY:-https://raw.githubusercontent.com/openai/CLIP/main/clip/bpe_simple_vocab_16e6.txt.gz}
sources() {
  cat <<END
scannetv2_train.txt $SCANNET_LISTS/scannetv2_train.txt -
scannetv2_val.txt $SCANNET_LISTS/scannetv2_val.txt -
scannetv2_test.txt $SCANNET_LISTS/scannetv2_test.txt -
ViT-B-32.pt $CLIP_WEIGHTS 40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af
bpe_simple_vocab_16e6.txt.gz $CLIP_VOCABULARY 924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a
END
}

stop() { echo "error: $*" >&2; exit 1; }
sum_of() { { sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; } | cut -d ' ' -f 1; }

scannet_steps() {
  cat <<'END'

ScanNet itself is given to those who sign its terms of use; nothing here can fetch it for you:
  1. Fill in the agreement at http://www.scan-net.org and send it; download-scannet.py comes by mail.
  2. Into one folder RAW (about 50 GB), with that script:
       python download-scannet.py -o RAW --type _vh_clean_2.ply
       python download-scannet.py -o RAW --type _vh_clean_2.0.010000.segs.json
       python download-scannet.py -o RAW --type .aggregation.json
       python download-scannet.py -o RAW --type .txt
       python download-scannet.py -o RAW --label_map        # scannetv2-labels.combined.tsv
  3. cp data/downloads/scannetv2_*.txt RAW/
  4. bash download.sh --check RAW
  5. python -m datasets.preprocess.scannet200 --scannet RAW --out data/scannet200
END
}

# check RAW: every file that the lists ask for, with how many are missing.
check() {
  local raw split scene name folder missing=0 scenes=0
  raw=$(from_caller "$1")
  [ -d "$raw" ] || stop "$raw: no such folder"
  for name in scannetv2-labels.combined.tsv scannetv2_train.txt scannetv2_val.txt scannetv2_test.txt; do
    [ -s "$raw/$name" ] || stop "$raw/$name: missing; see the steps that \`bash download.sh\` prints"
  done
  for split in train val test; do
    folder=$raw/scans; local files="_vh_clean_2.ply .txt _vh_clean_2.0.010000.segs.json .aggregation.json"
    if [ "$split" = test ]; then folder=$raw/scans_test; files="_vh_clean_2.ply .txt"; fi
    while IFS= read -r scene; do
      scene=${scene%$'\r'}
      [ -n "$scene" ] || continue
      scenes=$((scenes + 1))
      for name in $files; do
        if [ ! -s "$folder/$scene/$scene$name" ]; then
          missing=$((missing + 1))
          if [ $missing -le 10 ]; then echo "missing: $folder/$scene/$scene$name"; fi
        fi
      done
    done < <(cat "$raw/scannetv2_$split.txt"; echo)
  done
  [ $missing -eq 0 ] || stop "$raw: $missing file(s) of $scenes scenes are missing or empty; download them again"
  echo "$raw: complete, $scenes scenes; next: python -m datasets.preprocess.scannet200 --scannet $raw --out data/scannet200"
}

# fetch TARGET ADDRESS SUM: resumes TARGET.partial; TARGET appears when it is whole and right.
fetch() {
  local target=$DOWNLOADS/$1 address=$2 wanted=$3 got
  if [ -s "$target" ] && { [ "$wanted" = - ] || [ "$(sum_of "$target")" = "$wanted" ]; }; then
    echo "have      $target"; return
  fi
  mkdir -p "$DOWNLOADS"
  echo "fetching  $target"
  if ! curl --fail --location --silent --show-error --retry 3 --connect-timeout 20 -C - -o "$target.partial" "$address"; then
    [ -s "$target.partial" ] || rm -f "$target.partial"
    return 1
  fi
  got=$(sum_of "$target.partial")
  if [ "$wanted" != - ] && [ "$got" != "$wanted" ]; then
    rm -f "$target.partial"
    echo "error: $address: sha256 $got, expected $wanted; fetched file removed" >&2
    return 1
  fi
  mv "$target.partial" "$target"
  echo "fetched   $target  sha256 $got"
}

case ${1:-} in
  --check) [ $# -eq 2 ] || stop "usage: bash download.sh --check RAW"; check "$2"; exit ;;
  "") ;;
  *) stop "unknown argument $1; usage: bash download.sh [--check RAW]" ;;
esac
command -v curl >/dev/null || stop "curl is missing: install it"
failed=
while read -r target address sum; do
  fetch "$target" "$address" "$sum" || failed="$failed $target"
done < <(sources)
rmdir "$DOWNLOADS" 2>/dev/null
scannet_steps
if [ -n "$failed" ]; then
  stop "could not fetch:$failed (no network, or the source has moved: its address is a variable at the top of download.sh); nothing else was changed, run it again"
fi
