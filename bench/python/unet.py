"""A conditional U-net as diffusers' UNet2DConditionModel computes it, in plain torch over a dictionary of its weights.

Classic attention, no fused kernels; only what Stable Diffusion XL's configuration uses.
"""
import json
import math
import os

import torch
import torch.nn.functional as F


def waves(numbers, width):
    half = width // 2
    angles = numbers.float()[:, None] * torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)[None]
    return torch.cat([angles.cos(), angles.sin()], -1)


class Unet:
    def __init__(self, folder, weights):
        self.w = weights
        with open(os.path.join(folder, "config.json")) as f:
            self.c = json.load(f)

    def linear(self, at, x):
        return F.linear(x, self.w[at + ".weight"], self.w.get(at + ".bias"))

    def conv(self, at, x, stride=1):
        weight = self.w[at + ".weight"]
        return F.conv2d(x, weight, self.w[at + ".bias"], stride=stride, padding=weight.shape[-1] // 2)

    def group_norm(self, at, x, eps):
        return F.group_norm(x, self.c["norm_num_groups"], self.w[at + ".weight"], self.w[at + ".bias"], eps)

    def layer_norm(self, at, x):
        return F.layer_norm(x, (x.shape[-1],), self.w[at + ".weight"], self.w[at + ".bias"], 1e-5)

    def mlp(self, at, x):
        return self.linear(at + ".linear_2", F.silu(self.linear(at + ".linear_1", x)))

    def resnet(self, at, x, time):
        h = self.conv(at + ".conv1", F.silu(self.group_norm(at + ".norm1", x, 1e-5)))
        h = h + self.linear(at + ".time_emb_proj", time)[:, :, None, None]
        h = self.conv(at + ".conv2", F.silu(self.group_norm(at + ".norm2", h, 1e-5)))
        return (self.conv(at + ".conv_shortcut", x) if at + ".conv_shortcut.weight" in self.w else x) + h

    def attention(self, at, x, context, heads):
        batch, tokens, _ = x.shape

        def split(t):
            return t.view(batch, t.shape[1], heads, -1).transpose(1, 2).reshape(batch * heads, t.shape[1], -1)

        q, k, v = split(self.linear(at + ".to_q", x)), split(self.linear(at + ".to_k", context)), split(self.linear(at + ".to_v", context))
        scores = torch.baddbmm(torch.empty(q.shape[0], tokens, k.shape[1]), q, k.transpose(1, 2), beta=0, alpha=q.shape[-1] ** -0.5)
        mixed = torch.bmm(scores.softmax(-1), v)
        return self.linear(at + ".to_out.0", mixed.view(batch, heads, tokens, -1).transpose(1, 2).reshape(batch, tokens, -1))

    def transformer(self, at, x, text, heads, layers):
        batch, channels, height, width = x.shape
        h = self.linear(at + ".proj_in", self.group_norm(at + ".norm", x, 1e-6).flatten(2).transpose(1, 2))
        for i in range(layers):
            block = f"{at}.transformer_blocks.{i}"
            read = self.layer_norm(block + ".norm1", h)
            h = h + self.attention(block + ".attn1", read, read, heads)
            h = h + self.attention(block + ".attn2", self.layer_norm(block + ".norm2", h), text, heads)
            value, gate = self.linear(block + ".ff.net.0.proj", self.layer_norm(block + ".norm3", h)).chunk(2, -1)
            h = h + self.linear(block + ".ff.net.2", value * F.gelu(gate))
        return self.linear(at + ".proj_out", h).transpose(1, 2).reshape(batch, channels, height, width) + x

    def __call__(self, sample, timestep, encoder_hidden_states, text_embeds, time_ids):
        c, text = self.c, encoder_hidden_states
        levels = len(c["block_out_channels"])
        heads, layers = c["attention_head_dim"], c["transformer_layers_per_block"]
        time = self.mlp("time_embedding", waves(timestep.expand(sample.shape[0]), c["block_out_channels"][0]))
        sizes = waves(time_ids.flatten(), c["addition_time_embed_dim"]).reshape(sample.shape[0], -1)
        time = F.silu(time + self.mlp("add_embedding", torch.cat([text_embeds, sizes], -1)))
        x = self.conv("conv_in", sample)
        skips = [x]
        for i, kind in enumerate(c["down_block_types"]):
            for j in range(c["layers_per_block"]):
                x = self.resnet(f"down_blocks.{i}.resnets.{j}", x, time)
                if "CrossAttn" in kind:
                    x = self.transformer(f"down_blocks.{i}.attentions.{j}", x, text, heads[i], layers[i])
                skips.append(x)
            if i < levels - 1:
                x = self.conv(f"down_blocks.{i}.downsamplers.0.conv", x, stride=2)
                skips.append(x)
        x = self.resnet("mid_block.resnets.0", x, time)
        x = self.transformer("mid_block.attentions.0", x, text, heads[-1], layers[-1])
        x = self.resnet("mid_block.resnets.1", x, time)
        for i, kind in enumerate(c["up_block_types"]):
            level = levels - 1 - i
            for j in range(c["layers_per_block"] + 1):
                x = self.resnet(f"up_blocks.{i}.resnets.{j}", torch.cat([x, skips.pop()], 1), time)
                if "CrossAttn" in kind:
                    x = self.transformer(f"up_blocks.{i}.attentions.{j}", x, text, heads[level], layers[level])
            if i < levels - 1:
                x = self.conv(f"up_blocks.{i}.upsamplers.0.conv", F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return self.conv("conv_out", F.silu(self.group_norm("conv_norm_out", x, 1e-5)))
