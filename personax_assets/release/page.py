"""The report of a release: what the attacks achieved and what it is still good for.

Belongs here: its sections and the frontier plot. Does not belong here: measuring.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from personax_assets.release.facts import ReleaseFacts
from personax_assets.report.blocks import (
    Block,
    Callout,
    Facts,
    Page,
    Picture,
    Pictures,
    Prose,
    Section,
    Status,
    Table,
)
from personax_assets.report.words import clean, count, number, variable_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from personax_assets.release.gate import Bars, Obfuscated

_MOST_STEPS = 12


def release_page(facts: ReleaseFacts) -> Page:
    """Return the report of a release that passed."""
    sections = [_gate(facts), _shown(facts), _level1(facts)]
    if facts.chosen is not None:
        sections.insert(1, _embeddings(facts))
    banner = (
        f"Simulated. The {facts.sub.people} in this release are invented, and so are their scores."
        if facts.simulated
        else None
    )
    return Page(
        f"Release of {facts.sub.title}",
        "What attacks on it achieve, and what it is still good for",
        banner,
        [*sections, _not_gated(facts)],
    )


def percent(share: float) -> str:
    """Return a share with the digits that bars of a percent need."""
    return f"{100 * share:.2f}\u00a0%"


def _bar(good: bool, text: str) -> Status:
    return Status("good" if good else "alarm", text)


def _gate(facts: ReleaseFacts) -> Section:
    bars, link = facts.bars, facts.linkage
    most = bars.most_reidentified
    rows = [
        ("People in the smallest class", _bar(link.smallest >= bars.k, count(link.smallest)),
         f"at least {bars.k}"),
        ("Fit one person on the roster alone", _bar(link.unique <= most, percent(link.unique)),
         f"at most {percent(most)}"),
        ("Named by guessing among those who fit", _bar(link.guessed <= most, percent(link.guessed)),
         f"at most {percent(most)}"),
        ("Named by who fits the trait scores best",
         _bar(link.guessed_by_scores <= most, percent(link.guessed_by_scores)),
         f"at most {percent(most)}"),
        ("Level I decisions unchanged",
         _bar(facts.agreement.unchanged >= bars.least_unchanged,
              percent(facts.agreement.unchanged)),
         f"at least {percent(bars.least_unchanged)}"),
    ]  # fmt: skip
    text = (
        f"The attacker holds the exact bios of all {count(facts.people)} people in the release and "
        "of nobody else, knows how bins were made, and knows how trait scores depend on bios from "
        "the true scores of the others. A guess is counted for every row, not only where the "
        "attacker is sure: the share is what somebody gets right who names a person for each."
    )
    blocks: list[Block] = [
        Table("The gate", ("attack or use", "measured", "bar"), rows),
        Prose(text, "note"),
    ]
    return Section("gate", "The gate", blocks)


def _shown(facts: ReleaseFacts) -> Section:
    shown = facts.plan.shown
    rows = [
        (variable_label(b.variable), str(len(b.labels)), clean(", ".join(b.labels), 300))
        for b in shown
    ]
    l_text = ", ".join(f"{trait} {n}" for trait, n in facts.diversity.distinct.items())
    blocks: list[Block] = [
        Prose(
            "Of each person the rows show trait scores and the variables below. Every other "
            "variable is in the Level I tables alone, which show nobody's."
        ),
        Table("Shown of each person", ("variable", "bins", "which"), rows)
        if rows
        else Prose("Nothing of the bios: any variable would have made too many people findable."),
        Facts(
            [
                ("Classes", count(facts.diversity.classes)),
                ("k-anonymity", f"k = {facts.diversity.k}"),
                ("l-diversity", f"l = {facts.diversity.l} (different scores per class: {l_text})"),
                ("Suppressed cells", count(facts.suppressed)),
                ("People left out", count(facts.left_out)),
            ]
        ),
    ]
    steps = [
        (
            clean(", ".join(f"{variable_label(name)} ({n} bins)" for name, n in step.shown), 200),
            count(step.classes),
            percent(step.explained),
            percent(step.rate),
            "taken" if step.taken else "too many named",
        )
        for step in facts.plan.steps[:_MOST_STEPS]
    ]
    if steps:
        columns = ("shown", "classes", "variance of scores explained", "named", "")
        blocks.append(Table("What the search tried first", columns, steps))
    return Section("shown", "What is shown", blocks)


def _level1(facts: ReleaseFacts) -> Section:
    found, people = facts.agreement, facts.by_people
    rows = [
        ("Tables of counts, median score", count(found.decisions), percent(found.unchanged)),
        ("Tables of counts, single raters", "", percent(found.unchanged_by_rater)),
    ]
    if people is not None:
        rows.append(("Rows about people, variables shown", count(people.decisions),
                     percent(people.unchanged)))  # fmt: skip
    bins = ", ".join(
        f"{variable_label(name)} {len(b.labels)}" for name, b in facts.counts.binnings.items()
    )
    blocks: list[Block] = [
        Prose(
            "Each trait against each variable by all tests that apply, recommended settings, no "
            "condition, 5 %. A decision that cannot be made any more counts as changed."
        ),
        Table("Decisions unchanged", ("made from", "decisions", "unchanged"), rows),
        Prose(
            f"Bins: {bins}. Every cell holds at least {facts.bars.k} people; for that, on average "
            f"{percent(facts.counts.left_out)} of the people are left out of a table.", "note",
        ),
    ]  # fmt: skip
    if found.changed:
        blocks.append(Prose(f"Changed: {'; '.join(found.changed)}.", "note"))
    return Section("level1", "Level I on the release", blocks)


def _embeddings(facts: ReleaseFacts) -> Section:
    from personax_assets.report.svg import drawing_style, inline_svg

    chosen, bars = facts.chosen, facts.bars
    assert chosen is not None
    rows = [
        (
            number(point.noise),
            percent(point.relinking.with_pairs),
            percent(point.relinking.without_pairs),
            percent(point.predicted),
            "released" if point == chosen else "",
        )
        for point in facts.frontier
    ]
    pairs = chosen.relinking.known_pairs
    alt = (
        "Line chart: as noise grows, the shares of people named by attackers fall, and so does "
        "what the embeddings predict of trait scores"
    )
    with drawing_style():
        picture = inline_svg(frontier_figure(facts.frontier, chosen.noise, bars), "frontier", alt)
    blocks: list[Block] = [
        Callout(
            "alarm",
            "Obfuscated, not anonymous",
            [
                "Truncation, noise and a secret rotation make it harder to match these vectors "
                "with photographs; they do not make it impossible. The figures hold for the "
                "attacks that were run, and for nothing else."
            ],
        ),
        Pictures([Picture(picture, "Noise, re-identification and utility",
                          "Dashed: the bars. Dotted: what was released.")]),
        Table(
            "Noise against re-identification and utility",
            ("noise", f"named with {pairs} known pairs", "named without", "prediction kept", ""),
            rows,
        ),
        Prose(
            f"Bars: {percent(bars.most_with_pairs)} with {pairs} known pairs, "
            f"{percent(bars.most_reidentified)} without; at least {percent(bars.least_predicted)} "
            "of what the originals predict of trait scores. The attacker embeds the same "
            "photographs, and uses the rows' bins and scores too.", "note",
        ),
    ]  # fmt: skip
    return Section("embeddings", "Embeddings", blocks)


def frontier_figure(points: "Sequence[Obfuscated]", chosen: float, bars: "Bars") -> "Figure":
    """Draw what noise costs and what it protects."""
    from matplotlib.figure import Figure

    from personax_assets.report.palette import LIGHT

    figure = Figure(figsize=(5, 3))
    axes = figure.add_axes((0.12, 0.16, 0.85, 0.68))
    noise = [point.noise for point in points]
    lines = (
        ("named, known pairs", "orange", [p.relinking.with_pairs for p in points], "o"),
        ("named, no pairs", "pink", [p.relinking.without_pairs for p in points], "s"),
        ("prediction kept", "blue", [p.predicted for p in points], "^"),
    )
    for label, colour, values, mark in lines:
        percents = [100 * value for value in values]
        axes.plot(noise, percents, marker=mark, markersize=4, color=LIGHT[colour], label=label)
    for level, colour in ((bars.most_with_pairs, "orange"), (bars.most_reidentified, "pink"),
                          (bars.least_predicted, "blue")):  # fmt: skip
        axes.axhline(100 * level, color=LIGHT[colour], linewidth=0.6, linestyle="--")
    axes.axvline(chosen, color=LIGHT["muted"], linewidth=0.8, linestyle=":")
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, 130)
    axes.set_yticks([0, 1, 5, 10, 50, 100], ["0", "1", "5", "10", "50", "100"])
    axes.set_xlabel("noise, in standard deviations of the signal")
    axes.set_ylabel("percent")
    figure.legend(loc="upper center", ncols=3, frameon=False, fontsize=8)
    return figure


def _not_gated(facts: ReleaseFacts) -> Section:
    again = facts.asked_again
    texts = [
        "Somebody who asks the same language models about everybody on the roster gets nearly the "
        "scores in this release, and can find people by them. If "
        f"{percent(again['same'])} of the answers come out the same, "
        f"{percent(again['named'])} of the rows are named. That attacker learns nothing about "
        "traits that the models did not say; the release then confirms who is in it.",
        "Two releases of the same people add up: who has both knows more than either shows. "
        "Publish one, and withdraw it before you publish another.",
        "Knowledge that is in no roster (who took part, what somebody said) was not attacked.",
    ]
    return Section(
        "limits", "What the gate does not cover", [Callout("caution", "Not covered", texts)]
    )
