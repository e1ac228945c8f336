"""The currencies of wallets, open and closed, by their number of decimals.

Never remove or change an entry: stored amounts depend on it, also after ISO 4217 has withdrawn the
currency. A test fails if ISO adds a currency.
"""

from __future__ import annotations

from typing import Final

ACTIVE: Final = {
    0: """BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF""",
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
        CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
        GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD
        LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB
        PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
        SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW
        ZWG
    """,
    3: """BHD IQD JOD KWD LYD OMR TND""",
    4: """CLF UYW""",
}
"""The active currencies of ISO 4217 when this was written."""

WITHDRAWN: Final = {
    0: "BYR",
    2: "ANG BGN CUC HRK MRO SLL STD VEF ZWL",
}
"""The currencies that ISO 4217 withdrew in the ten years before that."""

DECIMALS: Final = {
    code: decimals
    for known in (ACTIVE, WITHDRAWN)
    for decimals, codes in known.items()
    for code in codes.split()
}
