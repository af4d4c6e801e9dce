"""Every shell line that a document shows is run as it stands there: by its page's walk or a named test."""

import json
import shutil
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trustme

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.runtime.kafka import embedded_kafka
from tests.builders.registry import Registry, running_registry
from tests.builders.secured import ADMINISTRATOR, SecuredKafka
from tests.docs.walk import LineFailed, Walk, shell_lines
from tests.tools.stale_docs import REPOSITORY, documents

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]  # half a minute alone; each line has its limit

AUTHORITY = trustme.CA()
PASSWORD = "of-a-test"  # noqa: S105 – of a test

REJECTED = "0d2f6c1b9e4a7583c6d1e0f2a3b4c5d6"
WORK = "7b1e90c4d25f4a83961c0e8fd3a7b542"
"""The items that the page about the desk takes for examples."""
DESK = "tests/integration/test_desk.py"

LINES = [
    pytest.param(path, id=path.relative_to(REPOSITORY).as_posix())
    for path in documents(REPOSITORY)
    if any(shell_lines(path.read_text("utf-8")))
]

BEGIN_ELSEWHERE = {
    "cpis uploads show ": "tests/integration/test_la.py",
    "cpis authorities missing ": "tests/integration/test_upload_command.py",
    "cpis authorities end ": "tests/integration/test_upload_command.py",
    'curl -sS -D- -H "Authorization: Bearer $TOKEN"': "tests/integration/test_la_door.py",
    "cpis la ": "tests/integration/test_la.py",
    "cpis trace batch ": "tests/integration/test_trace_command.py",
    "cpis look ": "tests/unit/cli/test_look.py",
    "cpis query ": "tests/unit/cli/test_query.py",
    "cpis subject-access ": "tests/unit/cli/test_subject_access.py",
    "cpis deliveries settle ": "tests/unit/cli/test_deliveries.py",
}
"""How lines begin that a reader runs with files, ids or people of their own, each with the test that does."""
ELSEWHERE = {
    "make test": ".ci/run",
    "make demo": "tests/acceptance/test_demo.py",
    ".venv/bin/cpis demo --keep": "tests/acceptance/test_demo.py",
    "make bench": "tests/docs/test_bench.py",
    "make mutants": "tests/integration/test_mutants.py",
    f'cpis rejected show {REJECTED} --unmask --by "A. Operator" --reason "ticket 4711"': DESK,
    f"cpis rejected redrive {REJECTED} --dry-run": DESK,
    f'cpis rejected redrive {REJECTED} --by "A. Operator" --reason "ticket 4711"': DESK,
    f'cpis worklist confirm {WORK} --by "A. Operator" --reason "traced on the ward, ticket 4711"': DESK,
    f'cpis worklist settle {WORK} --by "A. Operator" --reason "traced, ticket 4711"': DESK,
    f'cpis worklist release {WORK} --by "A. Operator" --reason "mended, ticket 4711"': DESK,
    f"cpis worklist hold {WORK}"
    ' --by "A. Operator" --reason "two children under one number, ticket 4711"': DESK,
    "cpis worklist hold cpis.in.attendances-3-14"
    ' --by "A. Operator" --reason "two children under one number, ticket 4711"': DESK,
    "cpis worklist release 368796549adfffe5e772c0129e4a81be --dry-run": DESK,
    "cpis worklist release 368796549adfffe5e772c0129e4a81be"
    ' --by "A. Operator" --reason "mended, ticket 4711"': DESK,
    "cpis messages show cpis.in.attendances-3-14": DESK,
    'cpis messages show cpis.in.attendances-3-14 --unmask --by "A. Operator" --reason "ticket 4711"': DESK,
    "cpis deliveries resend provider.RXH.mllp --dead": "tests/unit/cli/test_deliveries.py",
    "cpis deliveries resend provider.RXH.mllp --dead --yes"
    ' --by "A. Operator" --reason "ticket 4711, engine mended"': "tests/unit/cli/test_deliveries.py",
    "cpis onboard check RXX": "tests/unit/cli/test_onboard.py",
    "cpis probe mllp 127.0.0.1:2575 --seconds 15": "tests/integration/test_probe.py",
    "cpis kafka --nodes 3": "tests/integration/test_embedded_cluster.py",
    "docker build --file deploy/Dockerfile --tag cpis-broker:0.1.0 .": "tests/containers/images.py",
    **dict.fromkeys(
        [
            "docker compose --file deploy/compose.yaml up --detach",
            "docker compose --file deploy/compose.yaml ps",
            "docker compose --file deploy/compose.yaml logs broker",
            "docker compose --file deploy/compose.yaml exec -T broker cpis topics list",
            "docker compose --file deploy/compose.yaml run --rm topics",
            "docker compose --file deploy/compose.yaml up --detach --no-deps broker index",
            "docker compose --file deploy/compose.yaml down",
        ],
        "tests/containers/test_compose.py",
    ),
}
"""Lines that are run by another test, since they take minutes, a machine of their own or a mistake mended."""

NEW_DEPLOYMENTS = ("run-against-your-kafka.md", "try-the-authority-door.md")
"""Pages that begin a deployment, which has an identity key of its own."""

UNTIL = {
    "cpis run": '"ready"',
    "cpis run --role intake": '"ready"',
    "cpis run --role matcher": '"ready"',
    "cpis run --role outbox": '"ready"',
    "cpis listen --authority 204 --from-beginning": "204",
    "cpis listen --authority 211 --from-beginning": "211",
}
"""Lines that run on, and what they show when they do what they are for."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka that no other test writes to, on which the recorded day has been played."""
    with embedded_kafka() as kafka, TemporaryDirectory() as folder:
        Walk(Path(folder), settings={"CPIS_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}).follow(
            "cpis demo"
        )
        yield kafka


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """Lend a schema registry that wants a user and has a certificate of `AUTHORITY`."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("localhost").configure_cert(tls)
    with running_registry(credentials=("cpis", PASSWORD), tls=tls) as running:
        yield running


@pytest.fixture(scope="module")
def items(cluster: EmbeddedKafka) -> dict[str, str]:
    """Return the items of the recorded day that stand for those of the page about the desk."""
    walk = Walk(Path.cwd(), settings={"CPIS_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers})
    lists = {REJECTED: "cpis rejected list --json", WORK: "cpis worklist list --all --json"}
    return {shown: json.loads(walk.follow(line).splitlines()[0])["id"] for shown, line in lists.items()}


@pytest.fixture
def walk(cluster: EmbeddedKafka, registry: Registry, items: dict[str, str], tmp_path: Path) -> Walk:
    """Return a reader's folder, with the files that the pages leave to their readers."""
    fixtures = REPOSITORY / "tests" / "fixtures"
    shutil.copy(REPOSITORY / "deploy" / "topics.toml", tmp_path / "topics.toml")
    shutil.copy(fixtures / "uploads" / "looked-after.xml", tmp_path / "authority-2026-03-02.xml")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "registry.password").write_text(PASSWORD)
    (tmp_path / "number.txt").write_text("999 000 5214\n")
    (tmp_path / "numbers.txt").write_text("9990005214\n9990005222\n")
    (tmp_path / "view.txt").write_text("9990005214\nNurse Sample\n")
    (tmp_path / "exclusion.txt").write_text("9990005214\nu-17\n")
    (tmp_path / "birth.txt").write_text("9990005214\n9990000018\n2026-03-02\n")
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "etc" / "registry-ca.pem"))
    walk = Walk(
        tmp_path,
        settings={
            "CPIS_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
            "CPIS_DATA_DIR": str(tmp_path / "data"),
            "CPIS_MLLP_PORT": "0",
        },
        stands_for={
            ".venv/bin/": "",
            "kafka-1:9092,kafka-2:9092,kafka-3:9092": cluster.bootstrap_servers,
            "127.0.0.1:9092": cluster.bootstrap_servers,
            "CPIS_HTTP_PORT=8443": "CPIS_HTTP_PORT=0",
            "--replication-factor 3": "--replication-factor 1",  # one node
            "/etc/cpis": str(tmp_path / "etc"),
            "https://registry.example:8081": registry.url,
            **items,
        },
        until=UNTIL,
    )
    walk.prepare()
    return walk


def secure(walk: Walk, secured: SecuredKafka) -> Walk:
    """Return a walk on a secured Kafka, with the administrator's certificate and the intake's password."""
    etc = Path(walk.stands_for["/etc/cpis"])
    shutil.copy(secured.certificates.ca_file, etc / "kafka-ca.pem")
    certificate, key = secured.certificates.issue(ADMINISTRATOR)
    shutil.copy(certificate, etc / "kafka.crt")
    shutil.copy(key, etc / "kafka.key")
    shutil.copy(secured.by_password("cpis-intake")["CPIS_KAFKA_PASSWORD_FILE"], etc / "kafka.password")
    stands_for = {
        **walk.stands_for,
        "kafka-1:9094,kafka-2:9094,kafka-3:9094": f"127.0.0.1:{secured.certificate_port}",
        "kafka-1:9093,kafka-2:9093,kafka-3:9093": secured.kafka.bootstrap_servers,
    }
    return replace(walk, stands_for=stands_for)


@pytest.fixture
def unused() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka that nobody has written to: a new deployment has an identity key of its own."""
    with embedded_kafka() as kafka:
        yield kafka


def on(kafka: EmbeddedKafka, walk: Walk) -> Walk:
    """Return a walk on another Kafka."""
    before, after = walk.settings["CPIS_KAFKA_BOOTSTRAP_SERVERS"], kafka.bootstrap_servers
    return replace(
        walk,
        settings=walk.settings | {"CPIS_KAFKA_BOOTSTRAP_SERVERS": after},
        stands_for={shown: there.replace(before, after) for shown, there in walk.stands_for.items()},
    )


@pytest.mark.parametrize("page", LINES)
def test_the_lines_of_a_page_work_in_their_order(
    page: Path, walk: Walk, request: pytest.FixtureRequest
) -> None:
    """Each ends with 0, or runs on until it is interrupted; a new line that fails may need a row above."""
    if page.name == "secure-kafka.md":
        walk = secure(walk, request.getfixturevalue("secured"))
    if page.name in NEW_DEPLOYMENTS:
        walk = on(request.getfixturevalue("unused"), walk)
    for line in shell_lines(page.read_text("utf-8")):
        if line not in ELSEWHERE and not line.startswith(tuple(BEGIN_ELSEWHERE)):
            walk.follow(line)


def test_what_is_run_elsewhere_is_shown_and_its_test_exists() -> None:
    """No row outlives its line."""
    shown = {line for path in documents(REPOSITORY) for line in shell_lines(path.read_text("utf-8"))}

    assert set() == (ELSEWHERE.keys() | UNTIL.keys()) - shown
    assert [] == [begin for begin in BEGIN_ELSEWHERE if not any(line.startswith(begin) for line in shown)]
    places = [*ELSEWHERE.values(), *BEGIN_ELSEWHERE.values()]
    assert [] == [place for place in places if not (REPOSITORY / place).is_file()]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("false", "exit code 1", id="a line that fails"),
        pytest.param("echo it ends", "ended and never showed", id="a line that should run on"),
        pytest.param("echo ready; exit 3", "exit code 3", id="a line that ends badly"),
    ],
)
def test_a_walk_notices(tmp_path: Path, line: str, says: str) -> None:
    """The walk itself fails where a reader would be stuck."""
    walk = Walk(tmp_path, until={"echo it ends": "ready"})

    with pytest.raises(LineFailed, match=says):
        walk.follow(line)
