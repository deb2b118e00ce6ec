"""A web server in Python's standard library. It listens where Skein tells it to: $HOST and $PORT."""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

HOST = os.environ.get("HOST", "127.0.0.1")
PORT = int(os.environ.get("PORT", "3000"))
SERVICE = os.environ.get("SKEIN_SERVICE_NAME", "hello")
TASK = f"{SERVICE}.{os.environ['SKEIN_TASK_SLOT']}" if "SKEIN_TASK_SLOT" in os.environ else SERVICE


class Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        answer = {
            "service": SERVICE,
            "task": TASK,
            "taskId": os.environ.get("SKEIN_TASK_ID", ""),
            "node": os.environ.get("SKEIN_NODE_NAME", ""),
            "client": self.client_address[0],
            "path": self.path,
        }
        wants_json = "application/json" in self.headers.get("Accept", "")
        text = (
            json.dumps(answer)
            if wants_json
            else f"Hello from {TASK} ({answer['taskId']}) on {answer['node']} to {answer['client']}"
        )
        body = f"{text}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if wants_json else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(f"{self.client_address[0]} {format % args}", flush=True)


class Server(ThreadingHTTPServer):
    # Requests under way are answered before the process ends.
    daemon_threads = False
    # The standard library's 5 is short for a web server.
    request_queue_size = 128

    def server_bind(self):
        # Without HTTPServer's own step, a reverse look-up of the address, which can take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


server = Server((HOST, PORT), Hello)
# shutdown() waits for the loop, and the handler runs in it: hence the thread.
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"{TASK} listens on {HOST}:{PORT}", flush=True)
server.serve_forever()
server.server_close()
