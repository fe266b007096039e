#!/bin/sh
# A LayersModel of one's own, trained here with tfjs, to half its width on Fashion-MNIST, beside every rival.
# usage: layers-model.sh FASHION_MNIST OUT SEED...; FASHION_MNIST has the four idx files; GOWIDE is the command, gowide by default
set -e
files=$1 out=$2; shift 2
mkdir -p "$out"
cat > "$out/data.json" <<EOF
{ "set": "idx", "folder": "$files", "size": 28, "classes": 10,
  "validation": 1000, "train": 2000, "padding": 2, "mirror": true }
EOF
[ -f "$out/wide/model.json" ] || node "$(dirname "$0")/layers-model.mjs" "$out/data.json" "$out/wide"
for seed in "$@"; do
  ${GOWIDE:-gowide} thin "$out/wide" --data "$out/data.json" --width 0.5 --epochs 4 --tries 1 --compare \
    --seed "$seed" --out "$out/seed-$seed"
done
