"""Writes test/data/avif.json, which pictures.test.ts reads: python test/data/avif_reference.py

Needs NumPy and Pillow with libavif (made by Pillow 13.0.0 with libavif 1.4.2). Pictures of 16 x 16 pixels in AVIF, and
what `Image.open(...).convert('RGB')` has of them, by the sampling of their colors.
"""
import base64
import io
import json
import os

import numpy as np
from PIL import Image

y, x = np.mgrid[:16, :16]
waves = [127 + 80 * np.sin(x / 2) * np.cos(y / 3), 127 + 90 * np.sin((x + y) / 2.5), 127 + 70 * np.cos(x / 4)]
pixels = np.stack(waves, -1).astype(np.uint8)
made = {}
for subsampling in ('4:4:4', '4:2:0'):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'AVIF', quality=95, subsampling=subsampling, range='full')
    decoded = Image.open(io.BytesIO(file.getvalue())).convert('RGB').tobytes()
    made[subsampling] = {name: base64.b64encode(value).decode() for name, value in (('file', file.getvalue()), ('pixels', decoded))}
with open(os.path.join(os.path.dirname(__file__), 'avif.json'), 'w') as out:
    out.write(json.dumps(made, indent=2) + '\n')
