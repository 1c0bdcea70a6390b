"""Which proxy stands on the way to a provider, for the hints. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aethr.routing import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aethr.routing import Route


def variable(route: Route, environ: Mapping[str, str]) -> str:
    """Name the variable whose proxy httpx uses for a route; empty where it uses none."""
    entry = PROVIDERS.get(route.provider)
    url = route.api_base or (f"https://{entry.host}" if entry else "")
    match = re.match(r"(https?)://(\[[^]]*\]|[^/:?#]*)", url, re.IGNORECASE)
    if match is None:
        return ""
    scheme, host = match[1].lower(), match[2].lower()
    names = {name.lower(): name for name, value in environ.items() if value}
    exempt = environ.get(names.get("no_proxy", ""), "")
    if any(_covers(one.strip().lower(), host) for one in exempt.split(",")):
        return ""
    return names.get(f"{scheme}_proxy") or names.get("all_proxy", "")


def _covers(exempt: str, host: str) -> bool:
    name = exempt.lstrip(".")
    return exempt == "*" or (name != "" and (host == name or host.endswith(f".{name}")))
