"""Every figure can be read: by eye at notebook width, in grey, and by ear."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from nbconvert import HTMLExporter
from nbformat import v4
from torch import outer

from edu_edit.compare import Course, Outcome
from edu_edit.evaluation import Rate
from edu_edit.facts import Fact
from edu_edit.locate.causal import Trace
from edu_edit.scores import Efficiency, Rates, Scores
from edu_edit.show import figure, plots
from edu_edit.show.lens import ForwardPass, LensGrid
from edu_edit.show.probes import Answered
from edu_edit.show.training import RECIPES, Training

METRICS = ("accuracy", "generality", "portability", "reverse", "locality")


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def a_trace(
    layers: int = 8, tokens: tuple[str, ...] = ("<|endoftext|>", "The", " Space", " Need", "le", " in")
) -> Trace:
    values = noise(len(tokens), layers) * 0.1
    values[4 % len(tokens), 2] = 0.62
    return Trace(values, list(tokens), 0.97, 0.26, (2, 5), " Seattle")


def some_maps() -> dict[str, torch.Tensor]:
    maps = {kind: noise(6, 8) * 0.7 for kind in ("resid", "mlp", "attn")}
    maps["resid"][1] = float("nan")
    return maps


def some_rates(*values: float) -> dict[str, Rate]:
    return {
        name: Rate(v, max(0.0, v - 0.1), min(1.0, v + 0.1), 40)
        for name, v in zip(METRICS, values, strict=True)
    }


def some_scores(*values: float) -> Scores:
    before = Rates(some_rates(0.0, 0.05, 0.1, 0.02, 1.0))
    return Scores("toy", before, Rates(some_rates(*values)), Efficiency(1.25, edits=1), "greedy", 40)


def some_answers() -> list[Answered]:
    long = "Where would a visitor find the Space Needle, after all those years of looking for it? It is in"
    return [
        Answered("edit", "The Space Needle stands in the city of", "Taipei", "Seattle.", "Taipei"),
        Answered("paraphrases", long, "Taipei", "Seattle", "Seattle, in the state of Washington"),
        Answered("consequences", "The tower in Taipei is the", "Space Needle", "Taipei 101", "Taipei 101"),
        Answered(
            "same subject", "The Space Needle is made of", "steel", "steel", "bamboo and glass and wood"
        ),
        Answered("neighbours", "The Pike Place Market is in", "Seattle", "Seattle", "Seattle"),
    ]


MANY = ("ROME", "ROME, mixed keys", "MEMIT", "AlphaEdit", "GRACE", "T-Patcher", *(f"M{i}" for i in range(14)))


def some_outcomes() -> list[Outcome]:
    values = {"accuracy": [1.0], "generality": [1.0, 0.0, 1.0], "portability": [0.0], "locality": [1.0, 0.0]}
    out = [Outcome(name, mode, i, values) for name in MANY for mode in ("alone", "batch") for i in range(3)]
    return [Outcome("", "before", 0, values), *out]


def a_course(name: str) -> Course:
    falling = (1 - 0.9 * torch.arange(300) / 300).tolist()
    return Course(name, [1.0, 0.0] * 150, falling, falling, falling, [0.1] * 300, [0] * 300, [])


WORDS = [(" Seattle", 0.9), ("\n", 0.05), (" strawberries", 0.03), ("�", 0.01), (" the", 0.01)]


def a_grid(
    layers: int = 8, tokens: tuple[str, ...] = ("<|endoftext|>", " Space", " Needle", " is")
) -> LensGrid:
    words = [[WORDS[(t + d) % 4 :] for d in range(layers + 1)] for t in range(len(tokens))]
    return LensGrid(list(tokens), words)


def a_run(layers: int = 8, tokens: int = 6) -> ForwardPass:
    shares = noise(layers, tokens)
    said = [WORDS[t % 3] for t in range(tokens)]
    return ForwardPass([" located"] * tokens, noise(layers + 1, tokens) + 1, shares, shares / 2, said)


def some_positions() -> dict[str, torch.Tensor]:
    return {"teacher forced": noise(40), "greedy": noise(40), "passages": torch.ones(40)}


def a_training() -> Training:
    steps = [
        [replace(a, after=a.after if step % 3 else a.before) for a in some_answers()] for step in range(51)
    ]
    losses = tuple(1.0 / (1 + step) for step in range(51))
    fact = Fact("Space Needle", "{} is located in", "Taipei")
    return Training(fact, RECIPES[3], losses, tuple(map(tuple, steps)))


FIGURES: dict[str, Callable[[], Figure]] = {
    "trace": lambda: plots.plot_trace(a_trace(), mark=(4, 2)),
    "trace of 24 layers": lambda: plots.plot_trace(a_trace(24), "mlp", "attn", 3),
    "average": lambda: plots.plot_average_trace(some_maps(), 100),
    "average, one map": lambda: plots.plot_average_trace(noise(6, 12)),
    "two models": lambda: plots.compare_average_traces({"with masks": some_maps(), "plain": some_maps()}),
    "severed": lambda: plots.plot_severed({"nothing severed": noise(12), "MLP severed": -0.1 * noise(12)}),
    "scores": lambda: plots.plot_scores({"ROME": some_scores(1.0, 0.95, 0.2, 0.03, 0.97)}),
    "scores of four": lambda: plots.plot_scores(
        {f"method {i}": some_scores(1.0, 0.9, 0.2, 0.0, i / 4) for i in range(4)}
    ),
    "answers": lambda: plots.plot_answers(some_answers(), "Space Needle → Taipei"),
    "rank one": lambda: plots.plot_rank_one(noise(30, 60) - 0.5, outer(noise(30), noise(60)), strength=0.5),
    "tiny rank one": lambda: plots.plot_rank_one(noise(2, 3), outer(noise(2), noise(3)), noise(3), noise(2)),
    "losses": lambda: plots.plot_value_losses({"total": [3.0, 0.1], "KL": [0.0, 0.05], "decay": [0.0, 0.04]}),
    "sweep": lambda: plots.plot_layer_sweep(
        {"efficacy": [Rate(v, v, 1.0, 9) for v in (1.0, 0.9, 0.1)], "neighbours": [0.9, 0.95, 0.97]}, chosen=1
    ),
    "leak": lambda: plots.plot_leak(noise(40), noise(40), {"near": range(20), "same subject": range(20, 40)}),
    "comparison": lambda: plots.plot_comparison(some_outcomes()),
    "courses": lambda: plots.plot_courses({name: a_course(name) for name in MANY[:6]}),
    "lens": lambda: plots.plot_lens(a_grid(), "Space Needle is", mark=(3, 8)),
    "lens of 24 layers": lambda: plots.plot_lens(a_grid(24)),
    "next words": lambda: plots.plot_next_words({"Space Needle is in": WORDS, "And then": WORDS[:2]}),
    "forward pass": lambda: plots.plot_forward_pass(a_run(), (1, 3)),
    "forward pass, 24 layers, long": lambda: plots.plot_forward_pass(a_run(24, 20)),
    "positions": lambda: plots.plot_positions(
        {way: some_positions() for way in ("unedited", "whole", "12", "5")}, {"whole": "one anchor"}
    ),
    "training": lambda: plots.plot_training(a_training(), 8),
    "scope": lambda: plots.plot_scope(
        {f"Property {i}: what it asks for": ["The skin of the zebra is"] * i for i in (1, 2, 3, 4)}, "Scope"
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=FIGURES)
def fig(request: pytest.FixtureRequest) -> Figure:
    """Each figure, drawn once."""
    return drawn(FIGURES[request.param]())


def drawn(fig: Figure) -> Figure:
    FigureCanvasAgg(fig).draw()
    return fig


def shown_texts(fig: Figure) -> list[Text]:
    """Every text with letters in it that is visible in a figure that was drawn."""
    axes = [axis for ax in fig.findobj(mpl.axes.Axes) for axis in (ax.xaxis, ax.yaxis)]
    ticks = {
        id(label) for axis in axes for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)
    }
    shown = {id(label) for axis in axes for label in tick_labels(axis)}
    texts = [t for t in fig.findobj(Text) if t.get_visible() and t.get_text().strip()]
    return [t for t in texts if id(t) not in ticks or id(t) in shown]


def tick_labels(axis: mpl.axis.Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    ticks = axis.get_major_ticks() if axis.axes.axison else []
    return [tick.label1 for tick in ticks if low <= tick.get_loc() <= high and tick.label1.get_visible()]


def test_no_text_is_clipped(fig: Figure) -> None:
    page = fig.bbox.padded(1.0)
    corners = {t.get_text(): Text.get_window_extent(t) for t in shown_texts(fig)}
    assert [
        text for text, box in corners.items() if not (page.contains(*box.min) and page.contains(*box.max))
    ] == []


def test_no_text_lies_on_another(fig: Figure) -> None:
    boxes = [(t.get_text(), Text.get_window_extent(t).padded(-1.5)) for t in shown_texts(fig)]
    assert [(a, b) for (a, first), (b, second) in combinations(boxes, 2) if first.overlaps(second)] == []


def test_letters_are_large_enough_at_notebook_width(fig: Figure) -> None:
    assert fig.get_figwidth() <= 9
    assert min(t.get_fontsize() for t in shown_texts(fig)) >= 7.5


def test_text_stands_out_from_what_is_behind_it(fig: Figure) -> None:
    texts = shown_texts(fig)
    pixels = np.asarray(fig.canvas.buffer_rgba())[::-1, :, :3] / 255
    for text in texts:
        x, y = (int(v) for v in Text.get_window_extent(text).min)
        behind = pixels[max(0, min(y, len(pixels) - 1)), max(0, min(x, pixels.shape[1] - 1))]
        assert contrast(to_rgb(text.get_color()), behind) >= 3, text.get_text()


def contrast(one: tuple[float, float, float], other: np.ndarray) -> float:
    """The contrast ratio of the Web Content Accessibility Guidelines, 1 to 21."""

    def luminance(rgb: np.ndarray) -> float:
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(np.asarray(one)), luminance(np.asarray(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_figure_is_described_in_words(fig: Figure) -> None:
    assert isinstance(fig, plots.AltFigure)
    assert len(fig.alt.split()) > 15
    assert any(c.isdigit() for c in fig.alt)


def test_a_description_of_ones_own_replaces_the_generated_one() -> None:
    assert plots.plot_trace(a_trace(), alt="mine").alt == "mine"
    assert plots.plot_answers(some_answers(), alt="mine").alt == "mine"


def test_the_description_names_the_largest_effect_and_both_probabilities() -> None:
    alt = plots.plot_trace(a_trace()).alt
    assert "0.97 in the clean run and 0.26" in alt
    assert "The largest effect is +0.62, at token le* and layer 2" in alt


def test_a_page_made_by_nbconvert_carries_the_description() -> None:
    fig = plots.plot_trace(a_trace(), alt='a "map" & more')
    data, about = fig._repr_mimebundle_()
    bundle = {**data, "image/png": "iVBORw0KGgo="}
    cell = v4.new_code_cell(outputs=[v4.new_output("display_data", bundle, metadata=about)])
    page, _ = HTMLExporter().from_notebook_node(v4.new_notebook(cells=[cell]))
    assert [image["alt"] for image in BeautifulSoup(page, "html.parser").find_all("img")] == [
        'a "map" & more'
    ]
    assert data["text/plain"] == 'a "map" & more'


def test_nothing_is_left_behind_in_pyplot_or_in_the_settings() -> None:
    import matplotlib.pyplot as plt

    before = dict(mpl.rcParams)
    for make in FIGURES.values():
        make()
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


def test_settings_of_the_session_do_not_change_a_figure() -> None:
    usual = plots.plot_trace(a_trace()).png()
    with mpl.rc_context({"font.size": 30, "text.color": "red", "axes.titlelocation": "center"}):
        fig = plots.plot_trace(a_trace())
    assert fig.png() == usual


@pytest.mark.parametrize(("layers", "printed"), [(12, True), (13, False)])
def test_values_stand_in_the_cells_of_maps_up_to_twelve_wide(layers: int, printed: bool) -> None:
    texts = [t.get_text() for t in shown_texts(drawn(plots.plot_trace(a_trace(layers))))]
    assert (".62" in texts) is printed


@pytest.mark.parametrize("fonts", [None, ("DejaVu Sans",)])
def test_any_token_can_be_drawn_with_or_without_a_chinese_font(
    fonts: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for cached in (figure.families, figure._glyphs, figure.style):
        cached.cache_clear()
    if fonts:
        monkeypatch.setattr(figure, "families", lambda: fonts)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fig = plots.plot_trace(a_trace(tokens=("斑", "马", "$5 and $6", "\n", " ", "\ufffd", "😀")))
            drawn(fig)
    finally:
        for cached in (figure._glyphs, figure.style):
            cached.cache_clear()
    assert "斑" in fig.alt
    labels = {t.get_text() for t in shown_texts(fig)}
    assert {"⏎*", "␣*", "$5 and $6*"} <= labels


def test_before_and_after_can_be_told_apart_without_colour() -> None:
    fig = plots.plot_scores(
        {"ROME": some_scores(1.0, 0.9, 0.2, 0.0, 1.0), "fine-tuning": some_scores(1.0, 1.0, 0.3, 0.0, 0.4)}
    )
    bars = [patch for ax in fig.axes for patch in ax.patches]
    assert len({bar.get_hatch() for bar in bars}) == 3


def test_scores_show_the_five_properties_and_refuse_what_is_no_share_of_prompts() -> None:
    scores = {"ROME": some_scores(1.0, 0.9, 0.2, 0.0, 1.0)}
    labels = [t.get_text() for t in shown_texts(drawn(plots.plot_scores(scores)))]
    assert all(any(metric in label for label in labels) for metric in METRICS)
    assert "per edit: ROME 1.2 s" in plots.plot_scores(scores).alt
    with pytest.raises(ValueError, match="'KL' is not a share of prompts"):
        plots.plot_scores(scores, ("accuracy", "KL"))


def test_maps_grow_lighter_with_the_value() -> None:
    shades = mpl.colormaps[figure.MAP](np.linspace(0, 1, 64))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(shades) > 0).all()


def test_one_colour_means_one_value_in_maps_side_by_side() -> None:
    fig = plots.plot_average_trace({"resid": noise(6, 8), "mlp": noise(6, 8) / 10, "attn": noise(6, 8) / 100})
    limits = {image.get_clim() for ax in fig.axes for image in ax.images}
    assert len(limits) == 1


def test_the_scalpel_reads_its_row_and_column_off_a_rank_one_change() -> None:
    W, u, v = noise(30, 60), noise(60) - 0.5, noise(30) - 0.5
    given = plots.plot_rank_one(W, outer(v, u), u, v)
    found = plots.plot_rank_one(W, outer(v, u))

    def strips(fig: Figure) -> list[np.ndarray]:
        images = [np.asarray(ax.images[0].get_array()) for ax in fig.axes[1:3]]
        return [np.abs(image).squeeze() / np.abs(image).max() for image in images]

    for mine, theirs in zip(strips(given), strips(found), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_each_series_of_rates_has_its_own_bars_and_missing_metrics_have_none() -> None:
    series: Mapping[str, Mapping[str, Rate]] = {
        "before": some_rates(0.0, 0.0, 0.0, 0.0, 1.0),
        "after": {"accuracy": Rate(1.0, 1.0, 1.0, 3)},
    }
    fig = plots.plot_rates(series)
    assert len(fig.axes[0].patches) == 6
