"""Recovery codes: each logs in once instead of the second factor."""

from __future__ import annotations

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.support.log_ins import PASSWORD, codes_on, is_in, log_in, secret_on, shown_by, token_of
from tests.support.threads import at_once
from users import log_ins
from users.models import RecoveryCode
from users.staff import second_factor
from users.staff.second_factor import RECOVERY_CODES, codes_left, renew_codes, verify_second_factor

pytestmark = pytest.mark.django_db

SET_UP = "/admin/second-factor/"
ANEW = "/admin/second-factor/codes/"
REPLACE = "/admin/second-factor/replace/"


@pytest.fixture
def codes(supervisor: Any, device: TOTPDevice) -> list[str]:
    """The recovery codes of a supervisor with a second factor."""
    return renew_codes(supervisor)


def forgive(member: Any = None) -> None:
    """Let the next token be verified at once, after a wrong one."""
    TOTPDevice.objects.update(throttling_failure_count=0)
    AccessAttempt.objects.all().delete()


def words() -> list[str]:
    return [entry.change_message for entry in LogEntry.objects.order_by("pk")]


def verified(token: str) -> Browser:
    browser = Browser()
    assert log_in(browser, token=token).status_code == 302
    return browser


def test_enrolment_shows_ten_codes_once(supervisor):
    browser = Browser()
    log_in(browser)
    page = browser.post(SET_UP, {"token": shown_by(secret_on(browser.get(SET_UP)))})
    codes = codes_on(page)
    assert len(set(codes)) == RECOVERY_CODES == 10
    assert "no-store" in page.headers["Cache-Control"]
    again = browser.get(SET_UP)
    assert codes_on(again) == []
    assert "You have 10 recovery codes left." in again.text


def test_codes_are_stored_as_digests_only(supervisor, codes):
    stored = str(list(RecoveryCode.objects.values_list())) + str(
        [row.get_decoded() for row in Session.objects.all()]
    )
    for code in codes:
        assert code not in stored
        assert code.replace("-", "") not in stored
    assert all(len(bytes(row.digest)) == 32 for row in RecoveryCode.objects.all())


def test_code_logs_in_and_the_member_is_told_how_many_are_left(supervisor, codes):
    browser = Browser()
    answer = log_in(browser, token=codes[0])
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert "You have 9 recovery codes left." in browser.get("/admin/").text
    assert browser.get(SET_UP).status_code == 200, "the session is verified"
    assert words()[-1] == "Recovery code used."
    assert RecoveryCode.objects.exclude(used_at=None).count() == 1


def test_code_is_accepted_as_people_type_it(supervisor, codes):
    for typed in (codes[0].upper(), codes[1].replace("-", ""), f" {codes[2].replace('-', ' ')} "):
        assert log_in(Browser(), token=typed).status_code == 302
    assert codes_left(supervisor) == 7


def test_code_works_once(supervisor, codes):
    assert log_in(Browser(), token=codes[0]).status_code == 302
    assert "missing or wrong" in log_in(Browser(), token=codes[0]).text
    assert codes_left(supervisor) == 9


def test_code_of_another_member_is_wrong(supervisor, codes, staff):
    staff.set_password(PASSWORD)
    staff.save(update_fields=["password"])
    TOTPDevice.objects.create(user=staff, name="App", confirmed=True)
    assert "missing or wrong" in log_in(Browser(), token=codes[0], name="staff").text
    assert codes_left(supervisor) == 10


def test_code_needs_the_password(supervisor, codes):
    assert log_in(Browser(), "wrong", token=codes[0]).status_code == 200
    assert codes_left(supervisor) == 10


def test_failed_log_in_stores_no_code(supervisor, codes):
    log_in(Browser(), "wrong", token=codes[0])
    attempt = AccessAttempt.objects.get()
    assert codes[0] not in attempt.post_data
    assert PASSWORD not in attempt.post_data


def test_wrong_code_delays_the_next_code_and_the_next_token(supervisor, device, codes):
    assert verify_second_factor(supervisor, "aaaa-aaaa-aaaa-aaaa") is None
    assert verify_second_factor(supervisor, codes[0]) is None
    assert verify_second_factor(supervisor, token_of(device)) is None
    assert codes_left(supervisor) == 10
    forgive()
    assert verify_second_factor(supervisor, codes[0])


def test_wrong_token_delays_the_next_code(supervisor, codes):
    assert verify_second_factor(supervisor, "000000") is None
    assert verify_second_factor(supervisor, codes[0]) is None
    forgive()
    assert verify_second_factor(supervisor, codes[0])


def test_delay_grows_with_each_wrong_code(supervisor, codes):
    for count in (1, 2, 3):
        TOTPDevice.objects.update(throttling_failure_timestamp=None)
        verify_second_factor(supervisor, "aaaa-aaaa-aaaa-aaaa")
        assert TOTPDevice.objects.get().throttling_failure_count == count


def test_wrong_codes_lock_the_log_in_like_wrong_passwords(supervisor, codes):
    wrong = "aaaa-aaaa-aaaa-aaaa"
    answers = [log_in(Browser(), token=wrong).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 200, 429]
    assert log_in(Browser(), token=codes[0]).status_code == 429
    assert log_ins.BY_NAME > 5


def test_last_code_tells_to_make_new_ones(supervisor, codes):
    for code in codes[:-1]:
        RecoveryCode.objects.use(supervisor, code)
    browser = verified(codes[-1])
    assert "You have used your last recovery code." in browser.get("/admin/").text


def test_session_without_the_second_factor_makes_no_codes(supervisor, codes):
    browser = Browser()
    browser.force_login(supervisor)
    for page in (ANEW, REPLACE):
        assert browser.get(page).status_code == 403
        assert browser.post(page, {"token": codes[0]}).status_code == 403
    assert codes_left(supervisor) == 10


def test_codes_are_made_anew_with_a_token_only(supervisor, codes):
    browser = verified(codes[0])
    for token in ("", "000000", codes[0]):
        assert codes_on(browser.post(ANEW, {"token": token})) == []
        forgive()
    new = codes_on(browser.post(ANEW, {"token": codes[1]}))
    assert len(new) == 10
    assert "missing or wrong" in log_in(Browser(), token=codes[2]).text
    forgive()
    assert log_in(Browser(), token=new[0]).status_code == 302
    assert words()[-3:] == [
        "Recovery code used.",
        "Recovery codes made anew.",
        "Recovery code used.",
    ]


@pytest.mark.slow
def test_second_factor_is_replaced_with_a_code(supervisor, device, codes):
    other, browser = verified(codes[0]), verified(codes[1])
    assert browser.post(REPLACE, {"token": "000000"}).status_code == 200
    assert TOTPDevice.objects.get().key == device.key
    forgive()
    led = browser.post(REPLACE, {"token": codes[2]}, follow=True)
    assert led.redirect_chain[-1][0] == SET_UP
    assert not is_in(other)
    page = browser.post(SET_UP, {"token": shown_by(secret_on(led))})
    assert len(codes_on(page)) == 10
    assert TOTPDevice.objects.get().key != device.key
    assert words()[-2:] == ["Second factor reset.", "Second factor set up."]


def test_reset_deletes_the_codes(supervisor, codes, staff):
    second_factor.reset_second_factor(supervisor, by=staff)
    assert not RecoveryCode.objects.exists()
    assert verify_second_factor(supervisor, codes[0]) is None


def test_log_in_with_a_code_gets_a_new_session_key(supervisor, codes):
    """A session that somebody else has begun in this browser is of no use to them."""
    browser = Browser()
    session = browser.session
    session["planted"] = True
    session.save()
    browser.cookies["sessionid"] = str(session.session_key)
    log_in(browser, token=codes[0])
    assert browser.cookies["sessionid"].value != session.session_key
    assert not Session.objects.filter(pk=session.session_key).exists()


# --- Two at once ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_code_logs_in_one_of_two_simultaneous_requests(supervisor, codes):
    browsers = [Browser(), Browser()]
    answers = at_once(*(lambda each=each: log_in(each, token=codes[0]) for each in browsers))
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    assert sorted(map(is_in, browsers)) == [False, True]
    assert codes_left(supervisor) == 9
    assert words().count("Recovery code used.") == 1


@pytest.mark.django_db(transaction=True)
def test_code_is_used_by_one_of_four_threads(supervisor, codes):
    answers = at_once(*[lambda: verify_second_factor(supervisor, codes[0])] * 4)
    assert len([answer for answer in answers if answer]) == 1
    assert codes_left(supervisor) == 9


@pytest.mark.django_db(transaction=True)
def test_statement_alone_uses_a_code_once(supervisor, codes):
    """Without the lock of the second factor: the condition of the UPDATE is enough."""
    answers = at_once(*[lambda: RecoveryCode.objects.use(supervisor, codes[0])] * 4)
    assert sorted(answers) == [False, False, False, True]


@pytest.mark.django_db(transaction=True)
def test_codes_work_for_the_serving_role(supervisor, codes, as_serving):
    browser = verified(codes[0])
    assert len(codes_on(browser.post(ANEW, {"token": codes[1]}))) == 10
