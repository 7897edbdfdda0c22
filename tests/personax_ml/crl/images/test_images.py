"""The estimator on images: recovery, missing images, storage, bad input."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from personax_ml.crl import CRLConfig, ModalitySpec, MultimodalCRL
from personax_ml.crl.images.reduction import ImageReduction
from personax_ml.crl.metrics import mcc_held_out, r2_held_out
from personax_ml.synthetic.variant_mnist import VariantMNIST, draw_variant_mnist
from tests.personax_ml.crl.images.conftest import CONFIG, TINY, part


def test_latents_are_recovered_component_by_component(
    image_model: MultimodalCRL, images: VariantMNIST
) -> None:
    latents = image_model.transform(images.measurements)[:, :4]
    matched = mcc_held_out(latents, images.latents, images.train, images.test)
    assert matched.codes.tolist() == matched.truths.tolist()  # linked first, then the other
    assert matched.correlations.min() > 0.85
    assert r2_held_out(latents, images.latents, images.train, images.test).min() > 0.75


def test_one_pair_of_latents_is_really_linked(image_model: MultimodalCRL) -> None:
    for reduction in image_model.reductions.values():
        assert isinstance(reduction, ImageReduction)
        assert reduction.encoder.linked is not None
        assert reduction.encoder.linked.width == 1


def test_a_missing_image_leaves_the_latents_to_the_others(
    image_model: MultimodalCRL, images: VariantMNIST
) -> None:
    whole = image_model.transform(part(images, images.test))
    torn = {name: x.copy() for name, x in part(images, images.test).items()}
    torn["digit_red"][:50] = np.nan
    torn["fashion"][40:60] = np.nan
    torn["digit_green"][45:50] = np.nan
    latents = image_model.transform(torn)
    lost = np.zeros((len(latents), 5), bool)
    lost[45:50, :2] = lost[40:60, 2:4] = True
    lost[45:50, 4] = True
    assert np.array_equal(np.isnan(latents), lost)
    assert np.corrcoef(latents[:40, 0], whole[:40, 0])[0, 1] > 0.9
    assert latents[60:] == pytest.approx(whole[60:], abs=1e-4)


def test_missing_images_are_masked_in_fit(images: VariantMNIST) -> None:
    rng = np.random.default_rng(0)
    torn = {name: x[:400].copy() for name, x in images.measurements.items()}
    for x in torn.values():
        x[rng.random(len(x)) < 0.3] = np.nan
    model = MultimodalCRL(TINY).fit(torn)
    latents = model.transform(torn)
    nothing = np.isnan(torn["fashion"][:, 0, 0, 0])
    assert np.array_equal(np.isnan(latents[:, 2]), nothing)
    assert np.isfinite(latents[~nothing, 2]).all()
    assert all(np.isfinite(list(epoch.values())).all() for epoch in model.curves)


def test_reconstruction_paints_held_out_images(
    image_model: MultimodalCRL, images: VariantMNIST
) -> None:
    test = part(images, images.test)
    restored = image_model.reconstruct(test)
    for name, painted in restored.items():
        x = test[name]
        assert painted.shape == x.shape
        assert 1 - ((painted - x) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum() > 0.5
    hidden = {**test, "digit_red": np.full_like(test["digit_red"], np.nan)}
    filled, known = image_model.reconstruct(hidden)["digit_red"], test["digit_red"]
    assert 1 - ((filled - known) ** 2).sum() / ((known - known.mean(axis=0)) ** 2).sum() > 0.3


def test_storage_is_exact(image_model: MultimodalCRL, images: VariantMNIST, tmp_path: Path) -> None:
    image_model.save(tmp_path)
    loaded = MultimodalCRL.load(tmp_path)
    assert loaded.config == image_model.config
    test = part(images, images.test)
    assert np.array_equal(loaded.transform(test), image_model.transform(test))
    for name, x in loaded.reconstruct(test).items():
        assert np.array_equal(x, image_model.reconstruct(test)[name])


@pytest.mark.slow
def test_same_seed_same_numbers() -> None:
    world = draw_variant_mnist(n=400, seed=1)
    first, again, other = (
        MultimodalCRL(replace(TINY, random_state=seed)).fit(world.measurements)
        for seed in (0, 0, 1)
    )
    latents = first.transform(world.measurements)
    assert np.array_equal(latents, again.transform(world.measurements))
    assert not np.array_equal(latents, other.transform(world.measurements))


def test_torch_in_torch_out(image_model: MultimodalCRL, images: VariantMNIST) -> None:
    test = part(images, images.test)
    tensors = {name: torch.as_tensor(x) for name, x in test.items()}
    latents = image_model.transform(tensors)
    assert isinstance(latents, torch.Tensor)
    assert np.array_equal(latents.numpy(), image_model.transform(test))
    restored = image_model.reconstruct(tensors)
    assert all(isinstance(x, torch.Tensor) for x in restored.values())


@pytest.mark.slow
def test_images_are_linked_to_a_matrix() -> None:
    world = draw_variant_mnist(n=800, pool="one", seed=2)
    rng = np.random.default_rng(0)
    numbers = np.hstack([world.latents[:, 2:], rng.standard_normal((800, 3))])
    matrix = (numbers @ rng.standard_normal((5, 12))).astype(np.float32)
    config = CRLConfig(
        (CONFIG.modalities[0], ModalitySpec("text", ("text",), 2, "text")),
        n_shared=1, epochs=1, components=5, images=replace(CONFIG.images, members=1, batch_size=64),
    )  # fmt: skip
    measurements = {name: world.measurements[name] for name in CONFIG.modalities[0].measurements}
    measurements["text"] = matrix
    latents = MultimodalCRL(config).fit(measurements).transform(measurements)
    assert abs(np.corrcoef(latents[:, 0], world.latents[:, 0])[0, 1]) > 0.9


def test_images_without_a_link_are_refused(images: VariantMNIST) -> None:
    rng = np.random.default_rng(0)
    apart = {name: x[:300] for name, x in images.measurements.items()}
    apart["fashion"] = apart["fashion"][rng.permutation(300)]
    with pytest.raises(ValueError, match="modality digit: its images are linked to no other"):
        MultimodalCRL(TINY).fit(apart)


def test_bad_images_are_named(image_model: MultimodalCRL, images: VariantMNIST) -> None:
    test = part(images, images.test)
    with pytest.raises(ValueError, match=r"digit_red: shape .* must be rows x \(3, 14, 14\)"):
        image_model.transform({**test, "digit_red": test["digit_red"][:, :, :7]})
    torn = test["fashion"].copy()
    torn[3, 0, :2] = np.nan
    with pytest.raises(ValueError, match="fashion: row 3 is NaN in some columns"):
        image_model.transform({**test, "fashion": torn})
    with pytest.raises(ValueError, match="measurement fashion: every observed row is the same"):
        MultimodalCRL(TINY).fit(
            {**images.measurements, "fashion": np.zeros((1500, 1, 14, 14), "f")}
        )
    with pytest.raises(ValueError, match="image_shape is"):
        ModalitySpec("photo", ("photo_1",), 1, "photo", (28, 28))  # type: ignore[arg-type]


def test_configuration_round_trip() -> None:
    assert CRLConfig.from_dict(CONFIG.to_dict()) == CONFIG
