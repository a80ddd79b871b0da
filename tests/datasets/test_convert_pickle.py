"""Pickles of the original become NPZ and JSON; whatever they name beside arrays and containers is refused, unrun."""
import collections
import io
import json
import os
import pickle
import pickletools
import struct

import numpy as np
import pytest
import torch

from datasets.label_sets import load_label_set
from datasets.preprocess.convert_pickle import main, read_pickle
from datasets.statistics import read_weights
from lib.language.anchors import read_anchors
from lib.losses.category_weights import load_category_weights

SCANNET200 = load_label_set()

VECTORS = np.random.default_rng(0).standard_normal((200, 16)).astype(np.float32)


def saved(path, value, protocol=None):
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def same(a, b):
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple | set):
        return len(a) == len(b) and all(map(same, a, b))
    return np.array_equal(a, b) and np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_scalars_and_containers_come_back_from_every_protocol(tmp_path, protocol):
    value = {"a": np.arange(6).reshape(2, 3), "f": np.asfortranarray(np.ones((2, 3), ">f4") * [1, 2, 3]), "h": [
        np.float64(0.5), np.int32(7), np.str_("é"), np.zeros((0, 4)), np.array(True), np.array(["wall", "bed"])],
        "t": (1, 2.5, None, True, "x", b"\x00\xff", b""), "s": {3}, "o": collections.OrderedDict(b=1, a=2)}
    assert same(value, read_pickle(saved(tmp_path / "a.pkl", value, protocol)))


@pytest.mark.parametrize("tensor", [
    torch.from_numpy(VECTORS), torch.from_numpy(VECTORS).half(), torch.from_numpy(VECTORS)[:, ::2].T, torch.tensor(3),
    torch.nn.Parameter(torch.from_numpy(VECTORS)), torch.arange(5), torch.ones(2, 2, dtype=torch.bfloat16)])
@pytest.mark.parametrize("write", [pickle.dump, torch.save,
                                   lambda t, f: torch.save(t, f, _use_new_zipfile_serialization=False)])
def test_tensors_come_back_however_they_were_written(tmp_path, tensor, write):
    with open(tmp_path / "t.pkl", "wb") as file:
        write(tensor, file)
    value = read_pickle(tmp_path / "t.pkl")
    expected = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
    assert isinstance(value, np.ndarray) and same(expected.numpy(), value)


def test_clip_features_become_anchors(tmp_path):
    path = saved(tmp_path / "clip_feats_scannet_200.pkl", torch.from_numpy(VECTORS))
    assert main([str(path), "--out", str(tmp_path / "anchors.npz")]) == 0
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    np.testing.assert_allclose(read_anchors(tmp_path / "anchors.npz", SCANNET200.names), unit, rtol=1e-5)
    path = saved(tmp_path / "by_name.pkl", dict(zip(SCANNET200.names, VECTORS[:, None])))
    assert main([str(path), "--out", str(tmp_path / "named.npz")]) == 0
    np.testing.assert_allclose(read_anchors(tmp_path / "named.npz", SCANNET200.names), unit, rtol=1e-5)


def test_category_and_sampling_weights_by_raw_id_become_weights_by_name(tmp_path):
    weights = {0: 0.0, **{int(raw): np.float32(k / 4) for k, raw in enumerate(SCANNET200.ids)}}
    path = saved(tmp_path / "scannet200_category_weights.pkl", weights)
    assert main([str(path), "--out", str(tmp_path / "w.json")]) == 0
    assert load_category_weights(tmp_path / "w.json", SCANNET200.names).tolist() == [k / 4 for k in range(200)]
    assert main([str(path), "--out", str(tmp_path / "s.json"), "--drop_zeros"]) == 0
    assert list(read_weights(tmp_path / "s.json", "sampling weights")) == list(SCANNET200.names[1:])


def test_instance_boxes_become_json(tmp_path):
    boxes = {"scene0000_00": {"instances": [{"bb": np.array([[0, 0, 0], [1, 2, 3.5]]), "label": np.int64(4)}]}}
    assert main([str(saved(tmp_path / "b.pkl", boxes)), "--out", str(tmp_path / "b.json")]) == 0
    assert json.loads((tmp_path / "b.json").read_text()) == {
        "scene0000_00": {"instances": [{"bb": [[0, 0, 0], [1, 2, 3.5]], "label": 4}]}}


def _global(name, *arguments):
    """Opcodes that call `module.name` with values, or opcodes, as arguments."""
    given = b"".join(a if isinstance(a, bytes) else pickle.dumps(a, 0)[:-1] for a in arguments)
    return b"c" + name.replace(" ", "\n").encode() + b"\n(" + given + b"tR"


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _evil(mark):
    """Pickles that would leave the file `mark`, by name of the way."""
    touch = f"c{os.name}\nsystem\n(Vtouch {mark}\ntR".encode()
    array = b"cnumpy.core.multiarray\n_reconstruct\n"
    buffer = io.BytesIO()
    torch.save(Evil(os.system, f"touch {mark}"), buffer, _use_new_zipfile_serialization=False)
    return {
        "reduce": pickle.dumps(Evil(os.system, f"touch {mark}")),
        "eval": pickle.dumps([1, Evil(eval, f"open({str(mark)!r}, 'w')")]),
        "in_array": pickle.dumps(np.array([Evil(os.system, f"touch {mark}")], dtype=object)),
        "as_subtype": array + touch + b"(I0\ntS'b'\ntR.",  # _reconstruct(os.system(...), (0,), b"b")
        "other_subtype": b"cnumpy.core.multiarray\n_reconstruct\n(csubprocess\nPopen\n(I0\ntS'b'\ntR.",
        "numpy_load": _global("numpy load", str(mark)) + b".",
        "numpy_exec": _global("numpy.testing runstring", f"open({str(mark)!r}, 'w')", {}) + b".",
        "numpy_dotted": b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.tofile\x93.",
        "builtins_getattr": b"cbuiltins\ngetattr\n(cnumpy\nndarray\nVtofile\ntR.",
        "build": b"cnumpy.core.multiarray\n_reconstruct\n}Vfunction\n" + touch.split(b"(")[0] + b"sb0N.",
        "slots": b"cnumpy\ndtype\n(N}Vfunction\ncposix\nsystem\nstb(Vtouch " + str(mark).encode() + b"\ntR.",
        "instance": b"(Vtouch " + str(mark).encode() + b"\niposix\nsystem\n.",
        "storage": _global("torch.storage _load_from_bytes", buffer.getvalue().decode("latin1")) + b".",
        "storage_bytes": pickle.dumps(Evil(torch.storage._load_from_bytes, buffer.getvalue())),
        "tensor_state": pickle.dumps(torch.ones(3))[:-1] + b"(K\x01N}tb.",
        "array_state": pickle.dumps(np.ones(3), 2)[:-1] + b"(K\x01K\x03\x85cnumpy\ndtype\n(VO\ntRNNtb.",
        "torch_file": buffer.getvalue(),
        "persistent": b"Pwhatever\n.",
        "extension": b"\x80\x02\x82\x01.",
    }


@pytest.mark.parametrize("way", list(_evil("m")))
@pytest.mark.filterwarnings("ignore")
def test_a_malicious_pickle_is_refused_in_one_line_and_nothing_in_it_runs(tmp_path, capsys, way):
    mark = tmp_path / "mark"
    (tmp_path / "evil.pkl").write_bytes(_evil(mark)[way])
    for out in ("out.npz", "out.json"):
        assert main([str(tmp_path / "evil.pkl"), "--out", str(tmp_path / out)]) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"error: {tmp_path}/evil.pkl: ") and error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.pkl"]


def test_the_name_of_what_is_refused_is_said_without_its_control_characters(tmp_path, capsys):
    (tmp_path / "evil.pkl").write_bytes(b"cev\x1b[2Jil\nname\n)R.")
    assert main([str(tmp_path / "evil.pkl"), "--out", str(tmp_path / "o.json")]) == 1
    assert "it names ev\\x1b[2Jil.name, which is neither" in capsys.readouterr().err


def test_forged_array_states_are_refused(tmp_path, capsys):
    """Object arrays from bytes would make numpy take bytes for pointers; shapes larger than the bytes, read beyond."""
    good = pickle.dumps(np.arange(4), 2)
    listed = [(o.name, a, p) for o, a, p in pickletools.genops(good)]
    at = next(p for name, a, p in listed if name in ("BINUNICODE", "SHORT_BINUNICODE") and a == "i8")
    forged = {
        "objects": good[:at] + b"X" + struct.pack("<I", 2) + b"O8" + good[at + 7:],
        "shape": good.replace(b"K\x04\x85", b"K\x7f\x85"),
        "fields": pickle.dumps(np.zeros(2, [("a", "f4")])),
    }
    for name, content in forged.items():
        assert content != good
        (tmp_path / "f.pkl").write_bytes(content)
        assert main([str(tmp_path / "f.pkl"), "--out", str(tmp_path / "f.npz")]) == 1, name
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("content,out,words", [
    (b"", "o.json", "refused"), (b"hello", "o.json", "refused"), (pickle.dumps({"a": 1})[:-3], "o.json", "refused"),
    (b"]\x94h\x00a.", "o.json", "recursion"), (pickle.dumps({"a": 1}), "o.npz", "give --out FILE.json"),
    (pickle.dumps({1.5: 1}), "o.json", "keys are neither"), (pickle.dumps({"a": b"x"}), "o.json", "no form for"),
    (pickle.dumps(1), "o.txt", "ends in .npz or .json"), (pickle.dumps(float("nan")), "o.json", "JSON"),
    (None, "o.json", "No such file"),
])
def test_what_cannot_be_converted_stops_with_one_line(tmp_path, capsys, content, out, words):
    path = tmp_path / "p.pkl"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path), "--out", str(tmp_path / out)]) == 1
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not (tmp_path / out).exists()
