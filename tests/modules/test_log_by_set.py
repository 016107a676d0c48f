from types import SimpleNamespace

import torch

from lit_embed.modules.log_by_set import log_by_set


class Batch(SimpleNamespace):
    def __len__(self):
        return 3


def logged(source) -> list:
    found = []
    module = SimpleNamespace(log=lambda name, value, batch_size, sync_dist: found.append((name, float(value), batch_size, sync_dist)))
    log_by_set(module, "val_loss", torch.tensor(2.0, requires_grad=True), Batch(source=source), sync_dist=True)
    return found


def test_the_loss_is_logged_under_the_name_of_its_set():
    assert logged("sts") == [("val_loss/sts", 2.0, 3, True)]


def test_a_batch_of_no_mixture_logs_nothing_more():
    assert logged(None) == []
