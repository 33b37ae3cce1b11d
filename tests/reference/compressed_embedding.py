# Prints the numbers that tests/test_compressed_embedding.cpp holds embergrad against. Run with PyTorch 1.13:
#   /usr/bin/python3 tests/reference/compressed_embedding.py
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
V, D, K = 9, 5, 2


def wave(shape, phase):
    """Element i is sin(i + 1 + phase)."""
    count = torch.Size(shape).numel()
    return torch.sin(torch.arange(1, count + 1, dtype=torch.float64) + phase).reshape(shape)


def show(name, values):
    print(f"{name}: {{{', '.join(repr(v) for v in values.flatten().tolist())}}}")


class CompressedEmbedding(nn.Module):
    """The document's, with a padding row."""

    def __init__(self, sparse):
        super().__init__()
        self.vocab_to_low = nn.Embedding(V, K, padding_idx=0, sparse=sparse)
        self.low_to_high = nn.Linear(K, D, bias=False)

    def forward(self, x):
        return self.low_to_high(self.vocab_to_low(x))


ids = torch.tensor([[3, 1, 4], [1, 0, 8]])
for sparse in (False, True):
    model = CompressedEmbedding(sparse)
    with torch.no_grad():
        for phase, parameter in enumerate(model.parameters()):
            parameter.copy_(wave(parameter.shape, phase))
        model.vocab_to_low.weight[0] = 0
    y = model(ids)
    y.backward(wave(y.shape, 10))
    print(f"---- {'by rows' if sparse else 'dense'}: {', '.join(name for name, _ in model.named_parameters())}")
    show("value", y.detach())
    for name, parameter in model.named_parameters():
        show(name, parameter.grad.to_dense())
