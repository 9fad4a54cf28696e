"""The page of a product: its numbers are the scorecard's, it loads nothing, and what comes from outside is text."""

from __future__ import annotations

import base64
import html
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.handover.candidates import ALL, APART, HEADLINE, Candidate, baselines, headline
from tasks.handover.scorecard import StationScore
from tasks.present import display
from tasks.present.report import report
from tasks.present.report.language import CHINESE, both, in_chinese
from tasks.present.report.samples import samples
from tasks.present.report.words import score
from tasks.store.ledger import LedgerEntry
from tests.conftest import ROOT
from tests.tasks.present.report import made

LEADS = [0.0, 6.0, 12.0, 24.0]
BOUNDARY = ROOT / "deployments/regions/hubei/boundary.geojson"


class Page(HTMLParser):
    """Elements with their attributes, and rows of tables as texts."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[tuple[dict[str, str | None], list[str]]] = []
        self.cell = False
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append((dict(attrs), []))
        if tag in ("td", "th"):
            self.rows[-1][1].append("")
            self.cell = True

    def handle_endtag(self, tag: str) -> None:
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.cell:
            self.rows[-1][1][-1] += data

    def of(self, candidate: str) -> list[list[str]]:
        return [cells for attrs, cells in self.rows if attrs.get("data-candidate") == candidate]


ENGLISH, OTHER = (
    re.compile(r'<span class="en">(.*?)</span>', re.S),
    re.compile(r'<span class="zh" lang="zh-CN">(.*?)</span>', re.S),
)


def in_one(page: bytes, chinese: bool = False) -> bytes:
    """The page as it is read: what is in one language alone."""
    kept, hidden = (OTHER, ENGLISH) if chinese else (ENGLISH, OTHER)
    return kept.sub(r"\1", hidden.sub("", page.decode())).encode()


def page_of(
    entry: LedgerEntry, pairs: pd.DataFrame | None, leads: list[float] = LEADS, names: list[str] | None = None
) -> bytes:
    """The page in both languages; of all variables, or of those named: each is a map, which takes longest to draw."""
    fields = [made.fields(leads, spacing)[names or list(made.fields(leads, 0.5).data_vars)] for spacing in (0.1, 0.5)]
    return report(entry, *fields, pairs, BOUNDARY, "Hubei")


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    return made.pairs(LEADS)


@pytest.fixture(scope="module")
def entry(pairs: pd.DataFrame) -> LedgerEntry:
    return made.entry(pairs, LEADS)


@pytest.fixture(scope="module")
def page(entry: LedgerEntry, pairs: pd.DataFrame) -> bytes:
    return in_one(page_of(entry, pairs))


def shown(score: StationScore) -> list[str]:
    """Its cells in units people use, worked out apart from the report."""
    scale = {"sp": 0.01, "msl": 0.01, "tp": 1000.0}.get(score.variable, 1.0)
    digits = 1 if score.variable == "wind_direction" else 2
    rmse, low, high = (f"{v * scale:.{digits}f}" for v in (score.rmse, score.low, score.high))
    bias = f"{score.bias * scale:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    if float(bias[1:]) == 0:
        bias = bias[1:]
    return [rmse, f"{low} to {high}", "–" if score.variable == "wind_vector" else bias, str(score.count),
            str(score.stations)]  # fmt: skip


def test_every_number_against_baselines_is_the_scorecards(page: bytes, entry: LedgerEntry) -> None:
    rows, found = Page(page), entry.scorecard.verification
    assert found is not None
    expected = set()
    for s in found.scores:
        wanted = [headline(s.variable), *baselines(s.variable)]
        if s.group in (HEADLINE, APART, ALL) and Candidate.parse(s.candidate) in wanted:
            assert shown(s) in [cells[1:] for cells in rows.of(s.candidate)], s
            expected.add((s.variable, s.period, s.candidate, s.group))
    groups = len({group for *_, group in expected})
    assert len(expected) == groups * (9 * 3 + 2 + 1)  # t2m is brought to height in two ways, sp in one


def test_skill_and_its_interval_are_the_scorecards(page: bytes, entry: LedgerEntry) -> None:
    found = entry.scorecard.verification
    assert found is not None
    text = html.unescape(re.sub(r"<[^>]+>", "", page.decode())).replace("\N{NO-BREAK SPACE}", " ")
    for s in (s for s in found.skill if s.group in (HEADLINE, APART, ALL)):
        part = [
            f"{100 * v:+.1f} %".replace("-", "\N{MINUS SIGN}").replace("+0.0 ", "0.0 ")
            for v in (s.skill, s.low, s.high)
        ]
        assert f"({Candidate.parse(s.best).title}): {part[0]}, 95 %: {part[1][:-2]} to {part[2]}" in text


def test_events_cases_and_rejections_are_the_scorecards(page: bytes, entry: LedgerEntry) -> None:
    found = entry.scorecard.verification
    assert found is not None
    rows = [cells for _, cells in Page(page).rows]
    for e in found.events:
        counts = [str(v) for v in (e.hits, e.misses, e.false_alarms, e.correct_negatives)]
        rates = ["–" if v is None else f"{v:.2f}" for v in (e.pod, e.far, e.ets, e.frequency_bias)]
        assert [Candidate.parse(e.candidate).title, *counts, *rates] in rows
    assert found.cases
    for c in found.cases:
        rmse = score(display.of(c.variable), c.rmse)
        assert any(cells[1:2] == [str(c.count)] and cells[3:4] == [rmse] for cells in rows)
    assert ["unlike its neighbours", "14"] in rows
    assert any(cells[:2] == ["t2m", "seam"] and cells[-1] == "passed" for cells in rows)


def test_best_is_said_in_words_once_a_variable(page: bytes) -> None:
    first = page.decode().split("<details")[0]
    assert first.count('<span class="tag">best</span>') == len(made.OBSERVED)


def test_nothing_is_loaded_from_anywhere(page: bytes) -> None:
    elements = Page(page).elements
    assert not {tag for tag, _ in elements} & {"script", "link", "iframe", "object", "embed"}
    loaded = [a[n] or "" for tag, a in elements for n in ("src", "href", "srcset") if n in a and tag != "a"]
    assert loaded
    assert all(uri.startswith("data:image/webp;base64,") for uri in loaded)
    assert b"@import" not in page
    assert b"url(" not in page
    assert "default-src 'none'" in page.decode()


def test_every_picture_opens_and_says_what_it_shows(page: bytes) -> None:
    images = [a for tag, a in Page(page).elements if tag == "img"]
    for a in images:
        with Image.open(io.BytesIO(base64.b64decode((a["src"] or "").split(",")[1]))) as image:
            assert (str(image.width), str(image.height)) == (a["width"], a["height"])
        assert a["alt"]
    alts = [a["alt"] or "" for a in images]
    assert sum(alt.startswith("Map of errors") for alt in alts) == 6
    assert not [alt for alt in alts if "wind vector" in alt and not alt.startswith("RMSE by")]


def test_names_and_reasons_from_outside_are_text(pairs: pd.DataFrame) -> None:
    evil, chinese = "<script>alert(1)</script>", "恩施土家族苗族自治州鹤峰县走马镇自动气象站"
    of_one = pairs[pairs["variable"] == "t2m"]
    named = of_one.assign(station=of_one["station"].replace({"57405": evil, "57411": chinese}))
    entry = made.entry(named, LEADS, quality="degraded", why=[f"t2m: {evil}"])
    found = entry.scorecard.verification
    assert found is not None
    found.rejected[evil] = 2
    found.observations.append(evil)
    text = in_one(page_of(entry.model_copy(update={"model": evil}), named, names=["t2m"])).decode()
    assert "<script" not in text
    assert text.count(html.escape(evil)) >= 5
    assert chinese in text


def test_a_product_without_observations_has_maps_alone() -> None:
    text = in_one(page_of(made.entry(None, LEADS, quality="unverified", why=["no observations yet"]), None)).decode()
    assert "<strong>Unverified</strong>" in text
    assert "no observations yet" in text
    assert text.count("<img") == 6 + 4, "three pairs of maps, and a day's four quantities"
    assert "Map of errors" not in text
    assert "not yet" in text
    empty = pd.DataFrame(columns=["variable", "period"])
    assert page_of(made.entry(None, LEADS, quality="unverified"), empty).decode().count("<img") == 10


@pytest.mark.parametrize("quality", ["verified", "degraded", "unverified", "quarantined"])
def test_the_verdict_is_a_word_first(entry: LedgerEntry, quality: str) -> None:
    text = in_one(page_of(entry.model_copy(update={"quality": quality}), None, names=["t2m"])).decode()
    assert f"<strong>{quality.capitalize()}</strong>" in text[: text.index("<dl")]


def test_a_withdrawn_product_says_so_before_anything_else(entry: LedgerEntry) -> None:
    gone = entry.model_copy(update={"state": "withdrawn", "why": "wrong terrain"})
    text = in_one(page_of(gone, None, names=["t2m"])).decode()
    assert text.index("This product is withdrawn: wrong terrain.") < text.index("<strong>Verified</strong>")


def test_a_single_lead_time_has_no_chart_of_lead_times() -> None:
    pairs = made.pairs([6.0], wanted=["t2m"])
    text = in_one(page_of(made.entry(pairs, [6.0]), pairs, [6.0], ["t2m"])).decode()
    assert "Errors by lead time" not in text
    assert "Forecast against observed" in text


def test_candidates_without_values_are_left_out() -> None:
    pairs = made.pairs(LEADS, wanted=["t2m", "sp"])
    pairs["input_bilinear_own"] = np.nan
    pairs.loc[:, [c for c in pairs if c.endswith("_standard")]] = np.nan  # no heights are known
    pairs["above"] = np.nan
    pairs.loc[::7, "input_nearest_none"] = np.nan
    text = in_one(page_of(made.entry(pairs, LEADS), pairs, names=["t2m", "sp"])).decode()
    assert not Page(text.encode()).of("input_bilinear_own")
    assert "of all heights (none is known)" in text
    assert Page(text.encode()).of("product_bilinear_none")
    without_input = pairs.drop(columns=[c for c in pairs if c.startswith("input")])
    assert (
        "Errors of the" not in in_one(page_of(made.entry(without_input, LEADS), without_input, names=["t2m"])).decode()
    )


@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_a_refused_product_of_missing_values_still_has_its_page(entry: LedgerEntry, pairs: pd.DataFrame) -> None:
    names = ["t2m", "u10", "v10"]
    product, coarse = made.fields(LEADS, 0.1)[names], made.fields(LEADS, 0.5)[names]
    product["t2m"][:] = np.nan
    product["u10"][2] = np.nan
    nowhere = pairs[pairs["variable"].str.startswith("wind")]
    page = report(entry.model_copy(update={"quality": "quarantined"}), product, coarse, nowhere, None, "Hubei")
    assert "<strong>Quarantined</strong>" in in_one(page).decode()


def test_charts_are_of_the_scored_sample(pairs: pd.DataFrame, entry: LedgerEntry) -> None:
    found = entry.scorecard.verification
    assert found is not None
    by_name = {(s.variable, s.period, s.candidate): s for s in found.scores if s.group == HEADLINE}
    for sample in samples(pairs):
        for candidate in sample.shown:
            score, error = by_name[sample.variable, sample.period, candidate.name], sample.near.error(candidate)
            assert len(error) == score.count
            assert np.sqrt((error**2).mean()) == pytest.approx(score.rmse * sample.display.scale, rel=1e-5)
            assert error.mean() == pytest.approx(score.bias * sample.display.scale, rel=1e-4)


def test_a_long_forecast_of_all_variables_is_a_page_of_moderate_size(tmp_path: Path) -> None:
    leads = [float(h) for h in range(0, 145, 3)]
    pairs = made.pairs(leads, stations=80)
    page = report(
        made.entry(pairs, leads), made.fields(leads, 0.05), made.fields(leads, 0.25), pairs, BOUNDARY, "Hubei"
    )
    assert len(page) < 1_500_000
    assert b"Errors by hour of the day" in page


def test_every_text_of_the_page_has_its_chinese() -> None:
    """Also those that the page's pictures, checks and candidates are called by."""
    template = (ROOT / "tasks/present/report/report.html.jinja").read_text()
    calls = re.findall(r"\b_\(((?:[^()\"]|\"[^\"]*\"|\([^()]*\))*)\)", template)
    texts = {text for call in calls for text in re.findall(r'"([^"]{2,})"', call) if not text.startswith("%")}
    parts = {" ~ ", "all", " of the terrain's height.", "Stations ", " above or below the terrain"}
    assert len(texts) > 80
    assert {t for t in texts - parts if t not in CHINESE} == set()
    assert {d.title for d in display.TABLE.values()} <= CHINESE.keys()
    for variable in ("t2m", "tp"):
        for candidate in [headline(variable), *baselines(variable)]:
            assert re.search("[a-z]{3}", in_chinese(candidate.title)) is None, candidate.title


def test_the_page_is_chinese_by_its_address(entry: LedgerEntry, pairs: pd.DataFrame) -> None:
    page = in_one(page_of(entry, pairs, names=["t2m", "tp"]), chinese=True).decode()
    assert "<strong>已检验</strong>" in page
    assert "<h2>与输入场插值比较</h2>" in page
    assert "2 米气温" in page
    assert "24 h 降水：不少于" in page or "降水：不少于" in page
    made_up = {"recoarsening", "unlike", "its", "neighbours", "frozen", "value"}  # by the test
    text = html.unescape(re.sub(r"<[^>]+>", "\n", re.sub(r"<(style|title|footer).*?</\1>", "", page, flags=re.S)))
    words = {w for line in text.splitlines() for w in re.findall(r"\b[a-z]{4,}\b", line)}
    assert words <= {"finescale", "hubei", "hres", *made_up}, sorted(words)


def test_reasons_and_titles_are_put_together_from_their_parts() -> None:
    assert in_chinese("sp: reading error 1.40588, limit 0.25") == "sp：读回输入格点的误差 1.40588，限值 0.25"
    assert in_chinese("input, bilinear, 6.5 K/km") == "输入场，双线性，6.5 K/km"
    assert in_chinese("precipitation, 6 h") == "6 h 降水"
    assert both("{no} place") == "{no} place"
    assert both("a < b") == "a &lt; b", "what comes from outside is text"
    assert both("{0} pairs, {1} stations", "<b>", 2).count("&lt;b&gt;") == 2
