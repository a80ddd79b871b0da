"""Datasets, batches and the order of scenes."""
import argparse

from config.types import above_zero, positive, share, str2bool, whole

TEXT_DATASETS = ("Scannet200TextualDataset", "Scannet200Textual2cmDataset")  # of stage 1


def add_flags(parser: argparse.ArgumentParser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument("--dataset", default="Scannet200Voxelization2cmDataset",
                      help="Scannet200Voxelization2cmDataset, or Scannet200Textual2cmDataset for stage 1; both without "
                           "`2cm` at --voxel_size")
    data.add_argument("--scannet_path", default="", metavar="DIR",
                      help="dataset root, with train.txt, val.txt, test.txt")
    data.add_argument("--label_set", metavar="NAME|FILE.csv",
                      help="the classes: scannet200, scannet20, or a file with a column name, and where wanted id, "
                           "group, red, green, blue; None: the dataset's label_set.csv, the network's, or scannet200")
    data.add_argument("--label_ids", default="auto", metavar="auto|own|index|raw|nyu40|scannet20|FILE.csv",
                      help="what the labels of scans are: the label set's own ids (auto, too, but for *.labels.ply, "
                           "which is nyu40), class indices, ScanNet's raw ids, or those of a table with id and name")
    data.add_argument("--voxel_size", type=above_zero, help="metres; only for datasets whose name does not fix it")
    data.add_argument("--batch_size", type=positive, default=16)
    data.add_argument("--val_batch_size", type=positive, default=1)
    data.add_argument("--num_workers", type=whole, default=4)
    data.add_argument("--num_val_workers", type=whole, default=4)
    data.add_argument("--cache_data", type=str2bool, default=False,
                      help="keep decoded scenes in the dataset's .decoded folder, memory-mapped")
    data.add_argument("--train_limit_numpoints", type=whole, default=1_800_000,
                      help="voxels of a training batch, which leaves out scenes beyond; 0: no limit")
    data.add_argument("--max_scene_voxels", type=whole, default=0, metavar="N",
                      help="training scenes of more voxels are cropped, in each epoch anew, to the N nearest to a "
                           "labelled one; 0: never")
    data.add_argument("--ignore_label", type=int, default=-1)
    data.add_argument("--train_phase", default="train", help="split to train on")
    data.add_argument("--val_phase", default="val", help="split to validate, evaluate or infer on")
    data.add_argument("--scene_sampling", default="uniform", choices=("uniform", "repeat_factor"),
                      help="repeat_factor: scenes with rare classes come more often (LVIS)")
    data.add_argument("--repeat_threshold", type=share, default=0.1,
                      help="repeat_factor: classes in a smaller share of the scenes are rare")
