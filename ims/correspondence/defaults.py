"""The words used until a council writes its own, in English and Welsh."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """A subject and a body."""

    subject: str
    body: str


RECEIPT = {
    "en": Words(
        "Receipt for your payment to ((council))",
        """((copy))

Thank you for your payment.

Receipt number: ((receipt_number))
Paid on: ((paid_on))
Paid by: ((method))

((lines))

Total: ((total))
((vat))

See what became of your payment: ((status))

((help))

((council))""",
    ),
    "cy": Words(
        "Derbynneb am eich taliad i ((council))",
        """((copy))

Diolch am eich taliad.

Rhif y dderbynneb: ((receipt_number))
Talwyd ar: ((paid_on))
Talwyd drwy: ((method))

((lines))

Cyfanswm: ((total))
((vat))

Gweld beth ddigwyddodd i'ch taliad: ((status))

((help))

((council))""",
    ),
}
UNDONE = {
    "en": Words(
        "Your payment to ((council)) did not go through",
        """We sent you receipt ((receipt_number)) for ((total)). Your bank or card company has since told us
that the payment failed, so no money was taken and the receipt no longer holds.

((lines))

Please pay again.

((help))

((council))""",
    ),
    "cy": Words(
        "Nid aeth eich taliad i ((council)) drwodd",
        """Anfonwyd derbynneb ((receipt_number)) atoch am ((total)). Ers hynny mae eich banc neu gwmni cerdyn
wedi dweud wrthym fod y taliad wedi methu, felly ni chymerwyd unrhyw arian ac nid yw'r dderbynneb
yn ddilys mwyach.

((lines))

Talwch eto os gwelwch yn dda.

((help))

((council))""",
    ),
}
REFUND = {
    "en": Words(
        "Refund from ((council))",
        """We have sent ((amount)) back to the card that paid receipt ((receipt_number)).
It can take up to 5 working days to arrive.

((help))

((council))""",
    ),
    "cy": Words(
        "Ad-daliad gan ((council))",
        """Rydym wedi anfon ((amount)) yn ôl i'r cerdyn a dalodd dderbynneb ((receipt_number)).
Gall gymryd hyd at 5 diwrnod gwaith i gyrraedd.

((help))

((council))""",
    ),
}
LINK = {
    "en": Words(
        "Pay ((council)) ((total))",
        """((message))

((lines))

Total: ((total))

Pay by card here: ((link))

The link works once, until ((expires)).

((help))

((council))""",
    ),
    "cy": Words(
        "Talu ((total)) i ((council))",
        """((message))

((lines))

Cyfanswm: ((total))

Talwch â cherdyn yma: ((link))

Mae'r ddolen yn gweithio unwaith, tan ((expires)).

((help))

((council))""",
    ),
}
WORDS = {"receipt": RECEIPT, "undone": UNDONE, "refund": REFUND, "link": LINK}
TEXTS = {
    "receipt": {
        "en": Words("", "((council)): ((total)) paid on ((paid_on)). Receipt ((receipt_number)). ((status))"),
        "cy": Words("", "((council)): talwyd ((total)) ar ((paid_on)). Derbynneb ((receipt_number)). ((status))"),
    },
    "undone": {
        "en": Words(
            "", "((council)): your payment of ((total)), receipt ((receipt_number)), failed. Please pay again."
        ),
        "cy": Words("", "((council)): methodd eich taliad o ((total)), derbynneb ((receipt_number)). Talwch eto."),
    },
    "refund": {
        "en": Words("", "((council)): ((amount)) was sent back to the card that paid receipt ((receipt_number))."),
        "cy": Words("", "((council)): anfonwyd ((amount)) yn ôl i'r cerdyn a dalodd dderbynneb ((receipt_number))."),
    },
    "link": {
        "en": Words("", "((council)): pay ((total)) here by ((expires)): ((link))"),
        "cy": Words("", "((council)): talwch ((total)) yma erbyn ((expires)): ((link))"),
    },
}


def words_for(purpose: str, channel: str, language: str) -> Words:
    """The words IMS comes with."""
    return (TEXTS if channel == "text" else WORDS)[purpose][language]
