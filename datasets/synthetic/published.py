"""What is published of ScanNet, to set generated rooms beside: `PUBLISHED`, `OBJECTS`; no scan is needed for it."""
import csv
from pathlib import Path

# Dai et al., "ScanNet", CVPR 2017, table 2: scans, and per scan floor area and labelled objects.
PUBLISHED = {"rooms": 1513.0, "ground m2, mean": 22.6, "objects a room, mean": 24.1}
# Percent of the vertices of the 1,201 training scans that are of the 20 classes, in the order of label set scannet20:
# 100 (exp(1 / w) - 1.2) of the weights w = 1 / log(1.2 + share) that Multi-view PointNet (Jaritz et al., ICCV workshops
# 2019) publishes as mvpnet/data/meta_files/scannetv2_train_3d_log_weights_20_classes.txt of its repository.
SHARES = (31.98, 24.42, 4.32, 2.88, 7.59, 2.60, 3.76, 4.81, 4.15, 2.52, 0.52, 0.51, 2.05, 2.30, 0.55, 0.33, 0.33, 0.27,
          0.36, 3.72)
# Labelled objects of ScanNet200's classes: the column `count` of ScanNet's scannetv2-labels.combined.tsv, summed over
# the raw names that share a class's id.
with open(Path(__file__).with_name("scannet_objects.csv"), newline="", encoding="utf-8") as _file:
    OBJECTS = {row["name"]: int(row["objects"]) for row in csv.DictReader(_file)}
