"""Photos to features: views of each photo through the base model, on all cores, with what is cached left out.

Each worker thread has an interpreter of one thread, as in a batch: decoding and inference release Python's lock. Of a
photo only its int8 features stay in memory.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mobiclass.batch import Workers
from mobiclass.choices import RunOptions
from mobiclass.errors import ImageError, ModelError
from mobiclass.images import load_image, open_image_file
from mobiclass.runtime import Session, open_session
from mobiclass.teaching.base import Base
from mobiclass.teaching.feature_cache import FeatureCache
from mobiclass.teaching.samples import Int8Rows, PhotoFeatures
from mobiclass.teaching.views import ViewMaker, view_count
from mobiclass.tflite import override_facts

_VIEWS_FORMAT: Final = 1  # to be raised when views are made in another way
_BLOCK_BYTES: Final = 1 << 18
_MOST_BYTES: Final = 384 << 20  # no photo is longer; a sparse file of gigabytes would take minutes
_UINT8_TO_INT8: Final = 0x80


class Photo(NamedTuple):
    """A photo and the class that it is to be taught as."""

    label: str
    path: str


@dataclass(slots=True)
class Extraction:
    """What became of the photos.

    Attributes:
        found: each photo with its features, in the order of the photos.
        errors: why the others have none.
        cached: how many needed no computing.
    """

    found: list[tuple[Photo, PhotoFeatures]] = field(default_factory=list)
    errors: list[ImageError] = field(default_factory=list)
    cached: int = 0

    @property
    def images(self) -> int:
        """The number of photos so far."""
        return len(self.found) + len(self.errors)

    @property
    def failed(self) -> int:
        """The number of photos without features."""
        return len(self.errors)


Progress: TypeAlias = "Callable[[Extraction, int], None]"
"""Called after each photo, and while none comes, with what there is so far and the number of all photos."""

_Outcome: TypeAlias = "tuple[Photo, PhotoFeatures | ImageError, bool]"


class Extractor:
    """A base model, loaded, with its features as an output."""

    def __init__(
        self,
        base: Base,
        run: RunOptions,
        *,
        base_sha256: str,
        seed: int,
        jobs: int,
        allow_truncated: bool = False,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        """Load `base` as `run` says, for `jobs` photos at a time.

        Features of a model and of its twin for another device are not the same, so that none takes over from another.

        Raises:
            ModelError: the runtime cannot load it.
            DelegateError: the device cannot be used.
            SetupError: the runtime is not installed.
        """
        model = base.model
        if run.device == "auto":
            run = run._replace(device="edgetpu" if model.edgetpu_compiled else "cpu")
        session, _ = open_session(model, run, override_facts(), notify, extra="features")
        self._session = session
        self._idle: SimpleQueue[Session] = SimpleQueue()
        self._idle.put(session)
        self._jobs = jobs
        self.width = base.head.width
        self._views = ViewMaker(session.model, seed)
        self._allow_truncated = allow_truncated
        spec = base.head.features
        self._scale = spec.quantization.scale if spec.quantization and spec.dtype != "float32" else None
        self.zero_point = 0
        if spec.quantization and self._scale:
            self.zero_point = spec.quantization.zero_point - (_UINT8_TO_INT8 if spec.dtype == "uint8" else 0)
        runtime = session.interpreter.runtime
        preprocessing = replace(model.preprocessing, sources={})
        way = (_VIEWS_FORMAT, base_sha256, preprocessing, model.input, seed, allow_truncated, session.device,
               runtime.package, runtime.version)  # fmt: skip
        self._cache = FeatureCache(repr(way))

    def close(self) -> None:
        """Release an accelerator."""
        self._session.interpreter.close()

    def extract(self, photos: Iterable[Photo], already: Counter[str], progress: Progress | None = None) -> Extraction:
        """Compute the features of `photos`; of damaged photos, why there are none.

        Args:
            photos: all the photos.
            already: how many photos each class has besides: of more photos fewer views are taken.
            progress: see `Progress`.

        Raises:
            ModelError: the model cannot be run.
            DelegateError: the device failed.
        """
        listed = list(photos)
        sizes = already + Counter(photo.label for photo in listed)
        extraction = Extraction()
        for photo, result, cached in self._outcomes(listed, sizes, extraction, progress):
            if isinstance(result, ImageError):
                extraction.errors.append(result)
            else:
                extraction.found.append((photo, result))
                extraction.cached += cached
        self._cache.prune()
        return extraction

    def _outcomes(
        self, photos: list[Photo], sizes: Counter[str], so_far: Extraction, progress: Progress | None
    ) -> Iterator[_Outcome]:
        def work(photo: Photo) -> _Outcome:
            try:
                return (photo, *self._photo(photo.path, view_count(sizes[photo.label])))
            except ImageError as error:
                return photo, error, False

        with Workers(work, self._jobs) as workers:
            waiting = iter(photos)
            more = True
            while more or not workers.idle:
                while more and not workers.full:
                    photo = next(waiting, None)
                    if photo is None:
                        more = False
                    else:
                        workers.submit(photo)
                yield from workers.finished()
                if progress:
                    progress(so_far, len(photos))

    def _photo(self, path: str, views: int) -> tuple[PhotoFeatures, bool]:
        """Give the features of the photo at `path`, and whether all of them were cached."""
        sha256 = _file_sha256(path)
        kept = self._cache.read(sha256, self.width)
        if kept is not None and len(kept.scales) >= views:
            return kept.first(views), True
        wanted = self._session.preprocessor
        image = load_image(
            path, min_height=wanted.min_height, min_width=wanted.min_width, allow_truncated=self._allow_truncated
        )
        begin = len(kept.scales) if kept else 0
        session = self._take_session()
        try:
            rows = [
                self._row(session.interpreter.invoke_with_extra(tensor)[1])
                for tensor in self._views.tensors(image, sha256, begin, views)
            ]
        finally:
            self._idle.put(session)
        values, scales = np.stack([row for row, _ in rows]), np.asarray([scale for _, scale in rows], np.float32)
        if kept:
            values, scales = np.concatenate([kept.values, values]), np.concatenate([kept.scales, scales])
        found = PhotoFeatures(sha256, values, scales)
        self._cache.write(found)
        return found, False

    def _row(self, raw: npt.NDArray[np.generic]) -> tuple[Int8Rows, float]:
        """Turn the base model's features into int8 values and their scale."""
        raw = raw.reshape(-1)
        if self._scale is not None:
            values = raw if raw.dtype == np.int8 else (raw.astype(np.uint8) ^ _UINT8_TO_INT8).view(np.int8)
            return values.copy(), self._scale
        real = raw.astype(np.float32)
        if not np.isfinite(real).all():
            raise ModelError(f"{self._session.model.path}: its features are NaN or infinite; the model is damaged")
        scale = float(np.abs(real).max()) / 127 or 1.0
        return np.round(real / scale).astype(np.int8), scale

    def _take_session(self) -> Session:
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._session.clone()


def _file_sha256(path: str) -> str:
    """Hash a photo's file, block by block.

    Raises:
        ImageError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open_image_file(path) as file:
            if os.fstat(file.fileno()).st_size > _MOST_BYTES:
                raise ImageError("the file is too long to be a photo", kind="too_large", path=path)
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError(f"cannot be read ({reason})", kind="unreadable", path=path) from error
    return digest.hexdigest()
