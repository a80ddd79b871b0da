"""Transitional."""
from datasets.label_sets import IGNORE_LABEL, UNLABELLED_COLOR, load_label_set, read_names  # noqa: F401

_SET = load_label_set()
NUM_CLASSES, CLASS_NAMES, RAW_IDS, COLORS, GROUPS = len(_SET), _SET.names, _SET.ids, _SET.colors, _SET.groups
UNLABELLED_ID = 0
raw_to_class, class_to_raw, group_classes, class_indices = _SET.to_classes, _SET.to_ids, _SET.members, _SET.indices
