"""The client of Dataverse: signing in, the line, typed errors, waiting, batches."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings, strategies

from email_router.core.errors import ConfigurationError, MailboxBlocked, MessageRefused, RouterError, TryLater
from email_router.edge.connect.dataverse import DataverseClient, text
from email_router.edge.connect.dataverse_address import address_of
from email_router.edge.connect.dataverse_batch import MOST, ChangeSet, Request
from email_router.edge.connect.dataverse_signing import application
from email_router.edge.connect.https import AnswerLost, hang_up
from tests.contracts import dataverse_rig
from tests.contracts.dataverse_rig import EMAIL, HERE, OTHER, Rig
from tests.simulators.certificates import make_authority
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT

PEOPLE = "contacts?$select=fullname"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    yield from dataverse_rig.rig(tmp_path_factory.mktemp("dataverse"))


@pytest.fixture
def dataverse(running: Rig) -> Iterator[Rig]:
    yield from dataverse_rig.afresh(running)


def failing(client: DataverseClient, method: str = "GET", target: str = PEOPLE, content: object = None) -> RouterError:
    with pytest.raises(RouterError) as caught:
        client.call(method, target, content)  # type: ignore[arg-type] # tables of cases hold objects
    return caught.value


class TestSigningIn:
    def test_one_token_serves_many_requests(self, dataverse: Rig) -> None:
        client = dataverse.signed_in(secret=f" {SECRET}")  # an account of its own, so that no earlier token serves

        for _ in range(3):
            client.call("GET", PEOPLE)

        said = [one["path"] for one in dataverse.process.requests()]
        assert len([path for path in said if path.endswith("/oauth2/v2.0/token")]) == 1

    def test_a_token_that_has_expired_is_replaced_once(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.settings(revoke_tokens=True)
        dataverse.process.clear_requests()

        dataverse.client.call("GET", PEOPLE)

        assert [one["status"] for one in dataverse.process.requests("GET /api")] == [401, 200]

    def test_a_token_is_refused_once_its_time_is_over(self, dataverse: Rig) -> None:
        dataverse.process.settings(revoke_tokens=True, token_seconds=0)

        caught = failing(dataverse.signed_in(secret=f"{SECRET} "))

        assert (type(caught), caught.kind) == (MailboxBlocked, "login_refused")
        assert [one["status"] for one in dataverse.process.requests("GET /api")] == [401, 401]

    def test_a_token_for_another_organisation_is_not_given(self, dataverse: Rig) -> None:
        elsewhere = address_of(f"https://localhost:{dataverse.process.port}", HERE, dataverse.process.authority.pem)
        way = application(
            elsewhere,
            tenant_id=TENANT,
            client_id=CLIENT,
            secret=SECRET,
            organisation="contoso",
            authority=dataverse.process.url,
        )

        caught = failing(DataverseClient(elsewhere, way, "contoso"))

        assert "AADSTS500011" in str(caught)

    def test_a_token_that_is_never_good_blocks(self, dataverse: Rig) -> None:
        dataverse.process.fault("contacts", "status", times=2, status=401, code="", message="")

        caught = failing(dataverse.client)

        assert (type(caught), caught.kind) == (MailboxBlocked, "login_refused")
        assert "tenant_id" in caught.mend

    def test_a_wrong_secret_is_told_by_entra(self, dataverse: Rig) -> None:
        caught = failing(dataverse.signed_in(secret="wrong"))

        assert (type(caught), caught.kind) == (MailboxBlocked, "login_refused")
        assert "wrong" not in str(caught)

    def test_an_expired_secret_is_told(self, dataverse: Rig) -> None:
        dataverse.process.application(client_id="aged", secrets=["new"], expired=["old"])

        assert failing(dataverse.signed_in("old", "aged")).kind == "secret_expired"

    def test_an_application_that_is_no_user_there_is_told_what_to_do(self, dataverse: Rig) -> None:
        dataverse.process.settings(member=False)

        caught = failing(dataverse.client)

        assert (type(caught), caught.kind) == (MailboxBlocked, "access_denied")
        assert "Application users" in caught.mend
        assert CLIENT in caught.mend

    @pytest.mark.parametrize("name", ["tenant_id", "client_id"])
    def test_without_its_ids_nothing_is_asked(self, dataverse: Rig, name: str) -> None:
        ids = {"tenant_id": TENANT, "client_id": CLIENT, name: ""}

        with pytest.raises(ConfigurationError, match=name):
            application(dataverse.address, secret="x", organisation="contoso", **ids)

    def test_without_a_secret_it_is_blocked(self, dataverse: Rig) -> None:
        with pytest.raises(MailboxBlocked) as caught:
            application(dataverse.address, tenant_id=TENANT, client_id=CLIENT, secret=" ", organisation="contoso")

        assert caught.value.kind == "credentials"

    def test_the_secret_is_in_no_text_of_the_account(self, dataverse: Rig) -> None:
        assert SECRET not in repr(vars(dataverse.client._sign_in))


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "root", "base"),
        [
            ("https://contoso.crm.dynamics.com", "https://contoso.crm.dynamics.com", "/api/data/v9.2"),
            ("https://contoso.crm4.dynamics.com/", "https://contoso.crm4.dynamics.com", "/api/data/v9.2"),
            ("https://contoso.crm.dynamics.com/api/data/v9.1/", "https://contoso.crm.dynamics.com", "/api/data/v9.2"),
            ("https://crm.contoso.example:5555/Sales", "https://crm.contoso.example:5555", "/Sales/api/data/v9.2"),
        ],
    )
    def test_an_organisation_is_found_from_its_url(self, url: str, root: str, base: str) -> None:
        found = address_of(url, HERE)

        assert (found.root, found.base) == (root, base)
        assert found.target("WhoAmI") == f"{base}/WhoAmI"

    @pytest.mark.parametrize("url", ["", "contoso.crm.dynamics.com", "http://contoso.crm.dynamics.com", "https://u@x"])
    def test_what_is_no_https_address_is_refused(self, url: str) -> None:
        with pytest.raises(ConfigurationError, match="url"):
            address_of(url, HERE)

    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.example/api/data/v9.2/contacts",
            "https://contoso.crm.dynamics.com/other",
            "http://contoso.crm.dynamics.com/api/data/v9.2/x",
        ],
    )
    def test_a_link_to_another_place_is_none_of_ours(self, link: str) -> None:
        assert address_of("https://contoso.crm.dynamics.com", HERE).target(link) is None

    def test_a_page_link_to_another_host_is_not_followed(self, dataverse: Rig) -> None:
        caught = failing(dataverse.client, target="https://evil.example/api/data/v9.2/contacts")

        assert (type(caught), caught.kind) == (MailboxBlocked, "foreign_link")

    def test_a_server_that_is_no_dataverse_is_a_matter_of_configuration(self, dataverse: Rig) -> None:
        dataverse.process.fault("contacts", "status", status=404, code="", message="")

        with pytest.raises(ConfigurationError, match="url"):
            dataverse.client.call("GET", PEOPLE)

    def test_a_certificate_of_somebody_else_is_refused(
        self, dataverse: Rig, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        stranger = make_authority(tmp_path_factory.mktemp("stranger"))
        address = address_of(dataverse.process.url, HERE, stranger.pem)
        way = application(
            address,
            tenant_id=TENANT,
            client_id=CLIENT,
            secret=SECRET,
            organisation="contoso",
            authority=dataverse.process.url,
        )

        assert failing(DataverseClient(address, way, "contoso")).kind == "certificate"


class TestWaiting:
    @pytest.mark.parametrize(
        ("limits", "code"),
        [
            ({"requests": 10, "spend_requests": 10}, "0x80072322"),
            ({"seconds": 5, "spend_seconds": 6}, "0x80072321"),
        ],
    )
    def test_a_service_protection_limit_tells_how_long_to_wait(
        self, dataverse: Rig, limits: dict[str, float], code: str
    ) -> None:
        dataverse.process.settings(**limits)

        caught = failing(dataverse.client)

        assert isinstance(caught, TryLater)
        assert (caught.kind, caught.shared) == ("throttled", True)
        assert 290 <= caught.after <= 300
        assert code in str(caught)

    def test_too_many_at_once_are_refused(self, dataverse: Rig) -> None:
        dataverse.process.settings(at_once=2)
        dataverse.process.fault("contacts", "slow", times=8, seconds=0.5)

        def one(_: int) -> str:
            try:
                dataverse.client.call("GET", PEOPLE)
            except TryLater as later:
                return f"{later.kind} {later.after:.0f} {'0x80072326' in str(later)}"
            return "answered"

        with ThreadPoolExecutor(8) as pool:
            said = list(pool.map(one, range(8)))

        assert set(said) == {"answered", "throttled 1 True"}

    @pytest.mark.parametrize(
        ("given", "after"),
        [("17", 17), (None, 60), ("soon", 60), ("999999", 3600), ("-4", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
    )
    def test_the_wait_is_what_the_header_says_within_bounds(
        self, dataverse: Rig, given: str | None, after: float
    ) -> None:
        dataverse.process.fault("contacts", "throttled", retry_after=given)

        caught = failing(dataverse.client)

        assert isinstance(caught, TryLater)
        assert caught.after == after

    @pytest.mark.parametrize("kind", ["unavailable", "timeout", "broken"])
    def test_trouble_of_the_server_is_nobodys_attempt(self, dataverse: Rig, kind: str) -> None:
        dataverse.process.fault("contacts", kind)

        caught = failing(dataverse.client)

        assert isinstance(caught, TryLater)
        assert (caught.kind, caught.shared) == ("unavailable", True)


class TestRefusals:
    def test_a_missing_privilege_is_named(self, dataverse: Rig) -> None:
        dataverse.process.settings(denied=["prvCreateActivity"])

        caught = failing(dataverse.client, "POST", "emails", {"subject": "secret words"})

        assert (type(caught), caught.kind) == (MailboxBlocked, "access_denied")
        assert "prvCreateActivity" in str(caught)
        assert "prvCreateActivity" in caught.mend

    @pytest.mark.parametrize(
        ("privilege", "method", "target"),
        [
            ("prvReadContact", "GET", "contacts"),
            ("prvReadUser", "GET", "systemusers"),
            ("prvWriteContact", "PATCH", "contacts({contact})"),
            ("prvDeleteContact", "DELETE", "contacts({contact})"),
            ("prvCreateContact", "POST", "contacts"),
        ],
    )
    def test_every_privilege_is_asked_for_where_it_is_used(
        self, dataverse: Rig, privilege: str, method: str, target: str
    ) -> None:
        contact = dataverse.contact()
        dataverse.process.settings(denied=[privilege])

        caught = failing(
            dataverse.client, method, target.format(contact=contact), {} if method in {"POST", "PATCH"} else None
        )

        assert privilege in str(caught)

    def test_a_disabled_organisation_blocks(self, dataverse: Rig) -> None:
        dataverse.process.fault("contacts", "disabled")

        caught = failing(dataverse.client)

        assert (type(caught), caught.kind) == (MailboxBlocked, "access_denied")
        assert "admin center" in caught.mend

    def test_a_row_that_is_gone_is_told(self, dataverse: Rig) -> None:
        caught = failing(dataverse.client, target=f"contacts({EMAIL})")

        assert (type(caught), caught.kind) == (MessageRefused, "vanished")

    def test_a_value_that_is_too_long_is_told_with_its_column(self, dataverse: Rig) -> None:
        caught = failing(dataverse.client, "POST", "emails", {"subject": "s" * 801})

        assert (type(caught), caught.kind) == (MessageRefused, "crm_refused")
        assert "'subject'" in str(caught)
        assert "'800'" in str(caught)

    def test_words_that_may_quote_a_message_are_not_told(self, dataverse: Rig) -> None:
        dataverse.process.fault(
            "emails", "status", status=400, code="0x80048d19", message="Cannot convert 'ann@example.com'"
        )

        caught = failing(dataverse.client, "POST", "emails", {"subject": "x"})

        assert "ann@" not in str(caught)
        assert "0x80048d19" in str(caught)

    def test_a_row_that_somebody_else_changed_is_tried_again(self, dataverse: Rig) -> None:
        contact = dataverse.contact()

        with pytest.raises(TryLater) as caught:
            dataverse.client.call("PATCH", f"contacts({contact})", {"lastname": "x"}, headers={"If-Match": 'W/"1"'})

        assert (caught.value.kind, caught.value.shared) == ("busy", False)

    def test_an_answer_that_is_no_json_is_tried_later(self, dataverse: Rig) -> None:
        contact = dataverse.contact()

        with pytest.raises(TryLater) as caught:
            dataverse.client.call("DELETE", f"contacts({contact})").json()

        assert (caught.value.kind, caught.value.shared) == ("crm_answer", True)


class TestLine:
    def test_a_row_is_made_once_when_the_line_breaks_after_the_commit(self, dataverse: Rig) -> None:
        dataverse.process.fault(f"PATCH .*{EMAIL}", "lose_answer")
        hang_up()

        with pytest.raises(AnswerLost):
            dataverse.client.create(f"emails({EMAIL})", {"subject": "once"})

        assert not dataverse.client.create(f"emails({EMAIL})", {"subject": "twice"})
        assert [row["subject"] for row in dataverse.process.rows("email")] == ["once"]

    def test_a_row_is_made_when_the_line_broke_before_the_commit(self, dataverse: Rig) -> None:
        dataverse.process.fault(f"PATCH .*{EMAIL}", "close")
        hang_up()

        with pytest.raises(AnswerLost) as caught:
            dataverse.client.create(f"emails({EMAIL})", {"subject": "once"})

        assert caught.value.shared
        assert dataverse.client.create(f"emails({EMAIL})", {"subject": "twice"})

    def test_a_kept_line_that_was_hung_up_is_replaced_without_a_word(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.fault("GET .*contacts", "close")

        assert dataverse.client.call("GET", PEOPLE).status == 200

    def test_a_post_is_never_repeated_by_itself(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.fault("POST .*contacts", "lose_answer")

        with pytest.raises(AnswerLost):
            dataverse.client.call("POST", "contacts", {"lastname": "Once"})

        assert len(dataverse.process.rows("contact")) == 1

    def test_an_answer_that_is_cut_off_is_none(self, dataverse: Rig) -> None:
        dataverse.contact()
        dataverse.process.fault("contacts", "cut", after_bytes=40)

        caught = failing(dataverse.client)

        assert (type(caught), caught.kind) == (AnswerLost, "connection_lost")

    def test_a_text_with_every_kind_of_letter_comes_back_the_same(self, dataverse: Rig) -> None:
        odd = "Grüße \U0001f600 \u202e \" ' \\ \u0000 </x> \u2028"

        dataverse.client.create(f"emails({EMAIL})", {"subject": odd})

        assert dataverse.client.call("GET", f"emails({EMAIL})?$select=subject").json()["subject"] == odd


class TestText:
    @given(strategies.text(strategies.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_whatever_stands_in_a_text_is_asked_for_and_no_more(self, running: Rig, written: str) -> None:
        running.process.reset()
        running.process.put("contact", lastname="Lee", nickname=written)
        running.process.put("contact", lastname="Moss", nickname="another one")

        targets = [f"contacts?$select=nickname&$filter=nickname eq {text(written)}"]
        targets.append(f"contacts?$select=nickname&$filter=nickname in ({text(written)},{text('no one')})")
        found = [running.client.call("GET", target).rows() for target in targets]
        ((batched,),) = running.client.batch([Request("GET", targets[0])])

        assert [[row["nickname"] for row in rows] for rows in (*found, batched.rows())] == [[written]] * 3


class TestBatches:
    def test_many_questions_are_one_request(self, dataverse: Rig) -> None:
        contact = dataverse.contact()
        dataverse.process.clear_requests()

        answers = dataverse.client.batch(
            [Request("GET", PEOPLE), Request("GET", f"contacts({contact})"), Request("GET", f"leads({OTHER})")]
        )

        assert [[one.status for one in item] for item in answers] == [[200], [200], [404]]
        assert answers[0][0].rows()[0]["fullname"] == "Ann Lee"
        assert len([one for one in dataverse.process.requests() if not one["batched"] and "/api/" in one["path"]]) == 1

    def test_an_answer_of_a_batch_is_judged_like_any_other(self, dataverse: Rig) -> None:
        dataverse.process.settings(denied=["prvReadLead"])

        ((fine,), (refused,)) = dataverse.client.batch([Request("GET", PEOPLE), Request("GET", "leads")])

        assert dataverse.client.checked(fine) is fine
        with pytest.raises(MailboxBlocked, match="prvReadLead"):
            dataverse.client.checked(refused)

    def test_a_throttled_request_of_a_batch_tells_how_long_to_wait(self, dataverse: Rig) -> None:
        dataverse.process.fault("GET .*contacts", "throttled", retry_after="9")

        ((answer,),) = dataverse.client.batch([Request("GET", PEOPLE)])

        with pytest.raises(TryLater) as caught:
            dataverse.client.checked(answer)
        assert caught.value.after == 9

    def test_a_throttled_batch_is_a_wait(self, dataverse: Rig) -> None:
        dataverse.process.fault("batch", "throttled", retry_after="9")

        with pytest.raises(TryLater) as caught:
            dataverse.client.batch([Request("GET", PEOPLE)])

        assert (caught.value.kind, caught.value.after) == ("throttled", 9)

    def test_a_batch_that_is_cut_off_is_lost_and_may_be_made_again(self, dataverse: Rig) -> None:
        made = ChangeSet((Request("PATCH", f"emails({EMAIL})", {"subject": "x"}, {"If-None-Match": "*"}),))
        dataverse.process.fault("batch", "cut", after_bytes=200)

        with pytest.raises(AnswerLost):
            dataverse.client.batch([made])

        ((answer,),) = dataverse.client.batch([made])
        assert answer.status == 412
        assert len(dataverse.process.rows("email")) == 1

    def test_a_batch_that_may_be_repeated_goes_over_a_kept_line(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.fault("batch", "close")

        ((answer,),) = dataverse.client.batch([Request("GET", PEOPLE)])

        assert answer.status == 200

    def test_a_batch_with_a_post_is_never_repeated_by_itself(self, dataverse: Rig) -> None:
        dataverse.client.call("GET", PEOPLE)
        dataverse.process.fault("batch", "lose_answer")

        with pytest.raises(AnswerLost):
            dataverse.client.batch([ChangeSet((Request("POST", "contacts", {"lastname": "Once"}),))])

        assert len(dataverse.process.rows("contact")) == 1

    def test_too_large_a_batch_is_not_sent(self, dataverse: Rig) -> None:
        inner = (Request("POST", "contacts", {}),) * 501

        with pytest.raises(ValueError, match=str(MOST)):
            dataverse.client.batch([ChangeSet(inner), ChangeSet(inner)])

        assert dataverse.process.requests("batch") == []

    def test_an_empty_batch_asks_nothing(self, dataverse: Rig) -> None:
        assert dataverse.client.batch([]) == []

    def test_what_was_written_stands_in_no_text_of_a_request(self) -> None:
        assert "secret" not in repr(Request("POST", "emails", {"subject": "secret"}))
