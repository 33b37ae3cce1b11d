# Prints the numbers that tests/test_rng.cpp holds embergrad against: xoshiro256++ and splitmix64 written down again
# from the papers' C code, and Fisher and Yates on top. Plain Python:
#   python3 tests/reference/rng.py
MASK = (1 << 64) - 1


def splitmix64(seed):
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def rotl(x, k):
    return ((x << k) | (x >> (64 - k))) & MASK


def xoshiro256pp(seed):
    words = splitmix64(seed)
    s = [next(words) for _ in range(4)]
    while True:
        yield (rotl((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)


def below(outputs, n):
    while True:
        bits = next(outputs)
        if bits >= (1 << 64) % n:
            return bits % n


def shuffled(seed, n):
    outputs, items = xoshiro256pp(seed), list(range(n))
    for left in range(n, 1, -1):
        i = below(outputs, left)
        items[left - 1], items[i] = items[i], items[left - 1]
    return items


assert next(splitmix64(0)) == 0xE220A8397B1DCDAF  # the value everybody prints
for seed in (0, 42, MASK):
    outputs = xoshiro256pp(seed)
    print(f"seed {seed:#x}: {', '.join(f'{next(outputs):#018x}' for _ in range(4))}")
outputs = xoshiro256pp(1)
print(f"seed 1, output 10,000: {[next(outputs) for _ in range(10_000)][-1]:#018x}")
print(f"0..9 shuffled with seed 42: {shuffled(42, 10)}")
