"""Small things that stand on furniture or lie about: `KINDS` maps a class name to builder, place and carriers.

Use: `KINDS["book"].build(rng)` -> a Shape whose base is at z = 0 and whose footprint is centred.
"""
from datasets.synthetic import small_counter, small_electronics, small_household, small_kitchen, small_soft, small_tools
from datasets.synthetic.kinds import Kind
from datasets.synthetic.small_parts import BATH, BEDSIDE, COUNTERS, DESKS, SEATS, SHELVES, TABLES, kinds

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


E_, H, K, C, S, T = small_electronics, small_household, small_kitchen, small_counter, small_soft, small_tools
KINDS: dict[str, Kind] = kinds({
    "monitor": _on(E_.monitor, (*WORK, "bedroom", "living"), "desk", "table"),
    "keyboard": _on(E_.keyboard, (*WORK, "bedroom", "living"), "desk", "table"),
    "mouse": _on(E_.mouse, (*WORK, "bedroom", "living"), "desk", "table"),
    "laptop": _on(E_.laptop, (*WORK, *HOME), "desk", *TABLES, "bed", "couch"),
    "speaker": _on(E_.speaker, (*SLEEP, *WORK), "desk", "table", "tv stand", *SHELVES, "floor"),
    "telephone": _on(E_.telephone, (*WORK, *HOME, "hallway"), *DESKS, "end table", "nightstand", *COUNTERS, "cabinet"),
    "headphones": _on(E_.headphones, (*WORK, *SLEEP), "desk", "table", "nightstand", "bed"),
    "tv": _on(E_.tv, (*SLEEP, "classroom"), "tv stand", "dresser", "cabinet"),
    "alarm clock": _on(E_.alarm_clock, ("bedroom", "living"), *BEDSIDE, "desk", "shelf"),
    "lamp": _on(H.lamp, (*SLEEP, "office", "hallway"), *BEDSIDE, "desk", "table", "cabinet", "floor"),
    "book": _on(H.book, (*DAY, "laundry"), "bookshelf", "shelf", *DESKS, *TABLES, *BEDSIDE, "cabinet", "tv stand"),
    "paper": _on(H.paper, DAY, *DESKS, *TABLES, *COUNTERS, "bookshelf", "shelf"),
    "box": _on(H.box, (*DAY, *WET), "floor", *DESKS, "shelf", "bookshelf", "cabinet", "table", "counter"),
    "container": _on(H.container, (*HOME, "bathroom", "laundry"), *COUNTERS, "shelf", "cabinet", "dining table", "table"),
    "storage container": _on(H.storage_container, (*HOME, "laundry", "office", "hallway"), "floor", "shelf", "cabinet", "table"),
    "cd case": _on(T.cd_case, (*SLEEP, "office"), "desk", *SHELVES, "tv stand", *TABLES),
    "decoration": _on(T.decoration, (*HOME, "hallway", "office", "bathroom"), *TABLES, *SHELVES, "tv stand", *BEDSIDE, "bathroom vanity"),
    "candle": _on(T.candle, (*HOME, "bathroom"), *TABLES, *SHELVES, *BEDSIDE, *BATH),
    "object": _on(T.gadget, (*DAY, *WET), *FLAT, *DESKS, "nightstand", "tv stand", "bathroom vanity"),
    "tissue box": _on(T.tissue_box, (*DAY, "bathroom"), *DESKS, *TABLES, *BEDSIDE, *BATH),
    "toilet paper": _on(T.toilet_paper, WET, *BATH, "shelf", "cabinet", "floor"),
    "paper cutter": _on(T.paper_cutter, WORK, *DESKS, "counter", "cabinet"),
    "hair dryer": _on(T.hair_dryer, ("bathroom", "bedroom"), *BATH, "dresser", "nightstand", "bed"),
    "bottle": _on(K.bottle, (*HOME, "bathroom", "laundry", "office"), *EATING, *BATH, "desk", "shelf", "nightstand"),
    "water bottle": _on(K.water_bottle, (*HOME, *WORK), "desk", *EATING, "nightstand"),
    "soap dispenser": _on(K.soap_dispenser, ("bathroom", "kitchen", "laundry"), *BATH, *COUNTERS, "sink", "washing machine"),
    "cup": _on(K.cup, (*HOME, *WORK, "bathroom"), *DESKS, *EATING, *BATH, "nightstand"),
    "bowl": _on(K.bowl, ("kitchen", "living"), *EATING, "cabinet"),
    "plate": _on(K.plate, ("kitchen", "living"), *EATING),
    "tray": _on(K.tray, HOME, *EATING, "ottoman", "bed"),
    "water pitcher": _on(C.water_pitcher, ("kitchen", "living", "office"), *EATING),
    "dish rack": _on(C.dish_rack, ("kitchen",), *COUNTERS),
    "microwave": _on(C.microwave, ("kitchen", "office"), *COUNTERS, "cabinet", "table", "mini fridge"),
    "toaster": _on(C.toaster, ("kitchen",), *COUNTERS, "table"),
    "toaster oven": _on(C.toaster_oven, ("kitchen",), *COUNTERS, "table", "cabinet"),
    "coffee maker": _on(C.coffee_maker, ("kitchen", "office"), *COUNTERS, "table", "cabinet"),
    "coffee kettle": _on(C.coffee_kettle, ("kitchen", "office"), *COUNTERS, "stove", "table", "dining table"),
    "paper towel roll": _on(C.paper_towel_roll, ("kitchen", "laundry", "bathroom"), *COUNTERS, "table", "bathroom vanity"),
    "laundry detergent": _on(C.laundry_detergent, ("laundry", "bathroom"), "washing machine", "clothes dryer", "shelf", "counter", "floor"),
    "case of water bottles": Kind(C.case_of_water_bottles, "floor", ("kitchen", "office", "laundry", "hallway")),
    "pillow": _on(S.pillow, SLEEP, "bed", "couch"),
    "cushion": _on(S.cushion, (*SLEEP, "office"), "couch", "armchair", "sofa chair", "bed"),
    "blanket": _on(S.blanket, SLEEP, "bed", "couch"),
    "clothes": _on(S.clothes, (*SLEEP, "bathroom", "laundry", "hallway"), "bed", "chair", "clothes dryer", "couch", "floor"),
    "jacket": _on(S.jacket, (*SLEEP, *WORK, "hallway"), "bed", "couch", "table", "desk", "floor"),
    "bag": _on(S.bag, (*DAY, "laundry"), "floor", *SEATS, "table", "desk"),
    "paper bag": _on(S.paper_bag, DAY, "floor", *EATING, "desk"),
    "purse": _on(S.purse, (*HOME, "office", "hallway"), *TABLES, *SEATS, "dresser", "bed"),
    "backpack": Kind(S.backpack, "floor", DAY),
    "shoe": Kind(S.shoe, "floor", (*SLEEP, "hallway", "bathroom", "laundry", "office")),
    "hat": _on(S.hat, (*SLEEP, "hallway", "office"), "bed", "dresser", "table", "desk", "shelf", "couch", "chair"),
    "mat": Kind(S.mat, "floor", ("bathroom", "kitchen", "hallway", "laundry", "living", "bedroom")),
    "stuffed animal": _on(S.stuffed_animal, SLEEP, "bed", "couch", "dresser", "shelf", "bookshelf", "armchair", "floor"),
    "ball": Kind(S.ball, "floor", (*SLEEP, "hallway", "classroom")),
    "dumbbell": Kind(T.dumbbell, "floor", (*SLEEP, "office")),
    "plunger": Kind(T.plunger, "floor", ("bathroom",)),
    "scale": Kind(T.scale, "floor", ("bathroom", "bedroom")),
    "broom": Kind(T.broom, "against_wall", ("kitchen", "laundry", "hallway", "bathroom")),
    "dustpan": Kind(T.dustpan, "floor", ("kitchen", "laundry", "hallway", "bathroom")),
    "power strip": Kind(T.power_strip, "floor", (*WORK, *SLEEP)),
})
