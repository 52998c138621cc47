"""The header of a mail of which a test is about something else."""

from __future__ import annotations

HEAD = b"From: Ann <ann@example.com>\r\nTo: sales@contoso.example\r\nSubject: x\r\n"
