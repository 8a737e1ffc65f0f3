"""How each tissue looks: the palette of the phantom."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """How a tissue looks.

    :param colour: red, green, blue reflected, 0 to 1.
    :param mottle: red, green, blue that slow noise adds or takes.
    :param bumps: height and size of the coarse bumps on it [scene units].
    :param grain: height and size of the fine bumps on it [scene units].
    :param wetness: strength of the highlights.
    :param vessels: small vessels drawn on it.
    :param edge: how softly it goes over into what lies beneath it [scene units].
    :param height: of its rim over the plane at the working distance [mm].
    :param label: class in the truth where it is not the one it is named after.
    :param lobules: size of the lobules it is made of [scene units]; 0: none.
    """

    colour: tuple[float, float, float]
    mottle: tuple[float, float, float]
    bumps: tuple[float, float]
    grain: tuple[float, float]
    wetness: float
    vessels: int = 0
    edge: float = 2.0
    lobules: float = 0.0
    height: float = 0.0
    label: str = ''


LOOKS: dict[str, Look] = {
    'abdominal_wall': Look((0.80, 0.46, 0.31), (0.10, 0.09, 0.07), (24, 240), (1.2, 24), 0.5, vessels=30, height=-24),
    'liver': Look((0.37, 0.105, 0.105), (0.05, 0.025, 0.03), (15, 210), (0.9, 10), 1.0, vessels=3, height=-8),
    'fat': Look(
        (0.93, 0.66, 0.28), (0.07, 0.10, 0.08), (12, 120), (0.9, 16), 0.7, vessels=14, edge=5.0, lobules=95, height=-2
    ),
    'connective_tissue': Look(
        (0.80, 0.45, 0.34), (0.12, 0.12, 0.10), (9, 70), (2.0, 14), 0.9, vessels=8, edge=16.0, height=-3
    ),
    'gallbladder': Look((0.83, 0.69, 0.46), (0.07, 0.08, 0.09), (9, 210), (0.3, 14), 1.1, vessels=26, height=0),
    'cystic_artery': Look((0.62, 0.13, 0.11), (0.08, 0.05, 0.05), (1.5, 60), (0.4, 12), 0.9, height=1.5),
    'gastrointestinal_tract': Look(
        (0.90, 0.54, 0.49), (0.05, 0.08, 0.08), (15, 130), (0.7, 20), 0.9, vessels=22, height=0
    ),
    'cystic_duct': Look((0.86, 0.68, 0.42), (0.06, 0.07, 0.06), (2, 70), (0.4, 12), 1.0, vessels=4, height=1.0),
    'liver_ligament': Look(
        (0.86, 0.66, 0.52), (0.06, 0.07, 0.07), (3, 60), (0.8, 12), 0.8, vessels=4, edge=8.0, height=-4
    ),
    'liver_bed': Look(
        (0.50, 0.13, 0.10), (0.12, 0.05, 0.04), (6, 50), (2.2, 12), 1.1, vessels=14, edge=10.0, height=-9, label='liver'
    ),
}
