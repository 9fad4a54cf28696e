"""A subscription at a broker of MQTT that outlives connections: what came is acknowledged once it is kept.

Callbacks of paho's thread only put events into a queue; who takes them out is the only one to touch what is kept.
"""

from __future__ import annotations

import os
import queue
import ssl
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tasks.errors import BadInput

if TYPE_CHECKING:
    from paho.mqtt.client import Client

USER, PASSWORD = "FINESCALE_WIS2_USER", "FINESCALE_WIS2_PASSWORD"
EVERYONE = "everyone"  # user and password of the global brokers
PORTS = {"mqtts": 8883, "mqtt": 1883}
SESSION = 86_400  # s that the broker is asked to keep what comes while nobody is there
UNACKNOWLEDGED = 200  # messages under way, and so in memory
LARGEST = 1 << 16  # bytes of a message; WIS2 allows 8,192
KEEPALIVE = 60  # s
LONGEST_WAIT = 120  # s, between two tries to connect


@dataclass(frozen=True)
class Connected:
    """The subscription holds; resumed: the broker knew it, and sends what came meanwhile."""

    resumed: bool


@dataclass(frozen=True)
class Lost:
    """The connection was lost, or did not come about."""

    why: str


@dataclass(frozen=True)
class Rejected:
    """The broker does not want this user, or this topic: trying again does not help."""

    why: str


@dataclass(frozen=True)
class Message:
    """A message of the topic, of one connection."""

    payload: bytes
    number: int  # by which it is acknowledged
    qos: int
    connection: int


Event = Connected | Lost | Rejected | Message


class Subscription:
    """A topic at a broker, by one client identifier; connects again by itself."""

    def __init__(self, address: str, topic: str, client_id: str) -> None:
        """`address`: mqtts://host or mqtt://host, with a port or not. BadInput for another, or without paho-mqtt."""
        self.address, self.topic = address, topic
        self.events: queue.Queue[Event] = queue.Queue()
        self._connection, self._resumed = 0, False
        parts = urlsplit(address)
        if parts.scheme not in PORTS or not parts.hostname:
            raise BadInput(f"{address}: no broker; give mqtts://host:port under services: wis2: of region.yaml")
        self._client = self._made(client_id, secure=parts.scheme == "mqtts")
        try:
            self._client.connect_async(
                parts.hostname, parts.port or PORTS[parts.scheme], KEEPALIVE, clean_start=False, properties=_session()
            )
        except ValueError as error:
            raise BadInput(f"{address}: no broker ({error}); give mqtts://host:port") from None

    def open(self) -> None:
        """Connect, in a thread of paho's."""
        self._client.loop_start()

    def close(self) -> None:
        """Leave; the broker keeps the session."""
        self._client.disconnect()
        self._client.loop_stop()

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that it need not send this again; nothing if it was of an earlier connection."""
        if message.connection == self._connection:
            self._client.ack(message.number, message.qos)

    def _made(self, client_id: str, *, secure: bool) -> Client:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
        except ImportError:
            raise BadInput("paho-mqtt is not installed; pip install 'finescale[wis2]'") from None
        client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
        client.username_pw_set(os.environ.get(USER, EVERYONE), os.environ.get(PASSWORD, EVERYONE))
        client.reconnect_delay_set(1, LONGEST_WAIT)
        if secure:
            client.tls_set_context(ssl.create_default_context())
        client.on_connect, client.on_connect_fail = self._connected, self._failed
        client.on_subscribe, client.on_disconnect = self._subscribed, self._lost
        client.on_message = self._came
        return client

    def _connected(self, client: Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self._connection += 1
        if reason.getName() in ("Not authorized", "Bad user name or password", "Banned"):
            self.events.put(Rejected(f"{self.address}: {reason}; set {USER} and {PASSWORD}"))
        elif not reason.is_failure:
            self._resumed = bool(flags.session_present)
            if self._resumed:  # before what the broker has kept, which comes at once
                self.events.put(Connected(resumed=True))
            client.subscribe(self.topic, qos=1)  # a session that is resumed has it already, of another topic perhaps

    def _subscribed(self, _client: Client, _data: Any, _number: int, reasons: list[Any], _properties: Any) -> None:
        if refused := [reason for reason in reasons if reason.is_failure]:
            self.events.put(Rejected(f"{self.address}: {self.topic}: {refused[0]}"))
        elif not self._resumed:  # not before: a broker that has not heard of the topic keeps nothing
            self.events.put(Connected(resumed=False))

    def _failed(self, _client: Client, _data: Any) -> None:
        self.events.put(Lost(str(sys.exc_info()[1])))

    def _lost(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.events.put(Lost(str(reason)))

    def _came(self, _client: Client, _data: Any, message: Any) -> None:
        self.events.put(Message(bytes(message.payload), message.mid, message.qos, self._connection))


def _session() -> Any:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    wanted = Properties(PacketTypes.CONNECT)
    wanted.SessionExpiryInterval, wanted.ReceiveMaximum, wanted.MaximumPacketSize = SESSION, UNACKNOWLEDGED, LARGEST
    return wanted
