"""Says what a file looks like when it is no format IMS reads, and what to do about it."""

from __future__ import annotations

from ims.formats.text_lines import as_utf8
from ims.formats.workbook import ZIP

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x05\x06", "an empty ZIP archive. Unpack it and upload the file inside"),
    (b"%PDF", "a PDF document, which is for reading and not for import. Ask the bank for the data file"),
    (b"\x89PNG", "a picture (PNG). Choose the data file"),
    (b"\xff\xd8\xff", "a picture (JPEG). Choose the data file"),
    (b"GIF8", "a picture (GIF). Choose the data file"),
    (b"\x1f\x8b", "a compressed file (gzip). Decompress it and upload the file inside"),
    (b"7z\xbc\xaf\x27\x1c", "a compressed archive (7-Zip). Unpack it and upload the file inside"),
    (b"Rar!", "a compressed archive (RAR). Unpack it and upload the file inside"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (such as .xls). Choose a profile for spreadsheets or save it as CSV"),
    (b"-----BEGIN PGP", "an encrypted file (PGP). Decrypt it before upload"),
    (b"{\\rtf", "a word processor document (RTF). Choose the data file"),
)


def what_it_looks_like(head: bytes) -> str:
    """A sentence for the officer who uploaded the file."""
    if not head.strip(b"\0 \t\r\n"):
        return "The file is empty. Check that the download finished, and fetch the file again."
    return f"The file looks like {_description(head)}."


def _description(head: bytes) -> str:
    if head.startswith(ZIP):
        return _zip_description(head)
    for signature, description in _SIGNATURES:
        if head.startswith(signature):
            return description
    text = as_utf8(head).lstrip()
    lowered = text[:2048].lower()
    if lowered.startswith((b"<!doctype html", b"<html")) or b"<html" in lowered:
        return "a web page (HTML), probably a sign-in or error page of the bank. Sign in and fetch the file again"
    if lowered.startswith((b"<?xml", b"<")):
        return "XML, but not a statement, report or advice that IMS reads. Check with the sender which report it is"
    if lowered.startswith((b"{", b"[")) and b'"' in lowered:
        return "JSON data, which is not a bank or agent file that IMS reads. Choose another file"
    if _is_binary(text):
        return "binary data, not text. Check that the right file was chosen and that it is not encrypted"
    return (
        "text in no layout that can be told from its content. Choose the import profile for its sender, "
        "or check that the right file was chosen"
    )


def _zip_description(head: bytes) -> str:
    if b"xl/" in head or b"[Content_Types].xml" in head:
        return "an Excel workbook or other Office document. Choose a profile for spreadsheets or save it as CSV"
    if b"mimetypeapplication/vnd.oasis" in head:
        return "an OpenDocument file. Choose a profile for spreadsheets or save it as CSV"
    return "a ZIP archive. Unpack it and upload the file inside"


def _is_binary(text: bytes) -> bool:
    sample = text[:4096]
    controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1a\x01\x03" for byte in sample)
    return controls * 50 > len(sample)
