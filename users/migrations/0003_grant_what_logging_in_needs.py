from typing import ClassVar

from django.db import migrations

from iocash.db.grants import Grant


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0002_grant_what_serving_needs"),
        ("axes", "0010_accessattemptexpiration"),
        ("otp_totp", "0003_add_timestamps"),
    ]

    operations: ClassVar = [
        Grant(
            "SELECT, INSERT, UPDATE, DELETE",
            "axes_accessattempt",
            "axes_accessattemptexpiration",
            "axes_accessfailurelog",
            "axes_accesslog",
            "otp_totp_totpdevice",
        ),
    ]
