# Prints the numbers that tests/test_{sgd,adam,sparse_adam,clip}.cpp hold embergrad against. Run with PyTorch 1.13:
#   /usr/bin/python3 tests/reference/optim.py
import torch

torch.set_default_dtype(torch.float64)

START = [[0.5, -1.25], [2.0, 0.75], [-0.125, 3.0]]


def gradient(step):
    """The gradient of step 1, 2, ...: nothing random, no two values alike, one zero."""
    return torch.tensor([[((7 * step + 5 * row + 3 * column) % 11 - 5) / 4 for column in range(2)] for row in range(3)])


def show(name, values):
    print(f"{name}: {{{', '.join(repr(v) for v in values.flatten().tolist())}}}")


def dense(name, optimizer, steps=5):
    p = torch.tensor(START, requires_grad=True)
    o = optimizer([p])
    for step in range(1, steps + 1):
        p.grad = None if step == 3 else gradient(step)  # the third step finds no gradient
        o.step()
    show(name, p.detach())


def by_rows(name, optimizer, steps=5):
    """Step s has rows {s mod 3, (s + 1) mod 3, s mod 3}: one of them twice."""
    p = torch.tensor(START, requires_grad=True)
    o = optimizer([p])
    for step in range(1, steps + 1):
        rows = [step % 3, (step + 1) % 3, step % 3]
        p.grad = torch.sparse_coo_tensor([rows], gradient(step), (3, 2))
        o.step()
    show(name, p.detach())


SGD, ADAM, SPARSE = torch.optim.SGD, torch.optim.Adam, torch.optim.SparseAdam
dense("sgd plain", lambda p: SGD(p, lr=0.1))
dense("sgd momentum", lambda p: SGD(p, lr=0.1, momentum=0.9))
dense("sgd dampening", lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.5))
dense("sgd nesterov, weight_decay", lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.02))
dense("sgd maximize, weight_decay", lambda p: SGD(p, lr=0.1, weight_decay=0.02, maximize=True))
by_rows("sgd rows", lambda p: SGD(p, lr=0.1))
by_rows("sgd rows, momentum, dampening", lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.25))
by_rows("sgd rows, nesterov, maximize", lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True, maximize=True))

dense("adam plain", lambda p: ADAM(p, lr=0.1))
dense("adam weight_decay, betas, eps", lambda p: ADAM(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1))
dense("adam amsgrad", lambda p: ADAM(p, lr=0.1, betas=(0.9, 0.5), amsgrad=True))
dense("adam maximize, weight_decay", lambda p: ADAM(p, lr=0.1, weight_decay=0.1, maximize=True))

by_rows("sparse_adam plain", lambda p: SPARSE(p, lr=0.1))
by_rows("sparse_adam betas, eps", lambda p: SPARSE(p, lr=0.1, betas=(0.8, 0.95), eps=1e-2))
by_rows("sparse_adam maximize", lambda p: SPARSE(p, lr=0.1, maximize=True))


def first_touched(at):
    """How far a row moves at its first gradient, in units of lr, if other rows had all steps before."""
    p = torch.zeros(2, 1, requires_grad=True)
    o = SPARSE([p], lr=1.0)
    for step in range(1, at + 1):
        p.grad = torch.sparse_coo_tensor([[1 if step == at else 0]], torch.tensor([[0.5]]), (2, 1))
        o.step()
    return -p[1, 0].item()


for at in (1, 2, 3, 5, 10, 20, 100, 1000):
    print(f"sparse_adam first touched at step {at}: {first_touched(at)!r}")

for norm_type in (2.0, 1.0, 3.5, float("inf")):
    a, b = torch.zeros(3, 2, requires_grad=True), torch.zeros(3, 2, requires_grad=True)
    a.grad, b.grad = gradient(1), gradient(2)
    total = torch.nn.utils.clip_grad_norm_([a, b], 1.5, norm_type)
    print(f"clip norm_type {norm_type}: total {total.item()!r}")
    show("    first gradient", a.grad)
