"""Before a training: do its labels say anything, and do they mean what they are taken for? `check_training_labels`."""
import numpy as np

from datasets.label_ids import looks_like
from datasets.scannet200 import SceneDataset

LOOKED_AT = 5  # scenes whose floors and walls are sought


def check_training_labels(dataset: SceneDataset) -> None:
    """Print what names of files say of their labels; read a few scenes, more only while none has a label.

    Raises ValueError where not one point of all scenes has a class, or where, as far as floors and walls are seen, ids
    are another table's than --label_ids auto takes them for; and as `SceneDataset.scene`.
    """
    for line in dataset.label_ids.remarks(dataset.paths):
        print(line)
    labelled, ids, own, others = False, set(), False, {}
    first = np.unique(np.linspace(0, len(dataset) - 1, LOOKED_AT).astype(int)).tolist()
    for number, index in enumerate([*first, *sorted(set(range(len(dataset))) - set(first))]):
        if number >= len(first) and labelled:
            break
        scene, path = dataset.scene(index), dataset.paths[index]
        labelled |= bool((dataset.classes(scene.labels) != dataset.ignore_label).any())
        ids |= set(np.unique(scene.labels[:100_000]).tolist())
        if path.is_file():  # Pointcept's folders hold class indices, and are read so
            table = dataset.label_ids.seen_elsewhere(scene.points, scene.labels, path)
            own |= table == "own"
            if table not in (None, "own"):
                others.setdefault(table, path)
    if others and not own:
        (table, path), *_ = others.items()
        raise ValueError(f"{path}: {looks_like(table, dataset.label_set)}")
    if not labelled:
        found = ", ".join(map(str, sorted(ids)[:5])) + (", ..." if len(ids) > 5 else "")
        raise ValueError(f"{dataset.root}: not one point of its {len(dataset)} {dataset.split} scenes has a class to "
                         f"train on (labels found: {found}; label set {dataset.label_set.name}); --label_ids says what "
                         "labels are, --label_set which classes there are")
