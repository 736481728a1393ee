"""`python -m portal.api`: print the OpenAPI document, which docs/openapi.json is."""

from __future__ import annotations

import sys

from portal.api.document import document_text

sys.stdout.write(document_text())
