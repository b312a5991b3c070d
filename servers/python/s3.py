"""The S3 server of moto, whose requests take effect one at a time: host and port are its arguments.

moto compares an object's mark with that of a condition, and writes in a second step. S3 does both in one.
"""

import io
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, run_simple


class OneAtATime:
    def __init__(self, server):
        self.server = server
        self.turn = threading.Lock()

    def __call__(self, environ, start_response):
        # Before it is anybody's turn: a client may be slow, or silent.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        stream = environ["wsgi.input"]
        body = stream.read(length) if length or not environ.get("wsgi.input_terminated") else stream.read()
        if len(body) < length:
            raise ConnectionError("the client ended amid a request")
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        with self.turn:
            return list(self.server(environ, start_response))


# More clients at once than werkzeug expects.
BaseWSGIServer.request_queue_size = 1024
server = OneAtATime(DomainDispatcherApplication(create_backend_app))
run_simple(sys.argv[1], int(sys.argv[2]), server, threaded=True, request_handler=MotoRequestHandler)
