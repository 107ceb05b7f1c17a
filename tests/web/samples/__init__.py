"""A sample context for every template: what a handler would hand over, each interesting state once."""

from tests.web.samples import customer, invoices, mails, onboarding, settings
from tests.web.samples.frame import Context

TEMPLATES: dict[str, dict[str, Context]] = (
    onboarding.PAGES | invoices.PAGES | settings.PAGES | customer.PAGES | mails.PAGES
)
