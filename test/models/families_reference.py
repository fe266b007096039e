"""Prints test/models/families_reference.json. Needs torch 2.15.0, torchvision 0.29.2, timm 1.0.31 and transformers 5.24.0:
python test/models/families_reference.py > test/models/families_reference.json

Tiny networks of each family in float64, weights and inputs by the formula of resnet_reference.py. Of each: its outputs in
evaluation mode, and of one training step the loss and each gradient's root mean square and first value.
"""
import json
import sys

import torch
import torchvision
from torch.nn.functional import cross_entropy

from resnet_reference import fill, noise


def images(count, size):
    return noise(count * 3 * size * size, 5).reshape(count, 3, size, size)


def figures(model, inputs, outputs=lambda found: found, train=False):
    """Inputs are positional; `outputs` chooses the scores [B, classes]; `train`: the gradients are those of training mode."""
    model = model.double()
    model.load_state_dict({key: value if key.endswith('num_batches_tracked') else fill(key, value.shape) for key, value in model.state_dict().items()})
    model.eval()
    with torch.no_grad():
        logits = outputs(model(*inputs))
    model.train(train)
    scores = outputs(model(*inputs))
    labels = torch.arange(scores.shape[0]) % scores.shape[-1]
    loss = cross_entropy(scores, labels)
    loss.backward()
    gradients = {name: [p.grad.square().mean().sqrt().item(), p.grad.flatten()[0].item()] for name, p in model.named_parameters() if p.grad is not None}
    return {'logits': logits.tolist(), 'loss': loss.item(), 'gradients': gradients}


def vit_timm():
    from timm.models.vision_transformer import VisionTransformer
    return figures(VisionTransformer(img_size=12, patch_size=4, embed_dim=12, depth=2, num_heads=3, mlp_ratio=2, num_classes=5), [images(3, 12)])


def vit_torchvision():
    model = torchvision.models.VisionTransformer(image_size=12, patch_size=4, num_layers=2, num_heads=3, hidden_dim=12, mlp_dim=24, num_classes=5)
    return figures(model, [images(3, 12)])


def mobilenet():
    model = torchvision.models.MobileNetV2(num_classes=5, width_mult=0.25, inverted_residual_setting=[[1, 32, 1, 1], [3, 32, 2, 2]], dropout=0)
    return figures(model, [images(3, 12)], train=True)


def resnext():
    model = torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [1, 1, 1, 1], num_classes=5, groups=4, width_per_group=2)
    model.layer3 = model.layer4 = torch.nn.Identity()  # two stages are enough
    model.fc = torch.nn.Linear(512, 5)
    return figures(model, [images(4, 17)])


def convnext_timm():
    from timm.models.convnext import ConvNeXt
    return figures(ConvNeXt(depths=(1, 1, 2, 1), dims=(4, 6, 8, 10), num_classes=5), [images(3, 37)])


def convnext_torchvision():
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt
    return figures(ConvNeXt([CNBlockConfig(4, 6, 1), CNBlockConfig(6, 8, 1), CNBlockConfig(8, 10, 2), CNBlockConfig(10, None, 1)], num_classes=5), [images(3, 37)])


def distilbert():
    from transformers import DistilBertConfig, DistilBertForSequenceClassification
    config = DistilBertConfig(vocab_size=13, max_position_embeddings=9, n_layers=2, n_heads=3, dim=12, hidden_dim=20, num_labels=5)
    ids = (noise(3 * 9, 5) + 1).mul(6).long().reshape(3, 9) + 1  # token 0 is padding, which has no gradient there
    mask = torch.ones(3, 9, dtype=torch.long)
    mask[0, 7:] = 0
    return figures(DistilBertForSequenceClassification(config), [ids, mask], lambda found: found.logits)


def rounded(value):
    if isinstance(value, float):
        return float(f'{value:.8g}')
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return {key: rounded(one) for key, one in value.items()} if isinstance(value, dict) else value


if __name__ == '__main__':
    torch.manual_seed(0)
    made = {name: rounded(make()) for name, make in list(globals().items()) if name.startswith(('vit_', 'mobilenet', 'resnext', 'distilbert', 'convnext'))}
    json.dump(made, sys.stdout, indent=None, separators=(',', ':'))
    print()
