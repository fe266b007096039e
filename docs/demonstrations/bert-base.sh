#!/bin/sh
# BERT_BASE, 12 layers of 768 channels, from its TensorFlow checkpoint, to 12 layers of 256 on a sample of SST-2, in
# pieces: three times it is killed after PIECE seconds, and goes on by the same command.
# usage: bert-base.sh BERT_BASE SST2 PIECE OUT; BERT_BASE is a SavedModel's folder, SST2 has train.tsv and dev.tsv; GOWIDE is
# the command, gowide by default
set -e
model=$1 texts=$2 piece=$3 out=$4
mkdir -p "$out/sst2"
cp "$texts/train.tsv" "$out/sst2/train.tsv"
head -301 "$texts/dev.tsv" > "$out/sst2/dev.tsv"
make_thin() {
  "$@" ${GOWIDE:-gowide} thin "$model" --data "$out/sst2" --rows 256 --tokens 24 --width 0.33334 --epochs 2 \
    --wide-epochs 1 --tries 1 --seed 1 --out "$out/seed-1"
}
for part in 1 2 3; do
  make_thin timeout -s KILL "$piece" || echo "piece $part ended with status $?"
done
make_thin
