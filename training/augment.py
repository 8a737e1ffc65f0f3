"""What cameras, light and lenses do to a picture, done to a batch of them at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


class Augment:
    """Makes each picture of a batch different each time it is seen.

    :param device: where the batches are.
    :param seed: of its own random numbers.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        self._device = device
        self._random = torch.Generator(device).manual_seed(seed)

    def __call__(
        self, images: Tensor, labels: Tensor, *, nearest: float = 0.7, grey: float = 0.08
    ) -> tuple[Tensor, Tensor]:
        """Turn ``uint8 (n, h, w, 3)`` and ``uint8 (n, h, w)`` into ``float (n, 3, h, w)``, 0 to 255, and ``long``.

        :param nearest: the smallest share of the picture's width that is shown.
        :param grey: share of pictures without colour.
        """
        x = images.permute(0, 3, 1, 2).float()
        x, y = self._move(x, labels.long(), nearest)
        return self._seen(x, grey), y

    def recoloured(self, images: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        """Do the same and give tissues and instruments any colour, so that only shape can be learned."""
        x = images.permute(0, 3, 1, 2).float()
        x, y = self._move(x, labels.long(), 0.4)
        n, _, h, w = x.shape
        gains = torch.exp(self._uniform(n * classes, -1.0, 1.0) + self._uniform(n * classes, -0.6, 0.6, 3))
        gains = gains.reshape(n, classes, 3)
        per_pixel = torch.gather(gains, 1, y.reshape(n, -1, 1).expand(-1, -1, 3)).permute(0, 2, 1).reshape(n, 3, h, w)
        size = int(torch.randint(2, 40, (1,), generator=self._random, device=self._device))
        coarse = torch.rand((n, 1, h // size + 2, w // size + 2), generator=self._random, device=self._device)
        texture = functional.interpolate(coarse, (h, w), mode='bilinear', align_corners=False) - 0.5
        x = x * per_pixel * (1.0 + self._uniform(n, 0.0, 1.2) * texture)
        return self._seen(x.clamp(0, 400), 0.5), y

    def unlike(self, x: Tensor) -> Tensor:
        """Give pictures unlike anything to be known: shuffled patches, foreign colours, plain noise."""
        n, _, h, w = x.shape
        patch = 32
        tiles = x.reshape(n, 3, h // patch, patch, w // patch, patch).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
        order = torch.rand(tiles.shape[:2], generator=self._random, device=self._device).argsort(1)
        tiles = torch.gather(tiles, 1, order[:, :, None, None, None].expand_as(tiles))
        tiles = tiles.reshape(n, h // patch, w // patch, 3, patch, patch).permute(0, 3, 1, 4, 2, 5)
        shuffled = tiles.reshape(n, 3, h, w)
        foreign = 255.0 - x[:, [2, 0, 1]]
        coarse = torch.rand((n, 3, 9, 16), generator=self._random, device=self._device) * 255.0
        noise = functional.interpolate(coarse, (h, w), mode='nearest')
        kind = self._uniform(n, 0.0, 3.0)
        return torch.where(kind < 1.2, shuffled, torch.where(kind < 2.2, foreign, noise))

    def _seen(self, x: Tensor, grey: float) -> Tensor:
        """Do what the way from the tissue to the recording does to a picture."""
        x = self._focus(x)
        x = self._light(x, grey)
        x = self._haze(x)
        x = x + self._uniform(len(x), 0.0, 10.0) * torch.randn(x.shape, generator=self._random, device=self._device)
        return x.clamp(0, 255)

    def _uniform(self, n: int, low: float, high: float, width: int = 1) -> Tensor:
        numbers = torch.rand((n, width, 1, 1), generator=self._random, device=self._device)
        return numbers * (high - low) + low

    def _chance(self, n: int, probability: float) -> Tensor:
        return self._uniform(n, 0.0, 1.0) < probability

    def _move(self, x: Tensor, y: Tensor, nearest: float) -> tuple[Tensor, Tensor]:
        """Zoom, turn, mirror and shift."""
        n = len(x)
        zoom, turn = self._uniform(n, nearest, 1.15).flatten(), self._uniform(n, -0.3, 0.3).flatten()
        still = self._chance(n, 0.35).flatten()
        zoom, turn = torch.where(still, 1.0, zoom), torch.where(still, 0.0, turn)
        mirror = torch.where(self._chance(n, 0.5).flatten(), -1.0, 1.0)
        aspect = x.shape[3] / x.shape[2]
        shift = torch.where(still, 0.0, self._uniform(n, -0.2, 0.2).flatten())
        matrix = torch.stack(
            [
                torch.stack([zoom * turn.cos() * mirror, -zoom * turn.sin() / aspect, shift], 1),
                torch.stack([zoom * turn.sin() * aspect * mirror, zoom * turn.cos(), -shift.flip(0)], 1),
            ],
            1,
        )
        grid = functional.affine_grid(matrix, list(x.shape), align_corners=False)
        x = functional.grid_sample(x, grid, mode='bilinear', align_corners=False)
        moved = functional.grid_sample(y[:, None].float(), grid, mode='nearest', align_corners=False)
        return x, moved[:, 0].long()

    def _focus(self, x: Tensor) -> Tensor:
        """Blur a third of the pictures, each a little."""
        sigma = torch.where(
            self._chance(len(x), 0.35),
            self._uniform(len(x), 0.3, 2.2),
            torch.full((1,), 1e-2, device=self._device)[:, None, None, None],
        )
        reach = torch.arange(-5, 6, device=self._device).float()
        kernel = torch.exp(-0.5 * (reach / sigma.flatten()[:, None]) ** 2)
        kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)
        n, c, h, w = x.shape
        y = x.reshape(1, n * c, h, w)
        y = functional.conv2d(y, kernel[:, None, None, :], padding=(0, 5), groups=n * c)
        y = functional.conv2d(y, kernel[:, None, :, None], padding=(5, 0), groups=n * c)
        return y.reshape(n, c, h, w)

    def _light(self, x: Tensor, grey: float) -> Tensor:
        """White balance, saturation, exposure, contrast."""
        n = len(x)
        x = x / 255.0
        x = x * torch.exp(self._uniform(n, -0.22, 0.22, 3))
        mean = x.mean(1, keepdim=True)
        saturation = torch.where(
            self._chance(n, grey), torch.zeros_like(mean[:, :, :1, :1]), self._uniform(n, 0.55, 1.35)
        )
        x = mean + (x - mean) * saturation
        x = x.clamp(1e-4, 4.0) ** torch.exp(self._uniform(n, -0.4, 0.4))
        x = x * torch.exp(self._uniform(n, math.log(0.5), math.log(1.5)))
        return x * 255.0

    def _haze(self, x: Tensor) -> Tensor:
        """Smoke or a fogged lens over one picture in eight."""
        n, _, h, w = x.shape
        cloud = torch.rand((n, 1, 4, 6), generator=self._random, device=self._device)
        cloud = functional.interpolate(cloud, (h, w), mode='bicubic', align_corners=False).clamp(0, 1)
        amount = torch.where(self._chance(n, 0.12), self._uniform(n, 0.1, 0.5), torch.zeros((1,), device=self._device))
        return x + (205.0 - x) * cloud * amount
