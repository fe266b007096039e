#!/bin/sh
# Four folders of forty pictures each, and the ResNet-18 of resnet18.sh, whose head is replaced.
# usage: forty-pictures.sh CIFAR10 RESNET18.safetensors OUT SEED...; GOWIDE is the command, gowide by default
set -e
pictures=$1 model=$2 out=$3; shift 3
for class in airplane cat horse ship; do
  mkdir -p "$out/pictures/$class"
  ls "$pictures/test/$class" | tail -40 | while read -r file; do cp -n "$pictures/test/$class/$file" "$out/pictures/$class/"; done
done
for seed in "$@"; do
  ${GOWIDE:-gowide} thin "$model" --data "$out/pictures" --size 32 --width 0.5 --epochs 20 --tries 3 \
    --seed "$seed" --out "$out/seed-$seed"
done
