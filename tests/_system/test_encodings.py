"""Text in UTF-8, or in what a byte order mark says; what is none is said, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobiclass._system import decode_text, read_text_file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_decoded_without_its_mark(encoding: str) -> None:
    assert decode_text("Käfer\r\n🐞".encode(encoding)) == "Käfer\r\n🐞"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("photo.jpg\n".encode("utf-16-le"), "seems to be UTF-16 without a byte order mark; save the file as UTF-8"),
        ("photo.jpg\n".encode("utf-16-be"), "seems to be UTF-16 without a byte order mark; save the file as UTF-8"),
        ("K\xe4fer".encode("latin-1"), r"is not UTF-8 \(byte 1\); save the file as UTF-8"),
        (b"\xff\xfeab\n", r"is not UTF-16 \(byte 4\)"),
        (b"a\0\0b", "holds NUL characters"),
    ],
)
def test_what_is_no_text_is_said_with_what_to_do(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_text(content)


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]),
)
def test_what_was_written_with_a_mark_comes_back(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


def test_a_file_is_read_up_to_a_length(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a" * (1 << 20))
    assert len(read_text_file(path, 1 << 20)) == 1 << 20
    path.write_bytes(b"a" * ((1 << 20) + 1))
    with pytest.raises(ValueError, match="is longer than 1 MB"):
        read_text_file(path, 1 << 20)
    with pytest.raises(ValueError, match=r"cannot be read \(No such file"):
        read_text_file(tmp_path / "none", 1)
