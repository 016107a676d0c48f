import numpy as np
import pytest

from lit_embed.data.packing import pack


def naive_pack(order, codes, size):
    """Look at every batch from the first on; a text must not stand in it or in any later one."""
    batches = []
    for row in order:
        shared = [i for i, batch in enumerate(batches) for other in batch if set(codes[other]) & set(codes[row])]
        place = max(shared, default=-1) + 1
        while place < len(batches) and len(batches[place]) == size:
            place += 1
        while place >= len(batches):
            batches.append([])
        batches[place].append(row)
    return [batch for batch in batches if len(batch) == size]


@pytest.mark.parametrize("texts, size", [(400, 4), (30, 4), (12, 5), (300, 1), (9, 3)])
def test_the_packing_equals_the_slow_twin(texts, size):
    generator = np.random.default_rng(texts)
    codes = [generator.choice(texts, 3, replace=False).tolist() for _ in range(200)]
    order = generator.permutation(200)
    assert pack(order, codes, texts, size).tolist() == naive_pack(order.tolist(), codes, size)


def test_no_text_repeats_in_a_batch_and_no_row_comes_twice():
    generator = np.random.default_rng(0)
    codes = [[i % 90, 90 + int(generator.integers(0, 400))] for i in range(2000)]
    packed = pack(generator.permutation(2000), codes, 490, 16)
    assert len(packed) > 100 and len(set(packed.ravel().tolist())) == packed.size
    for batch in packed.tolist():
        texts = [code for row in batch for code in codes[row]]
        assert len(set(texts)) == len(texts)


def test_too_few_texts_fill_no_batch():
    assert pack(np.arange(50), [[i % 3] for i in range(50)], 3, 4).shape == (0, 4)
