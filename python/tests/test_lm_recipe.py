"""Training a language model: the recipe runs, and what it publishes is transformers'."""

import shutil
from pathlib import Path

import mmi
import pytest
import sentencepiece
import torch
import transformers
from mmi.__main__ import main

RECIPE = "configs/lm/lm_tiny.yaml"
SMOKE = ("preset=smoke", "threads=1", "device=cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> mmi.Run:
    return mmi.train(RECIPE, *SMOKE, runs=tmp_path_factory.mktemp("runs"))


def test_the_recipe_learns(trained: mmi.Run) -> None:
    scores = [line["perplexity"] for line in trained.metrics if line["split"] == "valid"]
    assert scores[-1] < 0.5 * 256 and scores[-1] < scores[0]
    assert {"perplexity", "bits_per_byte", "accuracy"} <= set(trained.evaluate("test"))


def test_a_text_is_continued(trained: mmi.Run, tmp_path: Path) -> None:
    (tmp_path / "begun.txt").write_text("a dog barks")
    options = {"max_new_tokens": "20", "temperature": "0"}
    files = trained.generate(tmp_path / "begun.txt", tmp_path / "out", **options)
    text = Path(files[0].path).read_text()
    assert text.startswith("a dog barks") and len(text) > len("a dog barks")


def test_published_models_are_those_of_transformers(
    trained: mmi.Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    assert main(["lm", "publish", str(trained.path), "--out", str(out), "--quiet"]) == 0
    prompt = "two dogs"
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    ids = tokenizer(prompt)["input_ids"]
    assert bytes(ids) == prompt.encode()
    theirs = transformers.AutoModelForCausalLM.from_pretrained(out).eval()
    with torch.no_grad():
        expected = theirs.generate(torch.tensor([ids]), max_new_tokens=24, do_sample=False)
    capfd.readouterr()
    call = ["lm", "generate", str(out), "--prompt", prompt, "max_new_tokens=24", "--quiet"]
    assert main(call) == 0
    assert capfd.readouterr().out.rstrip("\n") == tokenizer.decode(expected[0]).rstrip("\n")


def test_any_tokenizer_is_published(
    trained: mmi.Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bytes_ = tmp_path / "bytes"
    assert main(["lm", "publish", str(trained.path), "--out", str(bytes_), "--quiet"]) == 0
    vocab = tmp_path / "vocab"
    vocab.mkdir()
    shutil.copy(bytes_ / "tokenizer.json", vocab / "my.json")
    with open(vocab / "llama.model", "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a dog barks at two dogs"] * 9),
            model_writer=file,
            model_type="bpe",
            vocab_size=40,
            hard_vocab_limit=False,
            minloglevel=2,
        )
    (vocab / "added_tokens.json").write_text("{}")
    steps = ("train.max_steps=1", "task.model.vocab=1000")
    for given, name in (("my.json", "tokenizer.json"), ("llama.model", "tokenizer.model")):
        file_ = vocab / given
        options = (*steps, f"task.tokenizer={file_}")
        run = mmi.train(RECIPE, *SMOKE, *options, runs=tmp_path / "runs")
        out = tmp_path / given
        assert main(["lm", "publish", str(run.path), "--out", str(out), "--quiet"]) == 0
        assert (out / name).read_bytes() == file_.read_bytes()
        assert (out / "added_tokens.json").exists() == (given == "llama.model")
        ids = mmi.text.load_tokenizer(file_).encode("two dogs")
        assert mmi.text.load_tokenizer(out).encode("two dogs") == ids
    capfd.readouterr()
    assert main(["lm", "publish", str(run.path), "--out", str(vocab), "--quiet"]) == 2
    assert "is the folder of the model's tokenizer" in capfd.readouterr().err
    assert not (vocab / "config.json").exists()
    assert main(["lm", "publish", str(run.path), "--out", str(bytes_), "--quiet"]) == 2
    assert "tokenizer.json was there before" in capfd.readouterr().err
    (vocab / "llama.model").unlink()
    assert main(["lm", "publish", str(run.path), "--out", str(tmp_path / "no"), "--quiet"]) == 3
    assert not (tmp_path / "no").exists()


def test_texts_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("one two three four five six\n" * 300)
    texts = ("task.texts.name=folder", f"task.texts.path={tmp_path / 'texts'}")
    run = mmi.train(RECIPE, *SMOKE, *texts, "train.max_steps=5", runs=tmp_path / "runs")
    assert run.evaluate("test")["perplexity"] < 300
    with pytest.raises(mmi.DataError, match="which is no folder"):
        mmi.build(RECIPE, *SMOKE, "task.texts.name=folder", "task.texts.path=nowhere")
