"""Prints the numbers that test/models/resnet-weights.test.ts pins. Needs torch and torchvision: python test/models/resnet_reference.py

Weights and inputs follow a formula that the test repeats, so that no file has to be carried: value k of the tensor with the name n
follows w = 2 fraction(43758.5453 sin(12.9898 k + h(n))) - 1, with h(n) the sum of the character codes modulo 97.
"""
import torch
import torchvision


def noise(count, h):
    scaled = 43758.5453 * torch.sin(12.9898 * torch.arange(count, dtype=torch.float64) + h)
    return 2 * (scaled - torch.floor(scaled)) - 1


def fill(name, shape):
    count = 1
    for size in shape:
        count *= size
    h = sum(ord(c) for c in name) % 97
    wave = noise(count, h)
    if name.endswith('running_var'):
        values = 1 + 0.5 * wave
    elif name.endswith('running_mean') or name.endswith('bias'):
        values = 0.1 * wave
    elif len(shape) == 1:
        values = 0.6 + 0.3 * wave
    else:
        fan = count / shape[0]
        values = wave * (3 / fan) ** 0.5
    return values.reshape(shape)


def main():
    for name in ['resnet18', 'resnet50', 'wide_resnet50_2']:
        model = getattr(torchvision.models, name)(weights=None).double()
        state = {key: value if key.endswith('num_batches_tracked') else fill(key, value.shape) for key, value in model.state_dict().items()}
        x = noise(4 * 3 * 64 * 64, 5).reshape(4, 3, 64, 64)
        for mode in ['eval', 'train']:
            model.load_state_dict(state)
            model.train(mode == 'train')
            taps = []
            hooks = [getattr(model, f'layer{s}').register_forward_hook(lambda _m, _i, o: taps.append(o)) for s in range(1, 5)]
            with torch.no_grad():
                logits = model(x)
            for hook in hooks:
                hook.remove()
            norms = ', '.join(f'{t.square().mean().sqrt().item():.6f}' for t in taps)
            print(f"  ['{name}', '{mode}', [{norms}], [{', '.join(f'{v:.6f}' for v in logits[1, :4].tolist())}], {logits.square().mean().sqrt().item():.6f}],")


if __name__ == '__main__':
    main()
