#!/bin/sh
# MiniLM, 6 layers of 384 channels, to 6 layers of 192 on a sample of SST-2.
# usage: minilm.sh MINILM SST2 OUT SEED...; MINILM is a Hugging Face folder, SST2 has train.tsv and dev.tsv; GOWIDE is the
# command, gowide by default
set -e
model=$1 texts=$2 out=$3; shift 3
for seed in "$@"; do
  ${GOWIDE:-gowide} thin "$model" --data "$texts" --rows 2000 --tokens 32 --width 0.5 --epochs 2 --wide-epochs 2 \
    --tries 1 --seed "$seed" --out "$out-$seed"
done
