"""Keep e-mail activities and records in DynamoDB: the CRM for those who have none.

The activities lie in the table crm, their claims and conversation rows in the table router; one transaction writes both.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import batched
from typing import TYPE_CHECKING

from email_router.core.activity import EmailActivity, EmailStatus, Record
from email_router.core.ledger import Delivered, Delivery
from email_router.core.ports import BlobStore, Lease
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import sortable
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.expressions import assignment
from email_router.edge.connect.keys import LISTING_SHARDS, Keys
from email_router.edge.connect.ledger_rows import ABSENT
from email_router.edge.connect.transactions import Cancelled
from email_router.edge.connect.values import Item, Value
from email_router.edge.crm import builtin_records, builtin_rows
from email_router.edge.crm.builtin_delivery import Order, Writer
from email_router.edge.crm.builtin_records import AddressedRecord

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
