"""E-mail by the council's own mail server (SMTP)."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, localtime

from ims.providers.messages import CarrierRefused, CarrierUnreachable, Fate, Letter

SECONDS = 20


class Mail:
    """One mail server. `security` is ``starttls``, ``tls`` or ``none`` (a server on the same machine only)."""

    remembers = False

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sender: str,
        sender_name: str = "",
        user: str = "",
        password: str = "",
        security: str = "starttls",
    ) -> None:
        self._host, self._port, self._sender, self._name = host, port, sender, sender_name
        self._user, self._password, self._security = user, password, security

    def send(self, letter: Letter) -> str:
        """Hand a message to the server; its message id.

        Once the text has been handed over, no answer means that nobody knows whether the server took it.
        """
        message = self._written(letter)
        with self._connected() as server:
            try:
                server.send_message(message)
            except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
                if _is_for_now(error):
                    raise CarrierUnreachable(
                        "The mail server does not take the message just now.", may_have_gone=False
                    ) from error
                raise CarrierRefused(f"The mail server refused the message: {_said(error)}") from error
            except (smtplib.SMTPException, OSError) as error:
                raise CarrierUnreachable(
                    f"The mail server broke off while the message was handed over ({type(error).__name__})."
                ) from error
        return str(message["Message-ID"])

    def find(self, reference: str) -> str:
        """A mail server cannot be asked what it took."""
        return ""

    def fate(self, carrier_id: str) -> tuple[Fate, str]:
        """A mail server says nothing more once it took a message."""
        return Fate.ON_ITS_WAY, "taken by the mail server"

    def _written(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = formataddr((self._name, self._sender))
        message["To"] = letter.to
        message["Subject"] = " ".join(letter.subject.split())
        message["Date"] = format_datetime(localtime())
        message["Message-ID"] = f"<{letter.reference}@{self._sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.body)
        return message

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A session with the server. What fails before the message is handed over has sent nothing."""
        context = ssl.create_default_context()
        try:
            if self._security == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=SECONDS, context=context)
            else:
                server = smtplib.SMTP(self._host, self._port, timeout=SECONDS)
            if self._security == "starttls":
                server.starttls(context=context)
            if self._user:
                server.login(self._user, self._password)
        except smtplib.SMTPAuthenticationError as error:
            raise CarrierUnreachable(
                "The mail server refused our user name and password.", may_have_gone=False
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            raise CarrierUnreachable(
                f"The mail server does not answer ({type(error).__name__}).", may_have_gone=False
            ) from error
        try:
            yield server
        finally:
            with suppress(smtplib.SMTPException, OSError):
                server.quit()


def _is_for_now(error: Exception) -> bool:
    """Whether the server's word is one of the 4xx kind: try again later."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(400 <= code < 500 for code, _ in error.recipients.values())
    return 400 <= getattr(error, "smtp_code", 500) < 500


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{code} {text.decode(errors='replace')}" for code, text in error.recipients.values())
    text = getattr(error, "smtp_error", b"")
    return f"{getattr(error, 'smtp_code', '')} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
