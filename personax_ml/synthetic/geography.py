"""Where people are born.

Belongs here: birthplaces with rough coordinates and how leagues and fame are spread over them.
The countries and places are real, the shares are invented.
"""

from collections.abc import Mapping

PLACES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "AR": ((-34.6, -58.4), (-31.4, -64.2)),
    "AT": ((48.2, 16.4),),
    "AU": ((-33.9, 151.2), (-37.8, 145.0), (-27.5, 153.0)),
    "BE": ((50.8, 4.4),),
    "BR": ((-23.5, -46.6), (-22.9, -43.2), (-12.9, -38.4)),
    "CA": ((43.7, -79.4), (45.5, -73.6), (51.0, -114.1), (49.9, -97.1), (49.2, -123.1)),
    "CD": ((-4.3, 15.3),),
    "CH": ((47.4, 8.5),),
    "CM": ((4.0, 9.7),),
    "CO": ((4.7, -74.1),),
    "CZ": ((50.1, 14.4),),
    "DE": ((52.5, 13.4), (48.1, 11.6), (51.2, 6.8), (53.6, 10.0)),
    "DK": ((55.7, 12.6),),
    "EG": ((30.0, 31.2),),
    "ES": ((40.4, -3.7), (41.4, 2.2), (37.4, -6.0)),
    "FI": ((60.2, 24.9),),
    "FR": ((48.9, 2.4), (45.8, 4.8), (43.3, 5.4)),
    "GB": ((51.5, -0.1), (53.5, -2.2), (52.5, -1.9), (55.9, -4.3)),
    "GH": ((5.6, -0.2),),
    "GR": ((38.0, 23.7),),
    "HR": ((45.8, 16.0),),
    "IE": ((53.3, -6.3),),
    "IN": ((28.6, 77.2), (19.1, 72.9)),
    "IT": ((41.9, 12.5), (45.5, 9.2)),
    "JP": ((35.7, 139.7), (34.7, 135.5)),
    "KR": ((37.6, 127.0),),
    "LV": ((56.9, 24.1),),
    "MX": ((19.4, -99.1),),
    "NG": ((6.5, 3.4), (9.1, 7.4)),
    "NL": ((52.4, 4.9),),
    "NO": ((59.9, 10.8),),
    "NZ": ((-36.8, 174.8),),
    "PL": ((52.2, 21.0),),
    "PT": ((38.7, -9.1),),
    "RS": ((44.8, 20.5),),
    "RU": ((55.8, 37.6), (59.9, 30.3)),
    "SE": ((59.3, 18.1), (57.7, 12.0)),
    "SN": ((14.7, -17.4),),
    "TH": ((13.8, 100.5),),
    "US": (
        (40.7, -74.0),
        (34.1, -118.2),
        (41.9, -87.6),
        (29.8, -95.4),
        (33.7, -84.4),
        (39.0, -94.6),
        (25.8, -80.2),
        (47.6, -122.3),
    ),
    "ZA": ((-26.2, 28.0), (-33.9, 18.4)),
}
"""Latitude and longitude of birthplaces, in degrees, by ISO 3166 alpha-2 code."""

HOME_SHARES: Mapping[str, Mapping[str, float]] = {
    "NBA": {"US": 0.74, "CA": 0.04, "RS": 0.03, "FR": 0.04, "AU": 0.02, "HR": 0.02},
    "NFL": {"US": 0.96, "CA": 0.01, "AU": 0.01},
    "NHL": {"CA": 0.43, "US": 0.28, "SE": 0.1, "FI": 0.07, "RU": 0.05, "CZ": 0.04},
    "ATP": {"US": 0.12, "FR": 0.1, "IT": 0.1, "ES": 0.1, "AR": 0.1, "AU": 0.07, "GB": 0.06},
    "PGA": {"US": 0.66, "GB": 0.08, "AU": 0.04, "ZA": 0.04, "KR": 0.04, "JP": 0.03},
    "PremierLeague": {"GB": 0.4, "BR": 0.08, "FR": 0.07, "PT": 0.06, "ES": 0.05, "NL": 0.05},
    "Bundesliga": {"DE": 0.5, "FR": 0.08, "AT": 0.07, "CH": 0.05, "NL": 0.04, "DK": 0.03},
}
"""Share of a league's players by country; what is left is spread evenly over all countries."""

FAME_SHARES: Mapping[str, float] = {"US": 0.36, "GB": 0.13, "FR": 0.06, "CA": 0.05, "IN": 0.05}
"""The same for public figures."""


def country(place: str) -> str:
    """Return the country code of a birthplace named by `birthplaces`."""
    return place[:2]


def coordinates() -> dict[str, tuple[float, float]]:
    """Return every birthplace's latitude and longitude; its name is code and number (`US1`)."""
    return {
        f"{code}{number}": point
        for code, points in PLACES.items()
        for number, point in enumerate(points, start=1)
    }


def birthplaces(shares: Mapping[str, float]) -> dict[str, float]:
    """Return the probability of every birthplace, given countries' shares."""
    rest = (1.0 - sum(shares.values())) / len(PLACES)
    return {
        f"{code}{number}": (shares.get(code, 0.0) + rest) / len(points)
        for code, points in PLACES.items()
        for number in range(1, len(points) + 1)
    }
