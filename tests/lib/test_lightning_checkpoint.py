"""Checkpoints as PyTorch Lightning writes them load, and whatever else they could hold is neither run nor imported."""
import argparse
import collections
import pathlib
import subprocess
import sys
import types
import zipfile

import pytest
import torch
from torch import nn

from lib.checkpoint import INERT, load_checkpoint, load_weights
from main import main
from models import build_model


def fake_class(monkeypatch, dotted, base=object, **members):
    """A class that pickles as `dotted`, in modules that exist until `monkeypatch.undo()`."""
    module_name, _, name = dotted.rpartition(".")
    parts = module_name.split(".")
    for end in range(1, len(parts) + 1):
        if ".".join(parts[:end]) not in sys.modules:
            monkeypatch.setitem(sys.modules, ".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
    made = type(name, (base,), {"__module__": module_name, **members})
    monkeypatch.setattr(sys.modules[module_name], name, made, raising=False)
    return made


def lightning_checkpoint(monkeypatch, path, state_dict, package="pytorch_lightning", **more):
    """A file of the keys and types of Lightning 1.x, written with stand-ins for its classes, which are gone after."""
    attribute_dict = fake_class(monkeypatch, f"{package}.utilities.parsing.AttributeDict", dict)
    callback = fake_class(monkeypatch, f"{package}.callbacks.model_checkpoint.ModelCheckpoint")
    settings = argparse.Namespace(lr=0.05, dilations=[1, 1, 1, 1], root=pathlib.PosixPath("/data/scannet"))
    torch.save({
        "epoch": 149, "global_step": 90000, "pytorch-lightning_version": "1.5.10", "state_dict": state_dict,
        "callbacks": {callback: {"monitor": "val_miou", "best_model_score": torch.tensor(28.8),
                                 "best_model_path": "outputs/checkpoint-val_miou=28.80-step=90000.ckpt"}},
        "optimizer_states": [{"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.05}]}],
        "lr_schedulers": [{"milestones": collections.Counter([120, 150]), "gamma": 0.3}],
        "hparams_name": "kwargs", "hparams_type": attribute_dict,
        "hyper_parameters": attribute_dict(config=settings, is_train=True, **more),
    }, path)
    monkeypatch.undo()
    assert not any(name.startswith(package) for name in sys.modules)
    return path


@pytest.mark.parametrize("package", ["pytorch_lightning", "lightning.pytorch"])
def test_a_lightning_checkpoint_loads_and_what_lies_beside_the_network_is_listed(tmp_path, monkeypatch, package):
    source, target = (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)) for _ in range(2))
    source[1].running_mean += 5
    state = {f"model.{key}": value for key, value in source.state_dict().items()}
    state = collections.OrderedDict(state, **{"criterion.alpha": torch.ones(200), "iou_scores.confmat": torch.ones(2)})
    path = lightning_checkpoint(monkeypatch, tmp_path / "public.ckpt", state, package)
    report = load_weights(target, path)
    assert report == f"{path}: 7 of 7 weights loaded; 2 beside the network: criterion.alpha, iou_scores.confmat"
    assert all(torch.equal(a, b) for a, b in zip(source.state_dict().values(), target.state_dict().values()))


def test_the_classes_of_a_lightning_checkpoint_become_dictionaries(tmp_path, monkeypatch):
    path = lightning_checkpoint(monkeypatch, tmp_path / "a.ckpt", {"model.w": torch.ones(1)}, lr=0.1)
    content = load_checkpoint(path)
    assert type(content) is dict and content["global_step"] == 90000
    settings = content["hyper_parameters"]
    assert isinstance(settings, dict) and settings["is_train"] is True and settings["lr"] == 0.1
    assert type(settings["config"]) is collections.OrderedDict
    assert type(settings["config"].root) is collections.OrderedDict and settings["config"].lr == 0.05
    (callback,) = content["callbacks"].values()
    assert callback["monitor"] == "val_miou"


def test_a_public_checkpoint_of_the_real_network_runs_from_the_command_line(tmp_path, monkeypatch, run_flags, capsys):
    model = build_model("Res16UNet14S", 3, 200)
    state = {f"model.{key}": value for key, value in model.state_dict().items()} | {"criterion.alpha": torch.ones(200)}
    path = lightning_checkpoint(monkeypatch, tmp_path / "public.ckpt", state)
    assert main(run_flags("--is_train", "False", "--weights", str(path))) == 0
    assert f"{path}: {len(model.state_dict())} of {len(model.state_dict())} weights loaded" in capsys.readouterr().out


def reduces_to(function, *arguments):
    """An object whose pickle calls `function(*arguments)`."""
    return type("Payload", (), {"__reduce__": lambda self: (function, arguments)})()


def payloads(marker):
    """What a hostile file may hold, by the name that its refusal must give; each would make `marker` if it ran."""
    import os
    touch = f"open({str(marker)!r}, 'w').close()"
    return {
        "posix.system": reduces_to(os.system, f"touch {marker}"),
        "builtins.eval": reduces_to(eval, f"__import__('pathlib').Path({str(marker)!r}).touch()"),
        "builtins.exec": reduces_to(exec, touch),
        "commands.Popen": reduces_to(subprocess.Popen, ["touch", str(marker)]),  # its Python 2 name
        "builtins.getattr": reduces_to(getattr, marker, "touch"),
        "torch.hub.load": reduces_to(torch.hub.load, str(marker.parent), "model"),
    }


NAMES = list(payloads(pathlib.Path("marker")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["state_dict", "hyper_parameters", "whole"])
def test_a_checkpoint_that_asks_for_code_is_refused_by_name_and_nothing_runs(tmp_path, name, place):
    marker = tmp_path / "ran"
    bad = payloads(marker)[name]
    content = {"state_dict": {"model.w": torch.ones(1)}, "hyper_parameters": argparse.Namespace(lr=1)}
    if place == "whole":
        content = bad
    elif place == "state_dict":
        content["state_dict"]["model.b"] = bad
    else:
        content["hyper_parameters"].callback = [{"x": (bad,)}]
    path = tmp_path / "hostile.ckpt"
    torch.save(content, path)
    with pytest.raises(ValueError) as error:
        load_checkpoint(path)
    message = str(error.value)
    assert message.startswith(f"{path}: refused") and name in message and "\n" not in message
    assert not marker.exists()


def test_a_namespace_of_another_making_is_refused_and_its_hooks_do_not_run(tmp_path, monkeypatch):
    marker = tmp_path / "ran"
    for dotted in ("hostile.settings.Namespace", "argparse.Namespaces"):
        evil = fake_class(monkeypatch, dotted, argparse.Namespace, __setstate__=lambda self, state: marker.touch(),
                          __new__=lambda cls, **_: marker.touch() or object.__new__(cls))
        path = tmp_path / f"{dotted}.ckpt"
        torch.save({"state_dict": {"model.w": torch.ones(1)}, "hyper_parameters": evil(lr=1)}, path)
        marker.unlink()
        with pytest.raises(ValueError, match=f"refused.*{dotted}"):  # also while the module can be imported
            load_checkpoint(path)
        monkeypatch.undo()
        with pytest.raises(ValueError, match=f"refused.*{dotted}"):
            load_checkpoint(path)
    assert not marker.exists()


def test_no_class_of_the_list_is_imported_or_run_even_where_it_exists(tmp_path, monkeypatch):
    marker, names = tmp_path / "ran", []
    for name in INERT:
        if name.split(".")[0] in ("argparse", "pathlib"):
            continue
        made = fake_class(monkeypatch, name, dict, __reduce__=lambda self: (type(self), ()),
                          __init__=lambda self, *a: None)
        names.append(made())
        made.__init__ = made.__setitem__ = lambda self, *a: marker.touch()
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"model.w": torch.ones(1)}, "all": names}, path)
    assert all(type(value) is collections.OrderedDict for value in load_checkpoint(path)["all"])
    assert names and not marker.exists()


def test_dictionaries_with_attributes_that_hide_their_methods_load_as_others(tmp_path):
    """Attributes that hide the methods of a dictionary change nothing."""
    hiding = {"get": 1, "items": 2, "keys": torch.Tensor, "values": torch.Size}

    def odd_dictionary(**items):
        reduced = (collections.OrderedDict, (), hiding, None, iter(items.items()))
        return type("Odd", (), {"__reduce__": lambda self: reduced})()

    torch.save(odd_dictionary(state_dict=odd_dictionary(**{"0.weight": torch.ones(3, 2)}),
                              config=argparse.Namespace(**hiding)), tmp_path / "odd.ckpt")
    model = nn.Sequential(nn.Linear(2, 3, bias=False))
    assert "1 of 1 weights loaded" in load_weights(model, tmp_path / "odd.ckpt")
    assert (model[0].weight == 1).all()


def _with_pickle(path, opcodes):
    """A checkpoint whose pickle is `opcodes`."""
    torch.save({"state_dict": {}}, path)
    with zipfile.ZipFile(path) as old:
        entries = {entry: old.read(entry) for entry in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for entry, data in entries.items():
            new.writestr(entry, opcodes if entry.endswith("data.pkl") else data)
    return path


@pytest.mark.parametrize("opcodes", [
    b"\x80\x02cargparse\nNamespace\n)\x81K\x05b.",  # state 5
    b"\x80\x02cargparse\nNamespace\n)\x81K\x01K\x02\x86b.",  # state (1, 2)
    b"\x80\x02cargparse\nNamespace\nK\x05R.",  # arguments 5
    b"\x80\x02cargparse\nNamespace\n.",  # the class itself
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",  # no arguments
    b"\x80\x02}q\x00K", b"\x80\x02\x95\x00", b"", b"\x80\x02h\x07.",
    b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",  # names from the stack
    b"\x80\x02c\xff\xfe\nx\n.",
])
def test_a_pickle_that_makes_no_sense_stops_with_one_line(tmp_path, opcodes):
    with pytest.raises(ValueError) as error:
        load_checkpoint(_with_pickle(tmp_path / "odd.ckpt", opcodes))
    assert "odd.ckpt" in str(error.value) and "\n" not in str(error.value)


def test_a_name_with_control_characters_is_shown_escaped_on_one_line(tmp_path):
    path = _with_pickle(tmp_path / "odd.ckpt", b"\x80\x02cevil\x1b[2J\r\nname\n)R.")
    with pytest.raises(ValueError) as error:
        load_checkpoint(path)
    assert "evil\\x1b[2J" in str(error.value) and "\x1b" not in str(error.value) and "\r" not in str(error.value)


def test_files_of_pytorch_before_1_6_are_refused_by_name_too_and_without_advice_to_trust_them(tmp_path):
    path = tmp_path / "old.ckpt"
    torch.save({"state_dict": payloads(tmp_path / "ran")["posix.system"]}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ValueError) as error:
        load_checkpoint(path)
    assert "posix.system" in str(error.value) and "\n" not in str(error.value) and "trust" not in str(error.value)
    assert not (tmp_path / "ran").exists()
    settings = argparse.Namespace(lr=1)
    torch.save({"a": 1, "hyper_parameters": settings}, path, _use_new_zipfile_serialization=False)
    assert load_checkpoint(path)["a"] == 1


def test_a_refusal_reaches_the_user_as_one_line(tmp_path, run_flags, capsys):
    torch.save({"state_dict": payloads(tmp_path / "ran")["builtins.eval"]}, tmp_path / "hostile.ckpt")
    assert main(run_flags("--weights", str(tmp_path / "hostile.ckpt"))) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "builtins.eval" in error
    assert not (tmp_path / "ran").exists()


def test_reading_a_checkpoint_leaves_pytorchs_own_list_of_safe_classes_as_it_was(tmp_path):
    before = set(torch.serialization.get_safe_globals())
    torch.save({"a": 1}, tmp_path / "a.ckpt")
    load_checkpoint(tmp_path / "a.ckpt")
    assert set(torch.serialization.get_safe_globals()) == before
