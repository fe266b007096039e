"""Makes test/store/torch.json: files of torch.save in base64, one of them with code in it.

python3 test/store/torch_reference.py > test/store/torch.json   (torch 2.15.0)
"""
import base64, collections, io, json, os
import torch


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return base64.b64encode(file.getvalue()).decode()


class Evil:
    def __reduce__(self):
        return (os.system, ("touch gowide-evil",))


w = torch.arange(6.0).reshape(2, 3)
state = collections.OrderedDict(
    w=w,
    t=w.t(),
    half=torch.tensor([1.5, -2.0], dtype=torch.float16),
    bf=torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    n=torch.tensor(7),
    p=torch.nn.Parameter(torch.tensor([3.0])),
)
state._metadata = collections.OrderedDict([("", {"version": 1})])
optimizer = {"lr": 0.1, "betas": (0.9, None, True), "list": [1, 2]}
print(json.dumps({
    "by": "torch " + torch.__version__ + ", test/store/torch_reference.py",
    "state": saved(state),
    "check": saved({"epoch": 3, "state_dict": {"module.w": w}, "optimizer": optimizer}),
    "evil": saved({"w": w, "x": Evil()}),
    "legacy": saved({"w": w}, _use_new_zipfile_serialization=False),
    "module": saved(torch.nn.Linear(2, 1)),
}, indent=2))
