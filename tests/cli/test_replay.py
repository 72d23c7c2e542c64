"""`python -m s2s replay`, on real small runs."""

import signal
from contextlib import closing

import pytest

from s2s.cli import main
from s2s.config import Budget, Engine
from s2s.data import catalog
from s2s.paths import corpora_folder, home
from s2s.store.runs import Store
from s2s.store.sweeps import read_sweep
from s2s.translation.engines import ArticleEngine
from tests.cli.commands import objects, refused

REPLAY = ["replay", "--corpus=tiny", "--threads=1", "--iterations=6"]
Capture = pytest.CaptureFixture[str]
pytestmark = pytest.mark.usefixtures("signals_as_before")


@pytest.mark.usefixtures("tiny")
def test_it_ends_with_a_verdict_that_can_be_read_again(capsys: Capture) -> None:
    assert main([*REPLAY, "--repeats=1"]) == 0
    output, errors = capsys.readouterr()
    assert errors == ""
    estimate, *said = output.splitlines()
    assert estimate.startswith("4 runs on the processor: about ")
    assert said[0].startswith("Computed as the article computes, batch 32 trains on ")
    assert "The article had 21.27 to 226.95, 10.7x, on a Tesla K80" in said[0]
    assert "One repeat alone gives no interval" in said[0]
    [article] = [line for line in said if line.startswith("article, here")]
    small, large, ratio = (
        float(each.rstrip("x").replace(",", "")) for each in article.split()[2:5]
    )
    assert ratio == pytest.approx(large / small, rel=0.02)
    assert any(line.startswith("Translations of run ") for line in said)
    assert main(["replay", "--sweep=1"]) == 0
    assert capsys.readouterr().out.splitlines() == said
    with closing(Store(home())) as store:
        config = read_sweep(store, 1).config
    assert (config.batch_sizes, config.engines) == ((2, 32), (Engine.ARTICLE, Engine.FUSED))
    assert (config.budget, config.amount) == (Budget.ITERATIONS, 6)


def test_json_on_the_starter_corpus(capsys: Capture) -> None:
    catalog.add(corpora_folder(), "starter")
    assert main(["replay", "--threads=1", "--iterations=4", "--repeats=1", "--json"]) == 0
    estimate, *parts, found, first, _, _, last = objects(capsys.readouterr().out)
    assert estimate["event"] == "estimate"
    assert [part["event"] for part in parts] == ["part"] * 4
    assert (found["event"], found["corpus"], found["iterations"]) == ("replay", "starter", 4)
    article, fused = found["article"], found["fused"]
    speeds = {
        (part["config"]["engine"], part["config"]["batch_size"]): part["summary"][
            "samples_per_second"
        ]
        for part in parts
    }
    for engine, name in ((article, "article"), (fused, "fused")):
        expected = speeds[name, 32] / speeds[name, 2]
        assert engine["ratio"]["value"] == pytest.approx(expected)
        assert engine["ratio"]["low"] is None
    assert article["small"]["untrained_loss"] == pytest.approx(7.2, abs=0.3)  # log of the words
    assert 3 < found["unigram_loss"] < article["small"]["untrained_loss"]
    assert found["paragraph"].startswith("Computed as the article computes")
    assert (first["engine"], first["batch_size"]) == ("article", 2)
    assert (last["engine"], last["batch_size"]) == ("fused", 32)
    assert [each["iteration"] for each in last["evaluations"]] == [0, 4]
    assert last["evaluations"][0]["translations"]


@pytest.mark.usefixtures("tiny")
def test_stopped_it_says_how_to_go_on(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    forward, count = ArticleEngine.forward, 0

    def stopping(engine, batch, forced):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        if count == 14:  # after the two trials of five steps
            signal.raise_signal(signal.SIGINT)
        return forward(engine, batch, forced)

    monkeypatch.setattr(ArticleEngine, "forward", stopping)
    assert main([*REPLAY, "--repeats=1"]) == 130
    output, errors = capsys.readouterr()
    assert errors == "s2s: sweep 1 is not finished; go on with: python -m s2s sweep --resume 1\n"
    assert " of 4 runs are done, so this is not the last word." in output
    assert main(["sweep", "--resume=1"]) == 0
    capsys.readouterr()
    assert main(["replay", "--sweep=1"]) == 0
    assert capsys.readouterr().out.startswith("Computed as the article computes")


def test_long_is_ten_thousand_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*arguments: object) -> None:
        asked.append(arguments[2])
        raise KeyboardInterrupt

    monkeypatch.setattr("s2s.cli.replay.carry_out", refuse)
    assert main(["replay", "--long", "--threads=2"]) == 130
    [config] = asked
    assert (config.amount, config.repeats) == (10_000, 1)
    assert (config.base.evaluate_every, config.base.threads) == (1000, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--iterations=0"], "The number of iterations"),
        (["--repeats=0"], "The number of repeats"),
        (["--threads=-1"], "The number of threads"),
    ],
)
def test_bad_choices_make_no_sweep(arguments: list[str], words: str, capsys: Capture) -> None:
    assert words in refused(["replay", *arguments], capsys)
    assert not home().exists()


def test_a_verdict_of_what_is_not_there(capsys: Capture) -> None:
    assert "There is no sweep 9" in refused(["replay", "--sweep=9"], capsys)


@pytest.mark.usefixtures("tiny")
def test_a_verdict_of_another_sweep(capsys: Capture) -> None:
    sweep = ["sweep", "--corpus=tiny", "--batch-sizes=2", "--repeats=1", "--iterations=2"]
    assert main([*sweep, "--hidden-size=8", "--threads=1"]) == 0
    capsys.readouterr()
    assert "Sweep 1 is not the article's comparison" in refused(["replay", "--sweep=1"], capsys)


def test_two_lengths_are_wrong_usage(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", "--long", "--iterations=5"])
    assert caught.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
