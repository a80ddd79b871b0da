"""The things that furnish synthetic rooms, one builder a class: `furniture`, `appliances`, `tabletop`, `hung`."""
