"""The documentation page of a study: every number and plot in it comes from the artifact."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from collidium.artifact import atomic_write, read_manifest
from collidium.optim import OPTIMIZERS
from collidium.study._claims import CLAIMS, Claim, judge
from collidium.study._config import TASKS
from collidium.study._study import KIND, Study
from collidium.study._table import markdown_table

PAGE_NAME = "optimizer-study.md"
_IMAGES = Path("images") / "optimizer-study"
_COLOURS = 64
_PLOTS = (
    ("loss-against-time", "Loss against time", "AdamW, Muon and the three others with the smallest loss in colour."),
    ("tail-recall", "Recall of rare facts", "Filled: the rarer half of the facts; open: the most frequent tenth."),
    (
        "entropy-against-loss",
        "Entropy of the weights",
        "1 is a flat spectrum; dotted: before training.",
    ),
    ("state-memory", "Memory of the optimizers", "Bytes of state per number in a hidden matrix, measured."),
)


def write_page(study: Study, docs: Path) -> Path:
    """Write ``optimizer-study.md`` and its plots.

    Parameters
    ----------
    study : Study
        The study.
    docs : Path
        Folder of the documentation; the plots go to ``images/optimizer-study`` in it.

    Returns
    -------
    Path
        The page.
    """
    images = docs / _IMAGES
    images.mkdir(parents=True, exist_ok=True)
    present = {file.stem: file for file in sorted(study.path.glob("*.png"))}
    for file in present.values():
        with atomic_write(images / file.name) as stream:
            stream.write(_in_palette(file))
    tasks = list(dict.fromkeys(row["task"] for row in study.summary))
    parts = [_head(study), _claims(study.summary)]
    for task in tasks:
        parts.append(f"## {task}\n\nTask: {TASKS[task]}.\n")
        parts.append(_image(f"loss-against-steps-{task}", f"Loss against steps, {task}"))
        parts.append(markdown_table(study.summary, task))
    for name, title, caption in _PLOTS:
        if name in present:
            parts.append(f"## {title}\n\n{caption}\n")
            parts.append(_image(name, title))
    page = docs / PAGE_NAME
    with atomic_write(page, "w") as stream:
        stream.write("\n".join(parts))
    return page


def _in_palette(file: Path) -> bytes:
    """A plot in few colours, a quarter of the bytes, as a page is loaded whole."""
    from PIL import Image

    result = BytesIO()
    with Image.open(file) as image:
        image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(result, "PNG", optimize=True)
    return result.getvalue()


def _image(name: str, title: str) -> str:
    return f"![{title}]({_IMAGES.as_posix()}/{name}.png)\n"


def _head(study: Study) -> str:
    """What was done."""
    manifest = read_manifest(study.path, KIND)
    config: dict[str, Any] = manifest.config if isinstance(manifest.config, dict) else {}
    steps = {run["task"]: run["steps"] for run in study.runs}
    lengths = ", ".join(f"{task} {number}" for task, number in steps.items())
    minutes = sum(model + optimizer for *_, (_, model, optimizer) in study.timings.values()) / 60.0
    members = {row["member"] for row in study.summary}
    decay = (
        "the rate is then constant, so every point of a curve is the end of a run of that length"
        if not config.get("decay")
        else f"the rate falls to zero over the last {config['decay']:.0%}, so numbers of steps read off a curve are "
        "upper bounds"
    )
    command = shlex.join(manifest.command or ["collidium", "bench", "optimizers"])
    return f"""# Optimizer study

{len(members)} optimizers on {len(steps)} tasks, {len(study.runs)} runs with {minutes:.0f} minutes in models and
optimizers. Hidden matrices go to the member, everything else to AdamW. For each member and task the learning rate is
swept over a geometric grid (factor {config.get("grid_factor")}) around its centre; where the best rate lies on the
edge the grid grows by one rate, at most twice. {config.get("num_seeds")} further seeds at the best rate make the
figures below. At a seed all members start from the same weights and see the same batches. Steps: {lengths}.
The rate rises over the first {config.get("warmup", 0):.0%}; {decay}.

Times are seconds of one core (on a GPU: of the wall), those of the optimizer apart from the model's. A run diverges
when loss or gradient stops being finite or the loss ends above its beginning. Entropy is the Shannon entropy of the
squared singular values over the logarithm of the rank, averaged over the hidden matrices.

Made by:

```console
{command}
```

The models are small and the runs short: a claim that is not reproduced here may hold at the size it was made for.
"""


def _claims(rows: Sequence[dict[str, Any]]) -> str:
    """Verdicts, and the members of whose claims nothing here is a test."""
    verdicts: dict[str, list[tuple[Claim, str]]] = {}
    for claim in CLAIMS:
        verdict, numbers = judge(claim, rows)
        verdicts.setdefault(verdict, []).append((claim, numbers))
    count = ", ".join(f"{len(found)} {verdict}" for verdict, found in verdicts.items())
    lines = [
        "## Claims\n",
        "Comparisons of losses, recalls and entropies count as reproduced when they hold at every seed, as not "
        f"reproduced when they hold at none, else as undecided. {count[0].upper()}{count[1:]}.\n",
    ]
    for verdict in ("reproduced", "not reproduced", "undecided", "not tested"):
        if found := verdicts.get(verdict):
            lines.append(f"### {verdict.capitalize()}\n\n| member | task | claim | numbers |\n|---|---|---|---|")
            lines += [f"| `{claim.member}` | {claim.task} | {claim.text} | {numbers} |" for claim, numbers in found]
            lines.append("")
    tested = {claim.member for claim in CLAIMS}
    rest = sorted({row["member"] for row in rows} - tested)
    if rest:
        lines.append("Published claims of which nothing here is a test:\n")
        lines += [f"- `{name}`: {OPTIMIZERS[name].claim}" for name in rest]
        lines.append("")
    return "\n".join(lines)
