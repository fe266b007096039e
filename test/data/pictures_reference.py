"""Writes pictures.json: small pictures of many kinds, and their pixels by Pillow's convert('RGB').

    pip install pillow==13.0.0 && python3 pictures_reference.py > pictures.json
"""

import base64
import io
import json
import struct

from PIL import Image

SIDE = 8
text = lambda data: base64.b64encode(data).decode()
colors = bytes((x * 31 + y * 17 + c * 83) % 256 for y in range(SIDE) for x in range(SIDE) for c in range(3))
color = Image.frombytes("RGB", (SIDE, SIDE), colors)
gray = color.convert("L")
palette = color.quantize(16)
wide = b"".join(struct.pack("<H", value) for value in range(0, 64 * 97, 97))


def saved(picture, kind, **options):
    to = io.BytesIO()
    picture.save(to, kind, **options)
    return to.getvalue()


def gif(left, top, width, height, transparent=None):
    """A picture on a part of a screen of 8 x 8, of four colors, with a clear code before every second pixel."""
    control = b"" if transparent is None else b"\x21\xf9\x04" + bytes([1, 0, 0, transparent, 0])
    codes = [code for i in range(width * height) for code in ([4] if i % 2 == 0 else []) + [(i * 7) % 4]] + [5]
    bits = sum(code << 3 * i for i, code in enumerate(codes)).to_bytes((3 * len(codes) + 7) // 8, "little")
    screen = b"GIF89a" + struct.pack("<HHBBB", SIDE, SIDE, 0x81, 1, 0) + bytes(range(10, 130, 10))
    return screen + control + b"," + struct.pack("<HHHHB", left, top, width, height, 0) + bytes([2, len(bits)]) + bits + b"\0;"


def bmp(bits, compression, rows, masks=(), used=0):
    entries = bytes(value % 256 for value in range(7, 7 + 13 * 4 * used, 13))
    rest = struct.pack("<%dI" % len(masks), *masks) + entries
    header = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, bits, compression, len(rows), 0, 0, used, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rest) + len(rows), 0, 0, 54 + len(rest)) + header + rest + rows


def runs(bits):
    """Rows of a run, of pixels one by one, and of another run."""
    middle = bytes([1, 2, 3, 0]) if bits == 8 else bytes([0x12, 0x30])
    row = lambda y: bytes([3, 17 * y]) + bytes([0, 3]) + middle + bytes([2, 0x77 if bits == 4 else 7]) + b"\0\0"
    return b"".join(row(y % 15) for y in range(SIDE)) + b"\0\1"


def portable(head, body):
    return head.encode() + body


def inks(values):
    """An uncompressed TIFF of four inks, 16 bits each."""
    tags = [(256, 3, 1, SIDE), (257, 3, 1, SIDE), (258, 3, 4, 134), (259, 3, 1, 1), (262, 3, 1, 5), (273, 4, 1, 142),
            (277, 3, 1, 4), (278, 3, 1, SIDE), (279, 4, 1, len(values)), (284, 3, 1, 1)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    return head + struct.pack("<4H", 16, 16, 16, 16) + values


words = b"".join(struct.pack("<H", (i * 1021) % 65536) for i in range(SIDE * SIDE))
PICTURES = {
    "animated.gif": saved(palette, "GIF", save_all=True, append_images=[palette.rotate(90)], transparency=3),
    "bits.png": saved(gray.convert("1"), "PNG"),
    "five-six-five.bmp": bmp(16, 3, words, (0xF800, 0x7E0, 0x1F)),
    "five-five-five.bmp": bmp(16, 0, words),
    "gray-alpha.png": saved(Image.merge("LA", [gray, gray.rotate(90)]), "PNG"),
    "inks-of-16.tiff": inks(b"".join(struct.pack("<H", (i * 8191) % 65536) for i in range(4 * SIDE * SIDE))),
    "interlaced.gif": saved(palette, "GIF", interlace=1),
    "luminance.tiff": saved(color.convert("YCbCr"), "TIFF"),
    "orientation.jpg": saved(color, "JPEG", quality=100, subsampling=0, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
    "palette-transparent.png": saved(palette, "PNG", transparency=bytes([0, 128, 255])),
    "part.gif": gif(1, 2, 5, 4),
    "part-transparent.gif": gif(1, 2, 5, 4, transparent=2),
    "p1.ppm": portable("P1\n8 8\n", b"01100110" * 8),
    "p2.pgm": portable("P2\n8 8 100\n", b" ".join(b"%d" % (i % 101) for i in range(64))),
    "p4.ppm": portable("P4 8 8\n", bytes(range(1, 240, 30))),
    "p5-wide.pgm": portable("P5 8 8 1000\n", b"".join(struct.pack(">H", i % 9) for i in range(64))),
    "runs-of-4.bmp": bmp(4, 2, runs(4), used=16),
    "runs-of-8.bmp": bmp(8, 1, runs(8), used=256),
    "screen-transparent.gif": gif(0, 0, 8, 8, transparent=0),
    "transparent-color.png": saved(color, "PNG", transparency=color.getpixel((0, 0))),
    **{f"turned-{o}.tiff": saved(color, "TIFF", tiffinfo={274: o}) for o in (2, 3, 5, 6, 8)},
    "wide-gray.png": saved(Image.frombytes("I;16", (SIDE, SIDE), wide), "PNG"),
    "wide-gray.tiff": saved(Image.frombytes("I;16", (SIDE, SIDE), wide), "TIFF"),
    "wide-gray-transparent.png": saved(Image.frombytes("I;16", (SIDE, SIDE), wide), "PNG", transparency=97),
}

made = {}
for name, data in sorted(PICTURES.items()):
    with Image.open(io.BytesIO(data)) as picture:
        made[name] = {"file": text(data), "pixels": text(picture.convert("RGB").tobytes())}
print(json.dumps(made, indent=2))
