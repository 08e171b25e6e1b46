"""Addresses of the card payment screens."""

from __future__ import annotations

from django.urls import path

from ims.console.views import payment_letters, payment_queues, payments

app_name = "payments"
urlpatterns = [
    path("", payments.index, name="index"),
    path("take/", payments.take, name="take"),
    path("returned/<str:token>/", payments.returned, name="returned"),
    path("exceptions/", payment_queues.exceptions, name="exceptions"),
    path("exceptions/<number:exception_id>/", payment_queues.resolve, name="resolve"),
    path("refunds/", payment_queues.refunds, name="refunds"),
    path("disputes/", payment_queues.disputes, name="disputes"),
    path("disputes/<number:dispute_id>/", payment_queues.note, name="note"),
    path("links/", payments.link_list, name="links"),
    path("links/<number:link_id>/", payments.link, name="link"),
    path("links/<number:link_id>/cancel/", payments.cancel_link, name="cancel_link"),
    path("payouts/", payment_queues.payouts, name="payouts"),
    path("payouts/report/", payment_queues.report, name="report"),
    path("payouts/<number:payout_id>/", payment_queues.payout, name="payout"),
    path("payouts/<number:payout_id>/unmatch/", payment_queues.unmatch, name="unmatch"),
    path("services/", payment_queues.services, name="services"),
    path("<number:attempt_id>/", payments.payment, name="payment"),
    path("<number:attempt_id>/look/", payments.look_again, name="look"),
    path("<number:attempt_id>/cancel/", payments.cancel, name="cancel"),
    path("<number:attempt_id>/go-on/", payments.go_on, name="go_on"),
    path("<number:attempt_id>/receipt/", payments.resend_receipt, name="resend"),
    path("<number:attempt_id>/letter/", payment_letters.letter, name="letter"),
    path("<number:attempt_id>/refund/", payments.refund, name="refund"),
]
