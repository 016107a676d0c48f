import numpy as np
import pytest
import torch
from toy_words import WordTokenizer

from lit_embed.batches import PairRows
from lit_embed.data.loader import PairLoader
from lit_embed.data.pair_dataset import pair_dataset
from lit_embed.data.sampler import ShuffledBatches

ROWS = PairRows([f"query {i}" for i in range(23)], [[f"document {i}" for i in range(23)]])


def make_loader(tmp_path, num_workers=0, batch_size=4) -> PairLoader:
    pairs = pair_dataset(ROWS, WordTokenizer(), ("", ""), tmp_path, random_negatives=1, seed=5)
    return PairLoader(pairs, ShuffledBatches(len(pairs), batch_size, seed=5), num_workers)


def seen(batches) -> list:
    return [(batch.query_ids.tolist(), batch.document_ids.tolist()) for batch in batches]


def epoch_of(loader, epoch) -> list:
    loader.sampler.set_epoch(epoch)
    return seen(loader)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_epoch_has_exactly_the_remaining_batches(tmp_path, num_workers):
    whole = epoch_of(make_loader(tmp_path), 3)
    for taken in (0, 1, 3, 5):
        interrupted = make_loader(tmp_path, num_workers)
        interrupted.sampler.set_epoch(3)
        batches = iter(interrupted)
        first = seen(next(batches) for _ in range(taken))
        state = interrupted.state_dict()                  # workers have prepared more batches than were taken
        batches.close()
        resumed = make_loader(tmp_path, num_workers)
        resumed.load_state_dict(state)
        assert first + epoch_of(resumed, 3) == whole
        assert epoch_of(resumed, 4) == epoch_of(make_loader(tmp_path), 4)      # the next epoch is a whole one


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_epoch_may_be_set_after_iter_was_called(tmp_path, num_workers):
    wanted = epoch_of(make_loader(tmp_path), 2)
    loader = make_loader(tmp_path, num_workers)
    batches = iter(loader)                                # as Lightning does when it resumes
    loader.sampler.set_epoch(2)
    assert seen(batches) == wanted


def test_a_position_at_the_end_of_an_epoch_starts_the_next_at_its_beginning(tmp_path):
    loader = make_loader(tmp_path)
    epoch_of(loader, 0)
    resumed = make_loader(tmp_path)
    resumed.load_state_dict(loader.state_dict())
    assert epoch_of(resumed, 1) == epoch_of(make_loader(tmp_path), 1)


def test_a_position_that_was_loaded_is_the_position_until_the_first_batch(tmp_path):
    loader = make_loader(tmp_path)
    loader.load_state_dict({"epoch": 2, "batch": 3, "batches": 5})
    assert loader.state_dict() == {"epoch": 2, "batch": 3, "batches": 5}


def test_every_pass_without_a_checkpoint_is_a_whole_one(tmp_path):
    loader = make_loader(tmp_path)
    assert seen(loader) == seen(loader) and len(seen(loader)) == len(loader) == 5


def test_another_number_of_batches_is_warned_about(tmp_path):
    loader = make_loader(tmp_path, batch_size=2)
    loader.load_state_dict({"epoch": 0, "batch": 3, "batches": 5})
    with pytest.warns(UserWarning, match="written with 5 batches in an epoch, now there are 11"):
        assert len(seen(loader)) == 8


@pytest.mark.parametrize("num_workers", [0, 2])
def test_loading_leaves_the_models_random_numbers_alone(tmp_path, num_workers):
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    seen(make_loader(tmp_path, num_workers))
    assert torch.rand(1) == wanted


def test_lightning_finds_the_sampler_and_nothing_to_rebuild(tmp_path):
    from lightning_fabric.utilities.data import _set_sampler_epoch
    from lightning_fabric.utilities.types import _Stateful
    loader = make_loader(tmp_path)
    _set_sampler_epoch(loader, 6)
    assert loader.sampler.epoch == 6 and isinstance(loader, _Stateful)
    assert not isinstance(loader, torch.utils.data.DataLoader) and not hasattr(loader, "dataset")


def test_batches_hold_the_rows_of_the_sampler(tmp_path):
    loader = make_loader(tmp_path)
    rows = np.concatenate(list(loader.sampler))
    assert [q for queries, _ in seen(loader) for q in queries] == loader.pairs.__getitems__(rows).query_ids.tolist()
