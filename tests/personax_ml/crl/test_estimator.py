"""The estimator: recovery, missing measurements, determinism, storage."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from personax_ml.crl import CRLConfig, ModalitySpec, MultimodalCRL, TermWeights
from personax_ml.crl.identification import identification
from personax_ml.crl.metrics import r2_held_out
from personax_ml.crl.objective import TERMS, objective_terms
from tests.personax_ml.crl.conftest import CONFIG, World, draw_world


def test_latent_names_follow_the_modalities(model: MultimodalCRL) -> None:
    assert model.latent_names == ("face_1", "face_2", "trait_1", "trait_2", "shared_1")


def test_latents_are_recovered_on_held_out_people(model: MultimodalCRL, world: World) -> None:
    latents = model.transform(world.measurements)
    train, test = world.split.train, world.split.test
    text = r2_held_out(latents[:, 2:4], world.z_text, train, test)
    assert text.min() > 0.85  # three measurements agree on it
    face = r2_held_out(latents[:, :2], world.z_face[:, :1], train, test)
    assert face.min() > 0.8  # one measurement, but the text tells which direction matters
    shared = abs(np.corrcoef(latents[test, 4], world.shared[test, 0])[0, 1])
    given_truth = abs(
        np.corrcoef((world.z_text[:, 0] + world.z_face[:, 0])[test], world.shared[test, 0])[0, 1]
    )
    assert shared > 0.9 * given_truth


def test_latents_are_standardised(model: MultimodalCRL, world: World) -> None:
    latents = model.transform(world.part(world.split.train))
    assert np.allclose(latents.mean(axis=0), 0, atol=0.05)
    assert np.allclose(latents.std(axis=0), 1, atol=0.05)


def test_reconstruction_explains_held_out_measurements(model: MultimodalCRL, world: World) -> None:
    test = world.part(world.split.test)
    restored = model.reconstruct(test)
    for name, x in test.items():
        assert restored[name].shape == x.shape
        assert 1 - ((restored[name] - x) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum() > 0.8


def test_same_seed_same_numbers_and_global_state_untouched(world: World) -> None:
    config = replace(CONFIG, epochs=3)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first = MultimodalCRL(config).fit(world.measurements)
    second = MultimodalCRL(config).fit(world.measurements)
    assert np.array_equal(first.transform(world.measurements), second.transform(world.measurements))
    assert first.curves == second.curves
    assert torch.equal(state, torch.get_rng_state())
    assert threads == torch.get_num_threads()
    other = MultimodalCRL(replace(config, random_state=1)).fit(world.measurements)
    assert not np.array_equal(
        first.transform(world.measurements), other.transform(world.measurements)
    )


def with_missing(world: World, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    missing = {name: x.copy() for name, x in world.measurements.items()}
    for name, share in {"face_1": 0.1, "text_a": 0.3, "text_b": 0.3, "text_c": 0.3}.items():
        missing[name][rng.random(len(missing[name])) < share] = np.nan
    return missing


def test_missing_measurements_in_fit_and_transform(world: World) -> None:
    missing = with_missing(world)
    model = MultimodalCRL(CONFIG).fit(missing)
    assert all(np.isfinite(list(epoch.values())).all() for epoch in model.curves)
    latents = model.transform(missing)
    no_face = np.isnan(missing["face_1"][:, 0])
    no_text = np.isnan(np.stack([missing[f"text_{r}"][:, 0] for r in "abc"])).all(axis=0)
    assert no_face.any()
    assert no_text.any()
    assert np.array_equal(np.isnan(latents[:, 0]), no_face)
    assert np.array_equal(np.isnan(latents[:, 2]), no_text)
    assert np.array_equal(np.isnan(latents[:, 4]), no_face & no_text)
    complete = ~(no_face | no_text)
    scored = complete & world.split.test
    text = r2_held_out(latents[:, 2:4], world.z_text, complete & world.split.train, scored)
    assert text.min() > 0.75


def test_a_missing_measurement_is_filled_in_from_the_others(
    model: MultimodalCRL, world: World
) -> None:
    test = world.part(world.split.test)
    known = test["text_b"]
    hidden = {**test, "text_b": np.full_like(known, np.nan)}
    filled = model.reconstruct(hidden)["text_b"]
    assert 1 - ((filled - known) ** 2).sum() / ((known - known.mean(axis=0)) ** 2).sum() > 0.5
    close = np.corrcoef(model.transform(hidden)[:, 2], model.transform(test)[:, 2])[0, 1]
    assert close > 0.95


def test_save_and_load_are_exact_and_without_pickle(
    model: MultimodalCRL, world: World, tmp_path: Path
) -> None:
    model.save(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "weights.safetensors"]
    loaded = MultimodalCRL.load(tmp_path)
    assert loaded.config == model.config
    assert np.array_equal(loaded.transform(world.measurements), model.transform(world.measurements))
    for name, x in loaded.reconstruct(world.measurements).items():
        assert np.array_equal(x, model.reconstruct(world.measurements)[name])
    assert np.array_equal(loaded.adjacency, model.adjacency)
    assert loaded.doubt == model.doubt
    for drawn, expected in zip(
        loaded.sample(9)[1].values(), model.sample(9)[1].values(), strict=True
    ):
        assert np.array_equal(drawn, expected)


def test_configuration_of_another_version_is_refused(model: MultimodalCRL) -> None:
    values = model.config.to_dict()
    assert CRLConfig.from_dict(values) == model.config
    with pytest.raises(ValueError, match="unknown field depth"):
        CRLConfig.from_dict({**values, "depth": 3})


def test_adjacency_follows_the_causal_order(model: MultimodalCRL) -> None:
    adjacency = model.adjacency
    face, text, shared = [0, 1], [2, 3], [4]
    assert not adjacency[np.ix_(text, face)].any()  # no face causes a text
    assert not adjacency[np.ix_(shared, face + text)].any()
    assert (np.linalg.eigvals(adjacency) == 0).all()  # acyclic
    assert adjacency.any()


def test_columns_keep_their_meaning_across_fits(model: MultimodalCRL, world: World) -> None:
    reference = model.transform(world.measurements)[:, [1, 0, 3, 2, 4]] * np.array(
        [-1, 1, 1, -1, -1], np.float32
    )
    other = MultimodalCRL(CONFIG).fit(
        world.part(world.split.train), validation=world.part(world.split.select)
    )
    adjacency = other.adjacency
    agreement = other.match(world.measurements, reference)
    assert agreement == pytest.approx(1.0, abs=1e-5)
    assert other.transform(world.measurements) == pytest.approx(reference, abs=1e-4)
    moved = adjacency[np.ix_([1, 0, 3, 2, 4], [1, 0, 3, 2, 4])]
    assert np.abs(other.adjacency) == pytest.approx(np.abs(moved))


def test_matched_columns_survive_storage(
    world: World, model: MultimodalCRL, tmp_path: Path
) -> None:
    model.save(tmp_path / "plain")
    other = MultimodalCRL.load(tmp_path / "plain")
    other.match(world.measurements, -model.transform(world.measurements)[:, [1, 0, 2, 3, 4]])
    other.save(tmp_path / "matched")
    loaded = MultimodalCRL.load(tmp_path / "matched")
    assert np.array_equal(loaded.transform(world.measurements), other.transform(world.measurements))


@pytest.mark.parametrize("term", TERMS)
def test_every_term_can_be_switched_off(world: World, term: str) -> None:
    weights = replace(TermWeights(), **{term: 0.0})
    model = MultimodalCRL(replace(CONFIG, weights=weights, epochs=2)).fit(world.measurements)
    assert np.isfinite(model.transform(world.measurements)).all()
    last = model.curves[-1]
    expected = sum(getattr(weights, name) * last[f"held_out_{name}"] for name in TERMS)
    assert last["held_out_loss"] == pytest.approx(expected, rel=1e-5)


def test_the_likelihood_reaches_the_adjacency_and_leaves_the_codes_alone(
    model: MultimodalCRL, world: World
) -> None:
    network = copy.deepcopy(model.network).train()
    network.zero_grad()
    batch = model._batch(world.measurements)
    objective_terms(network, batch, torch.Generator().manual_seed(0))["likelihood"].backward()
    gradient = network.flow.path.grad
    assert gradient is not None
    assert (gradient[network.flow.mask > 0] != 0).all()
    assert all(p.grad is None for p in network.modalities.parameters())


def test_the_fitted_flow_inverts(model: MultimodalCRL, world: World) -> None:
    network = model.network
    with torch.no_grad():
        encoded = network.encode(model._batch(world.measurements))
        codes = network.in_causal_order(encoded.shared, encoded.codes)
        noise, _ = network.flow.noise(network.flow.unmix(codes)[0])
        back = network.flow.mix(network.flow.latents(noise))
    assert (back - codes).abs().max() < 1e-5


def test_samples_look_like_the_people(model: MultimodalCRL, world: World) -> None:
    latents, people = model.sample(4000, random_state=1)
    seen = model.transform(world.part(world.split.train))
    assert np.corrcoef(latents[:, :4].T) == pytest.approx(np.corrcoef(seen[:, :4].T), abs=0.15)
    for name, x in people.items():
        known = world.measurements[name]
        explained = model.reconstruct(world.measurements)[name]
        assert x.shape == (4000, known.shape[1])
        assert np.linalg.norm(np.cov(x.T) - np.cov(explained.T)) < 0.3 * np.linalg.norm(
            np.cov(explained.T)
        )
    again = np.corrcoef(model.transform(people).T, latents.T)[:4, 5:9].diagonal()
    assert again.min() > 0.9  # what was drawn is what is read off
    assert np.array_equal(model.sample(5, 3)[0], model.sample(5, 3)[0])
    assert not np.array_equal(model.sample(5, 3)[0], model.sample(5, 4)[0])


def test_tensors_in_tensors_out(model: MultimodalCRL, world: World) -> None:
    test = world.part(world.split.test)
    tensors = {name: torch.from_numpy(x) for name, x in test.items()}
    latents = model.transform(tensors)
    assert isinstance(latents, torch.Tensor)
    assert np.array_equal(latents.numpy(), model.transform(test))
    restored = model.reconstruct(tensors)["text_a"]
    assert isinstance(restored, torch.Tensor)
    assert np.array_equal(restored.numpy(), model.reconstruct(test)["text_a"])
    config = replace(CONFIG, epochs=1)
    fitted = MultimodalCRL(config).fit(tensors, validation=tensors)
    assert np.array_equal(
        fitted.transform(test), MultimodalCRL(config).fit(test, validation=test).transform(test)
    )


def test_without_shared_latents(world: World, tmp_path: Path) -> None:
    config = replace(CONFIG, n_shared=0, epochs=2)
    model = MultimodalCRL(config).fit(with_missing(world))
    assert all(np.isfinite(list(epoch.values())).all() for epoch in model.curves)
    latents = model.transform(world.measurements)
    assert latents.shape == (600, 4)
    assert model.doubt == {}
    assert model.adjacency.shape == (4, 4)
    assert model.match(world.measurements, latents) == pytest.approx(1.0)
    model.save(tmp_path)
    assert np.array_equal(MultimodalCRL.load(tmp_path).transform(world.measurements), latents)
    evidence = identification(model, world.measurements, world.split, refits=0, permutations=99)
    assert [e.latent for e in evidence] == list(model.latent_names)


def test_training_does_not_make_the_held_out_loss_worse(model: MultimodalCRL) -> None:
    losses = [epoch["held_out_loss"] for epoch in model.curves]
    assert min(losses) < losses[0]


def test_callback_hears_of_every_epoch(world: World) -> None:
    heard: list[int] = []
    model = MultimodalCRL(replace(CONFIG, epochs=2)).fit(
        world.measurements, callback=lambda epoch, values: heard.append(epoch)
    )
    assert heard == [0, 1, 2]
    assert len(model.curves) == 3


def test_one_modality_and_unequal_widths(world: World) -> None:
    config = replace(CONFIG, modalities=CONFIG.modalities[1:], causal_order=(), epochs=2)
    narrow = {**world.measurements, "text_a": world.measurements["text_a"][:, :7]}
    latents = MultimodalCRL(config).fit(narrow).transform(narrow)
    assert latents.shape == (600, 3)
    assert np.isfinite(latents).all()


def test_bad_input_is_named(model: MultimodalCRL, world: World) -> None:
    good = world.part(world.split.test)
    with pytest.raises(ValueError, match="measurement text_c is not given"):
        model.transform({name: x for name, x in good.items() if name != "text_c"})
    with pytest.raises(ValueError, match="number of rows"):
        model.transform({**good, "text_c": good["text_c"][:-1]})
    with pytest.raises(ValueError, match="text_c: an infinite value"):
        model.transform({**good, "text_c": np.full_like(good["text_c"], np.inf)})
    torn = good["text_c"].copy()
    torn[4, 1] = np.nan
    with pytest.raises(ValueError, match="text_c: row 4 is NaN in some columns"):
        model.transform({**good, "text_c": torn})
    with pytest.raises(ValueError, match="29 columns, the model was fitted on 30"):
        model.transform({**good, "text_c": good["text_c"][:, 1:]})
    with pytest.raises(ValueError, match="not fitted"):
        MultimodalCRL(CONFIG).transform(good)
    with pytest.raises(ValueError, match="at least 40"):
        MultimodalCRL(CONFIG).fit({name: x[:30] for name, x in good.items()})
    constant = {**world.measurements, "face_1": np.ones((600, 20), np.float32)}
    with pytest.raises(ValueError, match="measurement face_1: every observed row is the same"):
        MultimodalCRL(CONFIG).fit(constant)


def test_configuration_errors_name_the_field() -> None:
    face = ModalitySpec("face", ("face_1",), 2, "face")
    with pytest.raises(ValueError, match="n_latents is 0"):
        ModalitySpec("face", ("face_1",), 0, "face")
    with pytest.raises(ValueError, match="measurements is empty"):
        ModalitySpec("face", (), 1, "face")
    with pytest.raises(ValueError, match="same name"):
        CRLConfig((face, ModalitySpec("again", ("face_1",), 2, "again")), 1)
    with pytest.raises(ValueError, match="causal_order"):
        CRLConfig((face,), 1, causal_order=("text",))
    with pytest.raises(ValueError, match="n_shared is -1"):
        CRLConfig((face,), -1)


@pytest.mark.slow
def test_recovery_holds_on_fresh_worlds() -> None:
    for seed in range(20, 24):
        world = draw_world(1500, seed)
        model = MultimodalCRL(CONFIG).fit(
            world.part(world.split.train), validation=world.part(world.split.select)
        )
        latents = model.transform(world.measurements)
        scores = r2_held_out(latents, world.z_text, world.split.train, world.split.test)
        assert scores.min() > 0.85
