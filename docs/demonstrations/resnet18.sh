#!/bin/sh
# torchvision's ResNet-18, trained here on a sample of CIFAR-10, to half its width.
# usage: resnet18.sh CIFAR10 OUT SEED...; CIFAR10 has train/<class>/* and test/<class>/*; GOWIDE is the command, gowide by default
set -e
pictures=$1 out=$2; shift 2
for class in "$pictures"/train/*/; do
  class=$(basename "$class")
  mkdir -p "$out/cifar10/train/$class" "$out/cifar10/test/$class"
  ls "$pictures/train/$class" | head -550 | while read -r file; do cp -n "$pictures/train/$class/$file" "$out/cifar10/train/$class/"; done
  ls "$pictures/test/$class" | head -100 | while read -r file; do cp -n "$pictures/test/$class/$file" "$out/cifar10/test/$class/"; done
done
data="{ \"set\": \"cifar10\", \"folder\": \"$out/cifar10\", \"validation\": 500, \"padding\": 4 }"
echo "$data" > "$out/data.json"
cat > "$out/wide.json" <<EOF
{ "data": $data,
  "network": { "family": "resnet", "block": "basic", "blocks": [2, 2, 2, 2], "planes": 64, "mid": 1,
    "stem": { "kind": "imagenet", "channels": 64 }, "skip": true, "classes": 10, "channels": 3 },
  "teacher": null, "start": "random", "imitation": null,
  "training": { "steps": 800, "batch": 64, "schedule": { "kind": "cosine", "peak": 0.05, "warmup": 80 },
    "optimizer": { "kind": "sgd", "momentum": 0.9, "weightDecay": 0.0005 }, "clip": 5,
    "objective": { "labels": 1, "teacher": 0, "hints": 0, "temperature": 1, "labelSmoothing": 0 } } }
EOF
gowide=${GOWIDE:-gowide}
if [ ! -f "$out/resnet18.safetensors" ]; then
  $gowide train resnet --config "$out/wide.json" --out "$out/wide" --seeds 1 --json > "$out/wide.result.json"
  $gowide runs export "$($gowide runs list --out "$out/wide" --json | node -e 'console.log(JSON.parse(require("fs").readFileSync(0)).runs[0].run)')" \
    --out "$out/wide" --output "$out/resnet18.safetensors"
fi
for seed in "$@"; do
  $gowide thin "$out/resnet18.safetensors" --data "$out/data.json" --width 0.5 --epochs 4 --tries 1 \
    --seed "$seed" --out "$out/seed-$seed"
done
