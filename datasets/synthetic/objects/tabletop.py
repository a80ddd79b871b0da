"""Small things that stand on furniture or lie about: `KINDS` maps a class name to builder, place and carriers.

Use: `KINDS["book"].build(rng)` -> a Shape whose base is at z = 0 and whose footprint is centred.
"""

from datasets.synthetic.objects import small_counter as counter
from datasets.synthetic.objects import small_electronics as electronics
from datasets.synthetic.objects import small_household as household
from datasets.synthetic.objects import small_kitchen as kitchen
from datasets.synthetic.objects import small_ornaments as ornaments
from datasets.synthetic.objects import small_soft as soft
from datasets.synthetic.objects import small_tools as tools
from datasets.synthetic.objects.kinds import Kind
from datasets.synthetic.objects.small_parts import BATH, BEDSIDE, COUNTERS, DESKS, SEATS, SHELVES, TABLES, kinds

DAY = ("living", "bedroom", "kitchen", "office", "classroom", "hallway")
HOME = ("living", "bedroom", "kitchen")
WORK = ("office", "classroom")
SLEEP = ("bedroom", "living")
WET = ("bathroom", "laundry")
EATING = (*TABLES, *COUNTERS)
FLAT = (*TABLES, "desk", *SHELVES, *COUNTERS)


def _on(build, rooms, *carriers: str) -> Kind:
    """A kind that stands on carriers, each named once."""
    return Kind(build, "on", tuple(dict.fromkeys(rooms)), tuple(dict.fromkeys(carriers)))


KINDS: dict[str, Kind] = kinds(
    {
        "monitor": _on(electronics.monitor, (*WORK, "bedroom", "living"), "desk", "table"),
        "keyboard": _on(electronics.keyboard, (*WORK, "bedroom", "living"), "desk", "table"),
        "mouse": _on(electronics.mouse, (*WORK, "bedroom", "living"), "desk", "table"),
        "laptop": _on(electronics.laptop, (*WORK, *HOME), "desk", *TABLES, "bed", "couch"),
        "speaker": _on(electronics.speaker, (*SLEEP, *WORK), "desk", "table", "tv stand", *SHELVES, "floor"),
        "telephone": _on(
            electronics.telephone, (*WORK, *HOME, "hallway"), *DESKS, "end table", "nightstand", *COUNTERS, "cabinet"
        ),
        "headphones": _on(electronics.headphones, (*WORK, *SLEEP), "desk", "table", "nightstand", "bed"),
        "tv": _on(electronics.tv, (*SLEEP, "classroom"), "tv stand", "dresser", "cabinet"),
        "alarm clock": _on(electronics.alarm_clock, ("bedroom", "living"), *BEDSIDE, "desk", "shelf"),
        "lamp": _on(household.lamp, (*SLEEP, "office", "hallway"), *BEDSIDE, "desk", "table", "cabinet", "floor"),
        "book": _on(
            household.book, (*DAY, "laundry"), "bookshelf", "shelf", *DESKS, *TABLES, *BEDSIDE, "cabinet", "tv stand"
        ),
        "paper": _on(household.paper, DAY, *DESKS, *TABLES, *COUNTERS, "bookshelf", "shelf"),
        "box": _on(household.box, (*DAY, *WET), "floor", *DESKS, "shelf", "bookshelf", "cabinet", "table", "counter"),
        "container": _on(
            household.container, (*HOME, "bathroom", "laundry"), *COUNTERS, "shelf", "cabinet", "dining table", "table"
        ),
        "storage container": _on(
            household.storage_container, (*HOME, "laundry", "office", "hallway"), "floor", "shelf", "cabinet", "table"
        ),
        "cd case": _on(ornaments.cd_case, (*SLEEP, "office"), "desk", *SHELVES, "tv stand", *TABLES),
        "decoration": _on(
            ornaments.decoration,
            (*HOME, "hallway", "office", "bathroom"),
            *TABLES,
            *SHELVES,
            "tv stand",
            *BEDSIDE,
            "bathroom vanity",
        ),
        "candle": _on(ornaments.candle, (*HOME, "bathroom"), *TABLES, *SHELVES, *BEDSIDE, *BATH),
        "object": _on(ornaments.gadget, (*DAY, *WET), *FLAT, *DESKS, "nightstand", "tv stand", "bathroom vanity"),
        "tissue box": _on(ornaments.tissue_box, (*DAY, "bathroom"), *DESKS, *TABLES, *BEDSIDE, *BATH),
        "toilet paper": _on(ornaments.toilet_paper, WET, *BATH, "shelf", "cabinet", "floor"),
        "paper cutter": _on(tools.paper_cutter, WORK, *DESKS, "counter", "cabinet"),
        "hair dryer": _on(tools.hair_dryer, ("bathroom", "bedroom"), *BATH, "dresser", "nightstand", "bed"),
        "bottle": _on(
            kitchen.bottle, (*HOME, "bathroom", "laundry", "office"), *EATING, *BATH, "desk", "shelf", "nightstand"
        ),
        "water bottle": _on(kitchen.water_bottle, (*HOME, *WORK), "desk", *EATING, "nightstand"),
        "soap dispenser": _on(
            kitchen.soap_dispenser, ("bathroom", "kitchen", "laundry"), *BATH, *COUNTERS, "washing machine"
        ),
        "cup": _on(kitchen.cup, (*HOME, *WORK, "bathroom"), *DESKS, *EATING, *BATH, "nightstand"),
        "bowl": _on(kitchen.bowl, ("kitchen", "living"), *EATING, "cabinet"),
        "plate": _on(kitchen.plate, ("kitchen", "living"), *EATING),
        "tray": _on(kitchen.tray, HOME, *EATING, "ottoman", "bed"),
        "water pitcher": _on(counter.water_pitcher, ("kitchen", "living", "office"), *EATING),
        "dish rack": _on(counter.dish_rack, ("kitchen",), *COUNTERS),
        "microwave": _on(counter.microwave, ("kitchen", "office"), *COUNTERS, "cabinet", "table", "mini fridge"),
        "toaster": _on(counter.toaster, ("kitchen",), *COUNTERS, "table"),
        "toaster oven": _on(counter.toaster_oven, ("kitchen",), *COUNTERS, "table", "cabinet"),
        "coffee maker": _on(counter.coffee_maker, ("kitchen", "office"), *COUNTERS, "table", "cabinet"),
        "coffee kettle": _on(counter.coffee_kettle, ("kitchen", "office"), *COUNTERS, "table", "dining table"),
        "paper towel roll": _on(
            counter.paper_towel_roll, ("kitchen", "laundry", "bathroom"), *COUNTERS, "table", "bathroom vanity"
        ),
        "laundry detergent": _on(
            counter.laundry_detergent,
            ("laundry", "bathroom"),
            "washing machine",
            "clothes dryer",
            "shelf",
            "counter",
            "floor",
        ),
        "case of water bottles": Kind(
            counter.case_of_water_bottles, "floor", ("kitchen", "office", "laundry", "hallway")
        ),
        "pillow": _on(soft.pillow, SLEEP, "bed", "couch"),
        "cushion": _on(soft.cushion, (*SLEEP, "office"), "couch", "armchair", "sofa chair", "bed"),
        "blanket": _on(soft.blanket, SLEEP, "bed", "couch"),
        "clothes": _on(
            soft.clothes, (*SLEEP, "bathroom", "laundry", "hallway"), "bed", "chair", "clothes dryer", "couch", "floor"
        ),
        "jacket": _on(soft.jacket, (*SLEEP, *WORK, "hallway"), "bed", "couch", "table", "desk", "floor"),
        "bag": _on(soft.bag, (*DAY, "laundry"), "floor", *SEATS, "table", "desk"),
        "paper bag": _on(soft.paper_bag, DAY, "floor", *EATING, "desk"),
        "purse": _on(soft.purse, (*HOME, "office", "hallway"), *TABLES, *SEATS, "dresser", "bed"),
        "backpack": Kind(soft.backpack, "floor", DAY),
        "shoe": Kind(soft.shoe, "floor", (*SLEEP, "hallway", "bathroom", "laundry", "office")),
        "hat": _on(
            soft.hat, (*SLEEP, "hallway", "office"), "bed", "dresser", "table", "desk", "shelf", "couch", "chair"
        ),
        "mat": Kind(soft.mat, "floor", ("bathroom", "kitchen", "hallway", "laundry", "living", "bedroom")),
        "stuffed animal": _on(
            soft.stuffed_animal, SLEEP, "bed", "couch", "dresser", "shelf", "bookshelf", "armchair", "floor"
        ),
        "ball": Kind(soft.ball, "floor", (*SLEEP, "hallway", "classroom")),
        "dumbbell": Kind(tools.dumbbell, "floor", (*SLEEP, "office")),
        "plunger": Kind(tools.plunger, "floor", ("bathroom",)),
        "scale": Kind(tools.scale, "floor", ("bathroom", "bedroom")),
        "broom": Kind(tools.broom, "against_wall", ("kitchen", "laundry", "hallway", "bathroom")),
        "dustpan": Kind(tools.dustpan, "floor", ("kitchen", "laundry", "hallway", "bathroom")),
        "power strip": Kind(tools.power_strip, "floor", (*WORK, *SLEEP)),
    }
)
