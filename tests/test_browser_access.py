"""How a member of staff gets in, in a real browser: link, second factor, recovery code.

Takes 25 s, and needs Chromium.
"""

import re
from base64 import b32decode

import pytest
from django.contrib.auth import get_user_model
from django_otp.oath import totp
from playwright.sync_api import Page, expect

from tests.support import chromium
from tests.support.approvals import a_colleague, approve
from tests.support.browsing import log_in
from tests.support.log_ins import PASSWORD
from tests.support.staff import OPERATOR, make_groups
from users.models import Approval

NEW = "a horse of another colour"

pytestmark = [
    pytest.mark.ci,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not chromium.CHROMIUM, reason="Debian's chromium is not installed"),
]


def log_out(page: Page) -> None:
    page.click("#logout-form button")


def test_new_member_sets_a_password_and_logs_in_with_a_recovery_code(page, supervisor):
    make_groups()
    log_in(page, "supervisor", PASSWORD)
    page.goto("/admin/auth/user/add/")
    page.fill("#id_username", "alice")
    page.fill("#id_first_name", "Alice")
    page.check(f"input[value={OPERATOR}]")
    page.click(".submit-row input[type=submit]")
    page.fill("#id_approval_reason", "Contract")
    page.click("button[name=ask]")
    approve(Approval.objects.get(), a_colleague())
    member = get_user_model().objects.get(username="alice")
    page.goto(f"/admin/auth/user/{member.pk}/action/password-link/")
    page.click(".submit-row input[type=submit]")
    link = page.inner_text("#secret")
    log_out(page)

    page.goto(link)
    page.fill("#id_new_password1", NEW)
    page.fill("#id_new_password2", NEW)
    page.click("text=Set the password")
    expect(page.locator(".messagelist")).to_contain_text("Password set.")
    log_in(page, "alice", NEW)

    page.goto("/admin/account/")
    page.click("text=Set up a second factor")
    secret = page.inner_text(".second-factor code")
    page.fill("#id_token", f"{totp(b32decode(secret)):06d}")
    page.click("input[value=Activate]")
    expect(page.locator(".recovery-codes code")).to_have_count(10)
    codes = page.locator(".recovery-codes code").all_inner_texts()
    expect(page.locator("button.print")).to_be_visible()
    log_out(page)

    log_in(page, "alice", NEW, codes[0].upper())
    expect(page.locator(".messagelist")).to_contain_text("You have 9 recovery codes left.")
    page.goto("/admin/log-out-everywhere/")
    expect(page.locator("text=this session")).to_be_visible()
    assert re.search(r"Chrome on Linux", page.inner_text("#content"))
    page.click("input[value='Log out everywhere']")
    expect(page.locator(".messagelist")).to_contain_text("You are logged out everywhere.")
