"""Mathematics without a script: the TeX that the lessons use, as MathML, which every browser draws by itself.

Only a fixed list of commands is known, and all text is escaped. Whatever is not on the list, is unbalanced or
too deep is shown as its TeX source: nothing is guessed, nothing is fetched.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape

LONGEST, DEEPEST = 4000, 30
TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
LETTERS = dict(
    alpha="α", beta="β", gamma="γ", delta="δ", epsilon="ϵ", varepsilon="ε", zeta="ζ", eta="η", theta="θ",
    iota="ι", kappa="κ", lambda_="λ", mu="μ", nu="ν", xi="ξ", pi="π", rho="ρ", sigma="σ", tau="τ", phi="ϕ",
    varphi="φ", chi="χ", psi="ψ", omega="ω", Gamma="Γ", Delta="Δ", Theta="Θ", Lambda="Λ", Xi="Ξ", Pi="Π",
    Sigma="Σ", Phi="Φ", Psi="Ψ", Omega="Ω", ell="ℓ", infty="∞", partial="∂", nabla="∇", top="⊤", emptyset="∅",
    forall="∀", exists="∃", hbar="ℏ",
)  # fmt: skip
LETTERS["lambda"] = LETTERS.pop("lambda_")
SIGNS = dict(
    cdot="·", times="×", odot="⊙", otimes="⊗", oplus="⊕", pm="±", mp="∓", circ="∘", ast="∗", le="≤", leq="≤",
    ge="≥", geq="≥", ne="≠", neq="≠", approx="≈", sim="∼", simeq="≃", equiv="≡", propto="∝", ll="≪", gg="≫",
    to="→", rightarrow="→", leftarrow="←", Rightarrow="⇒", Longrightarrow="⟹", iff="⟺", mapsto="↦", gets="←",
    subset="⊂", subseteq="⊆", cup="∪", cap="∩", setminus="∖", perp="⊥", parallel="∥", mid="|", dots="…",
    ldots="…", cdots="⋯", vdots="⋮", ddots="⋱", land="∧", lor="∨", neg="¬", prime="′", colon=":",
)  # fmt: skip
SIGNS["in"], SIGNS["notin"] = "∈", "∉"
FENCES = dict(
    lVert="‖", rVert="‖", Vert="‖", lvert="|", rvert="|", vert="|", lfloor="⌊", rfloor="⌋", lceil="⌈",
    rceil="⌉", langle="⟨", rangle="⟩", lbrace="{", rbrace="}",
)  # fmt: skip
ESCAPED = {"{": "{", "}": "}", "|": "‖", "%": "%", "&": "&", "#": "#", "_": "_", "$": "$"}
SUMS = dict(sum="∑", prod="∏", int="∫", bigcup="⋃", bigcap="⋂")
BELOW = {"sum", "prod", "min", "max", "lim", "sup", "inf", "argmin", "argmax", "bigcup", "bigcap"}
FUNCTIONS = {
    "log", "exp", "ln", "min", "max", "arg", "cos", "sin", "tan", "tanh", "lim", "sup", "inf", "det", "dim",
    "ker", "Pr", "argmin", "argmax",
}  # fmt: skip
SPACES = {",": ".17em", ":": ".22em", ";": ".28em", "!": "-.17em", " ": ".3em", "quad": "1em", "qquad": "2em"}
ACCENTS = dict(hat="^", widehat="^", tilde="~", widetilde="~", bar="¯", overline="¯", vec="→", dot="˙")
FONTS = {"text", "textbf", "textit", "mathrm", "operatorname", "operatorname*", "mathsf", "texttt"}
DOUBLE = dict(zip("CHNPQRZ1", "ℂℍℕℙℚℝℤ𝟙", strict=True))
SCRIPT = dict(zip("BEFHILMR", "ℬℰℱℋℐℒℳℛ", strict=True))
BIG = {"big": 1.2, "Big": 1.6, "bigg": 2.1, "Bigg": 2.6}
TABLES = {
    "aligned", "align", "align*", "split", "gathered", "gather", "gather*", "equation", "equation*", "cases",
    "matrix", "pmatrix", "bmatrix", "vmatrix", "array",
}  # fmt: skip
BORDERED = {"pmatrix", "bmatrix", "vmatrix"}  # the style sheet draws their brackets, with any font


class Unknown(Exception):
    """TeX that this module does not know."""


@lru_cache(maxsize=1024)
def mathml(tex: str, block: bool = False) -> str:
    """The formula as one `<math>` element, or its source as `<code>` where it is not understood."""
    if len(tex) <= LONGEST:
        try:
            reader = Reader(tex)
            inside = reader.table("aligned" if "&" in tex else "gathered", None)
        except Unknown:
            pass
        else:
            form = "block" if block else "inline"
            label = (
                f"<mspace width='2em'></mspace><mtext>({escape(reader.tag)})</mtext>" if reader.tag else ""
            )
            said = escape(tex.strip())
            return f'<math display="{form}" alttext="{said}"><mrow>{inside}{label}</mrow></math>'
    return f'<code class="tex">{escape(tex)}</code>'


def sign(text: str, more: str = "") -> str:
    return f"<mo{more}>{escape(text)}</mo>"


def row(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


class Reader:
    """Reads TeX from left to right; every method returns MathML and leaves `at` behind what it read."""

    def __init__(self, tex: str) -> None:
        self.tokens = TOKEN.findall(tex)
        self.at = self.depth = 0
        self.tag = ""

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def skip_space(self) -> None:
        while self.peek().isspace():
            self.at += 1

    def group_text(self) -> str:
        """The letters between the braces that come next, as they stand."""
        self.skip_space()
        if self.take() != "{":
            raise Unknown
        words, deep = "", 1
        while token := self.take():
            deep += {"{": 1, "}": -1}.get(token, 0)
            if deep == 0:
                return words
            words += token
        raise Unknown

    def table(self, name: str, end: str | None) -> str:
        """Rows that `\\\\` ends, of cells that `&` ends, up to `\\end{name}` or the end of the formula."""
        rows = [[self.cell()]]
        while (token := self.take()) in ("&", "\\\\"):
            if token == "&":
                rows[-1].append(self.cell())
            else:
                if self.peek() == "[":  # the room between two rows, as in \\\\[2pt]
                    while self.take() not in ("]", ""):
                        pass
                rows.append([self.cell()])
        if (token == "\\end" and end is not None and self.group_text() == end) or (
            token == "" and end is None
        ):
            if rows[-1] == [""] and len(rows) > 1:
                rows.pop()
        else:
            raise Unknown
        if len(rows) == 1 and len(rows[0]) == 1 and name not in BORDERED:
            return rows[0][0]
        kind = (
            "lines"
            if name.startswith(("align", "split"))
            else name
            if name in BORDERED | {"cases"}
            else "grid"
        )
        inside = "".join(
            "<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in cells) + "</mtr>" for cells in rows
        )
        return f"<mtable class='{kind}' displaystyle='true'>{inside}</mtable>"

    def cell(self) -> str:
        return "".join(self.parts({"&", "\\\\", "\\end", ""}))

    def parts(self, ends: set[str]) -> list[str]:
        """Everything up to a token of `ends`, which stays where it is."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unknown
        found: list[str] = []
        while True:
            self.skip_space()
            token = self.peek()
            if token in ends:
                self.depth -= 1
                return found
            if token in ("", "}", "&", "\\\\", "\\end", "\\right"):
                raise Unknown
            found.append(self.scripted())

    def group(self) -> str:
        """One argument: a braced group or a single piece."""
        self.skip_space()
        if self.peek() != "{":
            return self.piece()[0]
        self.take()
        inside = self.parts({"}"})
        self.take()
        return row(inside)

    def scripted(self) -> str:
        """A piece with its indices, exponents and primes."""
        base, below = ("<mrow></mrow>", False) if self.peek() in ("_", "^") else self.piece()
        low, high = "", ""
        while True:
            self.skip_space()
            if self.peek() == "'":
                count = 0
                while self.peek() == "'":
                    count += bool(self.take())
                high += sign("′" * count)
            elif self.peek() == "_" and not low:
                self.take()
                low = self.group()
            elif self.peek() == "^":
                self.take()
                high += self.group()
            else:
                break
        if not low and not high:
            return base
        high = f"<mrow>{high}</mrow>"
        name = ("munder", "mover", "munderover") if below else ("msub", "msup", "msubsup")
        if low and high != "<mrow></mrow>":
            return f"<{name[2]}>{base}{low}{high}</{name[2]}>"
        return f"<{name[0]}>{base}{low}</{name[0]}>" if low else f"<{name[1]}>{base}{high}</{name[1]}>"

    def piece(self) -> tuple[str, bool]:
        """One symbol, group or command, and whether its index stands below it."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unknown
        token = self.take()
        found = self.command(token[1:]) if token.startswith("\\") else (self.symbol(token), False)
        self.depth -= 1
        return found

    def symbol(self, token: str) -> str:
        if token == "{":
            self.at -= 1
            return self.group()
        if token in ("", "}", "^", "_", "&", "$", "#", "%"):
            raise Unknown
        if token == "~":
            return "<mspace width='.3em'></mspace>"
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        return sign("−" if token == "-" else token, ' stretchy="false"' if token in "()[]|/" else "")

    def command(self, name: str) -> tuple[str, bool]:
        if name in LETTERS:
            return f"<mi>{LETTERS[name]}</mi>", False
        if name in SIGNS:
            return sign(SIGNS[name]), False
        if name in FENCES or name in ESCAPED:
            return sign(FENCES.get(name) or ESCAPED[name], ' stretchy="false"'), False
        if name in SUMS:
            return sign(SUMS[name]), name in BELOW
        if name in FUNCTIONS:
            return f"<mi>{name}</mi><mspace width='.1em'></mspace>" if name not in BELOW else (
                f"<mo movablelimits='true'>{name}</mo>"
            ), name in BELOW
        if name in SPACES:
            return f"<mspace width='{SPACES[name]}'></mspace>", False
        if name in FONTS:
            words = self.group_text().replace("\\ ", " ").replace("\\_", "_")
            if "\\" in words or "$" in words:
                raise Unknown
            tag = "mtext" if name.startswith("text") else "mi"
            words = escape(words).replace(" ", "\u00a0")  # a plain space at either end would be lost
            return f"<{tag} mathvariant='normal'>{words}</{tag}>", name == "operatorname*"
        return self.built(name)

    def built(self, name: str) -> tuple[str, bool]:
        """The commands that take arguments."""
        if name in ("frac", "dfrac", "tfrac"):
            style = {"dfrac": " displaystyle='true'", "tfrac": " displaystyle='false'"}.get(name, "")
            return f"<mfrac{style}>{self.group()}{self.group()}</mfrac>", False
        if name == "sqrt" and self.peek() != "[":
            return f"<msqrt>{self.group()}</msqrt>", False
        if name in ACCENTS:
            return f"<mover accent='true'>{self.group()}{sign(ACCENTS[name])}</mover>", False
        if name in ("underbrace", "overbrace"):
            tag, brace = ("munder", "⏟") if name == "underbrace" else ("mover", "⏞")
            return f"<{tag}>{self.group()}{sign(brace)}</{tag}>", True
        if name in ("underset", "overset", "stackrel"):
            script, tag = self.group(), "munder" if name == "underset" else "mover"
            return f"<{tag}>{self.group()}{script}</{tag}>", False
        if name in ("mathbb", "mathcal", "mathbf", "boldsymbol", "mathit"):
            return self.alphabet(name), False
        if name.rstrip("lr") in BIG or name in BIG:
            size = BIG.get(name) or BIG[name.rstrip("lr")]
            return sign(self.fence(), f" stretchy='true' minsize='{size}em' maxsize='{size}em'"), False
        if name == "left":
            before = self.fence()
            inside = "".join(self.parts({"\\right"}))
            self.take()
            return f"<mrow>{sign(before)}{inside}{sign(self.fence())}</mrow>", False
        if name == "begin" and (kind := self.group_text()) in TABLES:
            if kind == "array":
                self.group_text()
            return f"<mrow>{self.table(kind, kind)}</mrow>", False
        if name == "tag" and not self.tag:
            self.tag = self.group_text()
            return "", False
        raise Unknown

    def fence(self) -> str:
        self.skip_space()
        token = self.take()
        if token == ".":
            return ""
        if token in ("(", ")", "[", "]", "|", "/"):
            return token
        name = token[1:]
        if not token.startswith("\\") or not (name in FENCES or name in ESCAPED or name == "mid"):
            raise Unknown
        return "|" if name == "mid" else FENCES.get(name) or ESCAPED[name]

    def alphabet(self, name: str) -> str:
        self.skip_space()
        words = self.group_text() if self.peek() == "{" else self.take()
        if name == "mathit":
            return f"<mi>{escape(words)}</mi>"
        if not (words.isascii() and words.isalnum()):
            if name == "boldsymbol" and words[:1] == "\\" and words[1:] in LETTERS:
                return f"<mi>{LETTERS[words[1:]]}</mi>"
            raise Unknown
        return f"<mi>{''.join(_letter(c, name) for c in words)}</mi>"


def _letter(c: str, name: str) -> str:
    """A letter of one of Unicode's mathematical alphabets."""
    if name == "mathbb" and c in DOUBLE or name == "mathcal" and c in SCRIPT:
        return (DOUBLE if name == "mathbb" else SCRIPT)[c]
    capital, small = {"mathbb": (0x1D538, 0x1D552), "mathcal": (0x1D49C, 0x1D4B6)}.get(
        name, (0x1D400, 0x1D41A)
    )
    if c.isdigit():
        return c
    return chr(capital + ord(c) - 65) if c.isupper() else chr(small + ord(c) - 97)
