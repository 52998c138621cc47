"""Where our reading differs from a corpus's expected values on purpose, and why."""

from __future__ import annotations

_NESTED = "the attached mail is one attachment, and its text is none of this mail's (RFC 2046 5.2.1); Stalwart keeps them apart too"
_INNER = "the file is inside the attached mail, which is kept whole (RFC 2046 5.2.1)"
_REWRITTEN = "imap_tools writes the attached mail anew with Python's generator; we keep its bytes"
_BINARY = "bytes that are not of the declared charset: imap_tools drops what was written, we read them as windows-1252"
_UNDECODABLE = (
    "imap_tools drops bytes that are not of the charset; each leaves a mark, as the WHATWG Encoding Standard 4.1 has it"
)
_BASE64 = "imap_tools takes the base64 of attached mails for text"
_CUT_TAG = "a tag cut short by the end of the html is no visible text (WHATWG HTML 13.2.2, eof-in-tag)"
_NO_ADDRESS = "the name before <> is no address"
_COMMENTS = "imap_tools mixes comments of the address into the name, which is a phrase (RFC 5322 3.4)"
_AUTHORS = "From names two mailboxes: nobody is the author for sure"
_LOOSE = "the value is no address (RFC 5322 3.4.1)"
_INNER_B = "Stalwart lets an inner boundary run over an outer one; RFC 2046 5.1.2 says that the outer one ends it"
_PREFIX = "Stalwart takes the beginning of another boundary for its own; RFC 2046 5.1.1 wants the whole line"
_FIRST = "of two Content-Type fields the first counts; the second would show the raw MIME of the parts"
_AGAIN = "imap_tools gives the text a second time, as an attachment, since it has a Content-ID; many mails have one"
_WESTERN = "ISO-8859-1 is read as windows-1252 (WHATWG Encoding Standard 4.2)"

ON_PURPOSE: dict[str, str] = {
    "imap_tools/attachment_2_base64.eml: text": _BASE64,
    "imap_tools/attachment_7bit.eml: attachment content": _REWRITTEN,
    "imap_tools/attachment_7bit.eml: attachment size": _REWRITTEN,
    "imap_tools/attachment_8bit.eml: text": _NESTED,
    "imap_tools/attachment_8bit.eml: html": _NESTED,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: text": _NESTED,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: attachment content": _INNER,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: attachment size": _INNER,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: attachment name": _INNER,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: attachment media_type": _INNER,
    "imap_tools/attachment_emails/attachment_message_rfc822.eml: attachment inline": _INNER,
    "imap_tools/error_emails/cant_parse_from.eml: html": _CUT_TAG,
    "imap_tools/error_emails/content_transfer_encoding_7-bit.eml: text": _WESTERN,
    "imap_tools/error_emails/content_transfer_encoding_7-bit.eml: html": _WESTERN,
    "imap_tools/error_emails/content_transfer_encoding_empty.eml: html": _UNDECODABLE,
    "imap_tools/error_emails/content_transfer_encoding_plain.eml: text": _BINARY,
    "imap_tools/error_emails/invalid_subject_characters.eml: subject": _BINARY,
    "imap_tools/error_emails/missing_body.eml: to address": _LOOSE,
    "imap_tools/mime_emails/raw_email_with_mimepart_without_content_type.eml: text": _NESTED,
    "imap_tools/mime_emails/raw_email_with_mimepart_without_content_type.eml: attachment content": _REWRITTEN,
    "imap_tools/mime_emails/raw_email_with_mimepart_without_content_type.eml: attachment size": _REWRITTEN,
    "imap_tools/multipart_report_emails/multi_address_bounce1.eml: text": _NESTED,
    "imap_tools/multipart_report_emails/multi_address_bounce1.eml: attachment content": _REWRITTEN,
    "imap_tools/multipart_report_emails/multi_address_bounce1.eml: attachment size": _REWRITTEN,
    "imap_tools/multipart_report_emails/multi_address_bounce2.eml: text": _NESTED,
    "imap_tools/multipart_report_emails/multi_address_bounce2.eml: attachment content": _REWRITTEN,
    "imap_tools/multipart_report_emails/multi_address_bounce2.eml: attachment size": _REWRITTEN,
    "imap_tools/multipart_report_emails/multipart_report_multiple_status.eml: attachment content": _INNER,
    "imap_tools/multipart_report_emails/multipart_report_multiple_status.eml: attachment size": _INNER,
    "imap_tools/multipart_report_emails/multipart_report_multiple_status.eml: attachment media_type": _INNER,
    "imap_tools/multipart_report_emails/multipart_report_multiple_status.eml: attachment content_id": _INNER,
    "imap_tools/plain_emails/mix_caps_content_type.eml: from address": _LOOSE,
    "imap_tools/plain_emails/raw_email6.eml: text": _BINARY,
    "imap_tools/plain_emails/raw_email_incorrect_header.eml: text": "a broken header line does not end the header when From follows it",
    "imap_tools/plain_emails/raw_email_with_at_display_name.eml: from address": _AUTHORS,
    "imap_tools/plain_emails/raw_email_with_at_display_name.eml: from name": _AUTHORS,
    "imap_tools/plain_emails/raw_email_with_at_display_name.eml: to address": _NO_ADDRESS,
    "imap_tools/rfc2822/example10.eml: from name": _COMMENTS,
    "imap_tools/rfc2822/example10.eml: to name": _COMMENTS,
    "imap_tools/rfc2822/example13.eml: text": "a broken header line does not end the header when Subject follows it",
    "imap_tools/text_with_content_id.eml: attachment content": _AGAIN,
    "imap_tools/text_with_content_id.eml: attachment size": _AGAIN,
    "imap_tools/text_with_content_id.eml: attachment media_type": _AGAIN,
    "imap_tools/text_with_content_id.eml: attachment content_id": _AGAIN,
    "stalwart/malformed/001.eml: attachment content": _PREFIX,
    "stalwart/malformed/005.eml: text": "the inner delimiter --a---- is also the end of the outer boundary a--",
    "stalwart/malformed/007.eml: attachment content": _PREFIX,
    "stalwart/malformed/009.eml: text": _INNER_B,
    "stalwart/malformed/009.eml: attachment content": _INNER_B,
    "stalwart/malformed/011.eml: text": _INNER_B,
    "stalwart/malformed/011.eml: attachment content": _INNER_B,
    "stalwart/malformed/012.eml: attachment content": _INNER_B,
    "stalwart/malformed/012.eml within: text": _INNER_B,
    "stalwart/malformed/016.eml: text": _INNER_B,
    "stalwart/malformed/016.eml: attachment content": _INNER_B,
    "stalwart/malformed/020.eml: text": _FIRST,
    "stalwart/malformed/021.eml: text": _FIRST,
    "stalwart/rfc/001.eml: attachment name": "path separators have no place in a file name",
    "sisimai/lhost-amazonses-12.eml: is a bounce": "a notice of success for a program to read (SNS), no mail of a mail server",
    "sisimai/lhost-amazonses-12.eml: recipients": "a notice of success for a program to read (SNS), no mail of a mail server",
    "sisimai/lhost-fml-03.eml: is a bounce": "a list program warns of a loop; no delivery failed",
    "sisimai/lhost-fml-03.eml: recipients": "a list program warns of a loop; no delivery failed",
    "sisimai/lhost-sendmail-14.eml: is a bounce": "a person forwarded a bounce by hand",
    "sisimai/lhost-sendmail-14.eml: recipients": "a person forwarded a bounce by hand",
    "sisimai/rfc3464-28.eml: recipients": "the file holds two mails; a mail is one",
    "sisimai/rhost-franceptt-10.eml: status class": "Status says 4.5.0 and the server tries again; the 5.5.0 is a quotation",
}
"""Corpus/file and field -> reason.  What is neither here nor agreed is a fault, and test_corpora.py counts it."""

PROVEN_WRONG = frozenset(
    {
        *(_NESTED, _INNER, _REWRITTEN, _BINARY, _UNDECODABLE, _WESTERN, _BASE64, _CUT_TAG),
        *(_LOOSE, _NO_ADDRESS, _COMMENTS, _INNER_B, _PREFIX),
    }
)
"""Reasons that show the expected value to be wrong: by the standard they name, or by the bytes of the mail.  The others are our choice."""
