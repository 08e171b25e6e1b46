"""The parts that screens are built from. `{% load components %}`; the README shows each with an example."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.forms import BaseForm, BaseFormSet, BoundField
from django.template import Context
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from ims.console.asking import hint
from ims.console.fields import dressed
from ims.console.states import colour_of

register = template.Library()

BUTTON_KINDS = {"": "", "secondary": " govuk-button--secondary", "warning": " govuk-button--warning"}


@register.simple_tag
def state(value: str, label: str = "", colour: str = "") -> SafeString:
    """A badge for the state called `value`, coloured as `ims.console.states` says unless `colour` is given."""
    text = label or str(value).replace("_", " ").capitalize()
    return format_html('<strong class="govuk-tag govuk-tag--{}">{}</strong>', colour or colour_of(value), text)


@register.simple_tag(takes_context=True)
def approval_hint(context: Context, limit: str) -> SafeString:
    """What somebody may do of `limit` alone, and who approves more; nothing for who may do any amount."""
    sentence = hint(context["request"].actor, limit)
    return format_html('<p class="govuk-inset-text ims-narrow">{}</p>', sentence) if sentence else SafeString("")


@register.simple_block_tag
def scroller(content: str, label: str) -> SafeString:
    """A wide table that scrolls within itself and never makes the page scroll. `label` names it to screen readers."""
    return format_html(
        '<div class="ims-scroller" role="region" tabindex="0" aria-label="{}">{}</div>', label, SafeString(content)
    )


@register.simple_block_tag
def summary_list(content: str, dense: bool = False) -> SafeString:
    """A list of names and values; hold `{% row %}` blocks."""
    extra = " ims-summary--dense" if dense else ""
    return format_html('<dl class="govuk-summary-list{}">{}</dl>', extra, SafeString(content))


@register.simple_block_tag
def row(content: str, label: str) -> SafeString:
    """One name and value of a summary list; left out when the value is empty."""
    if not content.strip():
        return SafeString("")
    return format_html(
        '<div class="govuk-summary-list__row"><dt class="govuk-summary-list__key">{}</dt>'
        '<dd class="govuk-summary-list__value">{}</dd></div>',
        label,
        SafeString(content),
    )


@register.simple_block_tag
def banner(content: str, title: str = "Important", kind: str = "") -> SafeString:
    """A notification banner; `kind` may be ``success``."""
    return format_html(
        '<div class="govuk-notification-banner{}" role="region" aria-label="{}">'
        '<div class="govuk-notification-banner__header"><h2 class="govuk-notification-banner__title">{}</h2></div>'
        '<div class="govuk-notification-banner__content">{}</div></div>',
        " govuk-notification-banner--success" if kind == "success" else "",
        title,
        title,
        SafeString(content),
    )


@register.simple_block_tag
def warning(content: str) -> SafeString:
    """A sentence nobody may miss."""
    return format_html(
        '<div class="govuk-warning-text"><span class="govuk-warning-text__icon" aria-hidden="true">!</span>'
        '<strong class="govuk-warning-text__text"><span class="govuk-visually-hidden">Warning</span> {}</strong></div>',
        SafeString(content),
    )


@register.simple_block_tag
def empty_state(content: str, title: str) -> SafeString:
    """What stands where a list would be, when there is nothing: say what it means and what to do."""
    return format_html('<div class="ims-empty"><h2 class="govuk-heading-m">{}</h2>{}</div>', title, SafeString(content))


@register.simple_block_tag
def panel(content: str, title: str, link: str = "", link_text: str = "", level: int = 2) -> SafeString:
    """A framed part of a page with a heading and, if given, one link at its right."""
    more = (
        format_html('<a class="govuk-link govuk-link--no-visited-state" href="{}">{}</a>', link, link_text)
        if link
        else ""
    )
    return format_html(
        '<section class="ims-panel"><div class="ims-panel__heading">'
        '<h{level} class="govuk-heading-m">{title}</h{level}>{more}</div>{content}</section>',
        level=level,
        title=title,
        more=more,
        content=SafeString(content),
    )


@register.simple_tag
def figure(label: str, value: object, note: str = "", link: str = "", tone: str = "") -> SafeString:
    """One large number. `tone` is ``good``, ``warning`` or ``bad``; `link` leads to what it counts."""
    shown = (
        format_html('<a class="govuk-link govuk-link--no-visited-state" href="{}">{}</a>', link, value)
        if link
        else value
    )
    return format_html(
        '<div class="ims-figure{}"><dt class="ims-figure__label">{}</dt><dd class="ims-figure__value">{}</dd>{}</div>',
        f" ims-figure--{tone}" if tone else "",
        label,
        shown,
        format_html('<dd class="ims-figure__note">{}</dd>', note) if note else "",
    )


@register.simple_block_tag
def figures(content: str) -> SafeString:
    """A row of `{% figure %}`."""
    return format_html('<dl class="ims-figures">{}</dl>', SafeString(content))


@register.inclusion_tag("console/components/tabs.html")
def tabs(items: Sequence[Any], label: str = "Views") -> dict[str, Any]:
    """Links that look like tabs. Each of `items` has ``label``, ``url``, ``is_current`` and perhaps ``count``."""
    return {"items": items, "label": label}


@register.simple_block_tag
def timeline(content: str) -> SafeString:
    """What happened, newest first or oldest first; hold `{% event %}` blocks."""
    return format_html('<ol class="ims-timeline">{}</ol>', SafeString(content))


@register.simple_block_tag
def event(content: str, title: str, at: datetime | None = None, by: str = "", tone: str = "") -> SafeString:
    """One thing that happened: `title`, when and by whom. `tone` is ``good`` or ``bad``."""
    when = date_format(localtime(at), "j M Y, H:i") if at else ""
    byline = ", ".join(part for part in (when, f"by {by}" if by else "") if part)
    return format_html(
        '<li class="ims-timeline__event{}"><p class="ims-timeline__title">{}</p>{}'
        '<div class="ims-timeline__body">{}</div></li>',
        f" ims-timeline__event--{tone}" if tone else "",
        title,
        format_html('<p class="ims-timeline__by">{}</p>', byline) if byline else "",
        SafeString(content),
    )


@register.inclusion_tag("console/components/progress.html")
def progress(done: int, total: int | None, text: str, url: str) -> dict[str, Any]:
    """How far a job is. `url` answers JSON: ``{"done", "total", "text", "finished"}``; without script see `refresh`."""
    return {"done": done, "total": total, "text": text, "url": url}


@register.simple_tag
def refresh(seconds: int = 5) -> SafeString:
    """For the `head` block of a page with a progress bar: loads the page anew where there is no script."""
    return format_html('<noscript><meta http-equiv="refresh" content="{}"></noscript>', seconds)


@register.inclusion_tag("console/components/field.html")
def field(bound: BoundField, label: str = "", hint: str = "") -> dict[str, Any]:
    """A form field with its label, hint and errors."""
    return dressed(bound, label=label, hint=hint)


@register.inclusion_tag("console/components/fields.html")
def fields(form: BaseForm) -> dict[str, Any]:
    """Every visible field of `form`, and its hidden ones."""
    return {"form": form}


@register.inclusion_tag("console/components/error_summary.html")
def error_summary(form: BaseForm | None) -> dict[str, Any]:
    """What is wrong with `form`, at the top of the page, each error a link to its field."""
    return {"errors": _errors(form) if form is not None and form.is_bound else []}


def _errors(form: BaseForm) -> list[tuple[str, str]]:
    if getattr(form, "is_quiet", False):
        return []
    found = [("", message) for message in form.non_field_errors()]
    for bound in form.visible_fields():
        found.extend((bound.id_for_label or bound.auto_id, message) for message in bound.errors)
    for bound in form.hidden_fields():
        found.extend(("", f"{bound.label}: {message}") for message in bound.errors)
    return found


@register.inclusion_tag("console/components/error_summary.html")
def form_errors(*forms: BaseForm | BaseFormSet) -> dict[str, Any]:
    """One summary for several forms and sets of forms together."""
    found: list[tuple[str, str]] = []
    for form in forms:
        if isinstance(form, BaseFormSet):
            found.extend(("", message) for message in form.non_form_errors())
            found.extend(error for member in form.forms if member.is_bound for error in _errors(member))
        elif form.is_bound:
            found.extend(_errors(form))
    return {"errors": found}


@register.simple_tag
def carried_set(forms: BaseFormSet) -> SafeString:
    """The values of a set of forms as hidden inputs."""
    return format_html_join("\n", "{}", ((carried(form),) for form in (forms.management_form, *forms.forms)))


@register.simple_tag
def carried(form: BaseForm) -> SafeString:
    """The values of `form` as hidden inputs, for the page that asks a person to confirm."""
    return format_html_join("\n", "{}", ((bound.as_hidden(attrs={"id": None}),) for bound in form))


@register.simple_tag
def submit(text: str, kind: str = "", name: str = "", value: str = "") -> SafeString:
    """A button that sends the form, once however often it is clicked. `kind`: ``secondary`` or ``warning``."""
    named = format_html(' name="{}" value="{}"', name, value) if name else ""
    return format_html(
        '<button type="submit" class="govuk-button{}" data-module="govuk-button"'
        ' data-prevent-double-click="true"{}>{}</button>',
        BUTTON_KINDS[kind],
        named,
        text,
    )


@register.simple_tag
def link_button(text: str, url: str, kind: str = "secondary") -> SafeString:
    """A link that looks like a button: it opens a page and changes nothing."""
    return format_html(
        '<a href="{}" role="button" draggable="false" class="govuk-button{}" data-module="govuk-button">{}</a>',
        url,
        BUTTON_KINDS[kind],
        text,
    )


@register.inclusion_tag("console/components/filter_panel.html", takes_context=True)
def filter_panel(context: Context, form: BaseForm, keep: str = "") -> dict[str, Any]:
    """The filters of a list, as a form that asks by GET. `keep` names query parameters to carry along, by spaces."""
    query = context["request"].GET
    kept = [(name, query[name]) for name in keep.split() if query.get(name)]
    active = form.is_bound and any(bound.data not in (None, "", [], False) for bound in form.visible_fields())
    return {"form": form, "kept": kept, "is_open": active, "clear": context["request"].path}


@register.inclusion_tag("console/components/pagination.html", takes_context=True)
def pagination(context: Context, page: Any, label: str = "Pages") -> dict[str, Any]:
    """Newer and older pages of a list. `page` has ``newer`` and ``older``: query strings with a cursor, or empty."""
    return {"page": page, "label": label, "path": context["request"].path}


@register.simple_block_tag
def breadcrumbs(content: str) -> SafeString:
    """Where the page stands; hold `{% crumb %}` tags, the page itself last and without an address."""
    return format_html(
        '<nav class="govuk-breadcrumbs" aria-label="Breadcrumb"><ol class="govuk-breadcrumbs__list">{}</ol></nav>',
        SafeString(content),
    )


@register.simple_tag
def crumb(text: object, url_name: str = "", *args: object) -> SafeString:
    """One step of the breadcrumbs: `url_name` (with its arguments) or an address that starts with “/”."""
    if not url_name:
        return format_html('<li class="govuk-breadcrumbs__list-item" aria-current="page">{}</li>', text)
    address = url_name if url_name.startswith("/") else reverse(url_name, args=args)
    return format_html(
        '<li class="govuk-breadcrumbs__list-item"><a class="govuk-breadcrumbs__link" href="{}">{}</a></li>',
        address,
        text,
    )
