"""Networks that read images.

Belongs here: architectures. Does not belong here: what they are trained for.

All return (n, members, width): an ensemble holds members that see the same rows and share nothing.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from personax_ml.crl.config import ImageConfig

_HIDDEN = 32
_PAINTER_HIDDEN = 128


class Ensemble(nn.Module):
    """Members of one architecture, side by side."""

    def __init__(self, members: int, build: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(build() for _ in range(members))

    def forward(self, x: Tensor) -> Tensor:
        """Return every member's scores of the same rows, (n, members, width).

        Rows that differ by member come as (n, members, inputs).
        """
        own = x.unbind(dim=1) if x.ndim == 3 else [x] * len(self.members)
        return torch.stack([net(part) for net, part in zip(self.members, own, strict=True)], dim=1)


def perceptron(inputs: int, width: int) -> nn.Sequential:
    """Return a perceptron with two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, _HIDDEN),
        nn.SiLU(),
        nn.Linear(_HIDDEN, _HIDDEN),
        nn.SiLU(),
        nn.Linear(_HIDDEN, width),
    )


def convolutions(inputs: int, config: ImageConfig, cyclic: bool) -> nn.Sequential:
    """Return 3 x 3 convolutions that keep the size, the last one without activation.

    Cyclic padding happens once, on the image: that is the same as padding every layer. Zeros are
    put around every layer, which tells the layers where the edge is.
    """
    layers: list[nn.Module] = [nn.CircularPad2d(config.depth)] if cyclic else []
    for into in (inputs, *[config.channels] * (config.depth - 1)):
        layers += [nn.Conv2d(into, config.channels, 3, padding=0 if cyclic else 1), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


class PlaceNet(nn.Module):
    """Scores of where things are: convolutions, the spatial soft-argmax of every map, a linear map.

    Parameters
    ----------
    width : int
        Number of scores.
    shape : tuple of int
        Channels, height and width of the images.
    config : ImageConfig
        Maps and number of convolutions.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, width: int, shape: tuple[int, int, int], config: ImageConfig) -> None:
        super().__init__()
        channels, height, breadth = shape
        self.maps = convolutions(channels, config, cyclic=False)
        self.head = nn.Linear(2 * config.channels, width)
        self.register_buffer("rows", torch.linspace(-1, 1, height), persistent=False)
        self.register_buffer("columns", torch.linspace(-1, 1, breadth), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of images (n, channels, height, width)."""
        maps = self.maps(x)
        weight = maps.flatten(2).softmax(dim=-1).view_as(maps)
        down = weight.sum(dim=3) @ self.rows
        across = weight.sum(dim=2) @ self.columns
        scores: Tensor = self.head(torch.cat([down, across], dim=1))
        return scores


class PatternNet(nn.Module):
    """Scores of what there is, wherever it is: cyclic convolutions, pooling, a perceptron.

    Moving an image by whole pixels, around its edges, changes nothing.

    Parameters
    ----------
    width : int
        Number of scores.
    shape : tuple of int
        Channels, height and width of the images.
    config : ImageConfig
        Maps, number of convolutions; whether they wrap around and maxima are pooled.
    """

    def __init__(self, width: int, shape: tuple[int, int, int], config: ImageConfig) -> None:
        super().__init__()
        self.maximum = config.maximum
        self.maps = convolutions(shape[0], config, config.cyclic)
        self.head = perceptron((2 if config.maximum else 1) * config.channels, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of images (n, channels, height, width)."""
        maps = nn.functional.silu(self.maps(x)).flatten(2)
        pools = [maps.mean(dim=2), maps.amax(dim=2)] if self.maximum else [maps.mean(dim=2)]
        scores: Tensor = self.head(torch.cat(pools, dim=1))
        return scores


class Painter(nn.Module):
    """The mean image at given latents: a perceptron, (n, latents) to (n, pixels)."""

    def __init__(self, n_latents: int, pixels: int) -> None:
        super().__init__()
        self.n_latents = n_latents
        self.layers = nn.Sequential(
            nn.Linear(n_latents, _PAINTER_HIDDEN),
            nn.SiLU(),
            nn.Linear(_PAINTER_HIDDEN, _PAINTER_HIDDEN),
            nn.SiLU(),
            nn.Linear(_PAINTER_HIDDEN, pixels),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Return flattened images."""
        image: Tensor = self.layers(z)
        return image
