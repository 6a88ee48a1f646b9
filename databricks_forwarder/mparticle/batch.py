"""
The mParticle JSON schema in Python: one class for each object.

This is the only description of a batch. Decoding, the column types, the table
reference and the tests of completeness are all derived from it.

Sources, by the mark that stands beside a fact:

* no mark: mParticle, JSON Schema ``mparticle.inbound.eventsapi.schema.json``
  (draft-07), read 2026-11-23.
* [JR]: mParticle, "JSON Reference", read 2026-11-23.
* [JSM]: mParticle, JavaScript models of the Events API, read 2026-11-23.
* [SDK]: mParticle's web and Python SDKs, read 2026-11-23.

Leaves are decoded as any scalar, because real batches carry numbers as text
and text as numbers; the alias of a leaf says what its column holds. Field
names are the JSON's own unless ``field(name=...)`` says otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, cast

from msgspec import Raw, Struct, defstruct, field
from msgspec.structs import fields

__all__ = [
    "BODIES",
    "EVENT_TYPES",
    "IDENTITY_TYPES",
    "AnyEventData",
    "Batch",
    "Event",
    "UserIdentity",
    "body_of",
    "identity_name",
]

Scalar = str | int | float | bool | None

Text = Annotated[Scalar, "string"]
Integer = Annotated[Scalar, "int64"]
Number = Annotated[Scalar, "double"]
Boolean = Annotated[Scalar, "bool"]
Json = Annotated[Any, "json"]
"""Text as it is; any other JSON value as its JSON text."""
Credential = Annotated[Any, "credential"]
"""May hold a key: read, so that it is known, and never written to a table."""

# A member marked "apart" is walked by its own rule, not as a column.

Attributes = dict[str, Json] | None
"""Name → anything; names are the customer's."""
AttributeGroups = dict[str, dict[str, Json] | None] | None
"""Group → name → anything."""


class _Object(
    Struct, omit_defaults=True, forbid_unknown_fields=True, gc=False, kw_only=True
):
    """
    An object of the schema: all fields optional, none unknown.

    It holds a person's data, so its repr is the plain one.
    """

    def __repr__(self) -> str:
        return object.__repr__(self)


# -- parts of a batch and of its events ------------------------------------


class Location(_Object):
    """
    Where something happened: ``location`` of an event or of the context.
    """

    latitude: Number = None
    longitude: Number = None
    accuracy: Number = None
    dma_code: Integer = None
    country_code: Text = None
    region_code: Text = None
    postal_code: Text = None
    city_name: Text = None
    location_source: Text = None


class DataPlan(_Object):
    """
    The data plan that a batch was made under.
    """

    plan_id: Text = None
    plan_version: Integer = None


class Context(_Object):
    """
    The circumstances of a batch.
    """

    data_plan: DataPlan | None = None
    location: Location | None = None


class UserIdentity(_Object):
    """
    One identity, as outbound batches and identity changes carry it [JR].
    """

    identity_type: Text = None
    identity: Text = None
    timestamp_unixtime_ms: Integer = None
    created_this_batch: Boolean = None


IDENTITY_TYPES = (
    "other",
    "customer_id",
    "facebook",
    "twitter",
    "google",
    "microsoft",
    "yahoo",
    "email",
    "alias",
    "facebook_custom_audience_id",
    *(f"other_id_{number}" for number in range(2, 11)),
    "mobile_number",
    "phone_number_2",
    "phone_number_3",
)
_IDENTITY_TYPES = {each.replace("_", ""): each for each in IDENTITY_TYPES}


@lru_cache(maxsize=1024)
def identity_name(key: str) -> str:
    """
    The schema's spelling of an identity type: ``customerId`` → ``customer_id``.

    A type that the schema does not know is kept as it is. ``customerid`` is
    what mParticle's Python SDK sends [SDK].
    """
    return _IDENTITY_TYPES.get(key.lower().replace("_", ""), key)


Identities = Annotated[dict[str, Text] | list[UserIdentity | None] | None, "identities"]
"""Inbound an object, type → identity; outbound a list of objects [JR]."""


class ConsentPurpose(_Object):
    """
    What a person agreed to, for one purpose.
    """

    regulation: Text = None
    document: Text = None
    consented: Boolean = None
    timestamp_unixtime_ms: Integer = None
    location: Text = None
    hardware_id: Text = None


ConsentPurposes = dict[str, ConsentPurpose | None] | None


class ConsentState(_Object):
    """
    Consent by regulation and purpose; purposes are the customer's names.
    """

    gdpr: ConsentPurposes = None
    ccpa: ConsentPurposes = None


class ConsentChange(_Object):
    """
    The two sides of a consent change [JR].
    """

    purpose: Text = None
    current: ConsentPurpose | None = None
    old: ConsentPurpose | None = None


class SystemNotification(_Object):
    """
    A change that mParticle tells of in an outbound batch [JR].
    """

    type: Text = None
    data: ConsentChange | None = None


class ApplicationInfo(_Object):
    """
    The application that the batch came from.
    """

    application_name: Text = None
    application_version: Text = None
    application_build_number: Text = None
    install_referrer: Text = None
    package: Text = None
    os: Text = None
    apple_search_ads_attributes: AttributeGroups = None
    sideloaded_kits_count: Integer = None  # [SDK], web


class DeviceInfo(_Object):
    """
    The device that the batch came from.
    """

    brand: Text = None
    product: Text = None
    device: Text = None
    android_uuid: Text = None
    device_manufacturer: Text = None
    platform: Text = None
    os_version: Text = None
    device_model: Text = None
    screen_height: Integer = None
    screen_width: Integer = None
    screen_dpi: Integer = None
    device_country: Text = None
    locale_language: Text = None
    locale_country: Text = None
    network_country: Text = None
    network_carrier: Text = None
    network_code: Text = None
    network_mobile_country_code: Text = None
    timezone_offset: Integer = None  # hours
    build_identifier: Text = None
    http_header_user_agent: Text = None
    ios_advertising_id: Text = None
    att_authorization_status: Text = None
    att_timestamp_unixtime_ms: Integer = None
    push_token: Text = None
    cpu_architecture: Text = None
    is_tablet: Boolean = None
    push_notification_sound_enabled: Boolean = None
    push_notification_vibrate_enabled: Boolean = None
    radio_access_technology: Text = None
    supports_telephony: Boolean = None
    has_nfc: Boolean = None
    bluetooth_enabled: Boolean = None
    bluetooth_version: Text = None
    ios_idfv: Text = None
    android_advertising_id: Text = None
    build_version_release: Text = None
    limit_ad_tracking: Boolean = None
    amp_id: Text = None
    is_dst: Boolean = None
    roku_advertising_id: Text = None
    roku_publisher_id: Text = None
    microsoft_advertising_id: Text = None
    microsoft_publisher_id: Text = None
    fire_advertising_id: Text = None


class SourceInfo(_Object):
    """
    How the batch reached mParticle; set by mParticle on receipt.
    """

    channel: Text = None
    partner: Text = None
    replay_request_id: Text = None
    replay_job_id: Text = None
    is_historical: Boolean = None


class AttributionInfo(_Object):
    """
    Which campaign brought the user.
    """

    service_provider: Text = None
    publisher: Text = None
    campaign: Text = None


class DeviceCurrentState(_Object):
    """
    How the device was when the event happened.
    """

    time_since_start_ms: Integer = None
    battery_level: Number = None  # -1 is unknown [JR]
    data_connection_type: Text = None
    data_connection_type_detail: Text = None
    gps_state: Boolean = None
    total_system_memory_usage_bytes: Integer = None
    disk_space_free_bytes: Integer = None
    external_disk_space_free_bytes: Integer = None
    cpu: Text = None
    system_memory_available_bytes: Number = None
    system_memory_low: Boolean = None
    system_memory_threshold_bytes: Number = None
    application_memory_available_bytes: Number = None
    application_memory_max_bytes: Number = None
    application_memory_total_bytes: Number = None
    device_orientation: Text = None
    status_bar_orientation: Text = None


class EventSystemNotificationInfo(_Object):
    """
    Which system notification made the event.
    """

    type: Text = None


class Product(_Object):
    """
    A product in a commerce event; the quantity may be a fraction [JR].
    """

    id: Text = None
    name: Text = None
    brand: Text = None
    category: Text = None
    variant: Text = None
    position: Integer = None
    price: Number = None
    quantity: Number = None
    coupon_code: Text = None
    added_to_cart_time_ms: Integer = None
    total_product_amount: Number = None
    custom_attributes: Attributes = None


Products = list[Product | None] | None


class ProductAction(_Object):
    """
    What was done with products.
    """

    action: Text = None
    checkout_step: Integer = None
    checkout_options: Text = None
    product_action_list: Text = None
    product_list_source: Text = None
    transaction_id: Text = None
    affiliation: Text = None
    total_amount: Number = None
    tax_amount: Number = None
    shipping_amount: Number = None
    coupon_code: Text = None
    products: Products = None


class Promotion(_Object):
    """
    A promotion; its position is text here.
    """

    id: Text = None
    name: Text = None
    creative: Text = None
    position: Text = None


class PromotionAction(_Object):
    """
    What was done with promotions.
    """

    action: Text = None
    promotions: list[Promotion | None] | None = None


class ProductImpression(_Object):
    """
    Products that were seen in a list.
    """

    product_impression_list: Text = None
    products: Products = None


class ShoppingCart(_Object):
    """
    What was in the cart.
    """

    products: Products = None


# -- the bodies of events, by event type -----------------------------------


class EventData(_Object):
    """
    Fields of every event's ``data``.
    """

    timestamp_unixtime_ms: Integer = None
    event_id: Integer = None
    source_message_id: Text = None
    session_id: Integer = None
    session_uuid: Text = None
    session_start_unixtime_ms: Integer = None
    event_start_unixtime_ms: Integer = None
    custom_attributes: Attributes = None
    custom_flags: Attributes = None  # on all kinds [JR] [JSM]
    location: Location | None = None
    device_current_state: DeviceCurrentState | None = None
    is_goal_defined: Boolean = None
    lifetime_value_change: Number = None
    lifetime_value_attribute_name: Text = None
    data_connection_type: Text = None
    event_num: Integer = None
    view_controller: Text = None
    is_main_thread: Boolean = None
    canonical_name: Text = None
    event_system_notification_info: EventSystemNotificationInfo | None = None
    page_url: Text = None  # [SDK], web
    active_time_on_site_ms: Integer = None  # [SDK], web
    message_id: Text = None  # outbound [JR]
    message_type: Text = None  # outbound [JR]
    session_start_unixtime: Integer = None  # outbound [JR]


class CustomEventData(EventData):
    """
    ``custom_event``.
    """

    event_name: Text = None
    custom_event_type: Text = None
    media_info: Attributes = None  # [SDK], Python


class CommerceEventData(EventData):
    """
    ``commerce_event``; one of the first three is meant to be set [JR].
    """

    product_action: ProductAction | None = None
    promotion_action: PromotionAction | None = None
    product_impressions: list[ProductImpression | None] | None = None
    shopping_cart: ShoppingCart | None = None
    currency_code: Text = None
    screen_name: Text = None
    is_non_interactive: Boolean = None
    event_name: Text = None
    custom_event_type: Text = None


class SessionEndData(EventData):
    """
    ``session_end``.
    """

    session_duration_ms: Integer = None


class ScreenViewData(EventData):
    """
    ``screen_view``.
    """

    screen_name: Text = None
    activity_type: Text = None


class ApplicationStateTransitionData(EventData):
    """
    ``application_state_transition``.
    """

    application_transition_type: Text = None
    successfully_closed: Boolean = None
    is_first_run: Boolean = None
    is_upgrade: Boolean = None
    push_notification_payload: Text = None
    launch_referral: Text = None


class PushMessageData(EventData):
    """
    ``push_message``.
    """

    push_message_token: Text = None
    push_message_type: Text = None
    message: Text = None
    network: Text = None
    push_notification_payload: Text = None
    application_state: Text = None
    action_identifier: Text = None
    push_message_behavior: Text = None  # an integer bit mask in [JR]


class PushRegistrationData(EventData):
    """
    ``push_registration``.
    """

    register: Boolean = None
    registration_token: Text = None


class BreadcrumbData(EventData):
    """
    ``breadcrumb``.
    """

    label: Text = None
    session_number: Integer = None


class BreadcrumbEvent(_Object):
    """
    A breadcrumb inside a crash report: an event of its own.
    """

    event_type: Text = None
    data: BreadcrumbData | None = None


class CrashReportData(EventData):
    """
    ``crash_report``.
    """

    severity: Text = None
    message: Text = None
    class_name: Text = None
    stack_trace: Text = None
    topmost_context: Text = None
    pl_crash_report_file_base64: Text = None
    exception_handled: Boolean = None
    ios_image_base_address: Integer = None  # unsigned in [JR]: may not fit
    ios_image_size: Integer = None
    session_number: Integer = None
    breadcrumbs: list[BreadcrumbEvent | None] | None = None


class NetworkPerformanceData(EventData):
    """
    ``network_performance``; ``data`` is base64.
    """

    url: Text = None
    response_code: Integer = None  # text in [JR]
    http_verb: Text = None
    time_elapsed: Integer = None
    bytes_in: Integer = None
    bytes_out: Integer = None
    data: Text = None


class OptOutData(EventData):
    """
    ``opt_out``.
    """

    is_opted_out: Boolean = None


class ProfileData(EventData):
    """
    ``profile``; the two names come from the Python SDK [SDK].
    """

    previous_mpid: Integer = None
    current_mpid: Integer = None
    profile_event_type: Text = None
    profile_name: Text = None
    previous_profile_name: Text = None


class UserAttributeChangeData(EventData):
    """
    ``user_attribute_change``; values are scalars or lists.
    """

    user_attribute_name: Text = None
    new: Json = None
    old: Json = None
    deleted: Boolean = None
    is_new_attribute: Boolean = None


class UserIdentityChangeData(EventData):
    """
    ``user_identity_change``.

    ``new`` and ``old`` are objects here and values in an attribute change;
    one table can hold both only under two names.
    """

    new_identity: UserIdentity | None = field(default=None, name="new")
    old_identity: UserIdentity | None = field(default=None, name="old")


BODIES: dict[str, type[EventData]] = {
    "application_state_transition": ApplicationStateTransitionData,
    "breadcrumb": BreadcrumbData,
    "commerce_event": CommerceEventData,
    "crash_report": CrashReportData,
    "custom_event": CustomEventData,
    "first_run": EventData,
    "network_performance": NetworkPerformanceData,
    "opt_out": OptOutData,
    "pre_attribution": EventData,  # no body in the schema
    "profile": ProfileData,
    "push_message": PushMessageData,
    "push_reaction": EventData,  # no body in the schema
    "push_registration": PushRegistrationData,
    "screen_view": ScreenViewData,
    "session_end": SessionEndData,
    "session_start": EventData,
    "uninstall": EventData,
    "user_attribute_change": UserAttributeChangeData,
    "user_identity_change": UserIdentityChangeData,
}
"""Event type → class of its ``data``."""

EVENT_TYPES = frozenset(BODIES)


def _union_of_bodies() -> type[EventData]:
    """
    Make the class with the fields of all bodies.
    """
    common = {each.name for each in fields(EventData)}
    annotations: dict[str, Any] = {}
    json_names: dict[str, str] = {}
    for body in BODIES.values():
        for each in fields(body):
            if each.name not in common:
                annotations.setdefault(each.name, each.type)
                json_names.setdefault(each.name, each.encode_name)
    # Of two fields with one JSON name only the plainly named one can be read
    # from an event of unknown type; the other is filled by its own type only.
    members = [
        (
            name,
            kind,
            field(default=None, name=json_names[name])
            if json_names[name] not in annotations
            else field(default=None),
        )
        for name, kind in annotations.items()
    ]
    made = defstruct(
        "AnyEventData",
        members,
        bases=(EventData,),
        module=__name__,
        namespace={"__doc__": "Fields of all event types, for unknown ones."},
        omit_defaults=True,
        forbid_unknown_fields=True,
        gc=False,
        kw_only=True,
    )
    return cast("type[EventData]", made)


AnyEventData: type[EventData] = _union_of_bodies()


def body_of(event_type: str | None) -> type[EventData]:
    """
    The class of ``data`` for an event type; of all fields for an unknown one.
    """
    return BODIES.get(event_type or "", AnyEventData)


class Event(_Object):
    """
    One event; its ``data`` is kept as it came, to be decoded by its type.
    """

    event_type: Text = None
    data: Annotated[Raw, "apart"] = Raw()


class Batch(_Object):
    """
    One mParticle batch.
    """

    mpid: Integer = None
    origin_mpid: Integer = None
    mp_deviceid: Text = None
    batch_id: Integer = None
    source_request_id: Text = None
    environment: Text = None
    timestamp_unixtime_ms: Integer = None  # mParticle received it [JR]
    ip: Text = None
    sdk_version: Text = None
    schema_version: Integer = None  # outbound [JR]
    message_id: Text = None  # outbound [JR]
    message_type: Text = None  # outbound [JR]
    unique_id: Text = None  # outbound, by a connection setting [JR]
    job_id: Text = None
    modified: Boolean = None  # [JSM]
    partner_identity: Text = None
    user_identities: Identities = None
    user_attributes: Attributes = None
    deleted_user_attributes: list[Text] | None = None
    partner_identities: Attributes = None
    integration_attributes: AttributeGroups = None
    device_info: DeviceInfo | None = None
    application_info: ApplicationInfo | None = None
    source_info: SourceInfo | None = None
    consent_state: ConsentState | None = None
    context: Context | None = None
    attribution_info: AttributionInfo | None = None
    system_notifications: list[SystemNotification | None] | None = None
    api_key: Credential = None
    api_keys: Credential = None
    events: Annotated[list[Event] | None, "apart"] = None
