# Prints the numbers that tests/test_text_classifier.cpp holds embergrad against. Run with PyTorch 1.13:
#   /usr/bin/python3 tests/reference/text_classifier.py
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
V, D, H, K = 9, 4, 6, 3


def wave(shape, phase):
    """Element i is sin(i + 1 + phase)."""
    count = torch.Size(shape).numel()
    return torch.sin(torch.arange(1, count + 1, dtype=torch.float64) + phase).reshape(shape)


def show(name, values):
    print(f"{name}: {{{', '.join(repr(v) for v in values.flatten().tolist())}}}")


class TextClassifier(nn.Module):
    """The document's, with the mean over the words that are there; an empty text has the mean 0."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, D, padding_idx=0)
        self.classifier = nn.Sequential(nn.Dropout(0.0), nn.Linear(D, H), nn.ReLU(), nn.Dropout(0.0), nn.Linear(H, K))

    def forward(self, tokens, lengths=None):
        embedded = self.embedding(tokens)
        if lengths is None:
            return self.classifier(embedded.mean(dim=1))
        mask = (torch.arange(tokens.shape[1])[None, :] < lengths[:, None]).unsqueeze(-1)
        return self.classifier((embedded * mask).sum(dim=1) / lengths.clamp(min=1).unsqueeze(-1))


model = TextClassifier()
with torch.no_grad():
    for phase, parameter in enumerate(model.parameters()):
        parameter.copy_(wave(parameter.shape, phase))
    model.embedding.weight[0] = 0
print(", ".join(name for name, _ in model.named_parameters()))

tokens = torch.tensor([[3, 1, 4, 1, 5], [8, 2, 0, 0, 0], [0, 0, 0, 0, 0], [7, 8, 7, 0, 0]])
lengths = torch.tensor([5, 2, 0, 3])
labels = torch.tensor([2, 0, 1, 2])
for name, given in (("lengths", (tokens, lengths)), ("every position", (tokens,))):
    model.zero_grad()
    logits = model(*given)
    loss = nn.functional.cross_entropy(logits, labels)
    loss.backward()
    print(f"---- {name}: loss {loss.item()!r}")
    show("logits", logits.detach())
    for parameter_name, parameter in model.named_parameters():
        show(parameter_name, parameter.grad)
