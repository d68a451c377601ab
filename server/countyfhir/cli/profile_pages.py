"""The pages of docs/profiles/, written from profiles/ themselves: ``python -m countyfhir.cli.profile_pages FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from countyfhir import shipped
from countyfhir.model import json
from countyfhir.validation.profiles.registry import Profiles

Element = dict[str, Any]
OURS = "https://fhir.county-hc.example/"
NOTE = "<!-- Written by `python -m countyfhir.cli.profile_pages docs/profiles`; change profiles/ instead. -->\n"
FORM_HEADER = "| linkId | Text 题目 | Type | Answers 选项 | Only when 条件 |\n|---|---|---|---|---|\n"


def pages() -> dict[str, str]:
    """File name -> text of every page: an index, one of each profile, one of all extensions, one of each form."""
    folder = shipped.folder("profiles")
    profiles = Profiles(folders=[folder])
    stated = [one for one in profiles if one["url"].startswith(OURS)]
    constrained = sorted((one for one in stated if one["type"] != "Extension"), key=lambda one: str(one["id"]))
    extensions = sorted((one for one in stated if one["type"] == "Extension"), key=lambda one: str(one["id"]))
    forms = [json.parse(path.read_bytes()) for path in sorted((folder / "questionnaires").glob("*.json"))]
    made = {f"{one['id']}.md": profile_page(one, profiles, folder) for one in constrained}
    made |= {f"form-{one['id']}.md": form_page(one) for one in forms}
    made["extensions.md"] = extensions_page(extensions, profiles)
    made["README.md"] = index(constrained, forms)
    return made


def index(constrained: list[Element], forms: list[Element]) -> str:
    """The list of all pages."""
    lines = [
        NOTE,
        "# The county's profiles 县域规范\n\n",
        "What the county asks of a resource beyond FHIR R4. How they are made and how to add one: ",
        "[profiles/README.md](../../profiles/README.md). Extensions: [extensions.md](extensions.md).\n\n",
        "| Profile | 中文名 | Type | `meta.profile` |\n|---|---|---|---|\n",
    ]
    lines += [
        f"| [{one['title']}]({one['id']}.md) | {chinese(one, 'title')} | {one['type']} | `{one['url']}` |\n"
        for one in constrained
    ]
    lines.append("\n## Forms 表单\n\n| Form 表单 | English | Canonical |\n|---|---|---|\n")
    for one in forms:
        name = f"[{one['title']}](form-{one['id']}.md)"
        lines.append(f"| {name} | {translation(one, 'title')} | `{one['url']}\\|{one['version']}` |\n")
    return "".join(lines)


def profile_page(profile: Element, profiles: Profiles, folder: Path) -> str:
    """One profile: its names, elements, constraints and examples."""
    made = profiles.structure(str(profile["url"])) or {}
    whole = {one["id"]: one for one in made.get("snapshot", {}).get("element", ())}
    stated = profile["differential"]["element"]
    return "".join(
        (
            NOTE,
            f"# {profile['title']} {chinese(profile, 'title')}\n\n",
            f"{profile['description']}\n\n{chinese(profile, 'description')}\n\n",
            f"| | |\n|---|---|\n| `meta.profile` | `{profile['url']}` |\n| Type | {profile['type']} |\n",
            f"| Derived from | `{profile['baseDefinition']}` |\n| Version | {profile['version']} |\n\n",
            "## Elements 元素\n\n",
            "| Element | Meaning | 中文 | Card. | S | Rules |\n|---|---|---|---|---|---|\n",
            *(row(one, whole.get(one["id"], one)) for one in stated if "." in one["id"] and not is_opening(one)),
            "\nS: the element must be supported (`mustSupport`).\n",
            *constraints(stated),
            *examples(folder / "examples" / profile["id"]),
        )
    )


def is_opening(element: Element) -> bool:
    """Whether an element only opens the slicing of extensions."""
    return element["path"].rpartition(".")[2] == "extension" and "sliceName" not in element


def row(stated: Element, whole: Element) -> str:
    """One element: cardinality as it results, the rest as stated."""
    name = stated["id"].partition(".")[2]
    cardinality = f"{whole.get('min', '')}..{whole.get('max', '')}"
    support = "S" if stated.get("mustSupport") else ""
    rules = "; ".join(rules_of(stated))
    return (
        f"| `{name}` | {stated.get('short', '')} | {chinese(stated, 'short')} | {cardinality} | {support} | {rules} |\n"
    )


def rules_of(element: Element) -> Iterator[str]:
    """Types, targets, fixed values, patterns, bindings, slicing."""
    for one in element.get("type", ()):
        targets = [*one.get("profile", ()), *one.get("targetProfile", ())]
        yield ", ".join(named(url) for url in targets) if targets else str(one["code"])
    for key, value in element.items():
        if key.startswith("fixed"):
            yield f"fixed `{value}`"
        if key.startswith("pattern"):
            yield f"pattern `{json.dumps(value).decode() if isinstance(value, dict) else value}`"
    if "binding" in element:
        yield f"{element['binding']['strength']} `{element['binding']['valueSet'].removeprefix(OURS)}`"
    for one in element.get("slicing", {}).get("discriminator", ()):
        yield f"sliced by {one['type']} of `{one['path']}`"


def named(url: str) -> str:
    """A profile with a link to its page where it is ours, or the type."""
    name = url.rpartition("/")[2]
    if not url.startswith(OURS):
        return name
    return f"[{name}]({name}.md)" if name.startswith("county-") else f"[{name}](extensions.md#{name})"


def constraints(stated: list[Element]) -> Iterator[str]:
    """What is checked beyond single elements."""
    found = [(one, rule) for one in stated for rule in one.get("constraint", ())]
    if found:
        yield "\n## Constraints 约束\n"
    for element, rule in found:
        yield f"\n`{rule['key']}` ({rule['severity']}) on `{element['id']}`: {rule['human']}\n\n"
        yield f"```\n{rule['expression']}\n```\n"


def examples(folder: Path) -> Iterator[str]:
    """Good examples, and bad ones with what they are refused or warned for."""
    expected = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))
    yield "\n## Examples 示例\n\n| Example | What is wrong |\n|---|---|\n"
    for path in sorted(folder.glob("*.json"), key=lambda path: (not path.name.startswith("good"), path.name)):
        wrong = "; ".join(f"`{one['expression']}`: `{one['key']}`" for one in expected.get(path.name, ()))
        link = f"../../profiles/examples/{folder.name}/{path.name}"
        yield f"| [{path.stem}]({link}) | {wrong or 'nothing'} |\n"


def extensions_page(extensions: list[Element], profiles: Profiles) -> str:
    """All extensions."""
    lines = [NOTE, "# Extensions 扩展\n"]
    for one in extensions:
        contexts = ", ".join(f"`{context['expression']}`" for context in one["context"])
        lines.append(f"\n## {one['id']}\n\n{one['title']} {chinese(one, 'title')}. {one['description']}\n")
        lines.append(f"{chinese(one, 'description')}\n\nOn {contexts}. `{one['url']}`\n\n")
        made = profiles.structure(str(one["url"])) or {}
        whole = {element["id"]: element for element in made["snapshot"]["element"]}
        lines.append("| Element | Meaning | 中文 | Card. | S | Rules |\n|---|---|---|---|---|---|\n")
        shown = [e for e in one["differential"]["element"] if "." in e["id"] and whole[e["id"]].get("max") != "0"]
        lines += [row(element, whole[element["id"]]) for element in shown if not is_opening(element)]
        lines += constraints(one["differential"]["element"])
    return "".join(lines)


def form_page(form: Element) -> str:
    """One form: every question with its answers."""
    lines = [
        NOTE,
        f"# {form['title']} {translation(form, 'title')}\n\n{form['description']}\n",
        f"{translation(form, 'description')}\n\n`{form['url']}|{form['version']}`\n\n",
        FORM_HEADER,
        *(line for item in form["item"] for line in question(item, 0)),
    ]
    return "".join(lines)


def question(item: Element, depth: int) -> Iterator[str]:
    """The row of an item and those below it."""
    answers = "; ".join(answer(one) for one in item.get("answerOption", ()))
    kind = item["type"] + ("*" if item.get("repeats") else "") + (" required" if item.get("required") else "")
    unit = next(
        (one["valueCoding"].get("display", "") for one in item.get("extension", ()) if "unit" in one["url"]), ""
    )
    joined = " or ".join(condition(one) for one in item.get("enableWhen", ()))
    indent = "&nbsp;&nbsp;" * depth
    yield f"| {indent}`{item['linkId']}` | {item['text']} | {kind} {unit}| {answers} | {joined} |\n"
    for one in item.get("item", ()):
        yield from question(one, depth + 1)


def answer(option: Element) -> str:
    """An answer as the form prints it."""
    coding = option.get("valueCoding")
    return f"{coding['code']} {coding['display']}" if coding else str(option["valueString"])


def condition(one: Element) -> str:
    """When an item is asked."""
    value = next(value for key, value in one.items() if key.startswith("answer"))
    return f"`{one['question']}` {one['operator']} {value['code'] if isinstance(value, dict) else str(value).lower()}"


def translation(element: Element, name: str) -> str:
    """The text of a name in the other language, by the translation extension."""
    for one in element.get(f"_{name}", {}).get("extension", ()):
        for part in one.get("extension", ()):
            if part["url"] == "content":
                return str(part.get("valueString") or part.get("valueMarkdown"))
    return ""


chinese = translation
"""Profiles and elements are named in English; the translation is the Chinese name."""


def main(folder: Path) -> None:
    """Write all pages and remove those of profiles that are gone."""
    made = pages()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/profiles"))
