# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any valid document: applied, nothing is left to plan; check mode predicts the run; what left the document goes, and nothing else."""

from __future__ import annotations

from typing import Any

from applied import Document, applied
from fake_mlflow import FakeMlflow
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

NAMES = st.sampled_from("abc")
TEXTS = st.one_of(st.booleans(), st.integers(0, 3), st.sampled_from(["", "x", "y z"]))
TAGS = st.dictionaries(st.sampled_from(["k", "l"]), TEXTS, max_size=2)
LEVELS = st.sampled_from(["READ", "USE", "EDIT", "MANAGE", "DENY"])


def one_of_each(entry: st.SearchStrategy[Document], key: str = "name", most: int = 3) -> st.SearchStrategy[list[Document]]:
    return st.lists(entry, max_size=most, unique_by=lambda found: str(found[key]))


def entry(key: str = "name", names: st.SearchStrategy[str] = NAMES, needed: dict[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[Document]:
    return st.fixed_dictionaries({key: names, **(needed or {})}, optional=optional)


DESCRIPTIONS = st.sampled_from(["", "d"])
EXPERIMENTS = one_of_each(entry(description=DESCRIPTIONS, tags=TAGS))
VERSIONS = one_of_each(entry("label", needed={"source": st.sampled_from(["s3://a", "s3://b"])}, tags=TAGS, description=DESCRIPTIONS), "label")


@st.composite
def models(draw: st.DrawFn) -> Document:
    model: Document = draw(entry(names=st.sampled_from(["m1", "m2", "m3"]), description=DESCRIPTIONS, tags=TAGS))
    if draw(st.booleans()):
        # What a version was made from never changes: a label stands for one source.
        model["versions"] = [{**version, "source": f"s3://{version['label']}"} for version in draw(VERSIONS)]
        labels = [version["label"] for version in model["versions"]]
        if labels:
            model["aliases"] = draw(st.dictionaries(st.sampled_from(["best", "old"]), st.sampled_from(labels), max_size=2))
    return model


PROMPTS = one_of_each(
    entry(
        names=st.sampled_from(["p1", "p2"]),
        needed={"template": st.sampled_from(["Hi", "Hello {{ name }}"])},
        description=DESCRIPTIONS,
        tags=TAGS,
        version_tags=TAGS,
        aliases=st.fixed_dictionaries({"production": st.just("latest")}),
        model_config=st.fixed_dictionaries({"temperature": st.sampled_from([0.1, 0.5])}),
    )
)
WEBHOOKS = one_of_each(
    entry(
        needed={
            "url": st.just("https://x.example.com"),
            "events": st.lists(st.sampled_from(["model_version.created", "prompt.created"]), min_size=1, unique=True),
        },
        description=DESCRIPTIONS,
        status=st.sampled_from(["ACTIVE", "DISABLED"]),
        secret=st.sampled_from(["canary-one", "canary-two"]),
    )
)


@st.composite
def gateways(draw: st.DrawFn) -> Document:
    secrets = draw(one_of_each(entry(needed={"provider": st.just("openai"), "secret_value": st.sampled_from(["canary-one", "canary-two"])})))
    names = [secret["name"] for secret in secrets]
    made: Document = {"secrets": secrets}
    if names:
        needed = {"secret_name": st.sampled_from(names), "provider": st.just("openai"), "model_name": st.sampled_from(["one", "two"])}
        made["model_definitions"] = draw(one_of_each(entry(needed=needed)))
    known = [definition["name"] for definition in made.get("model_definitions", [])]
    if known:
        config = st.lists(st.fixed_dictionaries({"model_definition": st.sampled_from(known)}), min_size=1, max_size=1)
        made["endpoints"] = draw(one_of_each(entry(needed={"model_configs": config}, usage_tracking=st.booleans(), tags=TAGS)))
    duration = st.fixed_dictionaries({"unit": st.sampled_from(["DAYS", "WEEKS"]), "value": st.just(1)})
    needed = {"duration": duration, "budget_amount": st.sampled_from([1.0, 2.5]), "budget_action": st.just("ALERT")}
    made["budgets"] = draw(st.lists(entry("target_scope", st.just("GLOBAL"), needed=needed), max_size=2, unique_by=lambda one: one["duration"]["unit"]))
    return made


@st.composite
def people(draw: st.DrawFn, experiments: list[str]) -> Document:
    """Users, roles and grants, on experiments that are declared too."""
    users = draw(one_of_each(entry("username", needed={"password": st.sampled_from(["long-enough-12", "long-enough-13"])}, is_admin=st.booleans()), "username"))
    names = [user["username"] for user in users]
    resources = st.sampled_from([*(("experiment", name) for name in experiments), ("registered_model", "*"), ("run", "*")])
    permission = st.builds(lambda on, level: {"resource_type": on[0], "resource": on[1], "permission": level}, resources, LEVELS)
    permissions = st.lists(permission, max_size=3, unique_by=lambda one: (one["resource_type"], one["resource"]))
    members = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    roles = draw(one_of_each(entry(names=st.sampled_from(["r1", "r2"]), description=DESCRIPTIONS, members=members, permissions=permissions)))
    grants = [{"user": name, **one} for name in names for one in draw(permissions)]
    return {"users": users, "roles": roles, "grants": grants}


@st.composite
def documents(draw: st.DrawFn) -> Document:
    document: Document = draw(
        st.fixed_dictionaries(
            {"experiments": EXPERIMENTS},
            optional={"registered_models": one_of_each(models()), "prompts": PROMPTS, "webhooks": WEBHOOKS, "gateway": gateways()},
        )
    )
    document.update(draw(people([experiment["name"] for experiment in document["experiments"]])))
    spaces = one_of_each(entry(names=st.sampled_from(["w1", "w2"]), description=DESCRIPTIONS, experiments=EXPERIMENTS, prompts=PROMPTS))
    return {**document, "workspaces": draw(spaces)}


FAMILIES = (
    "workspaces", "experiments", "registered_models", "prompts", "webhooks", "gateway_secrets", "gateway_model_definitions", "gateway_endpoints",
    "gateway_budgets", "users", "roles", "grants",
)  # fmt: skip
THEIRS: Document = {"experiments": [{"name": "theirs"}], "registered_models": [{"name": "theirs"}], "webhooks": []}


def names_in(document: Document) -> set[str]:
    """What a document declares, as results call it, of families whose names are plain."""
    plain = ("experiments", "registered_models", "prompts", "webhooks", "roles")
    top = {f"{family}/{one['name']}" for family in plain for one in document.get(family, [])} | {f"users/{user['username']}" for user in document["users"]}
    return top | {f"workspaces/{space['name']}" for space in document["workspaces"]}


def granted(name: str) -> Document:
    grant = {"user": "a", "resource_type": "experiment", "resource": name, "permission": "READ"}
    return {"experiments": [{"name": name}], "users": [{"username": "a", "password": "long-enough-12"}], "roles": [], "grants": [grant], "workspaces": []}


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents(), documents(), st.sampled_from(["merge", "exact"]))
@example(granted("a"), granted("b"), "merge")  # whoever is there already gets what is new
def test_after_applying_nothing_is_left_to_plan(before: Document, after: Document, mode: str) -> None:
    with FakeMlflow() as fake:
        applied(fake, THEIRS, owner="them")
        applied(fake, before, mode=mode)
        assert applied(fake, before, mode=mode)["plan"] == []
        predicted = applied(fake, after, mode=mode, prune=FAMILIES, check=True)["plan"]
        assert applied(fake, after, mode=mode, prune=FAMILIES)["plan"] == predicted
        assert applied(fake, after, mode=mode, prune=FAMILIES)["plan"] == []
        gone = {f"{action['family']}/{action['name']}" for action in predicted if action["action"] == "delete"}
        assert {name for name in gone if not name.startswith(("gateway_", "grants/")) and "@" not in name} == names_in(before) - names_in(after)
        assert {item["name"] for item in fake.at("experiments").values() if item["lifecycle_stage"] == "active"} >= {"theirs"} and "theirs" in fake.at("models")
