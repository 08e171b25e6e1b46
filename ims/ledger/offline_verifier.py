#!/usr/bin/env python3
"""Checks an IMS ledger exported as evidence. Needs Python 3.9 or later and nothing else, IMS least of all.

    python3 offline_verifier.py ledger.jsonl [HASH OF THE LAST SEAL, AS PUBLISHED]

It reckons every entry's SHA-256 from its content, every posting's digest from its entries, every seal from its postings
and from the seal before, and adds up counts and totals. It prints what it found wrong, one line each, and ends with
exit code 0 when nothing is wrong, 1 when something is, 2 when the file cannot be read. Give it the hash of a seal that
was published outside the database (in an e-mail, on paper): a ledger rewritten from end to end agrees with itself, but
not with that.
"""

import hashlib
import json
import sys
from decimal import Decimal


def sha256(content):
    return hashlib.sha256(content).digest()


def netstring(text):
    return [len(text.encode("utf-8")), text]


def leaf(entry):
    parts = ["entry1"]
    parts += [entry[name] for name in ("id", "posting", "line", "fund", "method_of_payment", "office", "amount")]
    parts += [entry[name] for name in ("vat_code", "vat_rate", "vat_amount", "received_on", "accounting_date")]
    parts += [entry[name] for name in ("posted_at", "corrects", "source_line")]
    for name in ("account_reference", "narrative", "payer_name", "source_reference"):
        parts += netstring(entry[name])
    return sha256("|".join(str(part) for part in parts).encode("utf-8"))


def posting_head(posting):
    names = ("id", "kind", "series", "number", "reverses", "entry_count", "total", "posted_at")
    text = "|".join(["posting1"] + [str(posting[name]) for name in names])
    for name in ("source_kind", "source_key", "reason", "actor_kind", "actor_id", "actor_name"):
        text += f"|{len(posting[name].encode('utf-8'))}:{posting[name]}"
    return text.encode("utf-8")


def seal_hash(seal):
    names = ("posting_count", "entry_count", "total", "last_posting_id", "sealed_at")
    text = "|".join(["seal1"] + [str(seal[name]) for name in names])
    return sha256(bytes.fromhex(seal["previous"]) + bytes.fromhex(seal["digest"]) + text.encode("utf-8"))


class Verifier:
    """Reads the records in order and collects what is wrong."""

    def __init__(self):
        self.problems = []
        self.entries = self.postings = self.seals = 0
        self.last_hash = b""
        self.seal = self.posting = None
        self.seen_hashes = set()

    def wrong(self, sentence):
        self.problems.append(sentence)

    def read(self, record):
        if "seal" in record:
            self.end_seal()
            self.begin_seal(record["seal"])
        elif "posting" in record:
            self.end_posting()
            self.begin_posting(record["posting"])
        elif "entry" in record:
            self.add_entry(record["entry"])

    def begin_seal(self, seal):
        self.seals += 1
        self.seal = dict(seal, digests=hashlib.sha256(), postings=0, entries=0, sum=Decimal(0))
        if bytes.fromhex(seal["previous"]) != self.last_hash:
            self.wrong(
                "Seal {} is not chained to the seal before it: a seal is missing or was altered.".format(seal["id"])
            )
        if seal_hash(seal) != bytes.fromhex(seal["hash"]):
            self.wrong("Seal {} has been altered.".format(seal["id"]))
        self.last_hash = bytes.fromhex(seal["hash"])
        self.seen_hashes.add(seal["hash"])

    def end_seal(self):
        self.end_posting()
        seal, self.seal = self.seal, None
        if seal is None:
            return
        if seal["digests"].digest() != bytes.fromhex(seal["digest"]):
            self.wrong("Seal {} was made over other postings than these.".format(seal["id"]))
        if (seal["postings"], seal["entries"]) != (seal["posting_count"], seal["entry_count"]):
            self.wrong("Seal {} counts other postings or entries than are here.".format(seal["id"]))
        if seal["sum"] != Decimal(seal["total"]):
            self.wrong("Seal {} says {}, but its entries add up to {}.".format(seal["id"], seal["total"], seal["sum"]))

    def begin_posting(self, posting):
        self.postings += 1
        self.posting = dict(posting, hash=hashlib.sha256(posting_head(posting)), entries=0, sum=Decimal(0))

    def end_posting(self):
        posting, self.posting = self.posting, None
        if posting is None:
            return
        name = f"{posting['series']}-{posting['number']:06d}"
        if posting["entries"] != posting["entry_count"] or posting["sum"] != Decimal(posting["total"]):
            self.wrong(
                "{} has {} entries totalling {}, but says {} totalling {}.".format(
                    name, posting["entries"], posting["sum"], posting["entry_count"], posting["total"]
                )
            )
        if posting["hash"].digest() != bytes.fromhex(posting["digest"]):
            self.wrong(f"{name} is not as it was sealed.")
        self.seal["digests"].update(bytes.fromhex(posting["digest"]))
        self.seal["postings"] += 1
        self.seal["entries"] += posting["entries"]
        self.seal["sum"] += posting["sum"]

    def add_entry(self, entry):
        self.entries += 1
        if leaf(entry) != bytes.fromhex(entry["leaf"]):
            self.wrong("Entry {} (line {}) has been altered.".format(entry["id"], entry["line"]))
        self.posting["hash"].update(bytes.fromhex(entry["leaf"]))
        self.posting["entries"] += 1
        self.posting["sum"] += Decimal(entry["amount"])


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__)
        return 2
    verifier = Verifier()
    try:
        with open(arguments[0], encoding="utf-8") as lines:
            heading = json.loads(next(lines))
            if heading.get("format") != "ims-ledger-1":
                print("This is not an IMS ledger exported as evidence.")
                return 2
            for line in lines:
                verifier.read(json.loads(line))
        verifier.end_seal()
    except (OSError, StopIteration, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"The file cannot be read: {error}")
        return 2
    if len(arguments) == 2 and arguments[1].lower() not in verifier.seen_hashes:
        verifier.wrong(f"The published seal {arguments[1]} is not in this ledger: it has been rewritten.")
    for sentence in verifier.problems:
        print(sentence)
    outcome = f"{len(verifier.problems)} found wrong" if verifier.problems else "nothing found wrong"
    print(f"{verifier.entries} entries in {verifier.postings} postings under {verifier.seals} seals: {outcome}")
    print(f"Last seal: {verifier.last_hash.hex()}")
    return 1 if verifier.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
