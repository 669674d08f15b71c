"""The .tflite reader: the graph, the metadata, the appended zip; and every kind of damage."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobiclass.errors import ModelError
from mobiclass.tflite.graph import read_graph, read_zip_members
from mobiclass.tflite.metadata import Normalization
from mobiclass.tflite.network import Quantization, TensorSpec
from tests.support.bases import BASES
from tests.support.graphs import Net
from tests.support.tiny_models import (
    COLOURS,
    DEQUANTIZE,
    FLOAT32,
    RESHAPE,
    SOFTMAX,
    UINT8,
    Operator,
    Tensor,
    append_zip,
    bare_model,
    colour_model,
    edgetpu_model,
    graph,
    tflite_metadata,
)

MODEL = colour_model(config='{"format": 1}')


def test_tensors_and_their_quantization() -> None:
    read = read_graph(colour_model(height=6, width=10, scale=0.0078125, zero_point=128), "m")
    assert read.inputs == (TensorSpec("image", (1, 6, 10, 3), "uint8", Quantization(0.0078125, 128)),)
    assert [output.tensor for output in read.outputs] == [
        TensorSpec("scores", (1, 3), "uint8", Quantization(1 / 256, 0))
    ]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "float32"])
def test_dtypes(dtype: str) -> None:
    read = read_graph(colour_model(dtype=dtype), "m")
    assert read.inputs[0].dtype == read.outputs[0].tensor.dtype == dtype
    assert (read.inputs[0].quantization is None) == (dtype == "float32")


def test_a_scale_on_a_float_tensor_means_nothing() -> None:
    # The runtimes take floats as they are, whatever the converter left beside them.
    content = bare_model(output_dtype=FLOAT32, output_scale=0.5)
    assert read_graph(content, "m").outputs[0].tensor.quantization is None


def test_custom_operators_are_named_once() -> None:
    assert read_graph(edgetpu_model(), "m").custom_ops == ("edgetpu-custom-op",)
    assert read_graph(MODEL, "m").custom_ops == ()


@pytest.mark.parametrize("old_codes", [False, True])
def test_the_head_is_known_by_old_and_new_operator_codes(old_codes: bool) -> None:
    assert read_graph(colour_model(old_codes=old_codes), "m").outputs[0].head.operator == "SOFTMAX"
    assert (
        read_graph(colour_model(old_codes=old_codes, softmax=False), "m").outputs[0].head.operator == "FULLY_CONNECTED"
    )


def test_the_head_is_found_behind_reshaping_and_dequantizing() -> None:
    tensors = [Tensor(f"t{number}", (1, 3)) for number in range(4)]
    operators = [Operator(SOFTMAX, (0,), (1,)), Operator(RESHAPE, (1,), (2,)), Operator(DEQUANTIZE, (2,), (3,))]
    assert read_graph(graph(tensors, operators, [0], [3]), "m").outputs[0].head.operator == "SOFTMAX"


def test_a_graph_that_runs_in_a_circle_has_no_head() -> None:
    tensors = [Tensor(f"t{number}", (1, 3)) for number in range(2)]
    operators = [Operator(RESHAPE, (0,), (1,)), Operator(RESHAPE, (1,), (0,))]
    assert read_graph(graph(tensors, operators, [0], [1]), "m").outputs[0].head.operator == ""


def test_outputs_go_by_the_names_of_signatures_too() -> None:
    tensors = [Tensor(f"t{number}", (1, 3)) for number in range(3)]
    operators = [Operator(SOFTMAX, (0,), (1,)), Operator(RESHAPE, (0,), (2,))]
    content = graph(tensors, operators, [0], [1, 2], signature_outputs={"probabilities": 1})
    assert [output.names for output in read_graph(content, "m").outputs] == [("t1", "probabilities"), ("t2",)]


def test_a_row_of_values_that_is_made_an_image_first_is_one() -> None:
    net = Net((1, 192))
    image = net.add(RESHAPE, (net.image, net.integers(1, 8, 8, 3)), (1, 8, 8, 3))
    unflattened = read_graph(net.finish(net.softmax(net.logits(image))), "m").unflattened
    assert unflattened is not None
    assert unflattened.shape == (1, 8, 8, 3)
    assert read_graph(colour_model(), "m").unflattened is None


def test_metadata() -> None:
    metadata = tflite_metadata(
        mean=(1, 2, 3), std=(4, 5, 6), labels_file="l.txt", description="Names colours.", author="A. Uthor"
    )
    read = read_graph(bare_model(metadata=metadata), "m").metadata
    assert read.normalization == Normalization((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert (read.labels_file, read.description, read.author) == ("l.txt", "Names colours.", "A. Uthor")


def test_a_model_without_metadata_has_silent_metadata() -> None:
    read = read_graph(bare_model(), "m").metadata
    assert (read.normalization, read.labels_file, read.name) == (None, None, None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (bytes(5000), "zeros"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(90)), "JPEG image"),
        (b"<!DOCTYPE html><html>Not found</html>", "web page"),
        (b"\x89HDF\r\n\x1a\n" + b"x" * 50, "Keras HDF5"),
        (append_zip(b"", {"config.json": "{}"}), "zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"TFL3", "no TFL3 identifier"),
        (b"\x00\x00\x00\x00TFL2" + b"x" * 50, "no TFL3 identifier"),
    ],
)
def test_what_is_no_model_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=f"^some/file: .*{reason}"):
        read_graph(content, "some/file")


def read_all(content: bytes) -> object:
    """Read all that there is in a model."""
    read = read_graph(content, "m")
    wanted = {"mobiclass.json", read.metadata.labels_file or "labels.txt"}
    return read, read_zip_members(content, "m", frozenset(wanted))


# The appended zip can be cut off whole: the model without it is read.
@pytest.mark.parametrize("length", range(0, len(MODEL), 7))
def test_truncated_models_are_refused_or_read(length: int) -> None:
    with contextlib.suppress(ModelError):
        read_all(MODEL[:length])


@pytest.mark.parametrize("part", [0.01, 0.1, 0.25, 0.5])
def test_models_cut_in_the_graph_are_refused(part: float) -> None:
    with pytest.raises(ModelError, match="damaged or was cut short"):
        read_all(MODEL[: max(8, int(len(MODEL) * part))])


def test_flipped_bits_give_a_graph_or_a_model_error() -> None:
    refused = read = 0
    for seed in range(1500):
        generator = random.Random(seed)
        damaged = bytearray(MODEL)
        for _ in range(generator.choice((1, 1, 2, 8))):
            damaged[generator.randrange(len(damaged))] ^= 1 << generator.randrange(8)
        try:
            read_all(bytes(damaged))
            read += 1
        except ModelError:
            refused += 1
    assert min(refused, read) > 100


def test_zeroed_ranges_give_a_graph_or_a_model_error() -> None:
    refused = 0
    for seed in range(500):
        generator = random.Random(seed)
        start = generator.randrange(len(MODEL))
        length = generator.choice((1, 4, 16, 100, 1000))
        try:
            read_all((MODEL[:start] + bytes(length) + MODEL[start + length :])[: len(MODEL)])
        except ModelError:
            refused += 1
    assert refused > 100


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(MODEL) - 4), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4))
def test_overwritten_bytes_give_a_graph_or_a_model_error(patches: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(MODEL)
    for position, content in patches:
        damaged[position : position + len(content)] = content
    with contextlib.suppress(ModelError):
        read_all(bytes(damaged))


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_after_the_identifier_give_a_model_error(content: bytes) -> None:
    with contextlib.suppress(ModelError):
        read_all(struct.pack("<I", 8) + b"TFL3" + content)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_scale_is_damage(scale: float) -> None:
    with pytest.raises(ModelError, match="quantization scale"):
        read_graph(bare_model(output_scale=scale), "m")


@pytest.mark.parametrize("zero_point", [-1, 256, 2**31, -(2**31) - 1, 2**62])
def test_an_impossible_zero_point_is_damage(zero_point: int) -> None:
    with pytest.raises(ModelError, match="zero point"):
        read_graph(bare_model(output_zero_point=zero_point), "m")


def test_an_impossible_zero_point_between_two_types_is_damage() -> None:
    """LiteRT 2 dies of SIGSEGV on it, wherever it stands in the graph."""
    content = BASES["int8, requantized twice"]()
    impossible = content.replace(struct.pack("<q", 128), struct.pack("<q", 256))
    assert read_graph(content, "m").outputs
    assert impossible != content
    with pytest.raises(ModelError, match="a quantization zero point of 256"):
        read_graph(impossible, "m")


def test_a_tensor_index_outside_is_damage() -> None:
    content = graph([Tensor("t", (1, 3), UINT8)], [Operator(SOFTMAX, (0,), (0,))], [0], [7])
    with pytest.raises(ModelError, match="index 7 into 1 items"):
        read_graph(content, "m")


def test_zip_members_are_read() -> None:
    assert read_zip_members(MODEL, "m", frozenset({"labels.txt"})) == {
        "labels.txt": "".join(f"{colour}\n" for colour in COLOURS).encode()
    }
    compressed = append_zip(bare_model(), {"a": b"b" * 1000}, zipfile.ZIP_DEFLATED)
    assert read_zip_members(compressed, "m", frozenset({"a"})) == {"a": b"b" * 1000}


def test_a_model_without_a_zip_has_no_members() -> None:
    assert read_zip_members(bare_model(), "m", frozenset({"labels.txt"})) == {}


@pytest.mark.parametrize("missing", [1, 22, 40, 100])
def test_a_zip_that_was_cut_short_is_told_apart_from_no_zip(missing: int) -> None:
    # Without this, preprocessing that stands in the zip would silently be another one.
    content = append_zip(bare_model(), {"mobiclass.json": "{}" + " " * 100})
    with pytest.raises(ModelError, match="zip appended to the model is damaged or was cut short"):
        read_zip_members(content[:-missing], "m", frozenset({"mobiclass.json"}))


def test_a_zip_bomb_is_refused() -> None:
    bomb = append_zip(bare_model(), {"labels.txt": bytes(20 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match=r"'labels\.txt' in the appended zip would be 20971520 bytes"):
        read_zip_members(bomb, "m", frozenset({"labels.txt"}))


def test_a_zip_bomb_that_lies_about_its_length_does_not_fill_the_memory() -> None:
    import tracemalloc

    true_length, claimed = 200 << 20, 100
    bomb = append_zip(bare_model(), {"labels.txt": bytes(true_length)}, zipfile.ZIP_DEFLATED)
    bomb = bomb.replace(struct.pack("<I", true_length), struct.pack("<I", claimed))
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match="zip appended to the model is damaged"):
            read_zip_members(bomb, "m", frozenset({"labels.txt"}))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 40 << 20


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int) -> None:
    # Python's zipfile inflates these two without a limit.
    content = append_zip(bare_model(), {"labels.txt": "cat\n" * 99}, method)
    with pytest.raises(ModelError, match="compressed by method"):
        read_zip_members(content, "m", frozenset({"labels.txt"}))


def test_an_encrypted_member_is_refused() -> None:
    content = bytearray(append_zip(bare_model(), {"labels.txt": "cat\ndog\n"}))
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.rindex(magic) + flags] |= 1
    with pytest.raises(ModelError, match="cannot be read.*encrypted"):
        read_zip_members(bytes(content), "m", frozenset({"labels.txt"}))


def test_a_member_with_flipped_content_is_refused() -> None:
    content = append_zip(bare_model(), {"labels.txt": "cat\ndog\n"})
    with pytest.raises(ModelError, match="zip appended to the model is damaged.*CRC"):
        read_zip_members(content.replace(b"cat\ndog", b"rat\ndog"), "m", frozenset({"labels.txt"}))


def test_damaged_zips_end_in_members_or_a_model_error() -> None:
    model = bare_model()
    archive = append_zip(b"", {"labels.txt": "red\ngreen\n" * 9, "mobiclass.json": "{}"}, zipfile.ZIP_DEFLATED)
    wanted = frozenset({"labels.txt", "mobiclass.json"})
    refused = 0
    for seed in range(1500):
        generator = random.Random(seed)
        damaged = bytearray(archive)
        for _ in range(generator.choice((1, 2, 5))):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        try:
            read_zip_members(model + bytes(damaged), "m", wanted)
        except ModelError:
            refused += 1
    assert refused > 500


def test_a_deflated_stream_that_breaks_off_is_refused() -> None:
    file = io.BytesIO(bare_model())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("labels.txt", "x")
    broken = zlib.compress(bytes(1000), 9)[2:-8]
    content = file.getvalue()
    # The stored "x" becomes the claim of a deflated member.
    content = content.replace(b"labels.txtx", b"labels.txt" + broken[:1])
    damaged = bytearray(content)
    for magic, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        damaged[damaged.rindex(magic) + method] = zipfile.ZIP_DEFLATED
    with pytest.raises(ModelError, match="zip appended"):
        read_zip_members(bytes(damaged), "m", frozenset({"labels.txt"}))
