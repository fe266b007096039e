"""A network in PyTorch, eager: examples per second and peak memory. Argument, as JSON: {network, batch, train, seconds, ...}; ResNet-50 (channels last, as
torchvision has it) with pixels, or bert-base (Hugging Face's, without dropout) with tokens and positions."""
import json
import os
import resource
import subprocess
import sys
import time

import torch
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != 4 * planes:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


def resnet50():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for stage, count in enumerate([3, 4, 6, 3]):
        planes = 64 * 2**stage
        for block in range(count):
            layers.append(Bottleneck(inputs, planes, 2 if block == 0 and stage > 0 else 1))
            inputs = 4 * planes
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 1000))


def images(spec, device):
    """Inputs, labels, the network, its optimiser."""
    model = resnet50().to(device=device, memory_format=torch.channels_last)
    x = torch.randn(spec['batch'], 3, spec['pixels'], spec['pixels'], device=device).contiguous(memory_format=torch.channels_last)
    y = (torch.arange(spec['batch'], device=device) * 7) % 1000
    return lambda: model(x), y, model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)


def tokens(spec, device):
    """The scores of the vocabulary at the masked positions alone; in inference the encoder and its pooler."""
    from transformers import BertConfig, BertForMaskedLM, BertModel
    config = BertConfig(hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    batch, length, positions = spec['batch'], spec['tokens'], spec['positions']
    ids = torch.randint(config.vocab_size, (batch, length), device=device)
    mask = torch.ones_like(ids)
    if not spec['train']:
        encoder = BertModel(config).to(device)
        return lambda: encoder(ids, attention_mask=mask).pooler_output, None, encoder, None
    model = BertForMaskedLM(config).to(device)
    at = torch.arange(positions, device=device) * 6 + 1
    y = (torch.arange(batch * positions, device=device) * 97) % config.vocab_size
    decayed = [p for n, p in model.named_parameters() if p.dim() > 1]
    others = [p for n, p in model.named_parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{'params': decayed, 'weight_decay': 0.01}, {'params': others, 'weight_decay': 0}], lr=1e-4, eps=1e-6)
    return lambda: model.cls(model.bert(ids, attention_mask=mask).last_hidden_state[:, at]).flatten(0, 1), y, model, optimizer


def held():
    """Bytes of the GPU's memory that this process holds, as NVIDIA's driver counts them."""
    query = ['nvidia-smi', '--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits']
    for line in subprocess.run(query, capture_output=True, text=True).stdout.splitlines():
        pid, mebibytes = line.split(',')
        if int(pid) == os.getpid():
            return int(mebibytes) * 2**20
    return torch.cuda.max_memory_reserved()


def main():
    spec = json.loads(sys.argv[1])
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if device == 'cuda':
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.manual_seed(1)
    forward, y, model, optimizer = (images if spec['network'] == 'resnet50' else tokens)(spec, device)
    loss_of = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(forward(), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    def infer():
        with torch.inference_mode():
            return forward()[0, 0].item()

    model.train(spec['train'])
    run = step if spec['train'] else infer
    times, started = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - started < spec['seconds']:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    kept = sorted(times[3:])
    memory = held() if device == 'cuda' else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rate = spec['batch'] / kept[len(kept) // 2]
    print(json.dumps({'name': f'PyTorch ({device})', 'version': torch.__version__, 'perSecond': rate, 'peakMemoryBytes': memory}))


main()
