"""For each function, all that it is there for, once: what these scenes do with AWS is what the functions may do, and nothing else.

A function that is given a new kind of work gets a scene of it; without one its role may not do it, and the test of the roles says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.roads import scenes_beside, scenes_mail
from tests.roads.stack import Stack

SCENES: Mapping[str, Callable[[Stack], None]] = {
    one.__name__: one
    for one in (
        scenes_mail.schedule_mailboxes,
        scenes_mail.route_mailbox,
        scenes_mail.collect_outgoing,
        scenes_mail.send_email,
        scenes_beside.record_delivery,
        scenes_beside.receive_notification,
        scenes_beside.renew_subscriptions,
        scenes_beside.publish_events,
    )
}
