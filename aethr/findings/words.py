"""The words and signs that say how severe a finding is."""

from __future__ import annotations

from aethr.findings.finding import Severity

_CORE = {
    Severity.HIGH: "high critical severe major blocker blocking fatal p0 p1 s0 s1 sev0 sev1 "
    "serious urgent showstopper blockers "
    "hoch kritisch schwerwiegend élevé élevée haute critique alto alta crítico crítica critico "
    "critica grave высокий высокая критический критическая 高 严重 嚴重 重大 致命 致命的 높음 심각 "
    "치명적",
    Severity.MEDIUM: "medium moderate med p2 s2 sev2 mittel moyen moyenne modéré media medio "
    "média médio средний средняя 中 中等 普通 보통 중간",
    Severity.LOW: "low p3 p4 s3 s4 sev3 sev4 niedrig gering faible bas basse bajo baja baixo "
    "baixa basso bassa низкий низкая 低 輕微 轻微 軽微 낮음",
}
# Words that also begin plain sentences: `Note: I ran no test`. They need a bracket or a place.
_LOOSE = {
    Severity.HIGH: "error fehler erreur bug bugs",
    Severity.MEDIUM: "warning warnings warn important warnung avertissement",
    Severity.LOW: "minor nit nits nitpick info note notice style suggestion optional trivial "
    "cosmetic hinweis remarque",
}
_WORDS = {word: (level, True) for level, words in _CORE.items() for word in words.split()}
_WORDS |= {word: (level, False) for level, words in _LOOSE.items() for word in words.split()}
_WORDS |= {"must fix": (Severity.HIGH, True), "non blocking": (Severity.LOW, True)}
SIGNS = {
    Severity.HIGH: "🔴🚨⛔❌🛑🟥",
    Severity.MEDIUM: "🟠🟡⚠🟧🟨",
    Severity.LOW: "🟢🔵⚪ℹ💡🟩🟦",
}
# What may spell a word in pieces: an escape of JSON, tags within a cell.
_SPELT = ("\\", "<td", "<th")
_FIRST = {word.partition(" ")[0] for word in _WORDS}
_ANY = (*_FIRST, *"".join(SIGNS.values()), "cvss", *_SPELT)


def known(word: str) -> tuple[Severity, bool] | None:
    """Tell how severe a word is, and whether it says nothing else."""
    return _WORDS.get(word.casefold().replace("-", " "))


def occur(text: str) -> bool:
    """Whether one of them may be in a text; where none is, nothing can be a finding."""
    text = text.casefold()
    return any(one in text for one in _ANY)
