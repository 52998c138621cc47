"""Where our reading differs from a corpus's expected values on purpose, and why."""

from __future__ import annotations

_NESTED = "an attached mail is one attachment; imap_tools mixes its text and files into the mail around it"
_REWRITTEN = "imap_tools writes the attached mail anew with Python's generator; we keep its bytes"
_BINARY = "imap_tools drops bytes that are not of the declared charset; we read them as windows-1252"
_TWO_AUTHORS = "From names two mailboxes: nobody is the author for sure"
_LOOSE = "the value is no address; ours is strict"
_INNER = "Stalwart lets an inner boundary run over an outer one; RFC 2046 5.1.2 says that the outer one ends it"
_SHOWN = "text without a name is shown, not attached; Stalwart attaches what is not first"
_NO_PARTS = "a multipart without any boundary is shown as text; Stalwart attaches it whole"
_EMPTY = "an empty part holds nothing to attach"

ON_PURPOSE: dict[str, str] = {
    "imap_tools/attachment_2_base64.eml: text": "imap_tools takes the base64 of attached mails for text",
    "imap_tools/attachment_7bit.eml: text": _NESTED,
    "imap_tools/attachment_7bit.eml: html": _NESTED,
    "imap_tools/attachment_7bit.eml: attachment content": _REWRITTEN,
    "imap_tools/attachment_8bit.eml: text": _NESTED,
    "imap_tools/attachment_8bit.eml: html": _NESTED,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: text": _NESTED,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: attachment content": _NESTED,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: attachment name": _NESTED,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: attachment media_type": _NESTED,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: attachment inline": _NESTED,
    "imap_tools/forwarded_message.eml: text": _NESTED,
    "imap_tools/forwarded_message.eml: html": _NESTED,
    "imap_tools/mime_emails/raw_email_with_mimepart_without_content_type.eml: text": _NESTED,
    "imap_tools/mime_emails/raw_email_with_mimepart_without_content_type.eml: attachment content": _REWRITTEN,
    "imap_tools/multipart_report_emails/multi_address_bounce1.eml: text": _NESTED,
    "imap_tools/multipart_report_emails/multi_address_bounce1.eml: attachment content": _REWRITTEN,
    "imap_tools/multipart_report_emails/multi_address_bounce2.eml: text": _NESTED,
    "imap_tools/multipart_report_emails/multi_address_bounce2.eml: attachment content": _REWRITTEN,
    "imap_tools/multipart_report_emails/multipart_report_multiple_status.eml: text": _NESTED,
    "imap_tools/multipart_report_emails/multipart_report_multiple_status.eml: attachment content": _NESTED,
    "imap_tools/multipart_report_emails/multipart_report_multiple_status.eml: attachment media_type": _NESTED,
    "imap_tools/multipart_report_emails/multipart_report_multiple_status.eml: attachment content_id": _NESTED,
    "imap_tools/text_with_content_id.eml: attachment content": "imap_tools gives the text a second time, as an attachment",
    "imap_tools/text_with_content_id.eml: attachment media_type": "imap_tools gives the text a second time, as an attachment",
    "imap_tools/text_with_content_id.eml: attachment content_id": "imap_tools gives the text a second time, as an attachment",
    "imap_tools/error_emails/cant_parse_from.eml: html": "a tag cut short is no visible text",
    "imap_tools/error_emails/content_transfer_encoding_7-bit.eml: text": "ISO-8859-1 is read as windows-1252, as browsers do",
    "imap_tools/error_emails/content_transfer_encoding_7-bit.eml: html": "ISO-8859-1 is read as windows-1252, as browsers do",
    "imap_tools/error_emails/content_transfer_encoding_empty.eml: html": "undecodable bytes: a mark each instead of none",
    "imap_tools/error_emails/content_transfer_encoding_plain.eml: text": _BINARY,
    "imap_tools/error_emails/invalid_subject_characters.eml: subject": _BINARY,
    "imap_tools/plain_emails/raw_email6.eml: text": _BINARY,
    "imap_tools/error_emails/missing_body.eml: to address": _LOOSE,
    "imap_tools/plain_emails/mix_caps_content_type.eml: from address": _LOOSE,
    "imap_tools/plain_emails/raw_email_with_at_display_name.eml: from address": _TWO_AUTHORS,
    "imap_tools/plain_emails/raw_email_with_at_display_name.eml: from name": _TWO_AUTHORS,
    "imap_tools/plain_emails/raw_email_with_at_display_name.eml: to address": "the name before <> is no address",
    "imap_tools/plain_emails/raw_email_incorrect_header.eml: text": "a broken header line does not end the header when From follows it",
    "imap_tools/rfc2822/example13.eml: text": "a broken header line does not end the header when Subject follows it",
    "imap_tools/rfc2822/example10.eml: from name": "comments are no part of a name",
    "imap_tools/rfc2822/example10.eml: to name": "comments are no part of a name",
    "stalwart/malformed/001.eml: attachment content": _EMPTY,
    "stalwart/malformed/007.eml: attachment content": _EMPTY,
    "stalwart/malformed/002.eml: attachment content": _NO_PARTS,
    "stalwart/malformed/002.eml: attachment media_type": _NO_PARTS,
    **{
        f"stalwart/malformed/{number}.eml: attachment {name}": _SHOWN
        for number in ("003", "004", "006", "008", "009", "011", "016")
        for name in ("content", "media_type")
    },
    "stalwart/malformed/005.eml: text": "the inner delimiter --a---- is also the end of the outer boundary a--",
    "stalwart/malformed/009.eml: text": _SHOWN,
    "stalwart/malformed/011.eml: text": _SHOWN,
    "stalwart/malformed/012.eml: attachment content": _INNER,
    "stalwart/malformed/016.eml: text": _INNER,
    "stalwart/malformed/019.eml: date": "of several Date fields the first counts, and it is broken",
    "stalwart/malformed/020.eml: text": "of two Content-Type fields the first counts",
    "stalwart/malformed/021.eml: text": "of two Content-Type fields the first counts",
    "stalwart/rfc/001.eml: attachment name": "path separators have no place in a file name",
}
"""Corpus/file and field -> reason.  What is neither here nor agreed is a fault, and test_corpora.py counts it."""
