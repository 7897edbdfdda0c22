"""What a column of latents means, from one version to the next.

Belongs here: the latents that a new model is matched to, and how well it was. Does not belong here:
the matching itself (`MultimodalCRL.match`).

Latents have no order and no sign by themselves. A new version takes those of the champion: of its
answers on today's data, or, where it cannot be asked (it does not load, or was made for another
encoder), of the latents that it left in the table. Where the two have different numbers of latents,
those of the same name are matched and the rest is new. A column keeps its meaning as far as the
correlations say that are recorded with the version, and no further.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.analysis.decision import Champion
from personax_assets.analysis.measurements import MeasuredPeople

if TYPE_CHECKING:
    from personax_ml.crl import MultimodalCRL

LEAST_PEOPLE = 20
"""With fewer people known to both, nothing is matched."""


@dataclass(frozen=True)
class Predecessor:
    """The latents of the version in use.

    Parameters
    ----------
    version : str
        Its number.
    latents : DataFrame
        `person_id` and a column per latent; null where unknown.
    """

    version: str
    latents: pl.DataFrame


def predecessor_of(
    champion: Champion | None, people: MeasuredPeople, stored: pl.DataFrame
) -> Predecessor | None:
    """Return the latents to match: the champion's answers, or those that it left in the table.

    Parameters
    ----------
    champion : Champion or None
        The version in use.
    people : MeasuredPeople
        Today's data.
    stored : DataFrame
        The table `latents`.
    """
    if champion is None:
        return None
    if champion.model is not None:
        try:
            answers = champion.model.transform(people.measurements)
        except ValueError:  # made for other measurements or another encoder
            pass
        else:
            latents = pl.from_numpy(answers, list(champion.model.latent_names))
            ids = pl.Series("person_id", people.person_ids)
            return Predecessor(champion.version, latents.insert_column(0, ids).fill_nan(None))
    left = stored.filter(pl.col("model_version") == champion.version).drop("model_version")
    return None if left.is_empty() else Predecessor(champion.version, left)


def match_columns(
    model: "MultimodalCRL", predecessor: Predecessor, people: MeasuredPeople
) -> Mapping[str, float]:
    """Order and sign a model's latents as the predecessor's.

    Returns
    -------
    mapping of str to float
        For every latent that the predecessor has too, their absolute correlation; empty where
        too few people are known to both.
    """
    ids = pl.DataFrame({"person_id": people.person_ids})
    frame = ids.join(predecessor.latents, on="person_id", how="left", maintain_order="left")
    names = [name for name in frame.columns if name != "person_id"]
    reference: NDArray[np.float32] = frame.select(pl.col(names).cast(pl.Float32)).to_numpy()
    if frame.drop_nulls().height < LEAST_PEOPLE:
        return {}
    matched = model.match(people.measurements, reference, names)
    pairs = zip(model.latent_names, matched.tolist(), strict=True)
    return {name: value for name, value in pairs if np.isfinite(value)}


def told(matched: Mapping[str, float], version: str) -> str:
    """Say how far the columns mean what they meant in another version."""
    if not matched:
        return f"columns not matched to those of version {version}"
    least = min(matched, key=lambda name: matched[name])
    mean = sum(matched.values()) / len(matched)
    return (
        f"columns as in version {version}: mean correlation {mean:.2f}, "
        f"least {matched[least]:.2f} ({least})"
    )
