"""
A program that sends batches with mParticle's own SDK: HOST, KEY, SECRET, COUNT.

Four in ten go one by one, the others in bulk; it prints how many events it sent.
"""

from __future__ import annotations

import sys
import warnings
from decimal import Decimal
from typing import Any

# The SDK, of 2022, has comparisons with `is` that Python warns of, and calls of
# urllib3 that urllib3 warns of.
warnings.simplefilter("ignore")
import mparticle  # noqa: E402

BULK = 100


def make_batch(number: int) -> Any:
    """
    Build a batch as the SDK's documentation does; events have numbers of their own.
    """
    batch = mparticle.Batch()
    batch.environment = "development"
    batch.mpid = -(10**18) - number
    batch.user_identities = mparticle.UserIdentities(
        customerid=f"customer-{number}", email=f"person{number}@example.com"
    )
    batch.user_attributes = {"$Age": 42, "tags": ["a", "b"], "number": number}
    batch.device_info = mparticle.DeviceInformation(platform="Android")
    events = [
        mparticle.AppEvent(
            "Signed up",
            "navigation",
            custom_attributes={"number": number, "share": 0.5},
            source_message_id=f"{number}-0",
        ),
        mparticle.ScreenViewEvent(
            screen_name=f"Screen {number % 7}", source_message_id=f"{number}-1"
        ),
    ]
    if number % 5 == 0:
        events.append(purchase(number))
    # It wraps the events when they are set, and none that comes later.
    batch.events = events
    return batch


def purchase(number: int) -> Any:
    """
    Build a commerce event, which has amounts as decimals.
    """
    tea = mparticle.Product()
    tea.name, tea.id, tea.quantity, tea.price = "Oolong", "t-1", 2, Decimal("11.90")
    action = mparticle.ProductAction("purchase")
    action.products, action.transaction_id = [tea], f"order-{number}"
    event = mparticle.CommerceEvent(action)
    event.source_message_id = f"{number}-2"
    return event


def main(host: str, key: str, secret: str, count: str) -> None:
    """
    Send *count* batches.
    """
    configuration = mparticle.Configuration()
    configuration.host = host
    configuration.api_key, configuration.api_secret = key, secret
    api = mparticle.EventsApi(configuration)
    batches = [make_batch(number) for number in range(int(count))]
    single = len(batches) * 4 // 10
    for batch in batches[:single]:
        api.upload_events(batch)
    for first in range(single, len(batches), BULK):
        api.bulk_upload_events(batches[first : first + BULK])
    print(sum(len(batch.events) for batch in batches))


if __name__ == "__main__":
    main(*sys.argv[1:])
