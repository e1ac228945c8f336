from typing import ClassVar

import django.db.models.fields.json
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("users", "0004_count_the_use_of_phones"),
    ]

    operations: ClassVar = [
        migrations.RemoveConstraint(
            model_name="kycdocument",
            name="kyc_document_kind_is_known",
        ),
        migrations.AlterField(
            model_name="kycdocument",
            name="kind",
            field=models.CharField(
                choices=[
                    ("IDENTITY", "Identity"),
                    ("HOME_ADDRESS", "Home address"),
                    ("EXTERNAL_IBAN", "External IBAN"),
                    ("FINANCIAL_INFORMATION", "Financial information"),
                    ("OCCUPATION", "Occupation"),
                    ("NAME", "New name"),
                    ("DOCUMENT_IDENTITY_FRONT", "Identity document, front"),
                    ("DOCUMENT_IDENTITY_BACK", "Identity document, back"),
                    ("DOCUMENT_EXTERNAL_IBAN", "Proof of the external IBAN"),
                    ("DOCUMENT_INCOME_TAX", "Income tax return"),
                    ("DOCUMENT_COMPANY_DEED", "Company deed"),
                ],
                max_length=30,
            ),
        ),
        migrations.AddIndex(
            model_name="kycdocument",
            index=models.Index(
                django.db.models.fields.json.KeyTextTransform("identity_number", "facts"),
                condition=models.Q(("kind", "IDENTITY"), ("status", "APPROVED")),
                name="kyc_document_identity_number",
            ),
        ),
        migrations.AddConstraint(
            model_name="kycdocument",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "IDENTITY",
                            "HOME_ADDRESS",
                            "EXTERNAL_IBAN",
                            "FINANCIAL_INFORMATION",
                            "OCCUPATION",
                            "NAME",
                            "DOCUMENT_IDENTITY_FRONT",
                            "DOCUMENT_IDENTITY_BACK",
                            "DOCUMENT_EXTERNAL_IBAN",
                            "DOCUMENT_INCOME_TAX",
                            "DOCUMENT_COMPANY_DEED",
                        ],
                    )
                ),
                name="kyc_document_kind_is_known",
            ),
        ),
    ]
