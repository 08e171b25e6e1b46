"""The addresses of the payment pages, all below one path, so that a council can put nothing else on the internet."""

from __future__ import annotations

from django.urls import path

from ims.portal import views

app_name = "portal"

urlpatterns = [
    path("", views.start, name="start"),
    path("for/<slug:code>/", views.bill, name="bill"),
    path("basket/", views.basket, name="basket"),
    path("basket/remove/", views.remove, name="remove"),
    path("basket/begin-again/", views.begin_again, name="begin-again"),
    path("order/<slug:token>/", views.order, name="order"),
    path("link/<slug:token>/", views.link, name="link"),
    path("details/", views.payer, name="payer"),
    path("check/", views.check, name="check"),
    path("card/", views.pay, name="pay"),
    path("result/<slug:token>/", views.returned, name="returned"),
    path("result/<slug:token>/outcome/", views.outcome, name="outcome"),
    path("result/<slug:token>/again/", views.again, name="again"),
    path("status/<str:signed>/", views.status, name="status"),
    path("cookies/", views.cookies, name="cookies"),
    path("accessibility/", views.accessibility, name="accessibility"),
    path("brand.css", views.brand, name="brand"),
]
