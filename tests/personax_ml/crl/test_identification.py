"""Evidence per latent: linked ones and unlinked ones are told apart."""

from dataclasses import replace

import numpy as np
import pytest

from personax_ml.crl import MultimodalCRL
from personax_ml.crl.identification import Evidence, identification
from tests.personax_ml.crl.conftest import CONFIG, World


def test_linked_latents_are_told_from_unlinked_ones(model: MultimodalCRL, world: World) -> None:
    """One factor drives both modalities: one latent of each, and the shared one, are linked."""
    refits: list[int] = []
    evidence = identification(model, world.measurements, world.split, callback=refits.append)
    assert refits == [1, 1]
    by_name = {e.latent: e for e in evidence}
    assert tuple(by_name) == model.latent_names
    linked = {name for name, e in by_name.items() if e.link_p_value < 0.05}
    assert "shared_1" in linked
    assert len(linked & {"face_1", "face_2"}) == 1
    assert {"trait_1", "trait_2"} & linked
    assert by_name["shared_1"].identified
    assert by_name["shared_1"].stability > 0.9
    assert by_name["shared_1"].claim.startswith("identified: link 0.")
    assert identification(model, world.measurements, world.split)[4] == by_name["shared_1"]


def test_strangers_are_not_linked(world: World) -> None:
    """Faces of other people: hardly a draw in twenty has any link, whatever the latents are."""
    linked = 0
    for seed in range(8):
        shuffled = dict(world.measurements)
        shuffled["face_1"] = np.random.default_rng(seed).permutation(shuffled["face_1"])
        model = MultimodalCRL(replace(CONFIG, epochs=0)).fit(
            {name: x[world.split.train] for name, x in shuffled.items()},
            validation={name: x[world.split.select] for name, x in shuffled.items()},
        )
        evidence = identification(model, shuffled, world.split, refits=0, permutations=399)
        linked += any(e.link_p_value < 0.05 for e in evidence)
    assert linked <= 2


def test_without_refits_nothing_is_identified(model: MultimodalCRL, world: World) -> None:
    evidence = identification(model, world.measurements, world.split, refits=0)
    assert all(np.isnan(e.stability) and not e.identified for e in evidence)


def test_one_modality_has_no_links(world: World) -> None:
    config = replace(CONFIG, modalities=CONFIG.modalities[1:], causal_order=(), epochs=2)
    model = MultimodalCRL(config).fit(world.measurements)
    evidence = identification(model, world.measurements, world.split, refits=0)
    assert max(abs(e.link) for e in evidence) < 1e-9
    assert not any(e.link_p_value < 0.05 for e in evidence)


@pytest.mark.parametrize(
    ("p_value", "stability", "identified"),
    [(0.01, 0.95, True), (0.2, 0.95, False), (0.01, 0.5, False), (0.01, float("nan"), False)],
)
def test_both_kinds_of_evidence_are_needed(
    p_value: float, stability: float, identified: bool
) -> None:
    assert Evidence("face_1", 0.5, p_value, stability).identified is identified
