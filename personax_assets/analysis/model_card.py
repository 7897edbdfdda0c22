"""Model cards: what a registered model is for, on what it was trained and what it cannot do.

Belongs here: the text that the MLflow UI shows beside a registered model and each of its
versions. Does not belong here: registering (`registry`) or any number's computation.
"""

from collections.abc import Mapping

from personax_assets.analysis.registry import ModelVersion
from personax_assets.analysis.tracking import Tracking
from personax_assets.analysis.training import PROTOCOL
from personax_assets.datasets import SubDataset

_MOST = 5000
"""Characters of a description that every store keeps."""


def write_model_card(
    tracking: Tracking, sub: SubDataset, version: ModelVersion, people: int, simulated: bool
) -> None:
    """Describe a registered model and one of its versions in the registry.

    Parameters
    ----------
    tracking : Tracking
        Where the registry is.
    sub : SubDataset
        Whose model it is.
    version : ModelVersion
        The version.
    people : int
        Number of people whose data it was trained and tried on.
    simulated : bool
        Whether these people are invented.
    """
    tracking.client.update_registered_model(version.name, _model(sub)[:_MOST])
    tracking.client.update_model_version(
        version.name, version.version, _version(sub, version, people, simulated)[:_MOST]
    )


def _model(sub: SubDataset) -> str:
    """Return what holds for every version."""
    modalities = ", ".join(f"{m.n_latents} of {m.name}" for m in sub.modalities)
    return f"""\
## Latents behind faces and trait texts of {sub.title}

A causal representation model of two modalities: {modalities}, and {sub.n_shared_latents} shared.

**Intended use.** Research on the structure of such data sets: latents of groups of
{sub.people}, and the graph among them.

**Not for** assessing, ranking or identifying anybody, nor for inferring traits from a face.

**How to use it.** `mlflow.pyfunc.load_model("models:/personax-crl-{sub.name}@champion")`, then
`predict(frame)` with one column per measurement, each cell a list of numbers or null; the answer
has one column per latent.

**Aliases.** `champion` is in use; `challenger` was worse on held-out people.

**Limits.** Latents have no name, sign or unit of their own. Which of them are identified, each
version says below. Texts are what language models say about people; what they repeat may be
reputation. The encoders are part of the model: embeddings of others give nonsense."""


def _version(sub: SubDataset, version: ModelVersion, people: int, simulated: bool) -> str:
    """Return what holds for one version."""
    kind = "**invented** people: portraits are drawn, raters simulated" if simulated else "people"
    return "\n".join(
        [
            f"**Data.** {people:,} {sub.people}, {kind}.",
            f"\n**Protocol.** {PROTOCOL}",
            f"\n**Decision.** {version.reason}.",
            "\n| held-out metric | value |\n|---|---|",
            *(f"| {name} | {value:.4g} |" for name, value in sorted(version.metrics.items())),
            *_claims(version.claims),
        ]
    )


def _claims(claims: Mapping[str, str]) -> list[str]:
    rows = [f"| {latent} | {claim.replace('|', '/')} |" for latent, claim in claims.items()]
    return ["\n| latent | what may be claimed |\n|---|---|", *rows] if rows else []
