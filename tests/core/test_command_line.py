"""The command line: every verb helps itself and is documented, misuse exits 2, failure 1."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from scripts import reference
from warehouse import cli
from warehouse.settings import PROJECT

WANTED = {
    *(
        "init",
        "synth",
        "run",
        "load",
        "build",
        "check",
        "publish",
        "roll-back",
        "status",
        "figures",
        "report",
        "bulletin",
    ),
    *("quarantine list", "quarantine show", "quarantine retry"),
}


def verbs(group=None, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    group = group or typer.main.get_command(cli.app)
    found = []
    for name, command in group.commands.items():
        found += verbs(command, (*prefix, name)) if hasattr(command, "commands") else [(*prefix, name)]
    return found


def run(*arguments: str) -> subprocess.CompletedProcess:
    command = Path(sys.executable).parent / "warehouse"
    return subprocess.run([command, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=120)


def test_every_step_has_a_verb():
    assert {" ".join(verb) for verb in verbs()} >= WANTED


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_every_verb_helps_with_an_example(verb):
    done = CliRunner().invoke(cli.app, [*verb, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 0
    assert f"Example: warehouse {' '.join(verb)}" in " ".join(done.output.split())


def test_the_reference_pages_are_what_would_be_written():
    stale = [path.name for path, text in reference.pages().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run: make reference"


def test_every_page_that_code_or_documentation_points_to_exists():
    import re

    sources = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]
    sources += [
        path for folder in ("warehouse", "scripts", "dags", "database") for path in PROJECT.glob(f"{folder}/**/*.*")
    ]
    missing = []
    for path in sources:
        if path.suffix not in (".md", ".py", ".sql"):
            continue
        text = path.read_text(encoding="utf-8")
        places = {PROJECT / name for name in re.findall(r"\bdocs/[a-z-]+/[a-z0-9-]+\.md", text)}
        if path.suffix == ".md":
            places |= {path.parent / name for name in re.findall(r"\]\((?!https?:)([^)#\s]+)", text)}
        missing += [f"{path.relative_to(PROJECT)}: {place}" for place in places if not place.exists()]
    assert missing == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "--from", "2021-13-01"),
        ("load", "--nonsense"),
        ("roll-back", "1"),
        ("figures", "--against", "no such file"),
        ("no-such-verb",),
    ],
)
def test_misuse_exits_with_2(warehouse, arguments):
    assert run(*arguments).returncode == 2


def test_a_system_nobody_has_is_refused_by_name(warehouse):
    done = run("load", "--system", "funerals")
    assert done.returncode == 2
    assert "funerals" in done.stderr
    assert "assistance, civil_registration, funeral" in done.stderr


def test_an_empty_warehouse_says_so_and_what_to_do(warehouse):
    assert "no publication yet" in run("status").stdout
    done = run("bulletin")
    assert done.returncode == 1
    assert "warehouse run" in done.stderr
    assert run("run").stdout.splitlines()[-1] == "not published: nothing is loaded that is not published"


def test_init_is_safe_to_repeat(warehouse):
    done = run("init")
    assert done.returncode == 0
    assert "migrations applied: none" in done.stdout


def test_a_database_that_init_has_not_prepared_is_named(warehouse, monkeypatch):
    warehouse.query("create database empty_one")
    monkeypatch.setenv("WAREHOUSE_URL", warehouse.url.rsplit("/", 1)[0] + "/empty_one")
    done = run("status")
    assert done.returncode == 1
    assert "warehouse init" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_does_not_answer_is_named_without_its_password(warehouse, monkeypatch):
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://me:very-secret@127.0.0.1:9/warehouse")
    done = run("status")
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr
    assert "very-secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
