"""Particle Transformer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from collidium.artifact import InputError
from collidium.models._base import FusedProjection, Head, JetModel, linears, matrix_size
from collidium.models._dropout import Dropout
from collidium.models._layout import Layout
from collidium.models._norm import CloudBatchNorm
from collidium.models._pairs import PairEmbedding

_PART_ROWS = 2048


@dataclass(frozen=True, kw_only=True)
class ParticleTransformerConfig:
    """Configuration of :class:`ParticleTransformer`; the defaults are the published size.

    Attributes
    ----------
    embedding_widths : tuple of int
        Widths of the network on each particle; the last is the width d of the tokens.
    pair_widths : tuple of int, optional
        Hidden widths of the network on pairs; None for the plain transformer without pair features.
    num_heads : int
        H, a divisor of d.
    num_blocks, num_class_blocks : int
        Blocks of particle attention and of class attention.
    expansion : int
        Width of the feed-forward layer in units of d.
    dropout : float
        In the particle blocks: on attention weights, after the activation and on both residual branches.
    """

    embedding_widths: tuple[int, ...] = (128, 512, 128)
    pair_widths: tuple[int, ...] | None = (64, 64, 64)
    num_heads: int = 8
    num_blocks: int = 8
    num_class_blocks: int = 2
    expansion: int = 4
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if not self.embedding_widths or self.embedding_widths[-1] % self.num_heads:
            raise InputError(f"num_heads is {self.num_heads}: must divide the last of {self.embedding_widths}")

    def build(self, num_features: int, num_jet_features: int, num_classes: int, *, seed: int) -> ParticleTransformer:
        """Make the model with weights drawn from ``seed``.

        Parameters
        ----------
        num_features, num_jet_features, num_classes : int
            Features of each particle and each jet, and classes, in the data.
        seed : int
            Determines the weights; the global generator is left alone.

        Returns
        -------
        ParticleTransformer
            In training mode.

        Examples
        --------
        >>> sum(p.numel() for p in ParticleTransformerConfig().build(17, 0, 10, seed=0).parameters())
        2143486
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ParticleTransformer(self, num_features, num_jet_features, num_classes)


class ParticleTransformer(JetModel):
    """Transformer on particles whose attention is biased by pair features, read out by class attention.

    References
    ----------
    Qu, Li, Qian, "Particle Transformer for jet tagging", arXiv:2202.03772, section 3; the block is NormFormer's,
    Shleifer, Weston, Ott, arXiv:2110.09456; class attention is Touvron et al., arXiv:2103.17239. Initialisation as
    published: Glorot uniform, and the second matrix of each residual branch of block l divided by sqrt(2 l).

    Examples
    --------
    >>> ParticleTransformerConfig().build(17, 0, 10, seed=0).num_macs(128)
    334759680
    """

    def __init__(
        self, config: ParticleTransformerConfig, num_features: int, num_jet_features: int, num_classes: int
    ) -> None:
        super().__init__(num_features, num_jet_features, num_classes)
        d, H = config.embedding_widths[-1], config.num_heads
        self.input_norm = CloudBatchNorm(num_features)
        self.embedding = nn.Sequential(
            *(
                nn.Sequential(nn.LayerNorm(width), nn.Linear(width, following), nn.GELU())
                for width, following in pairwise((num_features, *config.embedding_widths))
            )
        )
        self.pair_embedding = None if config.pair_widths is None else PairEmbedding(config.pair_widths, H)
        self.blocks = Blocks(Block(d, H, config.expansion, config.dropout) for _ in range(config.num_blocks))
        self.class_blocks = Blocks(Block(d, H, config.expansion, 0.0) for _ in range(config.num_class_blocks))
        self.class_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(d), std=0.02))
        self.norm = nn.LayerNorm(d)
        self.head = Head(d, num_classes)
        self._initialise()

    def _initialise(self) -> None:
        pair_layers = set() if self.pair_embedding is None else set(self.pair_embedding.modules())
        for module in self.modules():
            if isinstance(module, FusedProjection):
                module.reset_parameters()
            elif isinstance(module, nn.Linear) and module not in pair_layers:
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            for depth, block in enumerate(self.blocks, start=1):
                for layer in (block.output, block.contract):
                    layer.weight /= (2 * depth) ** 0.5

    def logits(self, x: Tensor, p4: Tensor, g: Tensor, layout: Layout) -> Tensor:
        """Compute logits (N, K) from particle features and momenta."""
        x = self.embedding(self.input_norm(x, layout.mask)).to(self.class_token.dtype)
        bias = None if self.pair_embedding is None else layout.pair_bias(p4, self.pair_embedding)
        for block in self.blocks:
            x = block(x, layout, bias)
        token = self.class_token.expand(layout.num_jets, -1)
        for block in self.class_blocks:
            token = block.summarise(token, x, layout)
        out: Tensor = self.head(self.norm(token))
        return out

    def num_macs(self, num_particles: int) -> int:
        """Count multiply-adds for one jet, those of the network as published; :meth:`Block.summarise` spends fewer."""
        n, d = num_particles, len(self.class_token)
        pairs = 0 if self.pair_embedding is None else matrix_size(self.pair_embedding)
        blocks = n * matrix_size(self.blocks) + len(self.blocks) * 2 * n * n * d
        class_blocks = matrix_size(self.class_blocks) + len(self.class_blocks) * (2 * n * d * d + 2 * (n + 1) * d)
        particles = n * matrix_size(self.embedding) + n * (n + 1) // 2 * pairs
        return particles + blocks + class_blocks + self.head.weight.numel()

    def embeddings(self) -> tuple[nn.Linear, ...]:
        """The first layer on particles and the first on pairs."""
        pairs = () if self.pair_embedding is None else linears(self.pair_embedding)[:1]
        return linears(self.embedding)[:1] + pairs


class Block(nn.Module):
    """Attention and feed-forward layer, each between norms, with learned scales of heads and residual.

    Parameters
    ----------
    width : int
        d.
    num_heads : int
        H.
    expansion : int
        Feed-forward width in units of d.
    dropout : float
        Probability.

    Notes
    -----
    As in the published code a head scale multiplies d / H consecutive channels of the output projection, and the
    residual scale multiplies the input that is added to the feed-forward branch.
    """

    def __init__(self, width: int, num_heads: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_dropout = dropout
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = FusedProjection(width, bias=True)
        self.output = nn.Linear(width, width)
        self.head_scale = nn.Parameter(torch.ones(num_heads))
        self.output_norm = nn.LayerNorm(width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, expansion * width)
        self.activation_norm = nn.LayerNorm(expansion * width)
        self.contract = nn.Linear(expansion * width, width)
        self.residual_scale = nn.Parameter(torch.ones(width))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, layout: Layout, bias: Tensor | None) -> Tensor:
        """Update the rows ``x`` of a layout."""
        dropout = self.attention_dropout if self.training else 0.0
        attended = layout.attend(self.qkv(self.attention_norm(x)), num_heads=self.num_heads, bias=bias, dropout=dropout)
        return self._feed_forward(x + self._project(attended))

    def summarise(self, token: Tensor, x: Tensor, layout: Layout) -> Tensor:
        """Update one token per jet (N, d), which attends to itself and to the rows ``x``.

        Keys and values are linear in the rows: with one query the key matrix may act on it, and the value matrix on the
        average row. The key bias adds the same to all scores of a query and drops out.
        """
        together, rows = layout.prepend(token, x)
        query, key, value = (torch.unflatten(part, 0, (self.num_heads, -1)) for part in self.qkv.weight.chunk(3))
        query_bias, _, value_bias = self.qkv.bias.chunk(3)
        q = torch.unflatten(functional.linear(token, query.flatten(0, 1), query_bias), -1, (self.num_heads, -1))
        sought = torch.einsum("nhc,hcd->nhd", q * q.shape[-1] ** -0.5, key)
        pooled = together.pool(sought, self.attention_norm(rows))
        attended = torch.einsum("nhd,hcd->nhc", pooled, value).flatten(1) + value_bias
        return self._feed_forward(token + self._project(attended))

    def _project(self, attended: Tensor) -> Tensor:
        scale = self.head_scale.repeat_interleave(len(self.output.bias) // self.num_heads)
        projected = functional.linear(attended, self.output.weight * scale[:, None], self.output.bias * scale)
        out: Tensor = self.dropout(self.output_norm(projected))
        return out

    def _feed_forward(self, x: Tensor) -> Tensor:
        if x.dim() > 2 or x.device.type != "cpu" or torch.is_grad_enabled():
            return self._feed_forward_rows(x)
        # On a CPU the hidden layer of a part stays in the cache.
        return torch.cat([self._feed_forward_rows(part) for part in torch.split(x, _PART_ROWS)])

    def _feed_forward_rows(self, x: Tensor) -> Tensor:
        hidden = self.dropout(functional.gelu(self.expand(self.feedforward_norm(x))))
        return torch.addcmul(self.dropout(self.contract(self.activation_norm(hidden))), x, self.residual_scale)


class Blocks(nn.ModuleList):
    """A list of blocks that knows what it holds."""

    def __iter__(self) -> Iterator[Block]:
        """Iterate over the blocks in order."""
        for block in super().__iter__():
            assert isinstance(block, Block)
            yield block
