"""The network of surgical phase and action: an encoder of thumbnails and a memory that goes from one to the next.

The memory is a plain tensor that comes in and goes out, so that every engine runs it, and whoever runs it can clear it.
"""

from __future__ import annotations

import torch
from layers import Encoder, normalise
from torch import Tensor, nn

FEATURES, MEMORY = 160, 128


class PhaseNetwork(nn.Module):
    """Reads sequences of thumbnails ``(n, time, 3, h, w)``, normalised, h and w divisible by 32.

    :param phases: number of phases.
    :param verbs: number of actions.
    """

    def __init__(self, phases: int, verbs: int) -> None:
        super().__init__()
        self.encoder = Encoder(FEATURES)
        self.to_memory = nn.Linear(2 * FEATURES, MEMORY)
        self.update = nn.Linear(2 * MEMORY, MEMORY)
        self.reset = nn.Linear(2 * MEMORY, MEMORY)
        self.candidate = nn.Linear(2 * MEMORY, MEMORY)
        self.phase = nn.Linear(2 * MEMORY, phases)
        self.verb = nn.Linear(2 * MEMORY, verbs)

    def look(self, x: Tensor) -> Tensor:
        """Give the features ``(n, MEMORY)`` of thumbnails ``(n, 3, h, w)``."""
        y = self.encoder(x)
        # The mean tells what there is, the maximum tells small things, such as the tip of an instrument.
        return torch.relu(self.to_memory(torch.cat([y.mean((2, 3)), y.amax((2, 3))], 1)))

    def remember(self, features: Tensor, state: Tensor) -> Tensor:
        """Give the new state, ``(n, MEMORY)``: a gated recurrent unit (Cho et al., 2014) in plain operators."""
        both = torch.cat([features, state], 1)
        update, reset = torch.sigmoid(self.update(both)), torch.sigmoid(self.reset(both))
        new = torch.tanh(self.candidate(torch.cat([features, reset * state], 1)))
        return update * state + (1.0 - update) * new

    def judge(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Give the logits of phase and verb."""
        both = torch.cat([features, state], 1)
        return self.phase(both), self.verb(both)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the logits of phase and verb at each time, ``(n, time, ...)``; the memory is empty at the start."""
        n, steps = x.shape[:2]
        features = self.look(x.flatten(0, 1)).float().reshape(n, steps, MEMORY)
        state = features.new_zeros(n, MEMORY)
        found = []
        for step in range(steps):
            state = self.remember(features[:, step], state)
            found.append(self.judge(features[:, step], state))
        return torch.stack([phase for phase, _ in found], 1), torch.stack([verb for _, verb in found], 1)


class DeployedPhase(nn.Module):
    """As it is shipped: ``image``, bgr ``uint8 (n, h, w, 3)``, and ``memory``, ``float32 (n, MEMORY)``.

    It gives the probabilities of phases and verbs, ``float32 (n, names)``, and the memory for the next picture.
    """

    def __init__(self, network: PhaseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, memory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give phase, verb, next memory."""
        features = self.network.look(normalise(image.permute(0, 3, 1, 2).float()))
        state = self.network.remember(features, memory)
        phase, verb = self.network.judge(features, state)
        return phase.softmax(1), verb.softmax(1), state
