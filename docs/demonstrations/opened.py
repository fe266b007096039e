"""Opens a thin net in torchvision or transformers, and compares its outputs with those of `gowide predict`.

usage: opened.py DEMONSTRATION torchvision model.safetensors FOLDER
       opened.py DEMONSTRATION transformers MODEL_FOLDER FOLDER dev.tsv

The inputs and outputs of both go to FOLDER, for opened.mjs; a line of opened.csv is printed. GOWIDE is the command,
gowide by default.
"""
import os
import shlex
import subprocess
import sys

import torch
from safetensors.torch import load_file, save_file

EXAMPLES = 32


def torchvision_net(model):
    """torchvision's resnet18 with the widths of the file."""
    import torchvision
    from torchvision.models.resnet import BasicBlock

    state = load_file(model)
    planes, classes = state["conv1.weight"].shape[0], state["fc.weight"].shape[0]
    net = torchvision.models.resnet18(num_classes=classes)
    net.inplanes = planes
    net.conv1 = torch.nn.Conv2d(3, planes, 7, stride=2, padding=3, bias=False)
    net.bn1 = torch.nn.BatchNorm2d(planes)
    for i in range(4):
        layer = net._make_layer(BasicBlock, planes * 2**i, 2, stride=1 if i == 0 else 2)
        setattr(net, f"layer{i + 1}", layer)
    net.fc = torch.nn.Linear(planes * 8, classes)
    missing, unexpected = net.load_state_dict(state, strict=False)
    # torch's own counter of batches, which evaluation does not read
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)
    torch.manual_seed(0)
    inputs = {"input": torch.randn(EXAMPLES, 3, 32, 32)}
    return net.eval(), inputs, lambda: net(inputs["input"]), f"torchvision {torchvision.__version__.split('+')[0]}"


def transformers_net(folder, table):
    """A folder with its own tokenizer, on the first sentences of a table."""
    import transformers

    net = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with open(table, encoding="utf8") as lines:
        texts = [line.split("\t")[0] for line in list(lines)[1 : 1 + EXAMPLES]]
    encoded = tokenizer(texts, padding=True, truncation=True, max_length=32, return_tensors="pt")
    inputs = {name: value.to(torch.int32).contiguous() for name, value in encoded.items()}
    return net.eval(), inputs, lambda: net(**encoded).logits, f"transformers {transformers.__version__}"


def main(name, kind, model, folder, *rest):
    os.makedirs(folder, exist_ok=True)
    build = {"torchvision": torchvision_net, "transformers": transformers_net}[kind]
    _, inputs, forward, version = build(model, *rest)
    paths = [os.path.join(folder, part) for part in ("inputs.safetensors", "outputs.safetensors")]
    save_file(inputs, paths[0])
    command = shlex.split(os.environ.get("GOWIDE", "gowide"))
    subprocess.run([*command, "predict", "--model", model, "--input", paths[0], "--output", paths[1]], check=True)
    with torch.no_grad():
        theirs, ours = forward(), load_file(paths[1])["logits"]
    difference = ((theirs - ours).abs().max() / theirs.abs().max()).item()
    same = (theirs.argmax(1) == ours.argmax(1)).sum().item()
    torch_version = torch.__version__.split("+")[0]
    print(f"{name},{version} (torch {torch_version}),{len(ours)},{difference:.1e},{same}")


main(*sys.argv[1:])
