"""What evidence does in the background: publishing each day's seals, making packs, letting old ones go."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage

from ims.audit.actors import job
from ims.audit.history_seals import seal_histories
from ims.audit.services import record
from ims.evidence import publication, services
from ims.evidence.errors import EvidenceRefusal
from ims.evidence.models import SealPublication
from ims.jobs.queue import schedule, task
from ims.jobs.running import Run


@schedule("evidence.seal_histories", "5 * * * *", title="Seal the histories of records")
def seal_the_past() -> None:
    """Seal what was written into histories since the last time."""
    seal_histories()


@schedule("evidence.publish", "10 * * * *", title="Publish the day’s last seals")
def publish() -> None:
    """Publish every day that is over. Every hour, so that a directory that could not be reached is tried again."""
    for day in publication.unpublished():
        publication.publish(actor=job("evidence.publish"), day=day)


@task(publication.EMAIL_JOB, title="E-mail the day’s last seals")
def email_seals(run: Run, *, publication: int) -> str:
    """Send one day's seals to whom they are kept by."""
    found = SealPublication.objects.get(pk=publication)
    if not settings.SEALS_EMAIL:
        return "Nobody is set to receive them any more"
    if not settings.EMAIL_URL:
        raise EvidenceRefusal("No mail server is set: IMS_SEALS_EMAIL names addresses but IMS_EMAIL_URL is empty.")
    message = EmailMessage(
        subject=f"{found} of {settings.COUNCIL_NAME}",
        body=(
            f"The last seals of {found.day:%-d %b %Y}, attached as {found.file_name}.\n\n"
            f"SHA-256 of the file: {found.sha256}\n\n"
            "Keep this message. With it anybody can show, years from now, that the ledger and the audit trail were not "
            "rewritten since: ims verify --published FOLDER, or offline_verifier.py without IMS."
        ),
        to=list(settings.SEALS_EMAIL),
        attachments=[(found.file_name, found.content, "application/json")],
    )
    try:
        message.send()
    except OSError as error:  # what SMTP raises derives from it
        raise EvidenceRefusal(f"The mail server did not take the seals: {error}.") from error
    record("seals_emailed", actor=run.actor, subject=found, data={"to": list(settings.SEALS_EMAIL)})
    return f"{found} sent to {len(settings.SEALS_EMAIL)} addresses"


@task(services.PACK_JOB, title="Make an evidence pack")
def make_pack(run: Run, *, pack: int) -> str:
    """Make a pack somebody asked for; a second run after a kill begins again, or finds it ready."""
    made = services.make_pack(actor=run.actor, pack_id=pack, report=run.report)
    return f"{made.file_name}, {made.size:,} bytes"


@schedule("evidence.forget", "40 3 * * *", title="Let go of old evidence packs")
def forget() -> None:
    """Let go of the bytes of packs that are older than some weeks."""
    services.forget_old_packs(actor=job("evidence.forget"))
