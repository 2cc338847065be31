"""Neural audio codecs: waveforms to tokens and back."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from mmi import _mmi
from mmi._mmi import CodecFormat, Tokens
from mmi._model import Model
from mmi.errors import ConfigError

_T = TypeVar("_T")

__all__ = ["Codec", "CodecFormat", "Tokens", "create", "load", "save"]


@dataclass(frozen=True)
class _Recipe:
    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def build(self) -> "Codec":
        with torch.random.fork_rng(devices=[]):
            return _build(self)


class Codec(Model):
    """EnCodec or DAC: a `torch.nn.Module` whose parameters have the names of transformers' files.

    Waveforms are (B,C,L) float32 in [-1, 1] at `format.sample_rate_hz`; codes are (B,K,T) int64
    with T = ceil(L / hop).
    """

    @property
    def format(self) -> CodecFormat:
        return _mmi.codec_format(self._core)

    def encode(self, wave: Tensor, codebooks: int = 0, kbps: float | None = None) -> Tokens:
        """(B,C,L) → tokens of the first `codebooks` codebooks, of those that fit into `kbps` kbit/s
        or of all.

        ShapeError for a wave of another shape or of no samples, ConfigError for more codebooks than
        there are or both options at once. Without gradients, as tokens have none.
        """
        with torch.no_grad():
            return _mmi.codec_encode(self._core, wave, self._count(codebooks, kbps))

    def decode(self, tokens: Tokens | Tensor) -> Tensor:
        """(B,C,length). Plain codes (B,K,T) do for codecs that do not work in chunks.

        ShapeError for codes that are not (B, 1 to K, T) int64 with T > 0, DataError for a code
        outside of [0, V), a length beyond the frames, or chunks that do not fit the codes. Without
        gradients: from_latents(embed(codes)) has them.
        """
        if isinstance(tokens, Tensor):
            tokens = Tokens(tokens)
        with torch.no_grad():
            return _mmi.codec_decode(self._core, tokens)

    def encode_pieces(
        self, pieces: Iterable[Tensor], codebooks: int = 0, kbps: float | None = None
    ) -> Iterator[Tokens]:
        """A long signal as pieces (B,C,n), in bounded memory: together the whole's tokens."""
        stream = _mmi.codec_encode_stream(self._core, self._count(codebooks, kbps))
        for piece, last in _with_last(pieces):
            with torch.no_grad():
                found = stream.push(piece, last)
            yield found

    def decode_pieces(self, pieces: Iterable[Tokens]) -> Iterator[Tensor]:
        """Pieces of tokens → pieces of sound, which may end up to a frame too late."""
        stream = _mmi.codec_decode_stream(self._core)
        for piece, last in _with_last(pieces):
            with torch.no_grad():
                found = stream.push(piece, last)
            yield found

    def embed(self, codes: Tensor) -> Tensor:
        """(B,K,T) → (B,D,T): the sum over codebooks that the decoder hears.

        ShapeError for codes that are not (B, 1 to K, T) int64, DataError for one outside of [0, V).
        """
        return _mmi.codec_embed(self._core, codes)

    def token_vectors(self) -> Tensor:
        """(K,V,D): what each token adds to that sum."""
        return _mmi.codec_vectors(self._core)

    def latents(self, wave: Tensor) -> Tensor:
        """(B,C,L) → (B,D,T) before quantisation, with gradients; of one chunk, if there are any."""
        return _mmi.codec_latents(self._core, wave)

    def from_latents(self, latents: Tensor) -> Tensor:
        """(B,D,T) → (B,C,T hop); with gradients."""
        return _mmi.codec_from_latents(self._core, latents)

    def _count(self, codebooks: int, kbps: float | None) -> int:
        if kbps is None:
            return codebooks
        if codebooks:
            raise ConfigError("encode takes codebooks or kbps, not both")
        return self.format.codebooks_at(kbps)


def _build(recipe: _Recipe) -> Codec:
    return Codec(_mmi.create_codec(recipe.name, recipe.options), recipe)


def _with_last(items: Iterable[_T]) -> Iterator[tuple[_T, bool]]:
    held: list[_T] = []
    for item in items:
        if held:
            yield held.pop(), False
        held.append(item)
    if held:
        yield held.pop(), True


def create(name: str, **options: Any) -> Codec:
    """A codec by name: "encodec_24khz", "encodec_48khz", "encodec_32khz", "encodec_16khz",
    "dac_16khz", "dac_24khz" or "dac_44khz" with `weights="folder"` (none: random), or "encodec" and
    "dac" with sizes of your own. `mmi.registered()["codec"]` lists them.
    """
    return _build(_Recipe(name, options))


def load(path: str | os.PathLike[str]) -> Codec:
    """A codec from a folder with `config.json` and `model.safetensors`, as transformers saves
    EncodecModel and DacModel; `mmi convert` makes one of the checkpoints of encodec and
    descript-audio-codec. In eval mode.
    """
    core = _mmi.load_codec(os.fspath(path))
    name, options = _mmi.codec_settings(core)
    return Codec(core, _Recipe(name, options))


def save(codec: Codec, folder: str | os.PathLike[str]) -> None:
    """`config.json` and `model.safetensors`, from which transformers reads the same codec."""
    _mmi.save_codec(codec._core, os.fspath(folder))
