"""What a registered model says about itself in a real MLflow registry."""

from personax_assets.analysis.model_card import write_model_card
from personax_assets.analysis.registry import champion_version
from personax_assets.analysis.tracking import Tracking
from personax_assets.datasets import ATHLEPERSONA


def test_the_card_tells_use_data_protocol_metrics_and_limits(with_champion: Tracking) -> None:
    champion = champion_version(with_champion, "athlepersona")
    assert champion is not None
    write_model_card(with_champion, ATHLEPERSONA, champion, 320, simulated=True)
    client = with_champion.client
    model = client.get_registered_model(champion.name).description
    for part in ("Intended use", "Not for", "champion", "Limits", "5 of face, 5 of text"):
        assert part in model
    version = client.get_model_version(champion.name, champion.version).description
    assert "320 athletes, **invented** people" in version
    assert "held out and scored once" in version
    assert champion.reason in version
    assert all(f"| {name} | {value:.4g} |" in version for name, value in champion.metrics.items())
    assert all(f"| {latent} | {claim}" in version for latent, claim in champion.claims.items())
    write_model_card(with_champion, ATHLEPERSONA, champion, 320, simulated=False)
    again = client.get_model_version(champion.name, champion.version).description
    assert "invented" not in again
