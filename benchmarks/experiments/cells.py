"""What is trained: the cells of the matrix, and the budgets that scale them.

A cell is one training by one of the scripts in training_scripts/; it may start from another cell of the same seed.
"""
from collections.abc import Sequence
from dataclasses import dataclass, field

CPU_FLAGS = ("--optimizer Muon --lr 0.05 --scheduler PolyLR --bn_momentum 0.1 --elastic_distortion False "
             "--cache_data True --num_workers 0 --num_val_workers 0 --val_epoch_freq 1000")
GPU_FLAGS = "--num_workers 8 --num_val_workers 4 --val_epoch_freq 10 --precision tf32"


@dataclass(frozen=True)
class Cell:
    """name: "pretrained-focal", part of the run's folder. stage: 1, 2 or 3. loss: LOSS of the script, of stage 1
    --embedding_loss_type. start: the cell whose weights it starts from, None: from scratch. tail: SAMPLE_TAIL of stage
    3. longer: the epochs of stage 1 come on top. finding: runs with all seeds, not only the first ones. flags: its own.
    """
    name: str
    stage: int
    loss: str
    start: str | None = None
    flags: str = ""
    tail: bool = False
    longer: bool = False
    finding: bool = True


def _stage_3(of: str, loss: str, finding: bool) -> list[Cell]:
    return [Cell(f"{of}-tuned", 3, loss, of, finding=finding),
            Cell(f"{of}-tuned-tail", 3, loss, of, tail=True, finding=finding)]


MATRIX = (
    Cell("ce", 2, "cross_entropy"),
    Cell("focal", 2, "focal"),
    Cell("text", 1, "contrast_ce"),
    Cell("pretrained-ce", 2, "cross_entropy", "text"),
    Cell("pretrained-focal", 2, "focal", "text"),
    Cell("longer-ce", 2, "cross_entropy", longer=True),
    *_stage_3("pretrained-focal", "focal", finding=True),
    Cell("ce-tail", 2, "cross_entropy", flags="--sample_tail_instances True"),
    Cell("ce-mixed", 2, "cross_entropy", flags="--mix_scenes 0.8"),
    *_stage_3("ce", "cross_entropy", finding=False),
    *_stage_3("focal", "focal", finding=False),
    *_stage_3("pretrained-ce", "cross_entropy", finding=False),
    Cell("ce-repeated", 2, "cross_entropy", flags="--scene_sampling repeat_factor --repeat_threshold 0.3",
         finding=False),
    Cell("contrast", 1, "contrast", finding=False),
    Cell("contrast-ce", 2, "cross_entropy", "contrast", finding=False),
)
CELLS = {cell.name: cell for cell in MATRIX}


@dataclass(frozen=True)
class Budget:
    """epochs: of each stage; those of stage 1 and 2 see the same voxels, so that an epoch costs about the same.

    seeds: of the findings' cells; other_seeds: of the rest. scenes: flags of `python -m datasets.synthetic`; label_set:
    what they are given instead of ScanNet200's classes, None: nothing. voxel_size: metres, None: the 2 cm datasets.
    """
    model: str
    voxel_size: float | None
    batch: int
    epochs: tuple[int, int, int]
    seeds: int = 5
    other_seeds: int = 3
    scenes: dict = field(default_factory=dict)
    label_set: str | None = None
    flags: str = CPU_FLAGS
    stage_flags: tuple[str, str, str] = ("", "", "--lr 0.001")

    @property
    def datasets(self) -> tuple[str, str]:
        """--dataset of stage 1, and of stages 2 and 3."""
        two = "2cm" if self.voxel_size is None else ""
        return f"Scannet200Textual{two}Dataset", f"Scannet200Voxelization{two}Dataset"

    def epochs_of(self, cell: Cell) -> int:
        return self.epochs[cell.stage - 1] + (self.epochs[0] if cell.longer else 0)

    @property
    def common(self) -> list[str]:
        """Flags of main.py that all cells have."""
        size = [] if self.voxel_size is None else ["--voxel_size", str(self.voxel_size)]
        return [*self.flags.split(), *size, "--save_confusion", "True", "--val_pictures", "0"]

    def arguments(self, cell: Cell, seed: int) -> list[str]:
        """Flags of main.py; a cell's own come last and win."""
        return [*self.common, *self.stage_flags[cell.stage - 1].split(), "--max_epoch", str(self.epochs_of(cell)),
                "--seed", str(seed), *cell.flags.split()]


BUDGETS = {
    "minutes": Budget("Res16UNet14XS", 0.15, 2, (2, 4, 1), label_set="rooms24",
                      scenes={"train": 48, "val": 24, "test": 0, "seed": 0, "rooms": "bedroom,office"}),
    "hours": Budget("Res16UNet14S", 0.06, 2, (10, 17, 2),
                    scenes={"train": 96, "val": 24, "test": 0, "seed": 0, "rooms": "living,bedroom,kitchen,office"}),
    "gpu": Budget("Res16UNet34D", None, 8, (200, 200, 50), flags=GPU_FLAGS, stage_flags=("", "", ""),
                  scenes={"train": 300, "val": 60, "test": 0, "seed": 0}),
}


def jobs_of(budget: Budget, cells: Sequence[str] | None = None, seeds: Sequence[int] | None = None
            ) -> list[tuple[str, int]]:
    """(cell, seed) in the order of running: the findings' cells with the seeds that all have, the others, the rest.

    cells, seeds: these alone, and what the cells start from. Raises ValueError for a cell there is none of.
    """
    unknown = [name for name in cells or () if name not in CELLS]
    if unknown:
        raise ValueError(f"--cells {unknown[0]}: no such cell; there are {', '.join(CELLS)}")
    wanted = {earlier for name in (cells or CELLS) for earlier in chain(name)}
    first = range(budget.other_seeds) if seeds is None else seeds
    rest = range(budget.other_seeds, budget.seeds) if seeds is None else ()
    return [(cell.name, seed) for finding, some in ((True, first), (False, first), (True, rest)) for seed in some
            for cell in MATRIX if cell.finding == finding and cell.name in wanted]


def chain(name: str) -> list[str]:
    """The cell and what it starts from, the earliest first."""
    start = CELLS[name].start
    return [*(chain(start) if start else ()), name]
