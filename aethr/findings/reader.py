"""Lines of an answer -> findings. What a line means depends on what stood before it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from aethr.findings import labels, locations, objects, quoting
from aethr.findings.finding import Finding

if TYPE_CHECKING:
    from aethr.findings.finding import Severity
    from aethr.findings.locations import Location

_LEAD = re.compile(
    r"(?:[\s>#+*•–—-]|[\d]{1,3}[.)](?=\s|\*)|[a-zA-Z]\)\s|\(\d{1,3}\)\s|(?<=#)\d{1,3}[.:]?\s"
    r"|\[[ xX]\]\s|[^\w\s\x00-\x7f【「]\ufe0f?)*+"
)
_LISTED = re.compile(r"[\s>]*(?:[-*+•]|\d{1,3}[.)])\s")
_HEADING = re.compile(r"[\s>]*(?:(#{1,6})\s|(\*\*[^*]+\*\*:?\s*$)|[^\s|-][^|:]{0,60}[:：]\s*$)")
_NONE_YET, _HEADINGS = -1, -2  # instead of a depth: no item yet, or each has a heading
_BOLD, _COLON = 7, 8  # ranks of headings without a #: `**Title**`, `Title:`
# Headings that end a section such as `### High`, whatever their rank.
_OTHER = re.compile(
    r"[*_\s]*(?:summary|conclusion|overall|verdict|notes?|recommend|positive|strength|praise|good"
    r"|what |tests?\b|review status)",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"(?:file|location|path|where|datei|fichier|archivo|arquivo|文件|ファイル|場所|파일)\s?[:：]",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"(?:issue|description|problem|message|title|finding|what|text|detail)s?\s?[:：]\s*(.+)",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"(?:none\b(?! of\b).{0,80}|n/?a|nothing(?: (?:found|identified|noted|serious|to report))?"
    r"|no(?: [\w-]+){0,4} (?:issues?|findings?|problems?|defects?|concerns?|bugs?|blockers?)"
    r"(?: (?:were|was|are|is|have|been|found|identified|detected|noted|remain|in|at|of|this|the|"
    r"that|diff|level|changes?|patch|category|severity|here)){0,8}"
    r"|keine?|aucune?|ninguno|ninguna|nenhuma?|nessuno|нет|无|無|なし|特になし|없음"
    r"|path:line: .*|[\W\d]*)\W*",
    re.IGNORECASE,
)
_TRIM = " \t*:：|,–—-"
_WELL = re.compile(r"pass(?:ed)?|ok(?:ay)?|yes|fixed|resolved|✅|✔\ufe0f?", re.IGNORECASE)
_CELL = re.compile(r"</?t[rdh]\b[^<>]{0,200}>", re.IGNORECASE)
_INLINE = re.compile(r"</?(?:code|strong|em|[bip]|br)\b[^<>]{0,200}>", re.IGNORECASE)


def read(answer: str) -> tuple[Finding, ...]:
    """Give the findings of an answer in its order, each once."""
    reader = _Reader()
    for part in quoting.own(answer):
        if part.is_json:
            reader.found += objects.read(part.text)
        else:
            reader.take(part.text, fenced=part.fenced)
    return tuple(dict.fromkeys(reader.close()))


class _Reader:
    """Reads line by line; a heading may say how severe, or in which file, what follows is."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self._section: Severity | None = None
        self._rank = 0  # of the section's heading
        self._depth = _NONE_YET  # how far the first item of the section is indented
        self._held: Finding | None = None  # the section's first paragraph, if nothing else follows
        self._file = ""
        self._column = -1  # of a table's severities, if its head names them
        self._open = False  # the last finding may still get its place, from a line of its own

    def close(self) -> list[Finding]:
        """Give what was found."""
        self._leave()
        return self.found

    def take(self, line: str, *, fenced: bool) -> None:
        if "<td" in line or "<th" in line:
            cells = _CELL.split(_INLINE.sub("", line))
            line = f"|{'|'.join(filter(str.strip, cells))}|"
        if line.count("|") > 1 and line.strip().startswith("|"):
            self._row(line)
            return
        self._column = -1
        lead = _LEAD.match(line)
        before = lead[0] if lead else ""
        item = line[len(before) :].strip()
        if not item:
            return
        if made := self._labelled(line, item, before, fenced=fenced):
            self._add(made)
        elif not fenced:
            self._around(line, item, before)

    def _add(self, made: Finding) -> None:
        self._held = None
        self.found.append(made)
        self._open = not made.path

    def _labelled(self, line: str, item: str, before: str, *, fenced: bool) -> Finding | None:
        label, place = labels.at_start(item), locations.at_start(item)
        if label and not place:
            if labels.titles(label) and not label.titled:
                return None
            place = locations.at_start(label.rest)
            near = place
            if not near and label.plain and not fenced:
                near = locations.first(label.rest)
            if not near and (fenced or not label.plain):
                return None
            return _made(label.severity, label.rest, place, near, self._file)
        if place:
            rest = item[place.end :].lstrip(_TRIM + "`)")
            behind = labels.at_start(rest) or labels.at_end(rest)
            severity = behind.severity if behind else labels.of_sign(before)
            if severity:
                return _made(severity, behind.rest if behind else rest, None, place, self._file)
            return None
        return None if fenced else self._rated(line, item, before)

    def _rated(self, line: str, item: str, before: str) -> Finding | None:
        """Read an item or a heading that says at its end, or with a sign, how severe it is."""
        heading = _HEADING.match(line)
        if not (heading or _LISTED.match(line)):
            return None
        near = locations.first(item)
        label = labels.at_end(item)
        if label and (label.plain or near or heading):
            return _made(label.severity, label.rest, None, near, self._file)
        signed = labels.of_sign(before) if near else None
        return _made(signed, item, None, near, self._file) if signed else None

    def _around(self, line: str, item: str, before: str) -> None:
        """Take a line without a label: a heading, an item below one, or a finding's place."""
        label, place = labels.at_start(item), locations.first(item)
        said, heading = _SAID.match(item.replace("*", "")), _HEADING.match(line)
        listed = _LISTED.match(line)
        if said and self.found and not self.found[-1].text:
            self.found[-1] = replace(self.found[-1], text=said[1].strip(_TRIM))
        elif label and labels.titles(label):
            self._enter(label.severity, _rank(heading))
        elif self._open and place and (_FIELD.match(item.replace("*", "")) or place.start < 2):
            self.found[-1] = replace(self.found[-1], path=place.path, line=place.line)
            self._open = False
        elif heading and not listed:
            self._heading(item, _rank(heading), place)
        elif _OTHER.match(item) and not listed:
            self._leave()
        elif self._section and (listed or locations.at_start(item)):
            self._listed(item, len(before) - len(before.lstrip()))
        elif self._section and self._depth == _NONE_YET:
            made = _made(self._section, item, locations.at_start(item), place, self._file)
            if not (made and self._held and (self._held.path or not made.path)):
                self._held = made
            self._depth = _NONE_YET if made else 0  # `None.` is all that there is to say

    def _heading(self, item: str, rank: int, place: Location | None) -> None:
        alone = place and not item.replace(item[place.start : place.end], "").strip(_TRIM + "`")
        if place and alone:
            self._file = place.path
        elif self._section is None or self._ends(item, rank, place):
            self._file = ""
            self._leave()
        elif rank != _COLON and self._depth <= 0:
            # `#### The lock is never released`, below `### High`
            self._depth = _HEADINGS
            if made := _made(self._section, item, locations.at_start(item), place, self._file):
                self._add(made)

    def _ends(self, item: str, rank: int, place: Location | None) -> bool:
        """Whether a heading ends the section. The first one in it may stand no deeper."""
        inside = rank > self._rank or (rank == self._rank and place and self._depth == _NONE_YET)
        return not inside or bool(_OTHER.match(item))

    def _enter(self, severity: Severity, rank: int) -> None:
        self._leave()
        self._section, self._rank = severity, rank

    def _leave(self) -> None:
        if self._held:
            self._add(self._held)
        self._section, self._depth, self._held, self._open = None, _NONE_YET, None, False

    def _listed(self, item: str, depth: int) -> None:
        """Take an item below a heading such as ``### High``; deeper ones are its details."""
        self._depth = depth if self._depth == _NONE_YET else self._depth
        self._held = None
        leading = locations.at_start(item)
        inside = leading if self._depth == _HEADINGS else depth <= self._depth
        if self._section is None or not inside:
            return
        near = leading or locations.first(item)
        if made := _made(self._section, item, leading, near, self._file):
            self._add(made)

    def _row(self, line: str) -> None:
        """Take a table's row: the first cell that says how severe, the first place, the rest."""
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        heads = [at for at, cell in enumerate(cells) if labels.TITLE.fullmatch(cell)]
        self._column = heads[0] if heads else self._column
        rated = [labels.at_start(_LEAD.sub("", cell, count=1)) for cell in cells]
        at = next((at for at, label in enumerate(rated) if label and labels.titles(label)), None)
        if at is None or not (label := rated[at]):
            return
        rest = [cell for cell in cells[:at] + cells[at + 1 :] if cell]
        place = next((found for cell in rest if (found := locations.at_start(cell))), None)
        sure = at == self._column and not any(map(_WELL.fullmatch, rest))
        if place is None and not sure and any(not cell.isdigit() for cell in cells[:at]):
            return
        number = next((int(cell) for cell in rest if re.fullmatch(r"\d{1,7}", cell)), None)
        words = [cell for cell in rest if not re.fullmatch(r"[\d–-]+|#\d+", cell)]
        text = "; ".join(cell for cell in words if not (place and locations.at_start(cell)))
        if place:
            self.found.append(
                Finding(label.severity, place.path, place.line or number, text or place.path)
            )
        elif text and not _NONE.fullmatch(text):
            self.found.append(Finding(label.severity, "", None, text))


def _rank(heading: re.Match[str] | None) -> int:
    """Give 1 to 6 for a heading with ``#``; a lower rank holds the higher ones."""
    if heading and heading[1]:
        return len(heading[1])
    return _BOLD if heading and heading[2] else _COLON


def _made(
    severity: Severity, text: str, leading: Location | None, near: Location | None, file: str
) -> Finding | None:
    """Make a finding, its text without the place that leads it; of ``None`` none."""
    if leading:
        text = text[leading.end :].lstrip(")]" + _TRIM)
    text = text.replace("**", "")
    if text.count("`") % 2:  # the whole line stood in backticks
        text = text.strip("`" + _TRIM)
    if near and not leading and _NONE.fullmatch(text.partition(". ")[0].strip(_TRIM)):
        return None
    if near:
        return Finding(severity, near.path, near.line, text.strip(_TRIM))
    if file and (line := locations.line_alone(text)):
        return Finding(severity, file, line[0], text[line[1] :].strip(_TRIM))
    text = text.strip(_TRIM)
    return None if text and _NONE.fullmatch(text.strip("*_")) else Finding(severity, "", None, text)
