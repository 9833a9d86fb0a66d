"""A small GPT in plain torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from collidium.artifact import InputError
from collidium.optim import AttentionLogits, largest_logits

_STD = 0.02


@dataclass(frozen=True, kw_only=True)
class GPTConfig:
    """Configuration of :class:`GPT`.

    Attributes
    ----------
    num_blocks : int
        Blocks.
    width : int
        d, width of the tokens.
    num_heads : int
        H, a divisor of d.
    context : int
        Largest number of tokens that the model looks back on.
    """

    num_blocks: int = 3
    width: int = 96
    num_heads: int = 4
    context: int = 64

    def __post_init__(self) -> None:
        for name in ("num_blocks", "width", "num_heads", "context"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; at least 1 is needed")
        if self.width % self.num_heads:
            raise InputError(f"num_heads is {self.num_heads}: must divide width {self.width}")

    def build(self, num_tokens: int, *, seed: int) -> GPT:
        """Make the model with weights drawn from ``seed``.

        Parameters
        ----------
        num_tokens : int
            V, size of the vocabulary.
        seed : int
            Determines the weights; the global generator is left alone.

        Returns
        -------
        GPT
            In training mode.

        Examples
        --------
        >>> model = GPTConfig(num_blocks=1, width=8, num_heads=2, context=4).build(5, seed=0)
        >>> model(torch.zeros(2, 3, dtype=torch.int64)).shape
        torch.Size([2, 3, 5])
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return GPT(self, num_tokens)


class GPT(nn.Module):
    """Pre-norm transformer over tokens: learnt positions, causal attention, GELU, a head of its own.

    Parameters
    ----------
    config : GPTConfig
        Sizes.
    num_tokens : int
        V, size of the vocabulary.

    Notes
    -----
    All matrices are drawn from a normal distribution of width 0.02, those that write into the residual stream narrower
    by ``sqrt(2 num_blocks)``, so the first logits are almost equal and the first loss is ``ln V``.

    References
    ----------
    A. Radford et al., Language Models are Unsupervised Multitask Learners (2019).

    Examples
    --------
    >>> model = GPTConfig(num_blocks=1, width=8, num_heads=2, context=4).build(5, seed=0)
    >>> model.split_sizes()
    {'blocks.0.qkv.weight': (8, 8, 8)}
    """

    def __init__(self, config: GPTConfig, num_tokens: int) -> None:
        super().__init__()
        d = config.width
        self.token = nn.Embedding(num_tokens, d)
        self.position = nn.Embedding(config.context, d)
        self.blocks = nn.ModuleList(CausalBlock(d, config.num_heads) for _ in range(config.num_blocks))
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, num_tokens, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                is_residual = name.endswith(("output.weight", "contract.weight"))
                nn.init.normal_(parameter, std=_STD / (2 * config.num_blocks) ** 0.5 if is_residual else _STD)

    def forward(self, tokens: Tensor) -> Tensor:
        """Predict the token after each token.

        Parameters
        ----------
        tokens : Tensor of int64, (N, P)
            Token numbers, P at most the context.

        Returns
        -------
        Tensor, (N, P, V), 1
            Logits; those of position i depend on the tokens up to i.
        """
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.token(tokens) + self.position(places)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x))
        return logits

    def parameter_roles(self) -> dict[str, str]:
        """Say what each parameter is, for the routing of optimizers.

        Returns
        -------
        dict
            Name to "embedding", "head", "matrix" or "norm".
        """
        roles = {name: "matrix" if parameter.dim() == 2 else "norm" for name, parameter in self.named_parameters()}
        return {**roles, "token.weight": "embedding", "position.weight": "embedding", "head.weight": "head"}

    def split_sizes(self) -> dict[str, tuple[int, ...]]:
        """Row counts of query, key and value in the fused weights.

        Returns
        -------
        dict
            Parameter name to three equal numbers.
        """
        d = self.head.in_features
        return {f"blocks.{index}.qkv.weight": (d, d, d) for index in range(len(self.blocks))}

    def track_logits(self) -> tuple[AttentionLogits, ...]:
        """Let every attention layer report its largest logits from now on, for optimizers that bound them.

        Returns
        -------
        tuple of AttentionLogits
            One for each block.
        """
        return tuple(block.track_logits() for block in self.blocks if isinstance(block, CausalBlock))


class CausalBlock(nn.Module):
    """Attention on earlier tokens and a two-layer network, both residual behind a norm.

    Parameters
    ----------
    width : int
        d.
    num_heads : int
        H.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width, bias=False)
        self.contract = nn.Linear(4 * width, width, bias=False)
        self._reporter: AttentionLogits | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Update tokens (N, P, d)."""
        N, P, d = x.shape
        heads = self.qkv(self.attention_norm(x)).view(N, P, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind()
        if self._reporter is not None and self.training:
            mask = torch.ones(P, P, dtype=torch.bool, device=x.device).tril()
            with torch.no_grad():
                self._reporter.report(largest_logits(query, key, mask))
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.output(attended.transpose(1, 2).reshape(N, P, d))
        updated: Tensor = x + self.contract(functional.gelu(self.expand(self.mlp_norm(x))))
        return updated

    def track_logits(self) -> AttentionLogits:
        """Report the largest logit of each head in training passes from now on."""
        weight, d = self.qkv.weight, self.qkv.in_features
        self._reporter = AttentionLogits.of(
            weight, weight, num_heads=self.num_heads, query_rows=(0, d), key_rows=(d, 2 * d)
        )
        return self._reporter
