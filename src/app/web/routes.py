"""Every controller of the merchant's side, in the order of the house's front door."""

from litestar.types import ControllerRouterHandler

from app.web.auth import AuthController
from app.web.brand import BrandController
from app.web.codes import CodesController
from app.web.customers import CustomersController
from app.web.events import EventsController
from app.web.health import HealthController
from app.web.invoices import InvoicesController
from app.web.payments import PaymentsController
from app.web.payouts import PayoutsController
from app.web.public import PublicController
from app.web.settings import SettingsController
from app.web.setup import SetupController
from app.web.webhooks import WebhooksController
from app.web.writebacks import WritebacksController

ROUTES: list[ControllerRouterHandler] = [
    PublicController,
    AuthController,
    SetupController,
    InvoicesController,
    CodesController,
    EventsController,
    PaymentsController,
    PayoutsController,
    CustomersController,
    WritebacksController,
    SettingsController,
    BrandController,
    WebhooksController,
    HealthController,
]
