"""Sends one command by MQTT 5 request and response, and prints the verdict: paho_request.py PORT TOPIC PAYLOAD."""

import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

RESPONSE_TOPIC = "paho/response"
PATIENCE = 30


def main(port, topic, payload):
    answered = threading.Event()
    answer = {}

    def subscribe(client, userdata, flags, reason, properties):
        client.subscribe(RESPONSE_TOPIC, qos=1)

    def request(client, userdata, mid, reasons, properties):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = RESPONSE_TOPIC
        properties.CorrelationData = b"paho-1"
        client.publish(topic, payload, qos=1, properties=properties)

    def remember(client, userdata, message):
        answer["correlation"] = message.properties.CorrelationData.decode()
        answer["verdict"] = json.loads(message.payload)
        answered.set()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect, client.on_subscribe, client.on_message = subscribe, request, remember
    client.connect("127.0.0.1", int(port))
    client.loop_start()
    if not answered.wait(PATIENCE):
        sys.exit(f"no verdict within {PATIENCE} s")
    client.loop_stop()
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
