"""Where the objects of a room go: against its walls, at tables, on desks and shelves, on walls, without meeting.

`furnish(rng, room, wanted, catalogue)` returns what found a place; what finds none in a bounded number of tries is left
out. The big things come first, what stands on them last.
"""
import numpy as np

from datasets.synthetic.collision import Placed, collide, turn, upright_boxes
from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.shapes import Shape, Support
from datasets.synthetic.rooms import Room

TRIES = 40
WIDE = 0.9  # m, of a thing on a wall that needs a wall of its own
SINK = 0.02  # m that a thing may sink into what carries it: cushions give way
IN_A_ROW = {"kitchen counter", "counter", "stove", "oven", "refrigerator", "dishwasher", "cabinet", "washing machine",
            "clothes dryer", "file cabinet", "bookshelf", "shelf", "bathroom vanity", "sink", "copier", "mailbox",
            "wardrobe", "dresser", "bathroom cabinet"}
BESIDE = {"nightstand": ("bed",), "end table": ("couch", "sofa chair", "armchair"), "trash can": ("desk",),
          "toilet paper holder": ("toilet",), "plunger": ("toilet",), "computer tower": ("desk",),
          "file cabinet": ("desk",), "dishwasher": ("kitchen counter",), "stove": ("kitchen counter",),
          "clothes dryer": ("washing machine",)}
ABOVE = {"range hood": ("stove", "oven"), "mirror": ("bathroom vanity", "sink", "dresser"),
         "kitchen cabinet": ("kitchen counter", "counter"), "toilet paper holder": ("toilet",),
         "bathroom cabinet": ("sink", "bathroom vanity"), "soap dispenser": ("sink",), "tv": ("tv stand",)}
SEATS = {"chair", "office chair", "stool", "folded chair", "seat"}
ONE_SIDED = {"desk", "couch", "tv", "tv stand"}
AT_THE_BACK = {"monitor", "tv", "speaker", "lamp", "microwave", "printer", "coffee maker", "toaster oven", "fan",
               "dish rack", "water cooler", "mini fridge", "plant", "pillow"}
AT_THE_FRONT = {"keyboard", "mouse", "laptop", "plate", "paper"}
LOOKS_AHEAD = AT_THE_BACK | AT_THE_FRONT | {"telephone", "toaster", "computer tower", "clock", "alarm clock", "blanket",
                                            "projector", "paper cutter", "scale", "book", "sink", "keyboard piano"}
IN_FRONT_OF = {"keyboard": ("monitor",), "mouse": ("monitor",)}


class Layout:
    """A room being filled: what stands in it, and the boxes nothing may meet."""

    def __init__(self, rng: np.random.Generator, room: Room, catalogue: dict[str, Kind], careless: float = 0.0):
        self.rng, self.room, self.catalogue, self.careless = rng, room, catalogue, careless
        self.placed: list[Placed] = []
        self.boxes = room.taken()
        self.owners = [None] * len(self.boxes)  # whose box each is
        for piece in room.pieces:
            if piece.shape.supports:
                mine = upright_boxes(piece.shape.boxes, piece.position, piece.yaw)
                for k, box in enumerate(self.boxes):
                    if (box == mine).all(1).any():
                        self.owners[k] = piece

    def find(self, names) -> list[Placed]:
        """What is placed of these classes, built-in pieces included, in a random order."""
        found = [p for p in self.placed + self.room.pieces if p.name in names]
        return [found[i] for i in self.rng.permutation(len(found))]

    def put(self, placed: Placed) -> bool:
        """Place it if it stays inside the room and meets nothing."""
        corners, room = hull(placed.shape), self.room
        shell = upright_boxes(corners[None], placed.position, placed.yaw)[0]
        c, s = abs(shell[4]), abs(shell[5])
        ex, ey = shell[2] * c + shell[3] * s, shell[2] * s + shell[3] * c
        if (shell[0] - ex < -0.003 or shell[1] - ey < -0.003 or shell[0] + ex > room.width + 0.003
                or shell[1] + ey > room.depth + 0.003 or shell[7] > room.height + 0.003):
            return False
        boxes = upright_boxes(placed.shape.boxes, placed.position, placed.yaw)
        if placed.carrier is None:
            if collide(boxes, self.boxes):
                return False
        else:
            mine = np.array([owner is placed.carrier for owner in self.owners])
            raised = boxes.copy()
            raised[:, 6] = np.maximum(raised[:, 6], placed.position[2] + SINK)
            raised = raised[raised[:, 7] > raised[:, 6]]
            if collide(boxes, self.boxes[~mine]) or collide(raised, self.boxes[mine]):
                return False
        self.placed.append(placed)
        self.boxes = np.concatenate([self.boxes, boxes])
        self.owners += [placed] * len(boxes)
        return True

    def against_wall(self, name: str, shape: Shape) -> bool:
        """On the floor, back to a wall; in a row with its like, beside what it belongs to, or anywhere."""
        x0, _, _, x1, y1, top = hull(shape)
        half = (x1 - x0) / 2
        spots = []
        company = self.find(BESIDE.get(name, self.catalogue[name].near))
        for other in company + self.find(IN_A_ROW if name in IN_A_ROW else ()):
            if other.wall is not None:
                o = hull(other.shape)
                gap = self.rng.uniform(0.02, 0.12) if name not in IN_A_ROW else 0.012
                sides = (other.along + o[3] + half + gap, other.along + o[0] - half - gap)
                spots += [(other.wall, sides[k]) for k in self.rng.permutation(2)]
        lengths = np.array([w.length for w in self.room.walls])
        for index in self.rng.choice(len(lengths), TRIES, p=lengths / lengths.sum()):
            low, high = half + 0.02, lengths[index] - half - 0.02
            if high > low:
                end = self.rng.random()  # corners fill first, as in life
                spots.append((index, low if end < 0.2 else high if end > 0.8 else self.rng.uniform(low, high)))
        last = [(k, u) for k, length in enumerate(lengths) for u in np.arange(half + 0.02, length - half, 0.12)]
        spots += [last[k] for k in self.rng.permutation(len(last))]  # then everywhere
        gap = self.rng.uniform(0.015, 0.04)
        for index, along in spots:
            wall = self.room.walls[index]
            u0, u1 = along - half, along + half
            if not wall.free(u0, u1, 0, top):
                continue
            off, askew = gap, 0.0
            if self.careless and self.rng.random() < self.careless:
                askew = self.rng.normal(0, 0.12)
                off += self.rng.exponential(0.08) + half * abs(np.sin(askew))
            at = np.array([*wall.at(along - (x0 + x1) / 2, -off - y1), 0.0])
            if self.put(Placed(name, shape, at, wall.yaw + askew, wall=int(index), along=along)):
                return True
        return False

    def on_wall(self, name: str, shape: Shape, height: tuple[float, float]) -> bool:
        """Hung at its height, over what it belongs to where there is such a thing."""
        x0, _, z0, x1, _, z1 = hull(shape)
        half, spots = (x1 - x0) / 2, []
        for other in self.find(ABOVE.get(name, self.catalogue[name].near)):
            if other.wall is not None:
                spots += [(other.wall, other.along + d) for d in self.rng.uniform(-0.25, 0.25, 5) * (0, 1, 1, 2, 3)]
        lengths = np.array([w.length for w in self.room.walls])
        for index in self.rng.choice(len(lengths), TRIES, p=lengths / lengths.sum()):
            if lengths[index] > 2 * half + 0.04:
                spots.append((index, self.rng.uniform(half + 0.02, lengths[index] - half - 0.02)))
        for index, along in spots:
            wall, z = self.room.walls[index], self.rng.uniform(*height)
            z = min(z, self.room.height - 0.01 - z1)
            if not wall.free(along - half, along + half, z + z0, z + z1):
                continue
            at = np.array([*wall.at(along - (x0 + x1) / 2), z])
            if self.put(Placed(name, shape, at, wall.yaw, wall=int(index), along=along)):
                return True
        return False

    def on_ceiling(self, name: str, shape: Shape) -> bool:
        """Hung from the ceiling, nearer to its middle than to the walls."""
        for spread in np.linspace(0.1, 0.45, TRIES // 2):
            x, y = np.array([self.room.width, self.room.depth]) * self.rng.uniform(0.5 - spread, 0.5 + spread, 2)
            at = np.array([x, y, self.room.height - hull(shape)[5]])
            if self.put(Placed(name, shape, at, self.rng.integers(4) * np.pi / 2)):
                return True
        return False

    def on_floor(self, name: str, shape: Shape) -> bool:
        """Free on the floor: the big ones square to the room, the small ones anyhow and mostly along the walls."""
        box, big = hull(shape), hull_area(shape) > 0.3
        inset = (min if big else max)(box[3] - box[0], box[4] - box[1]) / 2 + 0.01
        size = np.array([self.room.width, self.room.depth]) - 2 * inset
        for _ in range(2 * TRIES):
            share = self.rng.uniform(0.2, 0.8, 2) if big else self.rng.beta(0.6, 0.6, 2)
            square = big and not (self.careless and self.rng.random() < self.careless)
            yaw = (self.rng.integers(4) * np.pi / 2 + self.rng.normal(0, 0.04) if square
                   else self.rng.uniform(-np.pi, np.pi))
            if self.put(Placed(name, shape, np.array([*(inset + share * size), 0.0]), yaw)):
                return True
        return False

    def in_front_of(self, name: str, shape: Shape, targets: list[Placed]) -> bool:
        """On the floor before one of the targets and facing it; round a free-standing one on all four sides."""
        front = -hull(shape)[1]
        for target in targets:
            box = hull(target.shape)
            sides = [0] if target.wall is not None or target.name in ONE_SIDED else self.rng.permutation(4)
            for side in [s for s in sides for _ in range(8)]:
                reach = (-box[1], box[3], box[4], -box[0])[side]  # from the middle to the edge on this side
                width = (box[3] - box[0], box[4] - box[1])[side % 2]
                tuck = self.rng.uniform(-0.28, 0.08) if name in SEATS else self.rng.uniform(0.25, 0.5)
                slip = self.rng.uniform(-1, 1) * max(0.0, width / 2 - 0.3)
                local = turn(np.array([[slip, -reach - front - tuck]]), side * np.pi / 2)
                place = turn(local, target.yaw)[0] + target.position[:2]
                jitter = self.rng.normal(0, 0.2 if name in SEATS else 0.03)
                yaw = target.yaw + side * np.pi / 2 + np.pi + jitter
                if self.put(Placed(name, shape, np.array([*place, 0.0]), yaw)):
                    return True
        return False

    def on_support(self, name: str, shape: Shape, carriers: list[Placed]) -> bool:
        """On a surface of one of the carriers, within its rectangle and free height; by what it belongs to."""
        tall = hull(shape)[5]
        options = [(carrier, s) for carrier in carriers for s in carrier.shape.supports
                   if tall <= s.clearance and carrier.position[2] + s.z + tall < self.room.height]
        options = [options[k] for k in self.rng.permutation(len(options))]
        for mate in self.find({*IN_FRONT_OF.get(name, ()), *self.catalogue[name].near}):
            same = [s for carrier, s in options if mate.carrier is carrier
                    and abs(mate.position[2] - carrier.position[2] - s.z) < 0.01]
            if any(self._on_rectangle(name, shape, mate.carrier, s, mate) for s in same):
                return True
        return any(self._on_rectangle(name, shape, carrier, s) for carrier, s in options[:12])

    def _on_rectangle(self, name: str, shape: Shape, carrier: Placed, s: Support, mate: Placed | None = None) -> bool:
        """Somewhere on one support; in front of `mate`, a mouse aside of that."""
        box, ahead = hull(shape), name in LOOKS_AHEAD
        middle, half = (box[:2] + box[3:5]) / 2, (box[3:5] - box[:2]) / 2
        low, high = np.array([s.x0, s.y0]), np.array([s.x1, s.y1])
        for attempt in range(8):
            yaw = self.rng.normal(0, 0.1) if ahead or self.rng.random() < 0.4 else self.rng.uniform(-np.pi, np.pi)
            if attempt > 4:
                yaw = 0.0 if ahead else self.rng.integers(4) * np.pi / 2  # square to a narrow board it may fit
            c, sn = abs(np.cos(yaw)), abs(np.sin(yaw))
            reach = np.array([half[0] * c + half[1] * sn, half[0] * sn + half[1] * c])
            room = high - low - 2 * reach
            if (room < 0).any():
                continue
            share = self.rng.random(2)
            if name in AT_THE_BACK:
                share[1] = 1 - 0.25 * share[1]
            elif name in AT_THE_FRONT:
                share[1] *= 0.4
            spot = low + reach + share * room
            if mate is not None:
                beside = turn(mate.position[None, :2] - carrier.position[:2], -carrier.yaw)[0, 0]
                beside += self.rng.normal(0, 0.04) + (0.3 if name == "mouse" else 0.0)
                spot[0] = np.clip(beside, low[0] + reach[0], high[0] - reach[0])
            at = turn((spot - turn(middle[None], yaw)[0])[None], carrier.yaw)[0] + carrier.position[:2]
            at = np.array([*at, carrier.position[2] + s.z])
            if self.put(Placed(name, shape, at, carrier.yaw + yaw, carrier=carrier)):
                return True
        return False

    def place(self, name: str, shape: Shape) -> bool:
        """Put one object where its kind belongs."""
        kind = self.catalogue[name]
        where = shape.place or kind.place
        if where == "on":
            if self.on_support(name, shape, self.find(kind.carriers)):
                return True
            return "floor" in kind.carriers and self.on_floor(name, shape)
        if where == "floor" and kind.near and (targets := self.find(kind.near)):
            if self.in_front_of(name, shape, sorted(targets, key=lambda t: self.company(t, name))):
                return True
            if name in SEATS and not self.careless:
                return False  # there are enough at the tables
        if where == "wall":
            return self.on_wall(name, shape, shape.height or kind.height)
        if where == "ceiling":
            return self.on_ceiling(name, shape)
        return self.against_wall(name, shape) if where == "against_wall" else self.on_floor(name, shape)

    def company(self, target: Placed, name: str) -> int:
        """How many of a class are near a target already: the next goes to a lonelier one."""
        return sum(p.name == name and np.linalg.norm((p.position - target.position)[:2]) < 1.3 for p in self.placed)


def hull(shape: Shape) -> np.ndarray:
    """(6,) x0 y0 z0 x1 y1 z1 of all of a shape, soft parts too, m."""
    if not hasattr(shape, "_hull"):
        v = shape.vertices
        shape._hull = np.concatenate([v.min(0), v.max(0)])
    return shape._hull


def hull_area(shape: Shape) -> float:
    """Floor area of a shape's bounds, m2."""
    box = hull(shape)
    return float((box[3] - box[0]) * (box[4] - box[1]))


def furnish(rng: np.random.Generator, room: Room, wanted: dict[str, int], catalogue: dict[str, Kind],
            urgency: dict[str, int], careless: float = 0.0) -> list[Placed]:
    """Place `wanted[name]` objects of each class in the room; returns those that found a place.

    careless: share of the furniture that stands askew, or off the wall.

    Order: one of each class of urgency 0, what stands against walls, what stands free, what goes before those, what
    hangs, what stands on them. Among these: one of each class before the second of any, the more urgent (lower)
    before the less, the larger before the smaller.
    """
    layout, queue = Layout(rng, room, catalogue, careless), []
    for name in sorted(wanted):
        kind = catalogue[name]
        for copy in range(wanted[name]):
            shape = kind.build(rng)
            stage = {"against_wall": 1, "floor": 2, "wall": 4, "ceiling": 4, "on": 5}[shape.place or kind.place]
            if stage < 3 and urgency[name] == 0 and copy == 0:
                stage = 0
            elif stage < 3 and kind.near:
                stage = 3
            elif (shape.place or kind.place) == "wall" and hull(shape)[3] - hull(shape)[0] > WIDE:
                stage = 0.7  # a blackboard needs its wall before shelves take it
            if stage != 0.7 and (name in BESIDE or name in IN_FRONT_OF or kind.near and stage != 3):
                stage += 0.5  # after what it belongs to
            queue.append((stage, copy > 0, urgency[name], -hull_area(shape), len(queue), name, shape))
    for *_, name, shape in sorted(queue, key=lambda entry: entry[:5]):
        for _ in range(4):
            if layout.place(name, shape) or urgency[name] > 1:
                break
            shape = catalogue[name].build(rng)  # perhaps a smaller one fits
    return layout.placed
