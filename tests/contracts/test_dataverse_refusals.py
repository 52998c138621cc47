"""What Dataverse refuses becomes a typed error: how long to wait, what to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from email_router.core.errors import MailboxBlocked, MessageRefused, TryLater
from tests.contracts.dataverse_rig import EMAIL, PEOPLE, Rig, failing


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
