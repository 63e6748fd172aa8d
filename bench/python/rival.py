"""The other side of the benchmarks: Python's torch, driven over stdin, one command a line, one answer a line.

Only torch is needed. The vision transformer is written as timm's is without its fused attention:
one product for q, k and v, plain softmax attention, layer norms before attention and MLP.
"""
import json
import os
import struct
import sys
import time

import torch
import torch.nn.functional as F

from unet import Unet

clock = time.perf_counter
FRAMES, TUBELET, ACTIONS = 16, 2, 400  # of the video transformer; width, layers and patches are the picture model's
WIDTH, LAYERS, HEADS, HIDDEN, PATCH, SIZE, CLASSES, EPS = 768, 12, 12, 3072, 16, 224, 1000, 1e-12


def hugging_face_names():
    """Name and shape of each tensor of a ViT-B/16 classifier in Hugging Face's layout."""
    tokens = (SIZE // PATCH) ** 2 + 1
    yield "vit.embeddings.cls_token", (1, 1, WIDTH)
    yield "vit.embeddings.position_embeddings", (1, tokens, WIDTH)
    yield "vit.embeddings.patch_embeddings.projection.weight", (WIDTH, 3, PATCH, PATCH)
    yield "vit.embeddings.patch_embeddings.projection.bias", (WIDTH,)
    for i in range(LAYERS):
        at = f"vit.encoder.layer.{i}."
        for name in ("attention.attention.query", "attention.attention.key", "attention.attention.value", "attention.output.dense"):
            yield at + name + ".weight", (WIDTH, WIDTH)
            yield at + name + ".bias", (WIDTH,)
        yield at + "intermediate.dense.weight", (HIDDEN, WIDTH)
        yield at + "intermediate.dense.bias", (HIDDEN,)
        yield at + "output.dense.weight", (WIDTH, HIDDEN)
        yield at + "output.dense.bias", (WIDTH,)
        for name in ("layernorm_before", "layernorm_after"):
            yield at + name + ".weight", (WIDTH,)
            yield at + name + ".bias", (WIDTH,)
    yield "vit.layernorm.weight", (WIDTH,)
    yield "vit.layernorm.bias", (WIDTH,)
    yield "classifier.weight", (CLASSES, WIDTH)
    yield "classifier.bias", (CLASSES,)


def video_names():
    """Name and shape of each tensor of a VideoMAE-B classifier in Hugging Face's layout: no bias of keys, no position table."""
    yield "videomae.embeddings.patch_embeddings.projection.weight", (WIDTH, 3, TUBELET, PATCH, PATCH)
    yield "videomae.embeddings.patch_embeddings.projection.bias", (WIDTH,)
    for i in range(LAYERS):
        at = f"videomae.encoder.layer.{i}."
        for name in ("query", "key", "value"):
            yield at + f"attention.attention.{name}.weight", (WIDTH, WIDTH)
        for name in ("q_bias", "v_bias"):
            yield at + f"attention.attention.{name}", (WIDTH,)
        yield at + "attention.output.dense.weight", (WIDTH, WIDTH)
        yield at + "attention.output.dense.bias", (WIDTH,)
        yield at + "intermediate.dense.weight", (HIDDEN, WIDTH)
        yield at + "intermediate.dense.bias", (HIDDEN,)
        yield at + "output.dense.weight", (WIDTH, HIDDEN)
        yield at + "output.dense.bias", (WIDTH,)
        for name in ("layernorm_before", "layernorm_after"):
            yield at + name + ".weight", (WIDTH,)
            yield at + name + ".bias", (WIDTH,)
    yield "fc_norm.weight", (WIDTH,)
    yield "fc_norm.bias", (WIDTH,)
    yield "classifier.weight", (ACTIONS, WIDTH)
    yield "classifier.bias", (ACTIONS,)


def write_weights(folder, names):
    """Random weights from a fixed seed as model.safetensors."""
    os.makedirs(folder, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    header, blobs, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, shape in names:
        value = torch.randn(shape, generator=generator) * 0.02
        if "norm" in name and name.endswith("weight"):
            value += 1
        blob = value.numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for blob in blobs:
            f.write(blob)
        f.flush()
        os.fsync(f.fileno())
    return at


def write_video_checkpoint(folder):
    """A VideoMAE-B with random weights, as config.json and model.safetensors (346 MB)."""
    written = write_weights(folder, video_names())
    config = {
        "architectures": ["VideoMAEForVideoClassification"], "model_type": "videomae", "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "intermediate_size": HIDDEN, "hidden_act": "gelu", "layer_norm_eps": EPS, "image_size": SIZE,
        "patch_size": PATCH, "num_channels": 3, "num_frames": FRAMES, "tubelet_size": TUBELET, "qkv_bias": True, "use_mean_pooling": True,
        "id2label": {str(i): f"action {i}" for i in range(ACTIONS)},
    }
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
    return written


def write_checkpoint(folder):
    """A ViT-B/16 with random weights, as config.json and model.safetensors (346 MB)."""
    at = write_weights(folder, hugging_face_names())
    config = {
        "architectures": ["ViTForImageClassification"], "model_type": "vit", "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "intermediate_size": HIDDEN, "hidden_act": "gelu", "layer_norm_eps": EPS, "image_size": SIZE,
        "patch_size": PATCH, "num_channels": 3, "qkv_bias": True, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
        "id2label": {str(i): f"class {i}" for i in range(CLASSES)}, "label2id": {f"class {i}": i for i in range(CLASSES)},
        "torch_dtype": "float32",
    }
    preprocessor = {
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        "image_processor_type": "ViTImageProcessor", "resample": 2, "rescale_factor": 1 / 255, "size": {"height": SIZE, "width": SIZE},
    }
    for name, content in (("config.json", config), ("preprocessor_config.json", preprocessor)):
        with open(os.path.join(folder, name), "w") as f:
            json.dump(content, f)
    return at


def read_checkpoint(folder, name="model.safetensors"):
    with open(os.path.join(folder, name), "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = bytearray(f.read())
    whole = torch.frombuffer(data, dtype=torch.float32)
    weights = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            weights[name] = whole[begin // 4 : end // 4].view(entry["shape"]).clone()
    return weights


class VisionTransformer:
    def __init__(self, weights):
        self.embeddings = [weights["vit.embeddings." + name] for name in (
            "patch_embeddings.projection.weight", "patch_embeddings.projection.bias", "cls_token", "position_embeddings")]
        self.blocks = [self.block(weights, f"vit.encoder.layer.{i}.") for i in range(LAYERS)]
        self.end = [weights[name] for name in ("vit.layernorm.weight", "vit.layernorm.bias", "classifier.weight", "classifier.bias")]

    @staticmethod
    def block(weights, at):
        parts = [at + "attention.attention." + name for name in ("query", "key", "value")]
        names = ("layernorm_before", None, "attention.output.dense", "layernorm_after", "intermediate.dense", "output.dense")
        block = []
        for name in names:
            if name is None:
                block += [torch.cat([weights[p + ".weight"] for p in parts]), torch.cat([weights[p + ".bias"] for p in parts])]
            else:
                block += [weights[at + name + ".weight"], weights[at + name + ".bias"]]
        return block

    def attention(self, x, qkv_weight, qkv_bias, weight, bias):
        batch, tokens, width = x.shape
        qkv = F.linear(x, qkv_weight, qkv_bias).reshape(batch, tokens, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        pattern = ((q * (width // HEADS) ** -0.5) @ k.transpose(-2, -1)).softmax(dim=-1)
        return F.linear((pattern @ v).transpose(1, 2).reshape(batch, tokens, width), weight, bias)

    def __call__(self, pixels):
        weight, bias, cls_token, positions = self.embeddings
        x = F.conv2d(pixels, weight, bias, stride=PATCH).flatten(2).transpose(1, 2)
        x = torch.cat((cls_token.expand(x.shape[0], -1, -1), x), dim=1) + positions
        x = self.through_blocks(x)
        x = F.layer_norm(x, (WIDTH,), self.end[0], self.end[1], EPS)
        return F.linear(x[:, 0], self.end[2], self.end[3])

    def through_blocks(self, x):
        for n1w, n1b, qkvw, qkvb, ow, ob, n2w, n2b, w1, b1, w2, b2 in self.blocks:
            x = x + self.attention(F.layer_norm(x, (WIDTH,), n1w, n1b, EPS), qkvw, qkvb, ow, ob)
            x = x + F.linear(F.gelu(F.linear(F.layer_norm(x, (WIDTH,), n2w, n2b, EPS), w1, b1)), w2, b2)
        return x


class VideoTransformer(VisionTransformer):
    """VideoMAE as its reference computes it: strided 3d convolution, fixed sinusoid positions, mean of all tokens, norm, classifier."""

    def __init__(self, weights):
        tokens = (FRAMES // TUBELET) * (SIZE // PATCH) ** 2
        angles = torch.arange(tokens, dtype=torch.float64)[:, None] / 10000 ** (2 * (torch.arange(WIDTH) // 2) / WIDTH).double()
        positions = torch.where(torch.arange(WIDTH) % 2 == 0, angles.sin(), angles.cos()).float()[None]
        self.embeddings = [weights["videomae.embeddings.patch_embeddings.projection." + name] for name in ("weight", "bias")] + [positions]
        for i in range(LAYERS):
            at = f"videomae.encoder.layer.{i}.attention.attention."
            for part, bias in (("query", "q_bias"), ("key", None), ("value", "v_bias")):
                weights[at + part + ".bias"] = weights[at + bias] if bias else torch.zeros(WIDTH)
        self.blocks = [self.block(weights, f"videomae.encoder.layer.{i}.") for i in range(LAYERS)]
        self.end = [weights[name] for name in ("fc_norm.weight", "fc_norm.bias", "classifier.weight", "classifier.bias")]

    def __call__(self, clips):
        weight, bias, positions = self.embeddings
        x = F.conv3d(clips.transpose(1, 2), weight, bias, stride=(TUBELET, PATCH, PATCH)).flatten(2).transpose(1, 2) + positions
        x = self.through_blocks(x).mean(1)
        return F.linear(F.layer_norm(x, (WIDTH,), self.end[0], self.end[1], 1e-5), self.end[2], self.end[3])


class LanguageModel:
    """GPT-2 written as Hugging Face's is with eager attention, on the matrices [outputs, inputs] of our checkpoint."""

    def __init__(self, weights):
        self.tokens, self.positions = weights["token_embed"], weights["pos_embed"]
        names = ("ln1", "attn.qkv", "attn.out", "ln2", "mlp.in", "mlp.out")
        self.blocks = [[weights[f"blocks.{i}.{name}.{kind}"] for name in names for kind in ("weight", "bias")] for i in range(LAYERS)]
        self.end = weights["ln_final.weight"], weights["ln_final.bias"]

    @staticmethod
    def attention(x, qkv_weight, qkv_bias, weight, bias):
        batch, tokens, width = x.shape
        q, k, v = (part.view(batch, tokens, HEADS, width // HEADS).transpose(1, 2) for part in F.linear(x, qkv_weight, qkv_bias).split(width, dim=2))
        scores = q @ k.transpose(-1, -2) / (width // HEADS) ** 0.5
        visible = torch.ones(tokens, tokens, dtype=torch.bool).tril()
        scores = torch.where(visible, scores, torch.finfo(scores.dtype).min)
        return F.linear((scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(batch, tokens, width), weight, bias)

    def __call__(self, ids):
        x = self.tokens[ids] + self.positions[: ids.shape[1]]
        for n1w, n1b, qkvw, qkvb, ow, ob, n2w, n2b, w1, b1, w2, b2 in self.blocks:
            x = x + self.attention(F.layer_norm(x, (WIDTH,), n1w, n1b, 1e-5), qkvw, qkvb, ow, ob)
            x = x + F.linear(F.gelu(F.linear(F.layer_norm(x, (WIDTH,), n2w, n2b, 1e-5), w1, b1), approximate="tanh"), w2, b2)
        return F.linear(F.layer_norm(x, (WIDTH,), *self.end, 1e-5), self.tokens)


def time_calls(count):
    a, b = torch.ones(4), torch.ones(4)
    add = torch.add
    start = clock()
    for _ in range(count):
        add(a, b)
    return clock() - start


def time_product(n):
    a, b = torch.ones(n, n), torch.ones(n, n)
    out = torch.empty(n, n)
    torch.mm(a, b, out=out)
    start = clock()
    torch.mm(a, b, out=out)
    return clock() - start


def forget(path):
    """Drops a file's pages from the page cache; nobody may have them mapped."""
    with open(path, "rb") as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return "forgotten"


def count_cpu():
    """Counts this process's CPU seconds instead of the clock's from now on."""
    global clock
    clock = time.process_time
    return "counting"


class Session:
    model = None
    pixels = None
    text_model = None
    ids = None

    def load(self, folder):
        self.model = VisionTransformer(read_checkpoint(folder))
        return "loaded"

    def load_video(self, folder):
        self.model = VideoTransformer(read_checkpoint(folder))
        return "loaded"

    def input(self, path):
        with open(path, "rb") as f:
            self.pixels = torch.frombuffer(bytearray(f.read()), dtype=torch.float32).view(-1, 3, SIZE, SIZE)
        return "read"

    def input_video(self, path):
        self.input(path)
        self.pixels = self.pixels.view(-1, FRAMES, 3, SIZE, SIZE)
        return "read"

    def forward(self):
        start = clock()
        self.model(self.pixels)
        return clock() - start

    def logits(self):
        return self.model(self.pixels).flatten().tolist()

    def load_unet(self, folder):
        self.unet = Unet(folder, read_checkpoint(folder, "diffusion_pytorch_model.safetensors"))
        self.unet_inputs = read_checkpoint(folder, "inputs.safetensors")
        return "loaded"

    def unet_forward(self):
        start = clock()
        self.unet(**self.unet_inputs)
        return clock() - start

    def unet_output(self):
        return self.unet(**self.unet_inputs).flatten().tolist()

    def text_load(self, folder):
        self.text_model = LanguageModel(read_checkpoint(folder))
        return "loaded"

    def text_input(self, ids):
        self.ids = torch.tensor([[int(i) for i in ids.split()]])
        return "read"

    def text_forward(self):
        start = clock()
        self.text_model(self.ids)
        return clock() - start

    def text_logits(self):
        return self.text_model(self.ids)[0, -1].tolist()


def main():
    session = Session()
    commands = {
        "cpu": count_cpu,
        "version": lambda: torch.__version__,
        "threads": lambda n: torch.set_num_threads(int(n)) or torch.get_num_threads(),
        "calls": lambda n: time_calls(int(n)),
        "product": lambda n: time_product(int(n)),
        "checkpoint": write_checkpoint,
        "video-checkpoint": write_video_checkpoint,
        "forget": forget,
        "load": session.load,
        "video-load": session.load_video,
        "input": session.input,
        "video-input": session.input_video,
        "forward": session.forward,
        "logits": session.logits,
        "unet": session.load_unet,
        "unet-forward": session.unet_forward,
        "unet-output": session.unet_output,
        "text-load": session.text_load,
        "text-input": session.text_input,
        "text-forward": session.text_forward,
        "text-logits": session.text_logits,
    }
    with torch.no_grad():
        for line in sys.stdin:
            name, *arguments = line.rstrip("\n").split("\t")
            print(json.dumps(commands[name](*arguments)), flush=True)


if __name__ == "__main__":
    main()
