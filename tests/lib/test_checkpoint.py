"""Checkpoints: nothing dropped silently, nothing executed, nothing half-written."""
import contextlib
import errno
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from lib import checkpoint_files
from lib.checkpoint import load_checkpoint, load_weights, newest_checkpoint, save_checkpoint
from lib.checkpoint_files import LENGTH, keep_latest


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


def test_a_checkpoint_cut_or_with_a_flipped_bit_is_noticed_whatever_the_place(tmp_path):
    path = saved(tmp_path, network(), step=7)
    whole = path.read_bytes()
    assert zipfile.ZipFile(path).testzip() is None and torch.load(path, weights_only=True)["step"] == 7
    for length in np.linspace(0, len(whole) - 1, 20).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="w.ckpt: .*damaged") as error:
            load_checkpoint(path)
        assert "\n" not in str(error.value)
    for place in np.linspace(0, len(whole) - LENGTH - 1, 200).astype(int):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1:])
        with pytest.raises(ValueError, match=r"w.ckpt: .*damaged.*--resume FOLDER takes the newest whole one"):
            load_checkpoint(path)
    path.write_bytes(whole)
    assert load_checkpoint(path)["step"] == 7


def test_checkpoints_without_a_checksum_are_read_as_ever(tmp_path):
    torch.save({"step": 3, "state_dict": {"model.a": torch.ones(2)}}, tmp_path / "old.ckpt")
    assert load_checkpoint(tmp_path / "old.ckpt")["step"] == 3


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped"])
def test_the_newest_checkpoint_that_is_whole_is_taken_and_the_damaged_one_named(tmp_path, capsys, damage):
    for name, step in (("best", 90), ("step_00000095", 95), ("last", 100)):
        save_checkpoint(tmp_path / f"{name}.ckpt", {"step": step, "state_dict": {"a": torch.ones(99)}})
    last = tmp_path / "last.ckpt"
    whole = last.read_bytes()
    last.write_bytes({"empty": b"", "cut": whole[:-99], "flipped": whole[:600] + b"?" + whole[601:]}[damage])
    assert newest_checkpoint(tmp_path) == tmp_path / "step_00000095.ckpt"
    printed = capsys.readouterr().out
    assert printed.startswith(f"warning: {last}: ") and "damaged" in printed and printed.count("\n") == 1
    assert f"going on from {tmp_path / 'step_00000095.ckpt'}, step 95" in printed
    for name in ("best", "step_00000095"):
        (tmp_path / f"{name}.ckpt").write_bytes(b"x")
    with pytest.raises(ValueError, match="holds no checkpoint that is whole"):
        newest_checkpoint(tmp_path)


@pytest.mark.parametrize("links", [True, False])
def test_the_latest_checkpoints_are_kept_by_step_and_those_of_an_abandoned_future_go(tmp_path, monkeypatch, links):
    def no_link(*_):
        raise OSError("no such thing here")

    if not links:
        monkeypatch.setattr(os, "link", no_link)

    def names(step, number):
        save_checkpoint(tmp_path / "last.ckpt", {"step": step})
        keep_latest(tmp_path / "last.ckpt", step, number)
        files = sorted(tmp_path.iterdir())
        assert all(load_checkpoint(f)["step"] == int(f.stem[5:]) for f in files if f.stem.startswith("step"))
        return [int(file.stem[5:]) for file in files if file.stem.startswith("step")]

    assert names(10, 1) == []
    assert [names(step, 3) for step in (20, 30, 40, 50)] == [[20], [20, 30], [20, 30, 40], [30, 40, 50]]
    assert names(35, 3) == [30, 35]  # gone on with from step 30
    assert names(60, 2) == [35, 60] and names(70, 1) == []


class FullDisk:
    """A file that takes this many bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        self.room -= len(memoryview(data).cast("B"))
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 300, 200_000])
def test_a_full_disk_leaves_the_checkpoint_before_and_says_what_is_needed(tmp_path, monkeypatch, room):
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, {"step": 1})
    original = checkpoint_files.replacing

    @contextlib.contextmanager
    def full(*arguments):
        with original(*arguments) as file:
            yield FullDisk(file, room)

    monkeypatch.setattr(checkpoint_files, "replacing", full)
    with pytest.raises(OSError, match=r"last.ckpt: No space left on device: this checkpoint needs 0.4 MB, .* are free; "
                                      "the one before is whole; make room"):
        save_checkpoint(path, {"step": 2, "state_dict": {"a": torch.zeros(100_000)}})
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"] and load_checkpoint(path)["step"] == 1
