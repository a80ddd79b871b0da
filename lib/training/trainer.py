"""The training loop of all three stages: `train(config)`.

Writes to `--log_dir`: config.yaml, last.ckpt (after every epoch), best.ckpt and scores.json (highest validation mIoU),
run.json, TensorBoard's event file, metrics.jsonl. Ctrl-C, SIGTERM or SIGUSR1 ends after the step in hand, with
last.ckpt; `--resume DIR` goes on exactly.
"""
from argparse import Namespace
from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from config.config import write_config
from config.resume import changed_flags
from datasets.label_checks import check_training_labels
from datasets.label_sets import DEFAULT, LABEL_SET_FILE
from datasets.loader import Batch, build_loader
from datasets.workers import naming_the_dead
from lib import distributed
from lib.checkpoint import (
    check_same_epoch,
    fingerprint,
    later_checkpoints,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
    stored_label_set,
)
from lib.checkpoint_files import keep_latest, kept_checkpoints
from lib.inference.evaluation import evaluate, write_scores
from lib.prefetch import Prefetcher
from lib.stages import HEADS, build_stage, choose_label_set, pick_device, read_weights_of
from lib.training.averaging import Average
from lib.training.guards import SkippedSteps, Step, StepGuard
from lib.training.oversize import learn_what_fits
from lib.training.pictures import ValidationPictures
from lib.training.readout import Readout
from lib.training.replicas import Part, Replicas, about, at_learning_rate, resumed_elsewhere
from lib.training.run_log import RunLog
from lib.training.run_record import write_record
from lib.training.solvers import (
    build_optimizer,
    build_scaler,
    build_scheduler,
    clip_gradients,
    resume_solvers,
    take_step,
)
from lib.training.step_log import instance_report, report_steps
from lib.training.stopping import stop_on_signal
from lib.training.throughput import Watched

SCORES = ("scores.json", "confusion.npz")
SINCE = ("skipped_steps", "skipped_in_a_row", "unvalidated")  # of Progress, which earlier checkpoints lack


@dataclass
class Progress:
    """Where a training stands: optimiser steps and epochs done, batches done of the epoch in hand. unvalidated: the
    epoch has ended, what follows it is still to be done."""
    step: int = 0
    epoch: int = 0
    batch: int = 0
    best: float = -1.0
    unlabelled_batches: int = 0
    skipped_steps: int = 0
    skipped_in_a_row: int = 0
    unvalidated: bool = False


class Training:
    """One run: stage, optimiser, schedule, loaders and progress; what a checkpoint holds."""

    def __init__(self, config: Namespace):
        """Raises ValueError or OSError for flags or files that cannot be used, before anything is written."""
        self.config = config
        self.folder = Path(config.log_dir)
        torch.manual_seed(config.seed)
        self.device = pick_device(config)
        stored = read_weights_of(config)
        self.label_set = choose_label_set(config, stored)
        self.train_loader = build_loader(config, config.train_phase, training=True, label_set=self.label_set)
        self.val_loader = build_loader(config, config.val_phase, training=False, label_set=self.label_set)
        check_training_labels(self.train_loader.dataset)
        self.stage = build_stage(config, self.label_set, stored).to(self.device)
        heads = [parameter for name, parameter in self.stage.named_parameters() if name.startswith(HEADS)]
        self.replicas = Replicas(self.stage, config.sync_batch_norm)
        rates = at_learning_rate(config)
        self.optimizer = build_optimizer(rates, self.stage.parameters(), heads)
        self.scaler = build_scaler(config, self.device)
        self.train_batches = Watched(Prefetcher(self.train_loader, self.device, self.stage.execution.engine),
                                     self.device)
        self.batch_scenes = config.batch_size * distributed.world()  # of all processes
        self.batches = -(-len(self.train_loader.dataset) // self.batch_scenes)
        self.steps_per_epoch = -(-self.batches // config.iter_size)
        self.scheduler = build_scheduler(rates, self.optimizer, self.steps_per_epoch)
        self.pictures = ValidationPictures(config, self.val_loader.dataset, self.device)
        self.average = Average(self.stage, config.ema_decay)
        self.progress = Progress()
        self.stopping = False
        self.unlabelled: dict[str, None] = {}  # training scenes that were named as having no label, in order
        kept = [file.name for file in kept_checkpoints(self.folder)]
        self.older = () if config.resume else ("best.ckpt", "last.ckpt", *kept, *SCORES)  # of a run in the same folder
        if config.resume:
            self._resume(newest_checkpoint(config.resume))
            if Path(config.resume) != self.folder:  # else nothing there is newer
                self.older = later_checkpoints(self.folder, self.progress.step)
                if "best.ckpt" in self.older:  # is best of what is given up
                    self.older, self.progress.best = (*self.older, *SCORES), -1.0
        elif not config.overwrite_weights and list(self.folder.glob("*.ckpt")):
            raise ValueError(f"{self.folder}: holds checkpoints already; choose another --log_dir, go on with --resume "
                             f"{self.folder}, or allow --overwrite_weights True")
        self.skipped = SkippedSteps(config, self.folder, self.progress)

    def save(self, name: str) -> None:
        """Write `<log_dir>/<name>` with all that `--resume` needs.

        The first that a new run writes takes the place of all that an older run left there, lest it be taken for its
        own; not earlier, so that a run that fails at once costs nothing. Of several processes rank 0 writes.
        """
        if not distributed.is_main():
            return
        rng = {"cpu": torch.get_rng_state()}
        if self.device.type == "cuda":
            rng["cuda"] = torch.cuda.get_rng_state(self.device)
        save_checkpoint(self.folder / name, {
            **self.average.states(self.stage), "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(), "scaler": self.scaler.state_dict(), "rng": rng,
            **asdict(self.progress), "processes": distributed.world(),
            "scenes": fingerprint(self.train_loader.dataset.names), "config": dict(vars(self.config)),
            "label_table": dict(zip(self.label_set.names, self.label_set.ids.tolist())),
            "label_set": self.label_set.table()})
        for other in self.older:
            if other != name and not (other in SCORES and self.progress.best >= 0):  # then just written
                (self.folder / other).unlink(missing_ok=True)
        self.older = ()
        if name == "last.ckpt":
            keep_latest(self.folder / name, self.progress.step, self.config.keep_checkpoints)

    def _resume(self, path: Path) -> None:
        content = load_checkpoint(path)
        trained = stored_label_set(content, path)
        if trained is not None and not trained.same_classes(self.label_set):
            raise ValueError(f"{path}: was trained on the {len(trained)} classes of label set {trained.name}, "
                             f"--label_set or the data now say the {len(self.label_set)} of {self.label_set.name}: "
                             "start from its weights with --weights")
        try:
            self.average.load_states(self.stage, content)
            resume_solvers(self.optimizer, self.scheduler, content)
            if content.get("scaler"):  # another precision's is empty
                self.scaler.load_state_dict(content["scaler"])
            self.progress = Progress(**{name: content.get(name, 0) if name in SINCE else content[name]
                                        for name in asdict(self.progress)})
            torch.set_rng_state(content["rng"]["cpu"])
            if self.device.type == "cuda" and "cuda" in content["rng"]:
                torch.cuda.set_rng_state(content["rng"]["cuda"], self.device)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ValueError(f"{path}: --resume needs a checkpoint of the same stage and flags ({reason}); "
                             "to start from its weights use --weights") from None
        check_same_epoch(content, path, self.config, self.train_loader.dataset.names)
        self.progress.batch, elsewhere = resumed_elsewhere(content, self.config)
        print(f"resumed {path} at step {self.progress.step}, epoch {self.progress.epoch}")
        if isinstance(content.get("config"), dict):
            for line in changed_flags(content["config"], vars(self.config)):
                print(f"changed: {line}")
        if elsewhere:
            print(elsewhere)

    @property
    def finished(self) -> bool:
        """Whether --max_epoch or --max_iter is reached."""
        return self.progress.epoch >= self.config.max_epoch or self.progress.step >= self.config.max_iter


def train(config: Namespace) -> None:
    """Train the stage that the flags select until --max_epoch or --max_iter."""
    run = Training(config)
    distributed.barrier()  # before anything of the folder changes, all have read what they start from
    main = distributed.is_main()
    if run.label_set.name != DEFAULT:
        if main:
            run.label_set.write(run.folder / LABEL_SET_FILE)
        config.label_set = str(run.folder / LABEL_SET_FILE)
    if main:
        write_config(config, run.folder / "config.yaml")
        write_record(run.folder, run.progress.step, bool(config.resume), run.device, run.stage.execution,
                     run.train_loader.dataset, run.val_loader.dataset)
    trained = sum(p.numel() for p in run.stage.parameters() if p.requires_grad)
    print(f"{run.stage.name}: {config.model}, {trained:,} trained parameters, "
          f"{len(run.train_loader.dataset)} scenes to train on, "
          f"{len(run.val_loader.dataset)} to validate on, {run.device}")
    if line := about(config, run.device):
        print(line)
    if run.finished and not run.progress.unvalidated:
        print(f"nothing left to train: --max_epoch {config.max_epoch} or --max_iter {config.max_iter} is reached; "
              "give a larger one")
    run.skipped.start()
    with RunLog(run.folder, run.progress.step if config.resume else None, main) as writer, stop_on_signal(run), \
            naming_the_dead(run.train_loader, run.val_loader):
        while not run.finished or run.progress.unvalidated:
            if not run.progress.unvalidated:
                train_one_epoch(run, writer)
                writer.scalars(run.train_batches.figures(), run.progress.step, "speed", epoch=run.progress.epoch)
                run.progress.unvalidated = run.progress.batch == 0 or run.finished
            if run.progress.unvalidated:
                best, watched = run.progress.best, None
                due = run.progress.epoch % config.val_epoch_freq == 0
                if due or run.finished:
                    run.save("last.ckpt")  # a run that is killed in its validation begins anew with that
                    watched = validate(run, writer)
                run.progress.unvalidated = False
                if run.progress.batch == 0:  # not where --max_iter ends the run inside an epoch, which may be extended
                    run.scheduler.step_epoch(watched if due else None)
                if run.progress.best > best:
                    run.save("best.ckpt")
            run.save("last.ckpt")
            if distributed.any_of(run.stopping) and not run.finished:
                print(f"stopped at step {run.progress.step}; go on with --resume {run.folder}")
                return


def train_one_epoch(run: Training, writer: RunLog) -> None:
    """Train on the rest of the epoch in hand. Raises ValueError for too many steps in a row that are left out."""
    config, progress, stage = run.config, run.progress, run.stage
    stage.train()
    run.train_loader.set_epoch(progress.epoch, progress.batch * run.batch_scenes)
    bar = tqdm(run.train_batches, desc=f"epoch {progress.epoch}", initial=progress.batch, total=run.batches,
               unit="batch", dynamic_ncols=True, disable=not distributed.is_main())
    run.optimizer.zero_grad(set_to_none=True)
    group, learned = min(config.iter_size, run.batches - progress.batch), 0  # batches of this step; those done
    total = torch.zeros((), device=run.device)
    placed, skipped, unlabelled = Counter(), Counter(), {}
    readout, guard, scenes = Readout(run.device), StepGuard(stage), []

    def undo() -> None:
        nonlocal group, learned
        group, learned = group - learned, 0  # the step is the mean over the batches that are left
        run.optimizer.zero_grad(set_to_none=True)
        guard.restore()
        total.zero_()

    def learn(completes_step: bool, part: Batch) -> tuple[torch.Tensor, Part]:
        return _learn(run, group, completes_step, part)

    for batch in bar:
        scenes += [] if batch.lent else batch.scenes
        placed.update(batch.placed)
        skipped.update(batch.skipped)
        unlabelled.update(dict.fromkeys(batch.unlabelled))
        progress.batch += 1
        completes_step = progress.batch % config.iter_size == 0 or progress.batch >= run.batches
        loss, part = learn_what_fits(partial(learn, completes_step), batch, undo,
                                     [config.seed, progress.epoch, progress.batch], config.ignore_label)
        total += loss
        learned += 1
        progress.unlabelled_batches += not part.labelled
        if not completes_step:
            continue
        bad = guard.judge(total, run.optimizer, run.scaler)
        norm = clip_gradients(run.optimizer, run.scaler, config.clip_grad_norm) if config.clip_grad_norm else None
        report_steps(config, writer, bar, run.skipped, readout.push(*_figures(run, scenes, total, part, norm, bad)))
        take_step(run.optimizer, run.scaler, bad)
        run.replicas.agree_on_statistics()
        guard.settle(bad)
        run.average.update(stage, progress.step)
        run.optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        run.scheduler.step_iteration()
        total.zero_()
        scenes = []
        group, learned = min(config.iter_size, run.batches - progress.batch), 0
        if distributed.any_of(run.stopping) or progress.step >= config.max_iter:
            break
    report_steps(config, writer, bar, run.skipped, readout.flush())
    bar.close()
    placed, skipped, unlabelled = _of_all(placed, skipped, unlabelled)
    if placed or skipped:
        tqdm.write(instance_report(placed, skipped))
        writer.scalars({"instances_placed": placed.total(), "instances_skipped": skipped.total()}, progress.step)
    if new := [name for name in unlabelled if name not in run.unlabelled]:
        run.unlabelled.update(dict.fromkeys(new))
        tqdm.write(f"warning: no labelled voxel, so nothing learned, in {len(new)} scene(s): {', '.join(new[:10])}"
                   f"{', ...' if len(new) > 10 else ''}")
    if progress.batch >= run.batches:
        progress.epoch, progress.batch = progress.epoch + 1, 0


def _learn(run: Training, group: int, completes_step: bool, batch: Batch) -> tuple[torch.Tensor, Part]:
    """Forward and backward of one of a step's `group` batches: its share of the step's loss, and of the joint batch."""
    with run.replicas.part_of(batch, completes_step) as part:
        loss = _loss(run, batch)
        run.scaler.scale(loss * part.of_gradient / group).backward()
    return loss.detach() * part.of_loss / group, part


def _loss(run: Training, batch: Batch) -> torch.Tensor:
    """Loss of a batch; one without a labelled voxel gives 0 with a zero gradient (lesson L6)."""
    loss = run.stage.criterion(run.replicas(batch), batch.labels)
    return run.config.embedding_loss_lambda * loss if run.config.use_embedding_loss else loss


def _of_all(placed: Counter, skipped: Counter, unlabelled: dict[str, None]) -> tuple[Counter, Counter, dict]:
    """What the processes counted of an epoch, together."""
    parts = distributed.gather([placed, skipped, list(unlabelled)])
    placed, skipped = (sum((Counter(part[k]) for part in parts), Counter()) for k in (0, 1))
    return placed, skipped, dict.fromkeys(name for part in parts for name in part[2])


def _figures(run: Training, scenes: list[str], loss: torch.Tensor, part: Part, norm: torch.Tensor | None,
             bad: torch.Tensor) -> tuple[Step, torch.Tensor]:
    """The step in hand and its figures (n,), still on the device: losses of all processes' voxels. part: of this one's
    last batch; norm: of the gradients, where they are clipped; bad: whether the step is left out."""
    terms = {name: value * part.of_loss for name, value in getattr(run.stage.criterion, "terms", {}).items()}
    figures = {"loss": loss, **terms}
    summed = distributed.add_up(torch.stack([value.detach().float() for value in figures.values()]))
    figures = {**dict(zip(figures, summed)), "skipped": bad}
    if run.scaler.is_enabled():
        figures["loss_scale"] = run.scaler.scale(torch.ones_like(loss))
    if norm is not None:
        figures["gradient_norm"] = norm
    progress = run.progress
    step = Step(progress.step + 1, progress.epoch, run.optimizer.param_groups[0]["lr"], progress.unlabelled_batches,
                scenes, list(figures))
    return step, torch.stack([value.detach().float() for value in figures.values()])


def validate(run: Training, writer: RunLog) -> float | None:
    """Score the stage on the validation scenes, with averaged weights where there are such; note the best; returns what
    ReduceLROnPlateau watches."""
    progress = run.progress
    with run.average.in_place(run.stage):
        evaluation = evaluate(run.stage, run.val_loader, run.device, f"validate {progress.epoch}", run.pictures.keep)
        run.pictures.write(writer, run.stage, evaluation, progress.step)
    if not evaluation.labelled:
        print("validation scenes are unlabelled: no scores")
        return None
    scores = evaluation.scores()
    figures = {f"val_{kind}/{name}": value for kind, values in scores.items() for name, value in values.items()}
    writer.scalars({"val/loss": evaluation.loss, **figures}, progress.step, "", epoch=progress.epoch)
    miou = scores["points"]["mIoU/present"]
    tqdm.write(f"epoch {progress.epoch}, step {progress.step}: validation loss {evaluation.loss:.3f}\n"
               f"{evaluation.report()}")
    if miou > progress.best:
        progress.best = miou
        if distributed.is_main():
            write_scores(run.folder / "scores.json", evaluation, run.config.save_confusion, step=progress.step,
                         epoch=progress.epoch)
    return evaluation.loss if run.config.scheadule_monitor == "val_loss" else miou
