"""Checkpoints: nothing dropped silently, nothing executed, nothing half-written."""
import os
import pickle

import pytest
import torch
from torch import nn

from lib.checkpoint import load_checkpoint, load_weights, newest_checkpoint, save_checkpoint


def network(width=3):
    return nn.Sequential(nn.Linear(2, width), nn.Linear(width, 4))


def saved(tmp_path, model, prefix="model.", **more):
    path = tmp_path / "w.ckpt"
    save_checkpoint(path, {"state_dict": {prefix + k: v for k, v in model.state_dict().items()}, **more})
    return path


@pytest.mark.parametrize("prefix", ["model.", ""])
def test_weights_load_with_and_without_the_prefix_of_public_checkpoints(tmp_path, prefix):
    source, target = network(), network()
    report = load_weights(target, saved(tmp_path, source, prefix, hyper_parameters={"lr": 0.1}, epoch=3))
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters()))
    assert "4 of 4 weights loaded" in report


def test_L18_every_missing_unexpected_and_reshaped_key_is_listed_and_stops(tmp_path):
    state = {"model.0.weight": torch.zeros(5, 2), "model.0.bias": torch.zeros(3), "model.7.bias": torch.zeros(1)}
    path = tmp_path / "other.ckpt"
    save_checkpoint(path, {"state_dict": state})
    target = network()
    before = [p.clone() for p in target.parameters()]
    with pytest.raises(ValueError) as error:
        load_weights(target, path)
    for words in (str(path), "2 missing: 1.weight, 1.bias", "1 unexpected: 7.bias",
                  "1 of another shape: 0.weight (5, 2) instead of (3, 2)", "--lenient_weight_loading True"):
        assert words in str(error.value)
    assert all(torch.equal(a, b) for a, b in zip(before, target.parameters()))


def test_L18_lenient_loading_loads_what_fits_and_still_reports_the_rest(tmp_path):
    path = saved(tmp_path, nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 9)))
    target = network()
    report = load_weights(target, path, lenient=True)
    assert "2 of 4 weights loaded" in report and "1.weight (9, 3) instead of (4, 3)" in report
    assert torch.equal(target[0].weight, load_checkpoint(path)["state_dict"]["model.0.weight"])


def test_a_checkpoint_of_nothing_that_fits_stops_even_when_lenient(tmp_path):
    path = tmp_path / "w.ckpt"
    save_checkpoint(path, {"state_dict": {"model.other": torch.zeros(1)}})
    with pytest.raises(ValueError, match="not one weight fits"):
        load_weights(network(), path, lenient=True)


class Malicious:
    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_malicious_pickle_is_refused_and_nothing_in_it_runs(tmp_path):
    payload = Malicious()
    payload.path = tmp_path / "owned"
    for path, write in ((tmp_path / "a.ckpt", lambda f: pickle.dump(payload, f)),
                        (tmp_path / "b.ckpt", lambda f: torch.save({"state_dict": payload}, f))):
        with open(path, "wb") as file:
            write(file)
        with pytest.raises(ValueError, match=path.name):
            load_checkpoint(path)
    assert not payload.path.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"\x80\x02}q\x00.", b"hello"])
def test_damaged_files_are_named(tmp_path, content):
    path = tmp_path / "broken.ckpt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="broken.ckpt"):
        load_weights(network(), path)


def test_a_truncated_checkpoint_is_named(tmp_path):
    path = saved(tmp_path, network())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="w.ckpt"):
        load_checkpoint(path)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.ckpt"):
        load_checkpoint(tmp_path / "nowhere.ckpt")
    with pytest.raises(ValueError, match="is a folder"):
        load_checkpoint(tmp_path)


def test_L19_resume_takes_the_newest_step_not_the_best_score(tmp_path):
    save_checkpoint(tmp_path / "best.ckpt", {"step": 90, "best": 0.9})
    save_checkpoint(tmp_path / "last.ckpt", {"step": 1000, "best": 0.1})
    save_checkpoint(tmp_path / "other.ckpt", {"step": 200, "best": 0.5})
    assert newest_checkpoint(tmp_path) == tmp_path / "last.ckpt"
    assert newest_checkpoint(tmp_path / "best.ckpt") == tmp_path / "best.ckpt"


def test_a_failed_save_leaves_the_old_checkpoint_and_no_rubbish(tmp_path):
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"step": 1})
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        save_checkpoint(path, {"step": 2, "bad": lambda: None})
    assert load_checkpoint(path)["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]


def test_L18_many_keys_are_all_printed_and_the_error_stays_one_line(tmp_path, capsys):
    path = tmp_path / "other.ckpt"
    save_checkpoint(path, {"state_dict": {f"model.other{i}": torch.zeros(1) for i in range(50)}})
    with pytest.raises(ValueError) as error:
        load_weights(network(), path)
    assert len(str(error.value)) < 500 and "50 unexpected: other0, other1, other2, ..." in str(error.value)
    printed = capsys.readouterr().out
    assert all(f"other{i}" in printed for i in range(50))
