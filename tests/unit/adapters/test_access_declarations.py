"""The file that declares who may do what: what follows from it, and which mistakes in it are refused."""

import pytest

from broker.adapters.access_declarations import Access, Grant, Kind, Operation, load_access
from broker.adapters.topic_declarations import Topics, load_topics
from broker.core.errors import AccessRefused
from broker.runtime.resources import access_file, topics_file

TOPICS = load_topics(topics_file().read_text("utf-8"))


def load(text: str, topics: Topics = TOPICS) -> Access:
    """Read a file for the deployment `site`."""
    return load_access(text, topics, "site")


def shipped() -> Access:
    """Read the shipped file."""
    return load(access_file().read_text("utf-8"))


def test_grants_follow_from_what_is_done() -> None:
    """Reading, writing, groups, transactions; a star stands for a beginning."""
    access = load(
        """
        [principals.one]
        name = "{application}-one"
        does = "something"
        read = ["cpis.people"]
        write = ["cpis.alerts.*"]
        groups = ["{application}-ones"]
        transactional_ids = ["{application}-one-*"]
        inspects = true
        """
    )
    user = "site-one"

    assert (
        Grant(user, Kind.TOPIC, "cpis.people", prefixed=False, operation=Operation.READ),
        Grant(user, Kind.TOPIC, "cpis.people", prefixed=False, operation=Operation.DESCRIBE_CONFIGS),
        Grant(user, Kind.TOPIC, "cpis.alerts.", prefixed=True, operation=Operation.WRITE),
        Grant(user, Kind.GROUP, "site-ones", prefixed=False, operation=Operation.READ),
        Grant(user, Kind.TRANSACTIONAL_ID, "site-one-", prefixed=True, operation=Operation.WRITE),
    ) == access.of("one").grants
    assert "WRITE on topic cpis.alerts.*" == str(access.grants[2])


def test_each_recipient_has_its_own_topic_and_group_and_nothing_else() -> None:
    """One principal for each code of the topics file."""
    found = {
        principal.user: [str(grant) for grant in principal.grants]
        for principal in shipped()
        if principal.role.startswith(("local_authorities ", "providers "))
    }

    assert {"la-204", "la-211", "provider-RXH", "provider-RXM"} == found.keys()
    assert [
        "READ on topic cpis.alerts.la.204",
        "READ on group site-listen-la-204",
    ] == found["la-204"]


WRITING = """
partitions = 1
replication_factor = 1
[recipients]
providers = ["RXX"]
[recipient_topics.providers]
name = "out.{ods}"
partitions = 1
[senders]
providers = ["RXX", "RXM"]
[sender_topics.providers]
name = "in.{ods}"
partitions = 1
"""


def test_a_provider_that_writes_is_one_user_whatever_it_is_beside() -> None:
    """As a recipient it reads, as a sender it writes; one that is no recipient writes alone."""
    access = load(
        """
        [recipients.providers]
        name = "provider-{ods}"
        read = ["out.{ods}"]
        [senders.providers]
        name = "provider-{ods}"
        write = ["in.{ods}"]
        [principals.intake]
        name = "intake"
        read = ["in.*"]
        """,
        load_topics(WRITING),
    )

    assert {
        "intake": ["READ on topic in.*"],
        "provider-RXX": ["READ on topic out.RXX", "WRITE on topic in.RXX"],
        "provider-RXM": ["WRITE on topic in.RXM"],
    } == {one.user: [str(grant) for grant in one.grants] for one in access}


def test_a_beginning_may_stand_for_topics_of_which_there_are_none_yet() -> None:
    """Intake reads what providers write; today nobody does."""
    assert not TOPICS.written
    assert "READ on topic cpis.in.attendances.*" in [str(grant) for grant in shipped().of("intake").grants]


def test_nobody_is_granted_everything_or_the_cluster() -> None:
    """No ALL, no DELETE, nothing on the cluster, and no right for everybody."""
    grants = shipped().grants

    assert not {grant.operation for grant in grants} & {
        Operation.ALL,
        Operation.DELETE,
        Operation.ALTER,
        Operation.CLUSTER_ACTION,
    }
    assert Kind.CLUSTER not in {grant.kind for grant in grants}
    assert "*" not in {grant.user for grant in grants}


def test_the_people_are_written_by_the_matcher_alone_and_read_by_who_explains_or_decides() -> None:
    """Of all topics this one holds who has a plan."""
    users = {
        (grant.user, grant.operation)
        for grant in shipped().grants
        if grant.operation in {Operation.READ, Operation.WRITE}
        and grant.kind is Kind.TOPIC
        and ("cpis.people".startswith(grant.name) if grant.prefixed else grant.name == "cpis.people")
    }

    assert {
        ("site-intake", Operation.READ),  # whether a plan that ends late is on file (ruling 18)
        ("site-matcher", Operation.READ),
        ("site-matcher", Operation.WRITE),
        ("site-explainer", Operation.READ),
        ("site-operator", Operation.READ),  # it says whose a visit is whose details disagree (ruling 46)
        ("site-administrator", Operation.READ),
        ("site-discloser", Operation.READ),  # it collects what is held of a person (ruling 49)
        ("site-steward", Operation.READ),
        ("site-outbox", Operation.READ),  # it answers for every visit of sites that ask (ruling 41)
    } == users


MISTAKES = {
    "no TOML": ("principals = ", "is not TOML"),
    "an unknown table": ("[people]", "people is not known here"),
    "an unknown kind of sender": ('[senders.schools]\nname = "s-{ods}"', "schools is not known here"),
    "an unknown kind": ('[recipients.schools]\nname = "s-{ods}"', "schools is not known here"),
    "no table": ("[principals]\none = 3", "one: must be a table"),
    "an unknown key": ('[principals.one]\nname = "a"\nreads = []', "one: reads is not known here"),
    "no name": ("[principals.one]\ndoes = 'nothing'", "one: name must be text"),
    "a name that is none": ('[principals.one]\nname = "CN=one, O=x"', "cannot be a principal's name"),
    "an empty name": ('[principals.one]\nname = ""', "cannot be a principal's name"),
    "no list": ('[principals.one]\nname = "a"\nread = "cpis.people"', "one: read must be a list"),
    "a topic that is not declared": (
        '[principals.one]\nname = "a"\nread = ["cpis.poeple"]',
        "one: read: no topic cpis.poeple is declared",
    ),
    "a beginning of no topic": (
        '[principals.one]\nname = "a"\nwrite = ["cpsi.*"]',
        r"one: write: no topic cpsi\.\* is declared",
    ),
    "everything": ('[principals.one]\nname = "a"\nread = ["*"]', "may have one *"),
    "a star in the middle": ('[principals.one]\nname = "a"\ngroups = ["a*b"]', "may have one *"),
    "a place nothing is known for": (
        '[principals.one]\nname = "a"\ngroups = ["{ods}"]',
        "has a place that nothing is known for",
    ),
    "two of one name": (
        '[principals.one]\nname = "a"\n[principals.two]\nname = "a"',
        "the user a is declared more than once",
    ),
}


@pytest.mark.parametrize(("text", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_place(text: str, words: str) -> None:
    """Before anything is granted."""
    with pytest.raises(AccessRefused, match=words):
        load(text)


def test_a_site_without_recipients_needs_no_topics_for_them() -> None:
    """A beginning that stands for the recipients' topics is no mistake where there are none."""
    alone = load_topics('partitions = 1\nreplication_factor = 1\n[topics."cpis.alerts"]\npartitions = 1')
    access = load('[principals.one]\nname = "a"\nwrite = ["cpis.alerts.*"]', alone)

    assert 1 == len(access.grants)
