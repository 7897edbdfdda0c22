"""A small Wikidata with every trap that is known: invented people, real shape.

Every person says in the label what should become of it.
"""

from tests.personax_assets.bios.wikidata.graph import (
    NONE,
    UNKNOWN,
    Item,
    Quantity,
    Time,
    point,
    text,
)

TODAY = "2026-03-01"

CM, M, INCH, FOOT = "Q174728", "Q11573", "Q218593", "Q3710"
KG, POUND, ONE = "Q11570", "Q100995", "Q199"

NBA, NFL, PREMIER, BUNDESLIGA, SECOND = "Q155223", "Q1215884", "Q9448", "Q82595", "Q19510"
HAWKS, PATRIOTS, REDS, WOLVES, RELEGATED, PROMOTED = (
    *("Q9000001", "Q9000002", "Q9000003", "Q9000004", "Q9000005", "Q9000006"),
)
GERMANY, FRANCE, SOVIET, RUSSIA, UK, ENGLAND = "Q183", "Q142", "Q15180", "Q159", "Q145", "Q21"
MALE, FEMALE, ACTOR, SINGER = "Q6581097", "Q6581072", "Q33999", "Q177220"
HAMBURG, MARS, TWICE = "Q1055", "Q9000010", "Q9000011"


def things() -> list[Item]:
    """Return clubs, countries, places, genders and occupations."""
    clubs = [
        Item(HAWKS, {"en": "Hawks"}).says("P118", NBA),
        Item(PATRIOTS, {"en": "Patriots"}).says("P118", NFL),
        Item(REDS, {"en": "Reds"}).says("P118", PREMIER),
        Item(WOLVES, {"en": "Wölfe"}).says("P118", BUNDESLIGA),
        Item(RELEGATED, {"en": "Relegated"}).says("P118", PREMIER, P582=Time("2024-05-31")),
        Item(PROMOTED, {"en": "Promoted"}).says("P118", PREMIER).says("P118", SECOND, "Preferred"),
    ]
    countries = [
        Item(GERMANY, {"en": "Germany", "de": "Deutschland"}).says("P297", text("DE")),
        Item(FRANCE, {"en": "France"}).says("P297", text("FR")),
        Item(SOVIET, {"en": "Soviet Union"}),
        Item(RUSSIA, {"en": "Russia"}).says("P297", text("RU")),
        Item(UK, {"en": "United Kingdom"}).says("P297", text("GB")),
        Item(ENGLAND, {"en": "England"}),
    ]
    places = [
        Item(HAMBURG, {"en": "Hamburg"}).says("P625", point(53.55, 10.0)),
        Item(MARS, {"en": "Crater"}).says(
            "P625", point(1, 2, "<http://www.wikidata.org/entity/Q111> ")
        ),
        Item(TWICE, {"en": "Twice"}).says("P625", point(11, 22)).says("P625", point(33, 44)),
    ]
    kinds = [
        Item(MALE, {"en": "male"}),
        Item(FEMALE, {"en": "female"}),
        Item(ACTOR, {"en": "actor"}),
        Item(SINGER, {"mul": "singer"}),
    ]
    return [*clubs, *countries, *places, *kinds]


def person(number: int, label: str = "", **more: object) -> Item:
    """Return a living human being born in 2000."""
    item = Item(f"Q{number}", {"en": label or f"Person {number}"}, **more)  # type: ignore[arg-type]
    return item.says("P31", "Q5")


def born(number: int, label: str = "", **more: object) -> Item:
    return person(number, label, **more).says("P569", Time("2000-05-17"))


def nba() -> list[Item]:
    """Return who is or is not in the NBA: ids from 1000; those from 1100 on are out."""
    return [
        born(1001, "in: open membership").says("P54", HAWKS, P580=Time("2020-07-01")),
        born(1002, "in: contract ends later").says("P54", HAWKS, P582=Time("2027-06-30")),
        born(1003, "in: once left, came back")
        .says("P54", HAWKS, P580=Time("2018-07-01"), P582=Time("2019-07-01"))
        .says("P54", HAWKS, P580=Time("2022-07-01")),
        born(1004, "in: no club, active by dates", version_on_document=True)
        .says("P3647", text("x4"))
        .says("P2031", Time("2019-01-01", 9)),
        born(1005, "in: known to be alive").says("P54", HAWKS).says("P570", NONE),
        born(1006, "in: career ends later").says("P54", HAWKS).says("P2032", Time("2026-12-31")),
        born(1101, "out: left").says("P54", HAWKS, P582=Time("2020-06-30")),
        born(1102, "out: left, nobody knows when").says("P54", HAWKS, P582=UNKNOWN),
        born(1103, "out: dead").says("P54", HAWKS).says("P570", Time("2021-01-01")),
        born(1104, "out: dead, nobody knows when").says("P54", HAWKS).says("P570", UNKNOWN),
        born(1105, "out: membership was wrong").says("P54", HAWKS, "Deprecated"),
        born(1106, "out: had an id once").says("P3647", text("x6")),
        born(1107, "out: career over")
        .says("P3647", text("x7"))
        .says("P2031", Time("2015-01-01", 9))
        .says("P2032", Time("2022-01-01", 9)),
        born(1108, "out: career over, club left open")
        .says("P54", HAWKS)
        .says("P2032", Time("2022-01-01", 9)),
        born(1109, "out: has an id and left the club")
        .says("P3647", text("x9"))
        .says("P2031", Time("2015-01-01", 9))
        .says("P54", HAWKS, P582=Time("2022-01-01")),
        born(1110, "out: comes next season").says("P54", HAWKS, P580=Time("2026-07-01")),
        Item("Q1111", {"en": "out: a character in a film"})
        .says("P31", "Q15632617")
        .says("P54", HAWKS),
        person(1112, "out: nobody wrote the end down")
        .says("P569", Time("1931-01-01", 9))
        .says("P54", HAWKS),
    ]


def football() -> list[Item]:
    """Return players of the two football leagues."""
    return [
        born(2001, "Premier League").says("P54", REDS),
        born(2002, "Bundesliga: the later of two open contracts")
        .says("P54", REDS, P580=Time("2021-07-01"))
        .says("P54", WOLVES, P580=Time("2024-07-01")),
        born(2003, "Premier League: the preferred of two")
        .says("P54", REDS, "Preferred", P580=Time("2021-07-01"))
        .says("P54", WOLVES, P580=Time("2024-07-01")),
        born(2004, "Premier League: first in order of two that say nothing")
        .says("P54", REDS)
        .says("P54", WOLVES),
        born(2101, "out: the club was relegated").says("P54", RELEGATED),
        born(2102, "out: the club now plays elsewhere").says("P54", PROMOTED),
    ]


def singles() -> list[Item]:
    """Return tennis players."""
    return [
        born(3001, "in: ranked lately")
        .says("P536", text("T1"))
        .says("P1352", text("12"), P585=Time("2025-11-01")),
        born(3002, "in: nothing says that it is over").says("P536", text("T2")),
        born(3101, "out: ranked long ago")
        .says("P536", text("T3"))
        .says("P1352", text("300"), P585=Time("2011-11-01")),
        born(3102, "out: career over").says("P536", text("T4")).says("P2032", Time("2020-01-01")),
    ]


def bodies() -> list[Item]:
    """Return NFL players whose values are hard to read: ids from 4000."""

    def player(number: int, **labels: str) -> Item:
        item = Item(f"Q{number}", labels or {"en": f"Player {number}"}).says("P31", "Q5")
        return item.says("P54", PATRIOTS)

    return [
        player(4001)
        .says("P569", Time("2000-02-29"))
        .says("P2048", Quantity("1.91", M))
        .says("P2067", Quantity("210", POUND))
        .says("P27", GERMANY)
        .says("P19", HAMBURG),
        player(4002).says("P569", Time("1999-01-01", 9)).says("P2048", Quantity("75", INCH)),
        player(4003).says("P569", Time("1999-03-01", 10)).says("P2048", Quantity("6.5", FOOT)),
        player(4004).says("P569", Time("1990-01-01", 8)).says("P2048", Quantity("193", ONE)),
        player(4005).says("P569", UNKNOWN).says("P2048", UNKNOWN).says("P27", UNKNOWN),
        player(4006)
        .says("P569", Time("1998-01-01", 9))
        .says("P569", Time("1998-06-11"))
        .says("P2048", Quantity("190", CM))
        .says("P2048", Quantity("191", CM)),
        player(4007)
        .says("P569", Time("1998-06-11"))
        .says("P569", Time("1998-06-12"))
        .says("P2067", Quantity("100", KG), P585=Time("2019-01-01"))
        .says("P2067", Quantity("110", KG), P585=Time("2024-01-01")),
        player(4008)
        .says("P569", Time("1998-06-11"))
        .says("P569", Time("1997-06-11"))
        .says("P27", SOVIET, P582=Time("1991-12-26"))
        .says("P27", RUSSIA),
        player(4009)
        .says("P569", Time("1998-06-11"), "Preferred")
        .says("P569", Time("1997-01-01", 9))
        .says("P27", FRANCE, P580=Time("1998-06-11"))
        .says("P27", GERMANY, P580=Time("2015-01-01"))
        .says("P1532", GERMANY),
        player(4010).says("P27", UK).says("P1532", ENGLAND).says("P19", MARS),
        player(4011).says("P1532", ENGLAND).says("P19", TWICE),
        player(4012).says("P27", SOVIET),
        player(4013)
        .says("P27", GERMANY, P580=Time("2015-01-01"))
        .says("P27", FRANCE, P580=Time("2001-01-01")),
        player(4014, mul="Name in Every Language", de="Anders"),
        player(4015, de='Größe "Q" Straße\\n', fr="Autre"),
        player(4016, ja="名前"),
        player(4017)
        .says("P18", "<http://commons.wikimedia.org/wiki/Special:FilePath/B%20b.jpg>")
        .says("P18", "<http://commons.wikimedia.org/wiki/Special:FilePath/A%20a.jpg>"),
        player(4018).says("P2048", Quantity("200", CM), "Deprecated"),
    ]


def celebrities() -> list[Item]:
    """Return people who are looked up: ids from 5000."""

    def celebrity(number: int, label: str, year: str, *jobs: str) -> Item:
        item = (
            Item(f"Q{number}", {"en": label}).says("P31", "Q5").says("P569", Time(f"{year}-04-01"))
        )
        for job in jobs:
            item.says("P106", job)
        return item

    return [
        celebrity(5001, "Ada Unique", "1970", SINGER, ACTOR)
        .says("P21", FEMALE)
        .says("P19", HAMBURG),
        celebrity(5002, "Max Common", "1950", ACTOR).says("P21", MALE),
        celebrity(5003, "Max Common", "1980", ACTOR),
        celebrity(5004, "Max Common", "1980", SINGER),
        Item("Q5005", {"mul": "Mul Only"}, aliases=('Stage "Name" \\ }',)).says("P31", "Q5"),
        Item("Q5006", merged_into="Q5001"),
        Item("Q5007", {"en": "Ada Unique"}).says("P31", "Q4167410"),  # a disambiguation page
    ]


def crowd(n: int) -> list[Item]:
    """Return many ordinary NHL players."""
    club = Item("Q9100000", {"en": "Icebreakers"}).says("P118", "Q1215892")
    return [club, *(born(100_000 + i).says("P54", club.id) for i in range(n))]


def everything() -> list[Item]:
    return [*things(), *nba(), *football(), *singles(), *bodies(), *celebrities()]
