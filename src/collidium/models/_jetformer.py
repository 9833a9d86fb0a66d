"""JetFormer: a transformer whose norms fold into its matrices, for trigger hardware."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from collidium.artifact import InputError
from collidium.models._base import FusedProjection, Head, JetModel, matrix_size
from collidium.models._dropout import Dropout
from collidium.models._layout import Layout
from collidium.models._norm import CloudBatchNorm


@dataclass(frozen=True, kw_only=True)
class JetFormerConfig:
    """Configuration of :class:`JetFormer`; the defaults are the published size for 150 particles.

    Attributes
    ----------
    num_blocks : int
        Blocks.
    width : int
        d, width of the tokens.
    num_heads : int
        H, a divisor of d.
    dropout : float
        On both residual branches.
    """

    num_blocks: int = 3
    width: int = 64
    num_heads: int = 2
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.width % self.num_heads:
            raise InputError(f"num_heads is {self.num_heads}: must divide width {self.width}")

    def build(self, num_features: int, num_jet_features: int, num_classes: int, *, seed: int) -> JetFormer:
        """Make the model with weights drawn from ``seed``.

        Parameters
        ----------
        num_features, num_jet_features, num_classes : int
            Features of each particle and each jet, and classes, in the data.
        seed : int
            Determines the weights; the global generator is left alone.

        Returns
        -------
        JetFormer
            In training mode.

        Examples
        --------
        >>> JETFORMER_SIZES["jetclass-large"].build(17, 0, 10, seed=0).num_macs(128)
        211963648
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return JetFormer(self, num_features, num_jet_features, num_classes)


JETFORMER_SIZES: dict[str, JetFormerConfig] = {
    "default": JetFormerConfig(),
    "jetclass-large": JetFormerConfig(num_blocks=10, width=128, num_heads=8),
    "search-8": JetFormerConfig(num_blocks=4, width=8, num_heads=2),
    "search-128": JetFormerConfig(num_blocks=4, width=128, num_heads=8),
}


class JetFormer(JetModel):
    """Pre-norm transformer with BatchNorm and ReLU throughout and a class token; no pair features.

    Notes
    -----
    Every norm is a batch norm, so at inference it is an affine map that a neighbouring matrix absorbs. Unlike the
    published code attention is masked, and no parameter is unused.

    References
    ----------
    "JetFormer", arXiv:2601.17215.

    Examples
    --------
    >>> JetFormerConfig().build(16, 0, 5, seed=0).num_macs(30)
    3447488
    """

    def __init__(self, config: JetFormerConfig, num_features: int, num_jet_features: int, num_classes: int) -> None:
        super().__init__(num_features, num_jet_features, num_classes)
        d = config.width
        self.embedding = nn.Linear(num_features, d)
        self.class_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(d), std=0.02))
        self.blocks = nn.ModuleList(Block(d, config.num_heads, config.dropout) for _ in range(config.num_blocks))
        self.norm = CloudBatchNorm(d)
        self.head = Head(d, num_classes)

    def logits(self, x: Tensor, p4: Tensor, g: Tensor, layout: Layout) -> Tensor:
        """Compute logits (N, K) from the particle features."""
        token = self.class_token.expand(layout.num_jets, -1)
        layout, x = layout.prepend(token, self.embedding(x).to(token.dtype))
        for block in self.blocks:
            x = block(x, layout)
        out: Tensor = self.head(self.norm(layout.first(x)))
        return out

    def num_macs(self, num_particles: int) -> int:
        """Count multiply-adds for one jet."""
        n, d = num_particles + 1, len(self.class_token)
        blocks = n * matrix_size(self.blocks) + len(self.blocks) * 2 * n * n * d
        return num_particles * self.embedding.weight.numel() + blocks + self.head.weight.numel()

    def embeddings(self) -> tuple[nn.Linear, ...]:
        """The layer on particle features."""
        return (self.embedding,)


class Block(nn.Module):
    """BatchNorm-attention and twice BatchNorm-ReLU-Linear, both residual.

    Parameters
    ----------
    width : int
        d.
    num_heads : int
        H.
    dropout : float
        Probability.
    """

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_norm = CloudBatchNorm(width)
        self.qkv = FusedProjection(width, bias=False)
        self.output = nn.Linear(width, width)
        self.expand_norm = CloudBatchNorm(width)
        self.expand = nn.Linear(width, 2 * width, bias=False)
        self.contract_norm = CloudBatchNorm(2 * width)
        self.contract = nn.Linear(2 * width, width, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Update the rows ``x`` of a layout, class tokens included."""
        attended = layout.attend(self.qkv(self.attention_norm(x, layout.mask)), num_heads=self.num_heads)
        x = x + self.dropout(self.output(attended))
        hidden = self.expand(functional.relu(self.expand_norm(x, layout.mask)))
        out: Tensor = x + self.dropout(self.contract(functional.relu(self.contract_norm(hidden, layout.mask))))
        return out
