# Prints the numbers that tests/test_ngram_language_model.cpp and tests/test_train_language_model.cpp hold embergrad
# against. Run with PyTorch 1.13:
#   /usr/bin/python3 tests/reference/ngram_language_model.py
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
V, D, N, H = 7, 3, 2, 5


def wave(shape, phase):
    """Element i is sin(i + 1 + phase)."""
    count = torch.Size(shape).numel()
    return torch.sin(torch.arange(1, count + 1, dtype=torch.float64) + phase).reshape(shape)


def show(name, values):
    print(f"{name}: {{{', '.join(repr(v) for v in values.flatten().tolist())}}}")


class NGramLanguageModel(nn.Module):
    """The document's."""

    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(V, D)
        self.network = nn.Sequential(nn.Linear(N * D, H), nn.ReLU(), nn.Linear(H, V))

    def forward(self, context):
        embedded = self.embeddings(context)
        return self.network(embedded.view(embedded.size(0), -1))


def wave_model():
    model = NGramLanguageModel()
    with torch.no_grad():
        for phase, parameter in enumerate(model.parameters()):
            parameter.copy_(wave(parameter.shape, phase))
    return model


model = wave_model()
print(", ".join(name for name, _ in model.named_parameters()))
contexts = torch.tensor([[3, 1], [6, 6], [0, 2], [1, 3]])
targets = torch.tensor([2, 0, 6, 2])
logits = model(contexts)
loss = nn.functional.cross_entropy(logits, targets)
loss.backward()
print(f"loss {loss.item()!r}")
show("logits", logits.detach())
for name, parameter in model.named_parameters():
    show(name, parameter.grad)

# Two epochs over the n-grams of a text, in order, in batches of 2, 2 and 1.
text = torch.tensor([3, 1, 6, 6, 0, 2, 1])
model = wave_model()
contexts, targets = text.unfold(0, N + 1, 1)[:, :N], text[N:]
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
print("---- training")
for epoch in range(2):
    weighted, plain = 0.0, 0.0
    for start in range(0, len(targets), 2):
        context, target = contexts[start : start + 2], targets[start : start + 2]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(context), target)
        loss.backward()
        optimizer.step()
        weighted += loss.item() * len(target) / len(targets)
        plain += loss.item() / 3
    print(f"epoch {epoch + 1}: mean of the examples {weighted!r}, of the batches {plain!r}")
for name, parameter in model.named_parameters():
    show(name, parameter.detach())
loss = nn.functional.cross_entropy(model(contexts), targets)
print(f"afterwards: loss {loss.item()!r}, perplexity {loss.exp().item()!r}")
