from lit_embed.data.training_order import TrainingOrder


class Sampler:
    epoch = 0

    def __len__(self):
        return 5


def test_the_seed_is_the_checkpoints_else_seed_everythings_else_the_datas(monkeypatch):
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    assert TrainingOrder().seed(7) == 7
    monkeypatch.setenv("PL_GLOBAL_SEED", "8")
    assert TrainingOrder().seed(7) == 8
    resumed = TrainingOrder()
    resumed.load_state_dict({"order_seed": 9})
    assert resumed.seed(7) == 9


def test_the_loader_starts_where_the_checkpoint_was_written_and_only_once():
    order, state = TrainingOrder(), {"epoch": 1, "batch": 3, "batches": 5}
    order.load_state_dict({"order_seed": 9, "loader": state})
    order.seed(7)
    assert order.loader([], Sampler(), 0).state_dict() == state
    assert order.state_dict() == {"order_seed": 9, "loader": state}
    assert order.loader([], Sampler(), 0).state_dict() == {"epoch": 0, "batch": 0, "batches": 5}


def test_nothing_is_kept_of_data_that_trains_nothing():
    assert TrainingOrder().state_dict() == {}
