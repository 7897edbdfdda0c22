"""The two planted worlds: every arrow and every number of them.

Belongs here: the structural causal models of the two synthetic cohorts, as data. Does not belong
here: what a model is (`model`), or how a factor looks (`portraits`) and reads (`raters`).

Nothing here describes real people or says anything about them: signs and sizes were chosen so that
methods have something to find and something not to find. The worlds are shaped like the published
findings where that costs nothing (league, birth year, gender and occupation go with many traits,
body size and place with some). Skin has no path to any trait and none to a birthplace.

Reading the tables: `"x": {"y": 0.5}` says that y is a cause of x with the standardised path
coefficient 0.5. See `model` for the equation behind it.

Athletes
    Roots: league, birth year, two shared factors. League acts on conscientiousness, extraversion
    and neuroticism, on body size and birthplace: these traits depend on height, weight, latitude
    and longitude only because of the league. Openness and agreeableness have no path to it.
Public figures
    Roots: gender, occupation, birthplace, birth year, three shared factors. Openness does not
    depend on gender, agreeableness not on occupation; eyes, face shape and chin have no path to
    any trait. The CelebA attributes are the face factors, thresholded with some noise.
Both
    Birth month and day have no path to anything. Every shared factor acts on traits and on faces.
    Among the latents there is an arrow from confidence (extraversion) to what the face shows
    (expression; cheekbones), one from emotional stability (neuroticism, reversed) to grooming
    (beard; brows), and a chain within the face (skin to hair to brows; face shape to chin).
"""

from collections.abc import Mapping
from math import sqrt
from types import MappingProxyType

from personax_ml.synthetic import geography
from personax_ml.synthetic.model import Effect, Model, Nominal, Parents, Scale, Threshold

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")

LEAGUE_SHARES = {
    "NBA": 0.14,
    "NFL": 0.28,
    "NHL": 0.17,
    "ATP": 0.08,
    "PGA": 0.07,
    "PremierLeague": 0.14,
    "Bundesliga": 0.12,
}

OCCUPATION_SHARES = {
    "actor": 0.28,
    "singer": 0.16,
    "television presenter": 0.1,
    "politician": 0.12,
    "model": 0.08,
    "comedian": 0.07,
    "film director": 0.08,
    "entrepreneur": 0.06,
    "writer": 0.05,
}

GENDER_SHARES = {"female": 0.48, "male": 0.5, "non-binary": 0.02}

_CITIES = geography.coordinates()
_COUNTRY = Nominal({place: {geography.country(place): 1.0} for place in _CITIES}, "birthplace")


def _around(places: Mapping[str, float], axis: int, precision: float) -> tuple[Parents, Scale]:
    """Return equation and scale of a coordinate: people are born around a place, not in a point.

    Parameters
    ----------
    places : Mapping
        Marginal probability of every birthplace.
    axis : {0, 1}
        Latitude or longitude.
    precision : float
        The path coefficient; what it leaves over spreads people by about 0.3 degrees.
    """
    levels = {place: point[axis] for place, point in _CITIES.items()}
    mean = sum(share * levels[place] for place, share in places.items())
    variance = sum(share * (levels[place] - mean) ** 2 for place, share in places.items())
    limit = (90.0, 180.0)[axis]
    scale = Scale(mean, sqrt(variance) / precision, -limit, limit, decimals=4)
    return {"birthplace": Effect(precision, levels)}, scale


def _faces(parts: str) -> tuple[str, ...]:
    return tuple(f"face_{part}" for part in parts.split())


def _by(categories: Mapping[str, float], *values: float) -> dict[str, float]:
    return dict(zip(categories, values, strict=True))


def _athletes() -> Model:
    #                                  NBA    NFL    NHL   ATP    PGA    PL     BL
    height_cm = _by(LEAGUE_SHARES, 198.5, 187.5, 185.5, 186.0, 181.0, 182.0, 183.0)
    weight_kg = _by(LEAGUE_SHARES, 97.0, 110.0, 90.0, 80.5, 81.0, 76.0, 78.0)
    drilled = _by(LEAGUE_SHARES, 0.7, 1.2, 0.6, -0.9, -1.2, -0.9, -0.5)
    spotlit = _by(LEAGUE_SHARES, 1.4, 0.7, -0.6, -0.5, -1.5, 0.3, -0.6)
    exposed = _by(LEAGUE_SHARES, -0.3, -0.8, -0.1, 1.8, 1.5, 0.4, 0.3)
    born = {
        league: geography.birthplaces(shares) for league, shares in geography.HOME_SHARES.items()
    }
    places = {
        place: sum(LEAGUE_SHARES[league] * born[league][place] for league in LEAGUE_SHARES)
        for place in _CITIES
    }
    cosmetic = _faces("nose lips oval hairline eyes chin cheekbones")
    latitude, latitude_scale = _around(places, 0, 0.9998)
    longitude, longitude_scale = _around(places, 1, 0.99999)
    return Model(
        nominals={
            "league": Nominal({"": LEAGUE_SHARES}),
            "birthplace": Nominal(born, "league"),
            "country": _COUNTRY,
        },
        equations={
            "shared_1": {},
            "shared_2": {},
            "birth_year": {},
            "latitude": latitude,
            "longitude": longitude,
            "height_cm": {"league": Effect(0.62, height_cm)},
            "weight_kg": {"league": Effect(0.55, weight_kg), "height_cm": 0.4},
            "trait_openness": {"birth_year": 0.5, "shared_2": 0.5},
            "trait_conscientiousness": {
                "league": Effect(0.6, drilled),
                "birth_year": -0.45,
                "shared_2": 0.35,
            },
            "trait_extraversion": {"league": Effect(0.55, spotlit), "shared_1": 0.55},
            "trait_agreeableness": {"birth_year": -0.28, "shared_1": 0.55},
            "trait_neuroticism": {
                "league": Effect(0.32, exposed),
                "birth_year": 0.12,
                "shared_2": -0.5,
            },
            "face_skin": {},
            "face_hair": {"face_skin": 0.55, "shared_1": 0.5},
            "face_brows": {"face_hair": 0.45, "shared_2": 0.5},
            "face_expression": {"trait_extraversion": 0.45, "shared_1": 0.3},
            "face_beard": {"trait_neuroticism": 0.45, "shared_2": -0.3},
            **{name: {} for name in cosmetic},
        },
        records={
            "birth_year": Scale(1997, 4.6, 1975, 2007, decimals=0),
            "latitude": latitude_scale,
            "longitude": longitude_scale,
            "height_cm": Scale(187.3, 8.0, 160, 226, decimals=0),
            "weight_kg": Scale(92.5, 16.0, 58, 170, decimals=0),
            # Half as variable as the planted factors, which are to dominate the face.
            **dict.fromkeys(cosmetic, Scale(sd=0.5)),
        },
        face_latents=_faces("skin hair brows expression beard"),
    )


def _public_figures() -> Model:
    #                              actor singer pres. polit. model comed. direc. entr. writer
    tall = _by(OCCUPATION_SHARES, 0.0, -0.5, 0.6, 0.4, 2.5, -0.4, 0.0, 0.3, -0.6)
    slim = _by(OCCUPATION_SHARES, 0.3, 0.4, 0.2, -1.0, 2.5, -0.8, -0.8, -0.5, -0.3)
    inventive = _by(OCCUPATION_SHARES, 0.5, 0.8, -0.6, -1.6, -0.5, 0.7, 1.2, -0.2, 1.5)
    orderly = _by(OCCUPATION_SHARES, -0.5, -0.9, 0.3, 1.3, 0.6, -1.3, 0.2, 1.2, -0.3)
    outgoing = _by(OCCUPATION_SHARES, 0.6, 0.8, 1.0, 0.0, 0.2, 1.2, -0.9, -0.2, -2.0)
    restless = _by(OCCUPATION_SHARES, 0.5, 0.8, -0.7, -1.2, 0.4, 0.9, 0.0, -0.9, 0.9)
    feminine = {"female": 1.0, "male": -1.0, "non-binary": 0.0}
    places = geography.birthplaces(geography.FAME_SHARES)
    latitude, latitude_scale = _around(places, 0, 0.9998)
    longitude, longitude_scale = _around(places, 1, 0.99999)
    return Model(
        nominals={
            "gender": Nominal({"": GENDER_SHARES}),
            "occupation": Nominal({"": OCCUPATION_SHARES}),
            "birthplace": Nominal({"": places}),
            "country": _COUNTRY,
        },
        equations={
            "shared_1": {},
            "shared_2": {},
            "shared_3": {},
            "birth_year": {},
            "latitude": latitude,
            "longitude": longitude,
            "height_cm": {"gender": Effect(-0.7, feminine), "occupation": Effect(0.25, tall)},
            "weight_kg": {
                "gender": Effect(-0.3, feminine),
                "occupation": Effect(-0.3, slim),
                "height_cm": 0.5,
            },
            "trait_openness": {
                "occupation": Effect(0.55, inventive),
                "longitude": -0.3,
                "shared_2": 0.5,
            },
            "trait_conscientiousness": {
                "gender": Effect(0.25, feminine),
                "occupation": Effect(0.5, orderly),
                "birth_year": -0.45,
                "shared_2": 0.35,
            },
            "trait_extraversion": {
                "gender": Effect(0.22, feminine),
                "occupation": Effect(0.5, outgoing),
                "latitude": -0.25,
                "shared_1": 0.45,
            },
            "trait_agreeableness": {"gender": Effect(0.5, feminine), "shared_1": 0.5},
            "trait_neuroticism": {
                "gender": Effect(-0.3, feminine),
                "occupation": Effect(0.35, restless),
                "birth_year": 0.12,
                "shared_3": 0.55,
            },
            "face_skin": {},
            "face_hair": {"face_skin": 0.5, "shared_3": 0.5},
            "face_brows": {"gender": Effect(-0.45, feminine), "trait_neuroticism": 0.45},
            "face_nose": {"shared_2": -0.65},
            "face_lips": {"shared_1": 0.5},
            "face_oval": {},
            "face_hairline": {"gender": Effect(-0.5, feminine), "birth_year": -0.45},
            "face_eyes": {},
            "face_chin": {"face_oval": -0.35},
            "face_cheekbones": {"trait_extraversion": 0.55, "shared_1": 0.25},
            "face_presentation": {"gender": Effect(0.95, feminine)},
            "arched_eyebrows": {"face_brows": -0.9},
            "bushy_eyebrows": {"face_brows": 0.95},
            "big_nose": {"face_nose": 0.95},
            "pointy_nose": {"face_nose": -0.95},
            "big_lips": {"face_lips": 0.95},
            "oval_face": {"face_oval": 0.95},
            "double_chin": {"face_chin": 0.95},
            "receding_hairline": {"face_hairline": 0.95},
            "narrow_eyes": {"face_eyes": -0.95},
            "high_cheekbones": {"face_cheekbones": 0.97},
        },
        records={
            "birth_year": Scale(1975, 13.0, 1930, 2005, decimals=0),
            "latitude": latitude_scale,
            "longitude": longitude_scale,
            "height_cm": Scale(173.5, 9.5, 146, 206, decimals=0),
            "weight_kg": Scale(71.0, 13.0, 42, 140, decimals=0),
            "arched_eyebrows": Threshold(0.3),
            "bushy_eyebrows": Threshold(0.2),
            "big_nose": Threshold(0.25),
            "pointy_nose": Threshold(0.3),
            "big_lips": Threshold(0.25),
            "oval_face": Threshold(0.3),
            "double_chin": Threshold(0.12),
            "receding_hairline": Threshold(0.15),
            "narrow_eyes": Threshold(0.15),
            "high_cheekbones": Threshold(0.45),
        },
        face_latents=_faces("skin hair brows nose lips oval hairline eyes chin cheekbones"),
    )


WORLDS: Mapping[str, Model] = MappingProxyType(
    {"athlepersona": _athletes(), "celebpersona": _public_figures()}
)
"""The model of each sub-dataset."""
