"""What Locust sends to `lakehouse serve`, for those whom the file ``SERVING_KEYS`` names; run by serving.py."""

from __future__ import annotations

import json
import os
import random
from itertools import count
from pathlib import Path

import gevent
from locust import FastHttpUser, constant_throughput, task

KEYS = json.loads(Path(os.environ["SERVING_KEYS"]).read_text())
RATE = float(os.environ["SERVING_RATE_OF_EACH"])
NUMBERS = count()


class Client(FastHttpUser):
    """Sends :data:`RATE` requests a second."""

    wait_time = constant_throughput(RATE)

    def on_start(self) -> None:
        self.draw = random.Random(next(NUMBERS))  # noqa: S311
        # Clients that begin at the same moment would stay in step, and wait for each other.
        gevent.sleep(self.draw.random() / RATE)

    @task(10)
    def customer(self) -> None:
        self.client.get(f"/recommendations/{self.draw.choice(KEYS['people'])}", name="a customer")

    @task(3)
    def stranger(self) -> None:
        self.client.get(f"/recommendations/new-{self.draw.random()}", name="somebody unknown")

    @task(3)
    def similar(self) -> None:
        self.client.get(f"/similar/{self.draw.choice(KEYS['products'])}", name="a product")

    @task(2)
    def basket(self) -> None:
        basket = self.draw.sample(KEYS["products"], self.draw.choice((1, 1, 1, 2, 3)))
        self.client.post("/recommendations", json={"basket": basket}, name="a basket")

    @task(1)
    def views(self) -> None:
        views = self.draw.sample(KEYS["products"], 5)
        self.client.post("/recommendations", json={"views": views, "state": "SP"}, name="views")

    @task(1)
    def risk(self) -> None:
        self.client.get(f"/risks/{self.draw.choice(KEYS['at_risk'])}", name="a risk")
