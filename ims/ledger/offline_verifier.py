#!/usr/bin/env python3
"""Checks an IMS ledger or audit trail exported as evidence. Needs Python 3.9 or later, and nothing else.

    python3 offline_verifier.py ledger.jsonl [events.jsonl] [PUBLISHED …]
    python3 offline_verifier.py events.jsonl [PUBLISHED …]

Of a ledger it reckons every entry's SHA-256 from its content, every posting's digest from its entries, every seal from
its postings and from the seal before, and adds up counts and totals; of an audit trail every event's digest and every
seal. It prints what it found wrong, one line each, and ends with exit code 0 when nothing is wrong, 1 when something
is, 2 when a file cannot be read.

What it cannot reckon: when a payer's name and the narrative of an entry were disposed of, the hash that the entry was
posted with stays under its seal, but nobody can reckon it again, since what it was made of is gone. Amount, dates,
fund and reference of such an entry are then proved by the certificate of its disposal: the certificate counts the
entries and holds a hash over what is left of each, which is reckoned here from the entry; its own SHA-256 stands in
the audit trail, under a seal. Give events.jsonl of the days of the disposals too, and the certificates are looked for
in it. An entry that only says so of itself, without a certificate, counts as wrong. How many entries were not reckoned
in full, and by what they are proved instead, is said at the end.

PUBLISHED is what was kept outside the database: the hash of a seal, a seals-….json file as IMS publishes each day, or a
directory of them. Give it: a ledger rewritten from end to end agrees with itself, but not with that.
"""

import hashlib
import json
import os
import re
import sys
from datetime import datetime
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
    if posting.get("approval") is not None:
        text += "|approval:{}".format(posting["approval"])
    return text.encode("utf-8")


def seal_hash(seal):
    names = ("posting_count", "entry_count", "total", "last_posting_id", "sealed_at")
    text = "|".join(["seal1"] + [str(seal[name]) for name in names])
    return sha256(bytes.fromhex(seal["previous"]) + bytes.fromhex(seal["digest"]) + text.encode("utf-8"))


def event_digest(event):
    text = "event1|{}|{}".format(event["id"], event["occurred_at"])
    names = ("verb", "actor_kind", "actor_id", "actor_name", "address", "subject_type", "subject_id", "subject_label")
    for name in (*names, "reason", "data"):
        text += "|{}:{}".format(len(event[name].encode("utf-8")), event[name])
    return sha256(text.encode("utf-8"))


def event_seal_hash(seal):
    text = "eventseal1|{}|{}|{}".format(seal["event_count"], seal["last_event_id"], seal["sealed_at"])
    return sha256(bytes.fromhex(seal["previous"]) + bytes.fromhex(seal["digest"]) + text.encode("utf-8"))


class Chain:
    """Reads the records in order and collects what is wrong. `after` is the hash of the seal before the first."""

    part = ""
    own_hash = None

    def __init__(self, after):
        self.problems = []
        self.notes = []
        self.seals = 0
        self.last_hash = bytes.fromhex(after)
        self.seal = None
        self.seen = {}

    def finish(self):
        """What can be said only when all was read."""

    def wrong(self, sentence):
        self.problems.append(sentence)

    def follow(self, seal):
        """Check that a seal hangs on the one before and says what its hash was made of."""
        self.seals += 1
        if bytes.fromhex(seal["previous"]) != self.last_hash:
            self.wrong(
                "Seal {} is not chained to the seal before it: a seal is missing or was altered.".format(seal["id"])
            )
        if type(self).own_hash(seal) != bytes.fromhex(seal["hash"]):
            self.wrong("Seal {} has been altered.".format(seal["id"]))
        self.last_hash = bytes.fromhex(seal["hash"])
        self.seen[seal["id"]] = seal["hash"]

    def compare(self, number, published, where):
        """Check a seal kept outside against this chain. A number of 0: only the hash is known."""
        if number:
            if number in self.seen and self.seen[number] != published:
                self.wrong(f"Seal {number} is not the one published in {where}: it has been rewritten.")
            elif number not in self.seen and self.seen and min(self.seen) <= number <= max(self.seen):
                self.wrong(f"Seal {number}, published in {where}, is not in this file: it has been removed.")
            elif number not in self.seen:
                self.notes.append(f"Seal {number}, published in {where}, lies outside this file and is not compared.")
        elif published not in self.seen.values():
            self.wrong(f"The published seal {published} is not in this ledger: it has been rewritten.")


class Events(Chain):
    """The audit trail."""

    part = "audit"
    own_hash = staticmethod(event_seal_hash)

    def __init__(self, after):
        super().__init__(after)
        self.events = 0
        self.disposals = {}
        self.first = self.last = None

    def read(self, record):
        if "seal" in record:
            self.end()
            self.follow(record["seal"])
            self.seal = dict(record["seal"], digests=hashlib.sha256(), events=0)
        elif "event" in record:
            event = record["event"]
            self.events += 1
            if event_digest(event) != bytes.fromhex(event["digest"]):
                self.wrong("Event {} ({}) has been altered.".format(event["id"], event["verb"]))
            self.seal["digests"].update(bytes.fromhex(event["digest"]))
            self.seal["events"] += 1
            self.first = event["occurred_at"] if self.first is None else min(self.first, event["occurred_at"])
            self.last = event["occurred_at"] if self.last is None else max(self.last, event["occurred_at"])
            if event["verb"] == "disposal_done" and event["subject_type"] == "records.disposal":
                self.disposals[event["subject_id"]] = json.loads(event["data"]).get("certificate_sha256")

    def end(self):
        seal, self.seal = self.seal, None
        if seal is None:
            return
        if seal["digests"].digest() != bytes.fromhex(seal["digest"]) or seal["events"] != seal["event_count"]:
            self.wrong("Seal {} was made over other events than these.".format(seal["id"]))

    def remarks(self):
        return []

    def certificate(self, disposal, sha256, finished_at):
        """Whether the trail holds the certificate of a disposal; None where it does not reach to that moment."""
        if self.disposals.get(disposal) == sha256:
            return True
        covers = self.first is not None and self.first <= finished_at <= self.last
        return False if covers or disposal in self.disposals else None

    def counted(self):
        return f"{self.events} events under {self.seals} seals"


class Ledger(Chain):
    """Entries, postings and seals."""

    part = "ledger"
    own_hash = staticmethod(seal_hash)

    def __init__(self, after):
        super().__init__(after)
        self.entries = self.postings = 0
        self.posting = None
        self.erased = {}
        self.certificates = {}
        self.disposal = None

    def read(self, record):
        if "seal" in record:
            self.end()
            self.follow(record["seal"])
            self.seal = dict(record["seal"], digests=hashlib.sha256(), postings=0, entries=0, sum=Decimal(0))
        elif "posting" in record:
            self.end_posting()
            self.begin_posting(record["posting"])
        elif "entry" in record:
            self.add_entry(record["entry"])
        elif "disposal" in record:
            self.end()
            self.begin_disposal(record["disposal"])
        elif "erasure" in record:
            self.add_erasure(record["erasure"])

    def end(self):
        self.end_posting()
        self.end_disposal()
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
        if "erased" in entry:
            # Its text was disposed of. The hash it was posted with stays under the seal; what is left has its own,
            # which a certificate of disposal further down has to name.
            self.erased[entry["id"]] = (entry["line"], entry["leaf"], entry["erased"])
        if leaf(entry) != bytes.fromhex(entry.get("erased", entry["leaf"])):
            self.wrong("Entry {} (line {}) has been altered.".format(entry["id"], entry["line"]))
        self.posting["hash"].update(bytes.fromhex(entry["leaf"]))
        self.posting["entries"] += 1
        self.posting["sum"] += Decimal(entry["amount"])

    def begin_disposal(self, disposal):
        """A certificate of disposal, whose erasures follow."""
        text = disposal["certificate"]
        said = json.loads(text)
        self.disposal = dict(said, number=disposal["id"], digest=hashlib.sha256(), listed=0, entries=0)
        self.certificates[disposal["id"]] = self.disposal
        self.disposal["sha256"] = hashlib.sha256(text.encode("utf-8")).hexdigest()
        if str(said["disposal"]) != str(disposal["id"]):
            self.wrong("The certificate of disposal {} is that of another one.".format(disposal["id"]))

    def add_erasure(self, erasure):
        """One row that the disposal took text from: with its hash before, and that of what is left."""
        line = "ledger_entry|{}|{}|{}\n".format(erasure["row"], erasure["before"], erasure["after"])
        self.disposal["digest"].update(line.encode("utf-8"))
        self.disposal["listed"] += 1
        entry = self.erased.get(int(erasure["row"]))
        if entry is None:
            return  # of other days than this file
        if entry[1:] == (erasure["before"], erasure["after"]):
            self.disposal["entries"] += 1
            del self.erased[int(erasure["row"])]

    def end_disposal(self):
        disposal, self.disposal = self.disposal, None
        if disposal is None:
            return
        if (disposal["listed"], disposal["digest"].hexdigest()) != (disposal["rows_erased"], disposal["rows_sha256"]):
            self.wrong(
                "The certificate of disposal {} is about other entries than those listed under it.".format(
                    disposal["number"]
                )
            )

    def finish(self):
        """What can be said only when all was read."""
        for number, (line, _, _) in sorted(self.erased.items()):
            self.wrong(
                f"Entry {number} (line {line}) is said to have lost its text, but no certificate of disposal in this "
                "file says so of it as it stands: nothing proves what it says."
            )

    def look_up(self, trail):
        """Look for the certificates in an audit trail that was read too."""
        for number, disposal in self.certificates.items():
            finished = moment(disposal["finished_at"])
            found = trail.certificate(str(number), disposal["sha256"], finished)
            disposal["known"] = found or disposal.get("known", False)
            if found is False:
                self.wrong(
                    f"The audit trail does not know the certificate of disposal {number}: one of them was altered."
                )

    def counted(self):
        return f"{self.entries} entries in {self.postings} postings under {self.seals} seals"

    def remarks(self):
        said = (
            "{} entries had their text disposed of and were not reckoned in full: the hashes they were posted with "
            "stand under the seals; what is left of them is as certificate {} says (asked for by {}, approved by {}, "
            "SHA-256 {}), which {}."
        )
        known, not_known = "the audit trail knows", "was not looked for: give events.jsonl of the day it was made too"
        return [
            said.format(
                disposal["entries"],
                number,
                disposal["asked_by"],
                disposal["approved_by"],
                disposal["sha256"],
                known if disposal.get("known") else not_known,
            )
            for number, disposal in sorted(self.certificates.items())
            if disposal["entries"]
        ]


def moment(text):
    """A moment as events have it: microseconds since 1970, UTC."""
    return int(datetime.fromisoformat(text).timestamp() * 1000000)


FORMATS = {"ims-ledger-1": Ledger, "ims-events-1": Events}


def check(path):
    with open(path, encoding="utf-8") as lines:
        heading = json.loads(next(lines))
        if heading.get("format") not in FORMATS:
            raise ValueError("it is not an IMS ledger or audit trail exported as evidence")
        chain = FORMATS[heading["format"]](heading.get("after", ""))
        for line in lines:
            chain.read(json.loads(line))
    chain.end()
    chain.finish()
    return chain


def is_evidence(path):
    """Whether a file is evidence itself, and not seals that were published."""
    if re.match(r"[0-9a-fA-F]{64}$", path) or os.path.isdir(path):
        return False
    with open(path, encoding="utf-8") as lines:
        try:
            return json.loads(next(lines)).get("format") in FORMATS
        except (ValueError, StopIteration):
            return False


def published_files(path):
    if not os.path.isdir(path):
        return [path]
    names = sorted(name for name in os.listdir(path) if re.match(r"seals-.*\.json$", name))
    if not names:
        raise ValueError(f"{path} holds no seals-….json file")
    return [os.path.join(path, name) for name in names]


def compare_published(chains, given):
    """Compare with a hash, a file of published seals, or a directory of such files."""
    if re.match(r"[0-9a-fA-F]{64}$", given):
        if not any(given.lower() in chain.seen.values() for chain in chains):
            chains[0].compare(0, given.lower(), "")
        return
    for path in published_files(given):
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
        if said.get("format") != "ims-seals-1":
            raise ValueError(f"{path} is not a file of published seals")
        for chain in chains:
            part = said[chain.part]
            if part:
                chain.compare(part["seal"], part["hash"], os.path.basename(path))


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    try:
        chains = [check(arguments[0])]
        chains += [check(given) for given in arguments[1:] if is_evidence(given)]
        for given in arguments[1:]:
            if not is_evidence(given):
                compare_published(chains, given)
    except (OSError, StopIteration, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"The file cannot be read: {error}")
        return 2
    for trail in [chain for chain in chains if isinstance(chain, Events)]:
        for ledger in [chain for chain in chains if isinstance(chain, Ledger)]:
            ledger.look_up(trail)
    for chain in chains:
        for sentence in chain.notes + chain.remarks() + chain.problems:
            print(sentence)
        outcome = f"{len(chain.problems)} found wrong" if chain.problems else "nothing found wrong"
        print(f"{chain.counted()}: {outcome}")
        print(f"Last seal: {chain.last_hash.hex()}")
    return 1 if any(chain.problems for chain in chains) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
