"""Trains the starter model and writes it as GGUF. Everything random hangs on SEED. See README.md beside this file."""
import argparse
import hashlib
import json
import math
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
import torch
import torch.nn.functional as F
import gguf
from dialogues import ASK, Dialogues, MEET, RECALL, TELL, UNKNOWN
from model import CONFIG, Model
from tokenizer import Tokenizer, pieces, trainMerges
from variations import HERE, normalise

SEED = 20261123
VERSION = '1.0'
VOCABULARY = 2048
RATE = 0.0025
TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def readHeldOut() -> tuple:
    """(normalised questions, lower-case names) of heldout.txt and development.txt, which never may be trained on."""
    questions, names = set(), set()
    for file in ('heldout.txt', 'development.txt'):
        for line in (HERE / file).read_text(encoding='utf-8').splitlines():
            if line.startswith('names:'):
                names |= {n.strip().lower() for n in line[6:].split(',')}
            elif line and not line.startswith('#'):
                kind, text = line.split(': ', 1)
                parts = text.split(' || ')[-1].split(' => ') if kind == 'chat' else text.split(' | ')
                # A + marks a turn whose wording is common; what is new there is the conversation or the name.
                questions |= {normalise(p.split(' @')[0]) for p in parts if not p.startswith('+')}
    return questions, names


def buildTokenizer(rng: random.Random) -> Tokenizer:
    """BPE over answers and sampled questions; no names, so that names are always spelled in pieces."""
    source = Dialogues(rng, *readHeldOut())
    words = Counter()
    for intent in source.intents:
        for _ in range(25):
            words.update(pieces(source.answer(intent)))
        for _ in range(120):
            words.update(pieces(source.questions.draw(intent)))
    for _ in range(3000):
        words.update(pieces(source.questions.draw('outside')))
    for text in [*TELL, *ASK, MEET, RECALL, UNKNOWN, 'user\n', 'assistant\n', 'system\n'] * 20:
        words.update(pieces(text.replace('N', '')))
    words = Counter({w: n for w, n in words.items() if n > 2})
    return Tokenizer(trainMerges(words, VOCABULARY - 256 - 3))


class Samples:
    """Endless packed rows of token ids with loss weights and conversation numbers."""

    def __init__(self, tokenizer: Tokenizer, rng: random.Random):
        self.t, self.rng = tokenizer, rng
        self.heldOut, names = readHeldOut()
        self.dialogues = Dialogues(rng, self.heldOut, names)
        self.start, self.end = tokenizer.special['<|im_start|>'], tokenizer.special['<|im_end|>']
        self.newline = tokenizer.encode('\n')
        self.turns = 0
        self.cutting, self.copying, self.single = 0.5, 0.0, False

    def message(self, role: str, ids: list, weight: float, cut: bool = False, last: bool = False) -> tuple:
        head = [self.start] + self.t.encode(role + '\n')
        tail = [] if cut and last else [self.end] + self.newline
        ends = 0.0 if cut else weight
        weights = [0.0] * len(head) + [weight] * len(ids) + ([ends, 0.0] if tail else [])
        return head + ids + tail, weights

    def conversation(self, longest: int) -> tuple:
        rng = self.rng
        system, turns = self.dialogues.conversation(longest, self.single)
        # Some programs put the beginning-of-text token first and some don't: both must work.
        ids = [self.t.special['<|endoftext|>']] if rng.random() < 0.5 else []
        weights = [0.0] * len(ids)
        parts = [self.message('system', self.t.encode(system), 0.0)] if system else []
        for i, (user, answer) in enumerate(turns):
            assert normalise(user) not in self.heldOut, f'held-out question in the training data: {user}'
            self.turns += 1
            noisy = rng.random() < 0.12
            asked = self.t.encode(user, 0.12, rng) if noisy else self.t.encode(user)
            parts.append(self.message('user', asked, 0.0 if noisy else 0.05))
            said = self.t.encode(answer)
            # Often only the beginning of an answer is trained: it holds the decision, and stopped answers occur in real life.
            cut = len(said) > 16 and rng.random() < self.cutting
            parts.append(self.message('assistant', said[:rng.randint(4, 14)] if cut else said, 1.0, cut, i == len(turns) - 1))
        for a, b in parts:
            ids += a
            weights += b
        return ids, weights

    def batch(self, rows: int, length: int, longest: int) -> tuple:
        """Input ids, target ids, loss weights and attention mask of `rows` × `length`."""
        ids = np.zeros((rows, length + 1), np.int64)
        weights = np.zeros((rows, length + 1), np.float32)
        owner = np.full((rows, length + 1), -1, np.int64)
        rng = self.rng
        for row in range(rows):
            at, number = 0, 0
            if rng.random() < self.copying:
                # Segments of random tokens in random order, each several times: practice in copying, which names need later.
                pool = [[rng.randrange(self.start) for _ in range(rng.randint(2, 7))] for _ in range(rng.randint(3, 8))]
                seen = set()
                while at <= length:
                    which = rng.randrange(len(pool))
                    part = pool[which][:length + 1 - at]
                    ids[row, at:at + len(part)] = part
                    if which in seen:
                        weights[row, at + 1:at + len(part)] = 0.4
                    seen.add(which)
                    at += len(part)
                owner[row] = 0
                continue
            while at < length - 24:
                a, w = self.conversation(longest)
                n = min(len(a), length + 1 - at)
                ids[row, at:at + n], weights[row, at:at + n], owner[row, at:at + n] = a[:n], w[:n], number
                weights[row, at] = 0.0
                at, number = at + n, number + 1
        seen = torch.from_numpy(owner[:, :-1])
        visible = (seen[:, None, :] == seen[:, :, None]) & torch.ones(length, length, dtype=torch.bool).tril()
        mask = torch.zeros(rows, length, length).masked_fill(~visible, -1e9).repeat_interleave(CONFIG['heads'], 0)
        return torch.from_numpy(ids[:, :-1]), torch.from_numpy(ids[:, 1:].copy()), torch.from_numpy(weights[:, 1:].copy()), mask


def gradients(model: Model, parameters: list, ids, targets, weights, mask, total: float) -> tuple:
    """Gradients of one share of a batch, and its summed answer loss with the number of answer tokens."""
    hidden = model(ids, mask)
    chosen = weights > 0
    w = weights[chosen]
    each = F.cross_entropy(F.linear(hidden[chosen], model.token_embd.weight), targets[chosen], reduction='none')
    got = torch.autograd.grad((each * w).sum() / total, parameters)
    answers = w > 0.5
    return got, each.detach()[answers].sum().item(), int(answers.sum())


def train(model: Model, samples: Samples, steps: int, rows: int, peek) -> list:
    parameters = list(model.parameters())
    adam = torch.optim.AdamW(parameters, lr=1.0, betas=(0.9, 0.98), weight_decay=0.01)
    history, began, smooth = [], time.time(), None
    # Two threads with half a batch each: they wait for each other once per step, not once per product.
    with ThreadPoolExecutor(2) as pool:
        for step in range(steps):
            # First single questions, which teach what a question is about; then conversations; long ones at the end.
            part = step / steps
            shape, samples.single = ((rows * 2 // 3, 96, 1), True) if part < 0.3 else ((rows // 2, 128, 3), False)
            if part >= 0.84:
                shape = (max(2, rows // 12), 768, 12)
            samples.cutting = 0.6 if part < 0.12 else 0.5 if part >= 0.84 else 0.85
            samples.copying = 0.15 if part < 0.3 else 0.06 if part < 0.6 else 0.0
            batch = samples.batch(*shape)
            scale = min(1.0, (step + 1) / 60) * min(1.0, (1 - part) / 0.8)
            total = batch[2].sum().item()
            halves = [[t[half * len(t) // 2:(half + 1) * len(t) // 2] for t in batch] for half in (0, 1)]
            parts = list(pool.map(lambda h: gradients(model, parameters, *h, total), halves))
            for p, a, b in zip(parameters, parts[0][0], parts[1][0]):
                p.grad = a + b
            for group in adam.param_groups:
                group['lr'] = RATE * scale
            adam.step()
            value = (parts[0][1] + parts[1][1]) / max(1, parts[0][2] + parts[1][2])
            smooth = value if smooth is None else 0.95 * smooth + 0.05 * value
            if step % 25 == 0 or step == steps - 1:
                history.append((step, round(smooth, 4)))
                if step % 400 == 0:
                    peek()
                print(f'step {step:5d}  answer loss {smooth:.4f}  {time.time() - began:6.0f} s  {samples.turns} turns', flush=True)
    return history


def export(model: Model, t: Tokenizer, path: Path) -> None:
    c = CONFIG
    S, U, R, B, A = gguf.STRING, gguf.UINT32, gguf.FLOAT32, gguf.BOOL, gguf.ARRAY
    tokens = t.tokens + [s for s in t.special]
    metadata = [
        ('general.architecture', S, 'llama'), ('general.type', S, 'model'), ('general.name', S, 'Jan Guide'),
        ('general.author', S, 'Jan for VS Code contributors'), ('general.version', S, VERSION),
        ('general.size_label', S, f'{sum(p.numel() for p in model.parameters()) / 1e6:.1f}M'),
        ('general.license', S, 'apache-2.0'), ('general.basename', S, 'jan-guide'), ('general.finetune', S, 'guide'),
        ('general.description', S, 'Starter model of Jan for VS Code: a guide for the first minutes, not a general assistant.'),
        ('general.tags', A, ['text-generation', 'jan', 'guide'], S), ('general.languages', A, ['en'], S),
        ('general.file_type', U, 7), ('general.quantization_version', U, 2),
        ('general.sampling.temp', R, 0.0),  # always its likeliest words: it knows fixed answers
        ('llama.block_count', U, c['layers']), ('llama.context_length', U, c['context']), ('llama.embedding_length', U, c['dim']),
        ('llama.feed_forward_length', U, c['hidden']), ('llama.attention.head_count', U, c['heads']),
        ('llama.attention.head_count_kv', U, c['heads']), ('llama.attention.layer_norm_rms_epsilon', R, c['eps']),
        ('llama.rope.freq_base', R, c['rope']), ('llama.rope.dimension_count', U, c['dim'] // c['heads']),
        ('llama.vocab_size', U, t.size),
        ('tokenizer.ggml.model', S, 'gpt2'), ('tokenizer.ggml.pre', S, 'gpt-2'), ('tokenizer.ggml.tokens', A, tokens, S),
        ('tokenizer.ggml.token_type', A, [1] * len(t.tokens) + [3] * len(t.special), gguf.INT32),
        ('tokenizer.ggml.merges', A, [f'{a} {b}' for a, b in t.merges], S),
        ('tokenizer.ggml.bos_token_id', U, t.special['<|endoftext|>']), ('tokenizer.ggml.eos_token_id', U, t.special['<|im_end|>']),
        ('tokenizer.ggml.eot_token_id', U, t.special['<|im_end|>']), ('tokenizer.ggml.padding_token_id', U, t.special['<|endoftext|>']),
        ('tokenizer.ggml.add_bos_token', B, False), ('tokenizer.ggml.add_eos_token', B, False),
        ('tokenizer.chat_template', S, TEMPLATE),
    ]
    gguf.write(path, metadata, model.tensors())


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument('--steps', type=int, default=7000)
    options.add_argument('--rows', type=int, default=24)
    options.add_argument('--out', type=Path, default=HERE.parent.parent / 'media' / 'starter-model' / 'jan-guide.gguf')
    options.add_argument('--peek', type=Path, help='also write the unfinished model there, every 400 steps')
    options.add_argument('--strings', type=Path, help='also write token ids of sample texts there, for checkTokens.mjs')
    options = options.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    began = time.time()
    tokenizer = buildTokenizer(random.Random(SEED))
    model = Model(tokenizer.size)
    samples = Samples(tokenizer, random.Random(SEED + 1))
    print(f'{tokenizer.size} tokens, {sum(p.numel() for p in model.parameters())} parameters, '
          f'{len(samples.dialogues.intents)} intents, {len(samples.heldOut)} questions held out', flush=True)
    if options.strings:
        texts = sorted({x for _ in range(4000) for pair in samples.dialogues.conversation(3)[1] for x in pair})
        options.strings.write_text(json.dumps([{'text': x, 'ids': tokenizer.encode(x)} for x in texts]))
    if options.steps == 0:
        return
    history = train(model, samples, options.steps, options.rows, lambda: options.peek and export(model, tokenizer, options.peek))
    export(model, tokenizer, options.out)
    reached = sorted(samples.dialogues.questions.refused)
    record = dict(seed=SEED, steps=options.steps, rows=options.rows, seconds=round(time.time() - began), torch=torch.__version__,
                  parameters=sum(p.numel() for p in model.parameters()), vocabulary=tokenizer.size, conversationTurns=samples.turns,
                  loss=history[-1][1], sha256=hashlib.sha256(options.out.read_bytes()).hexdigest(), heldOut=len(samples.heldOut),
                  heldOutRefused=reached)
    options.out.with_suffix('.training.json').write_text(json.dumps(record, indent=2, ensure_ascii=False) + '\n')
    print(json.dumps({k: v for k, v in record.items() if k != 'heldOutRefused'}), len(reached), 'held-out questions drawn and refused')


if __name__ == '__main__':
    sys.exit(main())
