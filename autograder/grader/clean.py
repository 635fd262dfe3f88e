"""What strangers wrote, made harmless: text, HTML, terminal colours and pictures.

Text loses what no page can hold (control characters, lone surrogates). HTML keeps a short list of elements
and attributes: no script, style sheet, form, frame, vector picture, link or address survives, and a picture
only if it is inside the page and is what it says. Everything too long is cut, and says so.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings
from html import escape
from typing import Any

import nh3
from nbconvert.filters.ansi import ansi2html
from PIL import Image

LONGEST_TEXT, LONGEST_HTML = 20_000, 400_000  # characters of one output; a figure's HTML holds its picture
MOST_ELEMENTS = 10_000  # in one piece of HTML
LARGEST_PICTURE, MOST_PIXELS = 4_000_000, 25_000_000  # bytes; pixels
PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF"}
TAGS = set(
    "a abbr b bdi blockquote br caption cite code col colgroup dd del details div dl dt em figcaption figure"
    " hr i img ins kbd li mark ol p pre q s samp section small span strong sub summary sup table tbody td"
    " tfoot th thead tr u ul var".split()
)
HEADINGS = {"h3", "h4", "h5", "h6"}
GONE = set(
    "script style svg math iframe frame frameset object embed applet template noscript noembed noframes title"
    " textarea select option audio video canvas xmp plaintext base link meta".split()
)
ATTRIBUTES: dict[str, set[str]] = {
    "*": {"lang", "dir", "style", "aria-label"},
    "img": {"src", "alt", "width", "height"},
    "th": {"colspan", "rowspan", "scope"},
    "td": {"colspan", "rowspan"},
    "ol": {"start"},
    "details": {"open"},
}
STYLES = set(
    "background-color border border-bottom border-collapse border-left border-right border-top color display"
    " flex-wrap font-family font-style font-weight gap height line-height list-style-type margin max-width"
    " overflow-wrap padding padding-left padding-right text-align vertical-align white-space width".split()
)
UNREADABLE = re.compile(
    "[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\ue000-\uf8ff]"
)
COMMAND = re.compile("\x1b(?:\\][^\x07\x1b]*(?:\x07|\x1b\\\\|$)|\\[[0-?]*[ -/]*[@-ln-~]|[@-Z\\\\^_])")
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")  # signs that turn the order of letters around
ADDRESS = re.compile(r"data:(image/[a-z]+);base64,([A-Za-z0-9+/=\s]*)")


def joined(value: Any) -> str:
    """A text that nbformat may hold as a list of lines; "" for anything that is no text."""
    if isinstance(value, list | tuple):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def text(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Readable text of bounded length, not escaped yet; terminal colours (escape and `[…m`) stay in it."""
    raw = joined(value)
    left_out = len(raw) - longest
    if left_out > 0:
        half = longest // 2
        raw = f"{raw[:half]}\n… {left_out:,} characters left out …\n{raw[-half:]}"
    raw = raw.replace("\r\n", "\n")
    raw = "\n".join(
        line.rstrip("\r").rpartition("\r")[2] for line in raw.split("\n")
    )  # a progress bar's last state
    return UNREADABLE.sub("\ufffd", BIDI.sub("\ufffd", raw))


def line(value: Any, longest: int = 300) -> str:
    """Readable text on one line, without colours, not escaped yet: for names and titles."""
    return " ".join(text(value, longest).replace("\x1b", "\ufffd").split())


def terminal(value: Any, longest: int = LONGEST_TEXT) -> str:
    """Text from a terminal as HTML: escaped, its colours as `<span>`, its other commands left out."""
    coloured = ansi2html(COMMAND.sub("", text(value, longest)))
    return str(coloured).replace("\x1b", "\ufffd")


def html(value: Any, headings: bool = False) -> str:
    """HTML of which only harmless elements are left; all of it as text where there is too much."""
    raw = joined(value)
    if len(raw) > LONGEST_HTML or raw.count("<") > MOST_ELEMENTS:
        return f"<pre>{escape(text(raw.replace(chr(27), chr(0xFFFD))))}</pre>"
    raw = UNREADABLE.sub("\ufffd", BIDI.sub("\ufffd", raw)).replace("\x1b", "\ufffd")
    return harmless(raw, headings)


def harmless(raw: str, headings: bool = False) -> str:
    """`raw`, readable already, through the allowlist."""
    return nh3.clean(
        raw,
        tags=TAGS | HEADINGS if headings else TAGS,
        clean_content_tags=GONE,
        attributes=ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"data"},
        link_rel=None,
        filter_style_properties=STYLES,
        strip_comments=True,
    )


def picture(kind: str, encoded: Any, alt: str) -> str:
    """A picture as `<img>`, or "" where it is not a whole picture of that kind."""
    data = picture_data(kind, encoded)
    return f'<img src="data:{kind};base64,{data}" alt="{escape(alt)}">' if data else ""


def _attribute(tag: str, name: str, value: str) -> str | None:
    """What becomes of one attribute that the list allows."""
    if name == "src":
        found = ADDRESS.fullmatch(value)
        data = picture_data(found[1], found[2]) if found else ""
        return f"data:{found[1]};base64,{data}" if found and data else None
    if name == "style" and re.search(r"[\\(@<]|/\*", value):  # url(), escapes, at-rules: nothing needs them
        return None
    return UNREADABLE.sub("", value)


def picture_data(kind: str, value: Any) -> str:
    """The bytes, as base64, of a picture that is what its type says; "" for every other."""
    encoded = joined(value)
    if kind not in PICTURES or len(encoded) > LARGEST_PICTURE * 4 // 3 + 4:
        return ""
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; ours is the stricter bound
            with Image.open(io.BytesIO(data), formats=(PICTURES[kind],)) as opened:  # reads the head only
                width, height = opened.size
    except (binascii.Error, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ""
    if width * height > MOST_PIXELS or not data:
        return ""
    return base64.b64encode(data).decode("ascii")
