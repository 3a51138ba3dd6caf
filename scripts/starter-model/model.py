"""A llama-architecture decoder as llama.cpp computes it: RMSNorm, rotary positions on adjacent pairs, SwiGLU, no biases.

Joined matrices (q, k, v and gate, up) and norms without weights make it faster to train; export splits and fills them.
"""
import math
import torch
import torch.nn as nn

CONFIG = dict(dim=128, layers=5, heads=4, hidden=352, rope=10000.0, eps=1e-5, context=1024)


class RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        r = torch.rsqrt(torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(CONFIG['eps']))
        y = x * r
        ctx.save_for_backward(y, r)
        return y

    @staticmethod
    def backward(ctx, g):
        y, r = ctx.saved_tensors
        return (g - y * (g * y).mean(-1, keepdim=True)).mul_(r)


class SwiGlu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, both):
        gate, up = both.chunk(2, -1)
        s = torch.sigmoid(gate)
        ctx.save_for_backward(both, s)
        return gate * s * up

    @staticmethod
    def backward(ctx, g):
        both, s = ctx.saved_tensors
        gate, up = both.chunk(2, -1)
        silu = gate * s
        return torch.cat((g * up * (s + silu * (1 - s)), g * silu), -1)


norm, swiglu = RmsNorm.apply, SwiGlu.apply


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        d, h = CONFIG['dim'], CONFIG['hidden']
        self.qkv, self.attn_output = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.gate_up, self.ffn_down = nn.Linear(d, 2 * h, bias=False), nn.Linear(h, d, bias=False)

    def forward(self, x, turn, mask):
        b, t, d = x.shape
        n = CONFIG['heads']
        qkv = self.qkv(norm(x)).view(b, t, 3, n, d // n)
        qk = torch.view_as_real(torch.view_as_complex(qkv[:, :, :2].reshape(b, t, 2 * n, -1, 2)) * turn).flatten(-2)
        q, k = qk.transpose(1, 2).reshape(b, 2, n, t, d // n).unbind(1)
        q, k, v = (z.reshape(b * n, t, d // n) for z in (q, k, qkv[:, :, 2].transpose(1, 2)))
        scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(d // n)).softmax(-1)
        x = x + self.attn_output((scores @ v).view(b, n, t, d // n).transpose(1, 2).reshape(b, t, d))
        return x + self.ffn_down(swiglu(self.gate_up(norm(x))))


class Model(nn.Module):
    def __init__(self, vocabulary: int):
        super().__init__()
        d = CONFIG['dim']
        self.token_embd = nn.Embedding(vocabulary, d)  # also the output matrix
        self.blk = nn.ModuleList(Block() for _ in range(CONFIG['layers']))
        half = torch.arange(0, d // CONFIG['heads'], 2).float() / (d // CONFIG['heads'])
        angles = torch.outer(torch.arange(CONFIG['context']).float(), CONFIG['rope'] ** -half)
        self.register_buffer('turn', torch.polar(torch.ones_like(angles), angles)[:, None], persistent=False)
        nn.init.normal_(self.token_embd.weight, std=0.04)
        for block in self.blk:
            for m in (block.qkv, block.gate_up):
                nn.init.normal_(m.weight, std=0.04)
            for m in (block.attn_output, block.ffn_down):
                nn.init.normal_(m.weight, std=0.04 / math.sqrt(2 * CONFIG['layers']))

    def forward(self, ids, mask):
        """`ids` [batch, time]; `mask` [batch · heads, time, time], 0 where visible, very negative elsewhere. Returns hidden states."""
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, self.turn[:ids.shape[1]], mask)
        return norm(x)

    def tensors(self) -> list:
        """(name in llama.cpp, array) of every tensor that a GGUF file of this architecture holds."""
        ones = torch.ones(CONFIG['dim'])
        out = [('token_embd.weight', self.token_embd.weight), ('output_norm.weight', ones)]
        for i, block in enumerate(self.blk):
            q, k, v = block.qkv.weight.chunk(3)
            gate, up = block.gate_up.weight.chunk(2)
            parts = dict(attn_norm=ones, ffn_norm=ones, attn_q=q, attn_k=k, attn_v=v, attn_output=block.attn_output.weight,
                         ffn_gate=gate, ffn_up=up, ffn_down=block.ffn_down.weight)
            out += [(f'blk.{i}.{name}.weight', value) for name, value in parts.items()]
        return [(name, value.detach().contiguous().numpy()) for name, value in out]
