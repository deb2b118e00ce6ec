"""Drives Skein with docker-py, unmodified: `apt install python3-docker`, then
DOCKER_HOST=unix:///…/skein.sock python3 docker_py.py"""
import os
import time

import docker
from docker.types import ServiceMode

client = docker.from_env(version="auto")
name = "docker-py-%d" % os.getpid()


def running(service, count):
    while True:
        tasks = service.tasks(filters={"desired-state": "running"})
        up = [task for task in tasks if task["Status"]["State"] == "running"]
        if len(tasks) == count and len(up) == count:
            return up
        time.sleep(0.05)


service = client.services.create(
    "host",
    command=["sh", "-c", "echo hello; sleep 600"],
    name=name,
    labels={"made": "by-docker-py"},
    mode=ServiceMode("replicated", replicas=2),
)
print("running: %d" % len(running(service, 2)))

(container, *_) = client.containers.list(filters={"name": name})
print("container: %s" % container.status)
print("exec: %d" % container.exec_run(["sh", "-c", "exit 3"]).exit_code)
print("output: %s" % container.exec_run(["echo", "in a task"]).output.decode().strip())
print("logs: %s" % next(container.logs(stream=True, follow=True)).decode().strip())

service.reload()
service.scale(1)
print("scaled: %d" % len(running(service, 1)))
print("listed: %d" % len(client.services.list(filters={"label": "made=by-docker-py"})))

service.remove()
try:
    client.services.get(name)
except docker.errors.NotFound:
    print("removed: true")
