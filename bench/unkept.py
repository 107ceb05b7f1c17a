"""The product's web door with rendered pages never kept, to measure what a first view costs."""

from app.cli.main import main
from payportal import web
from payportal.memo import Memo

web._PAGES = Memo(0)
main(["web"])
